"""Projects without wheels: they are built once, by the Python that they are for, unless that is forbidden."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.awkward_index import AwkwardIndex
from tests.support.harness import settled
from tests.support.sdistmaker import PYPROJECT, make_sdist
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.harness import Harness

__all__ = ["simple_index"]

BLOCK = "# /// script\n# dependencies = [{}]\n{}# ///\n"
BUILDING = "vpython: building `lone` 1.0 from its source\n"


class Workshop:
    """An index with wheels and sdists, and scripts that need them."""

    def __init__(self, harness: Harness, index: SimpleIndex, place: Path) -> None:
        self.harness, self.index, self.place = harness, index, place
        self.wheels = place / "wheels"
        harness.use_base_python()
        harness.use_loopback()
        harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"index:{index.url}"

    def script(self, *dependencies: str, more: str = "", name: str = "s.py") -> Path:
        modules = [re.split(r"[^\w]", text)[0] for text in dependencies]
        shown = ", ".join(f"{module}.VERSION" for module in modules)
        path = self.place / name
        code = f"import {', '.join(modules)}\nprint({shown})\n"
        path.write_text(BLOCK.format(", ".join(map(repr, dependencies)), more) + code)
        return path

    def run(self, *words: str | Path, **env: str) -> tuple[int, str, str]:
        done = self.harness.run(*words, env=env)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def workshop(harness: Harness, simple_index: Callable[[str], SimpleIndex], tmp_path: Path) -> Workshop:
    return Workshop(harness, simple_index("wheels"), tmp_path)


def test_it_is_built_once_for_all(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone")
    make_wheel(workshop.wheels, "plain")
    script = workshop.script("lone")
    assert workshop.run(script) == (0, "1.0\n", BUILDING)
    assert workshop.run(script) == (0, "1.0\n", "")
    assert workshop.run(workshop.script("lone", "plain", name="t.py")) == (0, "1.0 1.0\n", "")
    assert workshop.run("-vpython-tool", "doctor")[0] == 0
    taken = workshop.place / "taken"
    pack = ("-vpython-tool", "pack", "--repo", taken, "--built", "--as-wheels")
    assert workshop.run(*pack, "Lone<2") == (0, f"{taken}/lone-1.0-py3-none-any.whl\n", "")
    assert workshop.run(*pack, "lone>1", "plain") == (
        2,
        "",
        "vpython: no wheel of `lone>1` was built here\nno wheel of `plain` was built here\n\n"
        "hint: a start that needs a project without a wheel builds it\n",
    )
    elsewhere = ("-vpython-root", workshop.place / "other", "-vpython-no-build")
    beside = f"directory:{taken},index:{workshop.index.url}"
    assert workshop.run(*elsewhere, "-vpython-source", beside, script) == (0, "1.0\n", "")
    settled(workshop.harness.root)
    assert list((workshop.harness.root / "staging").iterdir()) == []


def test_what_another_distribution_needs(workshop: Workshop) -> None:
    """By a wheel, and by what was only just built; the newest version that fits, and a wheel before that."""
    make_wheel(workshop.wheels, "above", requires=("middle>=1,<3",))
    for version in ("1.0", "2.0", "3.0"):
        make_sdist(workshop.wheels, "middle", version, requires=("lone",))
    make_sdist(workshop.wheels, "lone")
    make_sdist(workshop.wheels, "both", "2.0")
    make_wheel(workshop.wheels, "both", "1.5")
    code, out, err = workshop.run(workshop.script("above", "lone", "both"))
    assert (code, out) == (0, "1.0 1.0 1.5\n")
    assert sorted(err.splitlines()) == [
        BUILDING.strip(),
        "vpython: building `middle` 2.0 from its source",
    ]


def test_of_a_text_spec(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone")
    script = workshop.place / "s.py"
    script.write_text("import lone\nprint(lone.VERSION)\n")
    (workshop.place / "s.py.vpython3").write_text(spec_text(("infra/python/wheels/lone-py3", "version:1.0")))
    assert workshop.run(script) == (0, "1.0\n", BUILDING)


@pytest.mark.thorough
def test_a_kept_wheel_that_has_gone_is_built_again(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone")
    script = workshop.script("lone")
    assert workshop.run(script)[0] == 0
    settled(workshop.harness.root)
    for kind in ("packages-1", "environments-1", "wheels-1"):
        subprocess.run(["chmod", "-R", "u+w", str(workshop.harness.root / kind)], check=True)
        shutil.rmtree(workshop.harness.root / kind)
    assert workshop.run(script) == (0, "1.0\n", BUILDING)


@pytest.mark.thorough
def test_many_starts_build_it_once(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone", before="import time; time.sleep(1)")
    scripts = [workshop.script("lone", name=f"s{number}.py") for number in range(4)]
    running = [
        subprocess.Popen(
            [workshop.harness.file, script], env=workshop.harness.surroundings(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for script in scripts
    ]  # fmt: skip
    said = [child.communicate(timeout=120) for child in running]
    assert [out for out, _ in said] == ["1.0\n"] * 4
    lines = [line for _, err in said for line in err.splitlines()]
    assert len([line for line in lines if line.startswith("vpython: building ")]) == 1


MEETING = """
import pathlib, time
place = pathlib.Path({place!r})
(place / NAME).touch()
for _ in range(3000):
    if (place / {other!r}).exists():
        break
    time.sleep(0.01)
