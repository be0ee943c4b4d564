"""Installation into the store: by one pip process, whole or not at all, whatever ends it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.wheels.conftest import TOP, find_python, write_wheel
from vpy.errors import ToolError
from vpy.system.lean.dataclasses import replace
from vpy.wheels import launchers, store
from vpy.wheels.install import ensure
from vpy.wheels.pip_runner import PipInstaller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from tests.wheels.conftest import MakeWheel
    from vpy.model import Interpreter, StoredWheel, WheelFile
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython

ENTRY = "[console_scripts]\n{0} = {0}:main\n"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the names of the wheels that each pip process was sent."""
    seen: list[list[str]] = []
    send = PipInstaller.send

    def watch(pip: PipInstaller, row: Mapping[str, Any]) -> None:
        if "placeholder" in row:
            seen.append([])
        else:
            seen[-1].append(row["name"])
        send(pip, row)

    monkeypatch.setattr(PipInstaller, "send", watch)
    return seen


@pytest.fixture
def run(
    current: Interpreter, layout: Layout, host: HostPython, terminal: Terminal
) -> Callable[..., tuple[StoredWheel, ...]]:
    def call(
        wheels: Sequence[WheelFile], *, target: Interpreter = current, on: HostPython = host
    ) -> tuple[StoredWheel, ...]:
        return ensure(wheels, target, layout=layout, host=on, environ=os.environ, terminal=terminal)

    return call


def refusal(run: Callable[..., object], wheels: Sequence[WheelFile]) -> ToolError:
    with pytest.raises(ToolError) as caught:
        run(wheels)
    return caught.value


def left_over(layout: Layout) -> list[str]:
    """Return paths in the store or in its staging directory that are no whole wheel."""
    rest = os.listdir(layout.staging) if os.path.isdir(layout.staging) else []
    for directory, names, found in os.walk(layout.wheels):
        if os.path.dirname(os.path.dirname(directory)) == layout.wheels and store.FILE_LIST not in found:
            rest.append(directory)
        if os.path.dirname(directory) == layout.wheels:
            rest += [name for name in names if "dropped" in name]
    return rest


def test_one_process_for_all_and_none_when_all_are_stored(
    run: Callable[..., tuple[StoredWheel, ...]],
    make_wheel: MakeWheel,
    layout: Layout,
    jobs: list[list[str]],
    current: Interpreter,
) -> None:
    wheels = [make_wheel(name, "1.0", {f"{name}.py": ""}) for name in ("one", "two", "three")]
    first = run(wheels[:1])
    stored = run([*wheels, wheels[0]])
    assert (stored[0], stored[3]) == (first[0], first[0])
    assert [wheel.filename for wheel in stored[:3]] == [wheel.filename for wheel in wheels]
    assert jobs == [["one"], ["two", "three"]]
    assert run(wheels) == stored[:3]
    assert run([]) == ()
    assert len(jobs) == 2
    for wheel in stored:
        assert wheel.path == layout.wheel(wheel.sha256, store.scheme_id(current))
    assert left_over(layout) == []


def test_only_the_owners_bit_makes_a_program(
    run: Callable[..., tuple[StoredWheel, ...]], make_wheel: MakeWheel, tmp_path: Path
) -> None:
    modes = {"own": 0o4700, "all": 0o777, "group": 0o2070, "others": 0o607, "none": 0o666}
    plain = make_wheel("tool", "1.0", {f"tool/{name}": "" for name in modes})
    odd = tmp_path / "odd.whl"
    with zipfile.ZipFile(plain.path) as source, zipfile.ZipFile(odd, "w") as target:
        for member in source.infolist():
            mode = modes.get(os.path.basename(member.filename), 0o644)
            member.external_attr = (0o100000 | mode) << 16
            target.writestr(member, source.read(member))
    sha256 = hashlib.sha256(odd.read_bytes()).hexdigest()
    (wheel,) = run([replace(plain, path=str(odd), sha256=sha256)])
    rows = {os.path.basename(path): mode for _, _, _, mode, path, _ in store.read_file_list(wheel).files}
    assert {name for name, mode in rows.items() if mode == 0o555} == {"own", "all"}
    assert set(rows.values()) == {0o444, 0o555}


