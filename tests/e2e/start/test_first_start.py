"""First starts from an index: wheels are installed as they come, what came is kept, nothing is kept twice."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.awkward_index import AwkwardIndex
from tests.support.harness import Harness
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLOW = "slow-1.0-py3-none-any.whl"


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """The built file without a root."""
    return Harness(tmp_path)


@pytest.fixture
def index(harness: Harness, tmp_path: Path) -> Iterator[AwkwardIndex]:
    """An index of `quick`, `slow` and `other`."""
    for name in ("quick", "slow", "other"):
        make_wheel(tmp_path / "wheels", name, files={f"{name}.py": f"# {os.urandom(200_000).hex()}\n"})
    found = AwkwardIndex(tmp_path / "wheels")
    harness.use_base_python()
    harness.use_loopback()
    harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"index:{found.url}"
    yield found
    found.held.clear()
    found.stop()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write(tmp_path, "quick", "slow")


@pytest.fixture
def slow_tree(harness: Harness, tmp_path: Path) -> Iterator[tuple[str, threading.Event]]:
    """A directory of packages behind a web server, which holds `slow` back until the event is set."""
    harness.use_base_python()
    harness.use_loopback()
    wheels = [make_wheel(tmp_path / "wheels", name) for name in ("quick", "slow")]
    repository = harness.pack(tmp_path / "repository", *wheels)
    go_on = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(repository))

        def do_GET(self) -> None:
            if "slow" in self.path and not self.path.endswith(".json"):
                go_on.wait(60)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", go_on
    go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


def write(place: Path, *names: str) -> Path:
    path = place / "s.py"
    listed = ", ".join(f'"{name}"' for name in names)
    imports = ", ".join(names)
    path.write_text(f"# /// script\n# dependencies = [{listed}]\n# ///\nimport {imports}\nprint('ran')\n")
    return path


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start(harness: Harness, script: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(harness.file), str(script)],
        cwd=harness.place,
        env=harness.surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def stored(harness: Harness) -> set[str]:
    """The wheels in the store, by their distribution."""
    found = (harness.root / "wheels-1").glob("*/*/tree/lib/python*/site-packages/*.dist-info")
    return {path.name.partition("-")[0] for path in found}


def interrupted(harness: Harness, index: AwkwardIndex, script: Path, number: signal.Signals) -> int:
    """Start, and send a signal when all but the held wheel is installed; return how it ended."""
    index.held.add(SLOW)
    child = start(harness, script)
    wait_for(lambda: "quick" in stored(harness))
    assert "slow" not in stored(harness)
    os.killpg(child.pid, number)
    child.communicate(timeout=60)
    index.held.clear()
    index.asked.clear()
    return child.returncode


def test_a_wheel_is_installed_while_another_is_fetched(
    harness: Harness, index: AwkwardIndex, script: Path
) -> None:
    index.held.add(SLOW)
    child = start(harness, script)
    wait_for(lambda: "quick" in stored(harness))
    assert "slow" not in stored(harness)
    index.held.clear()
    assert child.communicate(timeout=60)[0] == b"ran\n"


def test_no_file_is_kept_of_what_is_installed(harness: Harness, index: AwkwardIndex, script: Path) -> None:
    done = harness.run(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")
    assert stored(harness) == {"quick", "slow"}
    assert list((harness.root / "packages-1").iterdir()) == []
    assert [path.name for path in (harness.root / "staging").iterdir()] == []
    assert index.fetched() == ["quick-1.0-py3-none-any.whl", SLOW]


def test_one_dependency_more(harness: Harness, index: AwkwardIndex, script: Path) -> None:
    assert harness.run(script).stdout == "ran\n"
    index.asked.clear()
    assert harness.run(write(harness.place, "quick", "slow", "other")).stdout == "ran\n"
    assert index.fetched() == ["other-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name
)
def test_what_came_is_kept(
    harness: Harness, index: AwkwardIndex, script: Path, number: signal.Signals
) -> None:
    """The set is not resolved again, and the wheel that was under way is gone on with."""
    assert interrupted(harness, index, script, number) != 0
    assert harness.run(script).stdout == "ran\n"
    assert {path for path, _ in index.asked if path.startswith("/simple/")} == {"/simple/slow/"}
    spans = [(path, bool(span)) for path, span in index.asked if path.endswith(".whl")]
    assert spans == [(f"/files/{SLOW}", True)]
    assert stored(harness) == {"quick", "slow"}


def test_ctrl_c_leaves_no_process(harness: Harness, index: AwkwardIndex, script: Path) -> None:
    assert interrupted(harness, index, script, signal.SIGINT) != 0
    wait_for(lambda: not running_below(harness.root))


def running_below(root: Path) -> list[str]:
    found = []
    for number in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read()
        except OSError:
            continue
        if os.fsencode(root) in words:
            found.append(number)
    return found


def test_what_broke_off_is_of_no_use_where_the_index_has_other_bytes(
    harness: Harness, index: AwkwardIndex, script: Path
) -> None:
    interrupted(harness, index, script, signal.SIGINT)
    make_wheel(harness.place / "wheels", "slow", files={"slow.py": "# of another build\n"})
    done = harness.run(script)
    assert done.returncode != 0
    assert "other bytes than pinned for `slow==1.0`" in done.stderr
    assert harness.run(script).stdout == "ran\n", "its answer is not kept: the next start asks again"


def test_explain_fetches_no_wheel(harness: Harness, index: AwkwardIndex, script: Path) -> None:
    done = harness.run("-vpython-tool", "explain", script)
    assert done.returncode == 0, done.stderr
    assert "slow" in done.stdout
    assert index.fetched() == []
    assert stored(harness) == set()
    assert harness.run(script).stdout == "ran\n"
    assert harness.run("-vpython-tool", "explain", script).returncode == 0


def test_packages_are_installed_while_others_are_fetched(
    harness: Harness, tmp_path: Path, slow_tree: tuple[str, threading.Event]
) -> None:
    """A directory of packages behind a web server goes through the same pipe."""
    url, go_on = slow_tree
    harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{url}"
    script = tmp_path / "s.py"
    script.write_text("import quick, slow\nprint('ran')\n")
    (tmp_path / "s.py.vpython3").write_text(
        "".join(
            f'wheel: <\n  name: "infra/python/wheels/{name}-py3"\n  version: "version:1.0"\n>\n'
            for name in ("quick", "slow")
        )
    )
    child = start(harness, script)
    wait_for(lambda: "quick" in stored(harness))
    assert "slow" not in stored(harness)
    go_on.set()
    assert child.communicate(timeout=60)[0] == b"ran\n"