else:
    raise RuntimeError("alone")
{then}
"""


@pytest.mark.skipif(os.cpu_count() == 1, reason="one processor builds one after the other")
def test_several_are_built_at_once(workshop: Workshop, tmp_path: Path) -> None:
    """Each waits for the other here. The lines have one order, each failure is told, what was built stays."""
    place = tmp_path / "met"
    place.mkdir()

    def make(name: str, other: str, then: str = "") -> None:
        make_sdist(workshop.wheels, name, before=MEETING.format(place=str(place), other=other, then=then))

    make("alpha", "beta", "raise ValueError('no alpha')")
    make("beta", "alpha")
    make_sdist(workshop.wheels, "gamma", before="raise ValueError('no gamma')")
    script = workshop.script("gamma", "beta", "alpha")
    code, out, err = workshop.run(script)
    assert (code, out) == (1, "")
    logs = workshop.harness.root / "logs"
    fact = "cannot build `{0}-1.0.tar.gz` from its source: ValueError: no {0}: `{1}/build-{0}-1.0.log`; "
    way = "take another version or another Python: `vpython-tool find {0}` shows the wheels"
    assert err.splitlines() == [
        *(f"vpython: building `{name}` 1.0 from its source" for name in ("alpha", "beta", "gamma")),
        "vpython: " + (fact + way).format("alpha", logs),
        (fact + way).format("gamma", logs),
    ]
    make_sdist(workshop.wheels, "alpha")
    make_sdist(workshop.wheels, "gamma")
    code, out, err = workshop.run(script)
    assert (code, out) == (0, "1.0 1.0 1.0\n")
    assert err.splitlines() == [
        f"vpython: building `{name}` 1.0 from its source" for name in ("alpha", "gamma")
    ]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at the state of processes")
def test_an_interrupted_build_ends_all_of_them(workshop: Workshop, tmp_path: Path) -> None:
    """None of their processes is left, nor what they have written; what was built stays."""
    pids = tmp_path / "pids"
    pids.mkdir()
    waiting = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        f"(pathlib.Path({str(pids)!r}) / NAME).write_text(str(child.pid))\nchild.wait()\n"
    )
    make_sdist(workshop.wheels, "alpha", before=waiting)
    make_sdist(workshop.wheels, "beta", before=waiting)
    with subprocess.Popen(
        [workshop.harness.file, workshop.script("alpha", "beta")], env=workshop.harness.surroundings(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        wait_until(lambda: len(found(pids)) == 2)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "Traceback" not in err
    wait_until(lambda: not any(map(is_alive, found(pids))))
    assert not list((workshop.harness.root / "staging").glob("build-*"))


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("waited for 30 s")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return "Z" not in state.split()[:1]


def found(pids: Path) -> list[int]:
    return [int(text) for path in pids.iterdir() if (text := path.read_text())]


def test_a_dead_index_ends_a_build_in_time(workshop: Workshop, tmp_path: Path) -> None:
    """What a build needs is asked for as long as the variable says; then comes one line."""
    (tmp_path / "public").mkdir()
    index = AwkwardIndex(tmp_path / "public")
    try:
        make_sdist(
            index.folder, "lone", files={"pyproject.toml": PYPROJECT.replace("[]", '["tool"]', 1)},
        )  # fmt: skip
        script = workshop.script("lone")

        def dead(_: object) -> None:
            if "tool" in index.asked[-1][0]:
                raise OSError

        index.before = dead
        began = time.monotonic()
        code, out, err = workshop.run(
            script, VPYTHON_PACKAGE_SOURCE=f"index:{index.url}", VPYTHON_NETWORK_RETRY_TIMEOUT="1"
        )
    finally:
        index.stop()
    assert time.monotonic() - began < 15
    assert (code, out) == (1, "")
    assert err == (
        f"{BUILDING}vpython: cannot get what the build of `lone-1.0.tar.gz` needs: "
        f"Remote end closed connection without response: `{index.url}tool/`\n\n"
        "hint: with -vpython-offline only what was resolved before is used\n"
    )
    asked = [path for path, _ in index.asked if "tool" in path]
    assert len(asked) > 1


@pytest.mark.parametrize(
    ("words", "env", "file", "more", "who"),
    [
        (("-vpython-no-build",), {}, "", "", "-vpython-no-build"),
        ((), {"VPYTHON_NO_BUILD": "1"}, "", "", "-vpython-no-build"),
        ((), {}, "build = false\n", "", "`{home}/.config/vpython/config.toml`"),
        ((), {}, "", "# [tool.uv]\n# no-build = true\n", "[tool.uv] of the spec"),
        ((), {}, "", "# [tool.uv]\n# no-build-package = ['Lone']\n", "[tool.uv] of the spec"),
    ],
    ids=["option", "variable", "file", "uv", "uv package"],
)
def test_it_may_be_forbidden(
    workshop: Workshop, words: tuple[str, ...], env: dict[str, str], file: str, more: str, who: str
) -> None:
    make_sdist(workshop.wheels, "lone", before="raise SystemExit('built')")
    home = workshop.place / "home"
    if file:
        (home / ".config" / "vpython").mkdir(parents=True)
        (home / ".config" / "vpython" / "config.toml").write_text(file)
    code, out, err = workshop.run(*words, workshop.script("lone", more=more), **env)
    assert (code, out) == (2, "")
    tag = re.escape(err.split("fits `")[1].split("`")[0])
    assert re.fullmatch(
        rf"vpython: no wheel of `lone` fits `{tag}`: there is `lone-1.0.tar.gz`\n\n"
        rf"hint: {re.escape(who.format(home=home))} forbids to build a wheel from its source\n",
        err,
    )


def test_others_may_be_built(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone")
    script = workshop.script("lone", more="# [tool.uv]\n# no-build-package = ['other']\n# no-build = false\n")
    assert workshop.run(script) == (0, "1.0\n", BUILDING)
    workshop.harness.environ["VPYTHON_NO_BUILD"] = "1"  # what was built stays
    assert workshop.run(workshop.script("lone", name="t.py")) == (0, "1.0\n", "")


@pytest.mark.parametrize(
    ("before", "fact", "hint"),
    [
        pytest.param("raise ValueError('no such thing')", "ValueError: no such thing", "take ", id="any"),
        pytest.param(
            "raise RuntimeError(\"command 'gcc' failed: No such file or directory\")",
            "RuntimeError: command 'gcc' failed: No such file or directory",
            "install a compiler, or ",
            id="compiler",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "import sys; sys.stderr.write('x.c:1:10: fatal error: Python.h: No such file or directory\\n');"
            " sys.exit(1)",
            "x.c:1:10: fatal error: Python.h: No such file or directory",
            "install the headers of this Python (Debian: python3-dev), or ",
            id="headers",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_build_that_fails(workshop: Workshop, before: str, fact: str, hint: str) -> None:
    make_sdist(workshop.wheels, "lone", before=before)
    code, out, err = workshop.run(workshop.script("lone"))
    assert (code, out) == (1, "")
    found = re.fullmatch(
        rf"{re.escape(BUILDING)}"
        rf"vpython: cannot build `lone-1\.0\.tar\.gz` from its source: {re.escape(fact)}: `(.+\.log)`\n\n"
        rf"hint: {re.escape(hint)}another version or another Python: `vpython-tool find lone` "
        r"shows the wheels\n",
        err,
    )
    assert found, err
    with open(found[1], encoding="utf-8") as log:
        assert fact in log.read()
    assert workshop.harness.environments() == []


def test_no_command_builds(workshop: Workshop) -> None:
    """They say what a start would do; what was built they know."""
    make_sdist(workshop.wheels, "lone", before="open('/nonexistent/x', 'w')")
    script = workshop.script("lone")
    code, out, _ = workshop.run("-vpython-tool", "explain", script)
    assert code == 0
    assert "there is `lone-1.0.tar.gz`, which a start builds" in out
    make_sdist(workshop.wheels, "lone")
    assert workshop.run(script)[2] == BUILDING
    code, out, _ = workshop.run("-vpython-tool", "explain", script)
    assert "lone-1.0-py3-none-any.whl" in out
    assert "which a start builds" not in out


def test_nothing_is_built_in_vain(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone", before="raise SystemExit('built')")
    code, _, err = workshop.run(workshop.script("lone", "nothing"))
    assert (code, err.splitlines()[0]) == (2, "vpython: the index has no project `nothing`")
    assert "build" not in err


def test_other_bytes_than_the_page_says_are_not_built(workshop: Workshop) -> None:
    path = make_sdist(workshop.wheels, "lone", before="raise SystemExit('built')")
    page = workshop.index.page("lone")
    workshop.index.page = lambda _: page  # type: ignore[method-assign, assignment]
    path.write_bytes(path.read_bytes() + b"\0")
    code, _, err = workshop.run(workshop.script("lone"))
    assert code == 1
    assert err.startswith("vpython: other bytes than pinned for `lone-1.0.tar.gz`: sha256 `")


def test_an_sdist_for_another_python_is_not_built(workshop: Workshop) -> None:
    make_sdist(workshop.wheels, "lone", before="raise SystemExit('built')")
    workshop.index.requires["lone-1.0.tar.gz"] = "&lt;3"
    code, _, err = workshop.run(workshop.script("lone"))
    assert code == 2
    assert err.startswith("vpython: no wheel of `lone` fits `")


def test_a_build_sees_nothing_of_the_caller_but_its_surroundings(workshop: Workshop) -> None:
    """Neither modules beside the script nor PYTHONPATH, and no setting of pip that is about installing."""
    planted = workshop.place / "planted"
    planted.mkdir()
    (planted / "zipfile.py").write_text("raise SystemExit('planted')\n")
    (workshop.place / "zipfile.py").write_text("raise SystemExit('beside')\n")
    make_sdist(workshop.wheels, "lone", before="import json; json.loads(os.environ['FACTS'])")
    script = workshop.script("lone", name="sub.py")
    shutil.move(script, planted.parent / "home" / "sub.py")
    env = {
        "PYTHONPATH": os.fspath(planted), "PIP_TARGET": "/nonexistent", "PIP_REQUIRE_VIRTUALENV": "1",
        "FACTS": json.dumps([1]), "PIP_NO_BINARY": ":none:", "PIP_USER": "1",
    }  # fmt: skip
    code, _, err = workshop.run("-I", planted.parent / "home" / "sub.py", **env)
    assert (code, err) == (0, BUILDING)


@pytest.mark.long
@pytest.mark.index
@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler is here")
def test_a_real_one_with_a_compiler(harness: Harness, tmp_path: Path) -> None:
    harness.use_base_python()
    script = tmp_path / "s.py"
    script.write_text(BLOCK.format("'crcmod==1.7'", "") + "import crcmod._crcfunext\n")
    done = harness.run(script, env={"VPYTHON_PACKAGE_SOURCE": None}, timeout=600)
    assert done.returncode == 0, done.stderr


def test_verify_counts_what_a_start_would_build(workshop: Workshop) -> None:
    """A requirement that leads to an sdist is one; where nothing may be built, it is missing."""
    make_wheel(workshop.wheels, "plain")
    make_wheel(workshop.wheels, "above", requires=("middle",))
    make_sdist(workshop.wheels, "middle", requires=("plain",))
    spec = workshop.place / "vpython.toml"
    text = 'requires-python = ">=3.8"\ndependencies = ["plain", "above"]\n'
    spec.write_text(text)
    code, out, err = workshop.run("-vpython-tool", "verify", "--json", spec)
    assert (code, err) == (0, ""), "nothing is built"
    (matrix,) = json.loads(out)
    states = {row["name"]: {cell["state"] for cell in row["platforms"]} for row in matrix["packages"]}
    assert (matrix["whole"], states) == (True, {"plain": {"ok"}, "above": {"sdist"}})

    for words, more in ((("-vpython-no-build",), ""), ((), '[tool.uv]\nno-build-package = ["Middle"]\n')):
        spec.write_text(text + more)
        code, out, err = workshop.run(*words, "-vpython-tool", "verify", spec)
        assert code != 0
        assert "`middle` (wanted by above 1.0)" in err

    script = workshop.place / "t.py"
    script.write_text("import middle\n")
    (workshop.place / "t.py.vpython3").write_text(
        spec_text(("infra/python/wheels/middle-py3", "version:1.0"))
    )
    code, out, err = workshop.run("-vpython-tool", "verify", script)
    assert (code, err) == (0, "")
    assert out.count("sdist") > 2


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[tuple[AwkwardIndex, AwkwardIndex]]:
    """A public index and one of the spec's; both have `tool`, and want a password."""
    both = []
    for name, version in (("public", "9.0"), ("own", "1.0")):
        (tmp_path / name).mkdir()
        make_wheel(tmp_path / name, "tool", version)
        both.append(AwkwardIndex(tmp_path / name))
        both[-1].login = f"user:secret-{name}"
    yield both[0], both[1]
    for index in both:
        index.stop()