def test_files_of_the_store_are_read_only(
    run: Callable[..., tuple[StoredWheel, ...]], make_wheel: MakeWheel
) -> None:
    old = os.umask(0)
    try:
        files = {
            "tool/__init__.py": "",
            "tool-1.0.data/scripts/own": "#!/bin/sh\n",
            "tool-1.0.data/data/x": "",
        }
        (wheel,) = run([make_wheel("tool", "1.0", files, entry_points=ENTRY.format("tool"))])
    finally:
        os.umask(old)
    file_list = store.read_file_list(wheel)
    modes = {
        path: os.stat(os.path.join(wheel.path, store.TREE, path)).st_mode & 0o7777
        for *_, path, _ in file_list.files
    }
    assert {path for path, mode in modes.items() if mode == 0o555} == {"bin/tool", "bin/own"}
    assert set(modes.values()) == {0o444, 0o555}
    kinds = {path: kind for kind, *_, path, _ in file_list.files}
    assert kinds["bin/tool"] == "s"
    assert kinds["bin/own"] == "f"
    assert [path for path, kind in kinds.items() if kind == "r"] == [
        path for path in kinds if path.endswith("dist-info/RECORD")
    ]


def test_schemes_have_trees_of_their_own(
    run: Callable[..., tuple[StoredWheel, ...]],
    make_wheel: MakeWheel,
    current: Interpreter,
) -> None:
    usual = tuple(
        (key, path.replace("3.11", "3.8").replace("3.12", "3.8").replace("3.13", "3.8"))
        for key, path in current.scheme
    )
    older = replace(current, version=(3, 8, 1), scheme=usual)
    odd = replace(current, scheme=tuple((key, f"odd/{path}") for key, path in current.scheme))
    patch = replace(current, version=(*current.version[:2], 99))
    names = {
        store.scheme_id(target)
        for target in (current, older, odd, replace(current, platform="macosx-11.0-arm64"))
    }
    assert len(names) == 4
    assert store.scheme_id(patch) == store.scheme_id(current)
    assert store.scheme_id(replace(older, platform="linux-x86_64")) == "cp38-linux_x86_64"
    wheel = make_wheel("one", "1.0", {"one.py": ""})
    paths = {run([wheel], target=target)[0].path for target in (current, older, odd)}
    assert len(paths) == 3


def test_wheels_that_changed_are_not_installed(
    run: Callable[..., object], make_wheel: MakeWheel, layout: Layout
) -> None:
    wheel = make_wheel("one", "1.0", {"one.py": ""})
    with open(wheel.path, "ab") as file:
        file.write(b"more")
    error = refusal(run, [wheel])
    assert error.message.startswith("`one-1.0-py3-none-any.whl` has changed: sha256 `")
    assert refusal(run, [replace(wheel, path=wheel.path + ".gone")]).message.startswith("cannot read `")
    assert left_over(layout) == []
    assert not os.path.exists(layout.wheels)


def test_all_contradictions_come_in_one_error(
    run: Callable[..., object],
    make_wheel: MakeWheel,
    layout: Layout,
    tmp_path: Path,
) -> None:
    from vpy.system.files import sha256_of

    good = make_wheel("good", "1.0", {"good.py": ""})
    bad = []
    for name, files in {"up": {"../../evil.py": ""}, "bare": {"bare.py": ""}}.items():
        path = str(tmp_path / f"{name}-1.0-py3-none-any.whl")
        write_wheel(path, f"{name}-1.0.dist-info", files)
        bad.append(
            replace(
                good, filename=os.path.basename(path), path=path, sha256=sha256_of(path), package=f"p/{name}"
            )
        )
    lines = refusal(run, [good, *bad]).message.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("package `p/up`: ")
    assert lines[1].startswith("package `p/bare`: ")
    assert left_over(layout) == []
    assert os.listdir(layout.wheels) == [good.sha256]


def test_an_error_of_pip_names_the_wheel(
    run: Callable[..., object], make_wheel: MakeWheel, layout: Layout
) -> None:
    wheels = [
        make_wheel("good", "1.0", {"good.py": ""}),
        make_wheel("hollow", "1.0", {"hollow.py": ""}, entry_points="[console_scripts]\nhollow = hollow\n"),
    ]
    message = refusal(run, wheels).message
    assert message.startswith("package `pkg/hollow`: cannot install `hollow-1.0-py3-none-any.whl`: ")
    assert "\n" not in message
    assert left_over(layout) == []


def test_a_pip_that_ends_without_an_answer(
    run: Callable[..., object], make_wheel: MakeWheel, host: HostPython, tmp_path: Path, layout: Layout
) -> None:
    broken = tmp_path / "pip_install.py"
    broken.write_text("import sys\nsys.stdin.read()\nsys.exit('it broke')\n")
    wheels = [make_wheel("one", "1.0", {"one.py": ""})]
    for changed, message in {
        replace(host, programs=str(tmp_path)): "pip ended without an answer (exit code 1): `it broke`",
        replace(
            host, executable=str(tmp_path / "none")
        ): f"cannot start `{tmp_path / 'none'}`: No such file or directory",
    }.items():
        with pytest.raises(ToolError) as caught:
            run(wheels, on=changed)
        assert caught.value.message == message
    assert left_over(layout) == []


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("form", ["directory", "zip"])
def test_hosts(
    form: str,
    version: str,
    run: Callable[..., tuple[StoredWheel, ...]],
    make_wheel: MakeWheel,
    host: HostPython,
    layout: Layout,
    tmp_path: Path,
) -> None:
    """Any host Python, and pip in a directory or a zip, give the same trees."""
    executable = find_python(version)
    if executable is None:
        pytest.skip(f"no Python {version} on this machine")
    wheels = [make_wheel("tool", "1.0", {"tool.py": ""}, entry_points=ENTRY.format("tool"))]
    (expected,) = run(wheels)
    file_list = [
        (kind, size, path, recorded)
        for kind, size, _, _, path, recorded in store.read_file_list(expected).files
    ]
    pip = zip_of_pip(host, tmp_path) if form == "zip" else host.pip
    store.drop(expected)
    (found,) = run(wheels, on=replace(host, executable=executable, pip=pip))
    assert [
        (kind, size, path, recorded) for kind, size, _, _, path, recorded in store.read_file_list(found).files
    ] == file_list


def zip_of_pip(host: HostPython, into: Path) -> str:
    path = str(into / "pip.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for directory, _, names in os.walk(os.path.join(host.pip, "pip")):
            for name in names:
                if not name.endswith(".pyc"):
                    full = os.path.join(directory, name)
                    archive.write(full, os.path.relpath(full, host.pip))
    return path


WORKER = """
import os, sys
sys.path[:0] = [{top!r}, os.path.join({top!r}, "build", "vendor")]
from tests.wheels.conftest import probe
from vpy.model import WheelFile
from vpy.system.layout import Layout
from vpy.system.terminal import Terminal
from vpy.wheels.pip_runner import HostPython
from vpy.wheels.install import ensure
from vpy.wheels.link import link
from vpy.wheels.script import Limits
root, prefix, *rows = sys.argv[1:]
wheels = [WheelFile(os.path.basename(row.split("=")[1]), *row.split("=")) for row in rows]
vendor = os.path.join({top!r}, "build", "vendor")
host = HostPython(sys.executable, vendor, os.path.join({top!r}, "vpy", "wheels"))
stored = ensure(wheels, probe(os.path.realpath(sys.executable)), layout=Layout(root), host=host,
                environ=os.environ, terminal=Terminal("error"))
os.mkdir(prefix)
link(stored, prefix, prefix, prefix + "/bin/python", limits=Limits(127, 4095))
""".replace("{top!r}", repr(TOP))


def start(layout: Layout, prefix: Path, wheels: Sequence[WheelFile]) -> subprocess.Popen[bytes]:
    rows = [f"{wheel.sha256}={wheel.path}" for wheel in wheels]
    command = [sys.executable, "-c", WORKER, layout.root, str(prefix), *rows]
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)