def with_login(index: AwkwardIndex) -> str:
    return index.url.replace("://", f"://{index.login}@")


def seen_arguments(found: set[str]) -> Callable[[object], None]:
    """Return what notes the arguments of all processes that have a password in them."""

    def look(_: object) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_text("utf-8", "replace").split("\0")
                found.update(word for word in words if "secret" in word)

    return look


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at the arguments of processes")
def test_build_requirements_follow_the_rules_of_the_spec(
    workshop: Workshop, indexes: tuple[AwkwardIndex, AwkwardIndex]
) -> None:
    """Its own index first and alone, its cutoff, its constraints; passwords in no arguments and no log."""
    public, own = indexes
    arguments: set[str] = set()
    public.before = own.before = seen_arguments(arguments)
    workshop.harness.environ |= {"VPYTHON_PACKAGE_SOURCE": "index", "PIP_INDEX_URL": with_login(public)}
    make_sdist(
        public.folder, "lone",
        before="import tool\nVERSION = tool.VERSION",
        files={"pyproject.toml": PYPROJECT.replace("[]", '["tool"]', 1)},
    )  # fmt: skip
    more = f"# [[tool.uv.index]]\n# name = 'own'\n# url = '{with_login(own)}'\n"
    assert workshop.run(workshop.script("lone"))[:2] == (0, "9.0\n")
    assert workshop.run(workshop.script("lone", more=more))[:2] == (0, "1.0\n"), "another wheel, built anew"

    make_wheel(own.folder, "tool", "2.0")
    own.uploaded = {f"tool-{year}.0-py3-none-any.whl": f"202{year}-01-01T00:00:00Z" for year in (1, 2)}
    public.uploaded = {"lone-1.0.tar.gz": "2020-01-01T00:00:00Z"}
    newer = "# [tool.uv]\n# exclude-newer = '2021-06-01'\n"
    assert workshop.run(workshop.script("lone", more=newer + more))[:2] == (0, "1.0\n")
    narrow = "# [tool.uv]\n# build-constraint-dependencies = ['tool<1.5']\n"
    assert workshop.run(workshop.script("lone", more=narrow + more))[:2] == (0, "1.0\n")
    assert workshop.run("-vpython-refresh", workshop.script("lone", more=more))[0] == 0

    (own.folder / "tool-1.0-py3-none-any.whl").unlink()
    code, out, err = workshop.run(workshop.script("lone", more=narrow + more))
    assert (code, out, "secret" in err) == (0, "1.0\n", False), "it was kept"
    narrow = narrow.replace("1.5", "1")
    code, out, err = workshop.run(workshop.script("lone", more=narrow + more))
    assert (code, out, "secret" in err) == (1, "", False)
    (log,) = (workshop.harness.root / "logs").glob("build-*")
    assert "secret" not in log.read_text()
    assert arguments == set()