def test_several_at_once(make_wheel: MakeWheel, layout: Layout, tmp_path: Path) -> None:
    wheels = [
        make_wheel(f"w{n}", "1.0", {f"w{n}.py": ""}, entry_points=ENTRY.format(f"w{n}")) for n in range(6)
    ]
    running = [start(layout, tmp_path / f"env{number}", wheels) for number in range(4)]
    for child in running:
        _, said = child.communicate(timeout=120)
        assert child.returncode == 0, said
    assert left_over(layout) == []
    counts = {len(list((tmp_path / f"env{number}").rglob("*"))) for number in range(4)}
    assert len(counts) == 1


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0])
def test_killed_at_any_moment(
    moment: float,
    run: Callable[..., tuple[StoredWheel, ...]],
    make_wheel: MakeWheel,
    layout: Layout,
    tmp_path: Path,
) -> None:
    """A final name means a whole tree; the next process that needs the wheels gets them."""
    wheels = [make_wheel(f"w{n}", "1.0", {f"w{n}/m{m}.py": "" for m in range(40)}) for n in range(8)]
    child = start(layout, tmp_path / "env", wheels)
    time.sleep(moment)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    whole = [name for name in left_over(layout) if os.path.dirname(name)]
    assert whole == []
    for wheel in run(wheels):
        assert len(store.read_file_list(wheel).files) == 40 + 5
    (tmp_path / "again").mkdir()


def test_interrupted(make_wheel: MakeWheel, layout: Layout, tmp_path: Path) -> None:
    """Ctrl-C ends the pip process too and leaves nothing in the root."""
    wheels = [make_wheel(f"w{n}", "1.0", {f"w{n}/m{m}.py": "" for m in range(200)}) for n in range(10)]
    child = start(layout, tmp_path / "env", wheels)
    deadline = time.monotonic() + 20
    while not os.path.isdir(layout.staging) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.1)
    threading.Timer(0, os.killpg, (child.pid, signal.SIGINT)).start()
    child.communicate(timeout=30)
    assert child.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    assert left_over(layout) == []


def test_a_good_wheel_is_kept_whatever_becomes_of_the_others(
    run: Callable[..., Any], make_wheel: MakeWheel, layout: Layout
) -> None:
    good = make_wheel("good", "1.0", {"good.py": ""})
    bad = make_wheel("bad", "1.0", {"bad.py": ""})
    refusal(run, [good, replace(bad, sha256="0" * 64)])
    (kept,) = os.listdir(layout.wheels)
    assert kept == good.sha256


def test_what_pip_put_beside_python_is_looked_at(
    run: Callable[..., tuple[StoredWheel, ...]], make_wheel: MakeWheel, current: Interpreter
) -> None:
    """Whatever our own reader makes of a wheel."""
    (stored,) = run([make_wheel("tool", "1.0", {"tool.py": ""}, entry_points=ENTRY.format("tool"))])
    found = os.path.join(stored.path, store.TREE)
    scheme = dict(current.scheme)
    assert launchers.fault_in_tree(found, scheme) == ""
    os.rename(os.path.join(found, "bin", "tool"), os.path.join(found, "bin", "python2"))
    fault = launchers.fault_in_tree(found, scheme)
    assert fault == "it brings `bin/python2`, and `python2` is the environment's own"
