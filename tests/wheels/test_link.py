"""Stored wheels linked into environments: files shared, scripts rewritten, clashes and changes reported."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from vpy.errors import ToolError, UserError
from vpy.wheels import audit, hashes, store
from vpy.wheels.install import ensure
from vpy.wheels.link import StaleWheel, link
from vpy.wheels.script import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.wheels.conftest import MakeWheel
    from vpy.model import Interpreter, StoredWheel, WheelFile
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython

    Store = Callable[[Sequence[WheelFile]], tuple[StoredWheel, ...]]

LIMITS = Limits(shebang=127, path=4095)
ENTRY = "[console_scripts]\n{0} = {0}:main\n"
NAMESPACES = (
    "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
    "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n",
    "__import__('pkg_resources').declare_namespace(__name__)\n",
)


@pytest.fixture
def store_all(current: Interpreter, layout: Layout, host: HostPython, terminal: Terminal) -> Store:
    def run(wheels: Sequence[WheelFile]) -> tuple[StoredWheel, ...]:
        return ensure(wheels, current, layout=layout, host=host, environ=os.environ, terminal=terminal)

    return run


@pytest.fixture
def library(current: Interpreter) -> str:
    return dict(current.scheme)["purelib"]


def link_into(stored: Sequence[StoredWheel], prefix: Path) -> Path:
    prefix.mkdir()
    link(stored, str(prefix), str(prefix), str(prefix / "bin" / "python"), limits=LIMITS)
    return prefix


def clash(stored: Sequence[StoredWheel], prefix: Path) -> str:
    with pytest.raises(UserError) as caught:
        link_into(stored, prefix)
    return caught.value.message


def test_a_record_that_a_wheel_vendors_is_a_file_like_any_other(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    """Its path comes before that of the wheel's own."""
    nested = "aaa/_vendor/dep-1.0.dist-info/RECORD"
    files = {"aaa/__init__.py": "def main(): pass\n", nested: "dep.py,,\n"}
    (wheel,) = store_all([make_wheel("aaa", "1.0", files, entry_points=ENTRY.format("aaa"))])
    assert audit.audit(wheel).faults == {}
    file_list = store.read_file_list(wheel)
    paths = [file[4] for file in file_list.files]
    assert hashes.first_other(f"{wheel.path}/{store.TREE}/", file_list, paths) is None
    store.check_name(wheel)
    first, second = link_into([wheel], tmp_path / "a"), link_into([wheel], tmp_path / "b")
    assert (first / library / nested).samefile(second / library / nested)
    own = "aaa-1.0.dist-info/RECORD"
    assert not (first / library / own).samefile(second / library / own)


def test_plain_files_are_shared_and_scripts_are_not(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    (wheel,) = store_all(
        [make_wheel("tool", "1.0", {"tool.py": "def main(): pass\n"}, entry_points=ENTRY.format("tool"))]
    )
    first, second = link_into([wheel], tmp_path / "a"), link_into([wheel], tmp_path / "b")
    shared = (first / library / "tool.py").stat()
    assert shared.st_ino == (second / library / "tool.py").stat().st_ino
    assert (shared.st_nlink, shared.st_mode & 0o777) == (3, 0o444)
    for name in ("bin/tool", f"{library}/tool-1.0.dist-info/RECORD"):
        assert (first / name).stat().st_nlink == 1
        assert (first / name).read_bytes() != (second / name).read_bytes()
    assert (first / "bin" / "tool").read_text().startswith(f"#!{first}/bin/python\n")
    assert (first / "bin" / "tool").stat().st_mode & 0o777 == 0o555


def test_record_of_a_wheel_without_scripts_is_shared(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    (wheel,) = store_all([make_wheel("quiet", "1.0", {"quiet.py": ""})])
    environment = link_into([wheel], tmp_path / "a")
    assert (environment / library / "quiet-1.0.dist-info" / "RECORD").stat().st_nlink == 2


def test_linked_aside_for_a_later_prefix(store_all: Store, make_wheel: MakeWheel, tmp_path: Path) -> None:
    (wheel,) = store_all([make_wheel("tool", "1.0", {"tool.py": ""}, entry_points=ENTRY.format("tool"))])
    aside = tmp_path / "aside"
    aside.mkdir()
    link([wheel], "/final", str(aside), "/final/bin/python", limits=LIMITS)
    assert (aside / "bin" / "tool").read_bytes().startswith(b"#!/final/bin/python\n")


@pytest.mark.parametrize("damage", ["size", "time", "mode", "gone", "manifest", "not a manifest"])
def test_a_changed_store_is_noticed_before_anything_is_made(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str, damage: str
) -> None:
    wheels = [make_wheel("good", "1.0", {"good.py": "1"}), make_wheel("bad", "1.0", {"bad.py": "x = 1\n"})]
    good, bad = store_all(wheels)
    file = os.path.join(bad.path, store.TREE, library, "bad.py")
    found = os.stat(file)
    if damage == "size":
        os.chmod(file, 0o644)
        with open(file, "a") as text:
            text.write("# edited\n")
        os.chmod(file, 0o444)
        os.utime(file, ns=(found.st_mtime_ns, found.st_mtime_ns))
    elif damage == "time":
        os.utime(file, ns=(0, found.st_mtime_ns + 1))
    elif damage == "mode":
        os.chmod(file, 0o644)
    elif damage == "gone":
        os.unlink(file)
    else:
        manifest = os.path.join(bad.path, store.FILE_LIST)
        os.unlink(manifest)
        if damage == "not a manifest":
            with open(manifest, "w") as text:
                text.write("wheel-tree 1\nf one two three\nend")
    with pytest.raises(StaleWheel) as caught:
        link_into([good, bad], tmp_path / "a")
    assert caught.value.stale == (bad,)
    assert os.listdir(tmp_path / "a") == []
    assert store.is_stored(good)
    assert not os.path.exists(bad.path)
    assert store_all(wheels) == (good, bad)
    assert (link_into([good, bad], tmp_path / "b") / library / "bad.py").read_text() == "x = 1\n"


def test_all_that_is_stale_goes_at_once(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    names = ("one", "two", "three", "four", "five")
    stored = store_all([make_wheel(name, "1.0", {f"{name}.py": ""}) for name in names])
    os.unlink(os.path.join(stored[0].path, store.TREE, library, "one.py"))
    os.chmod(os.path.join(stored[1].path, store.FILE_LIST), 0o644)
    os.truncate(os.path.join(stored[1].path, store.FILE_LIST), 20)
    os.unlink(os.path.join(stored[3].path, store.FILE_LIST))
    os.unlink(os.path.join(stored[4].path, store.TREE, library, "five.py"))
    with pytest.raises(StaleWheel) as caught:
        link_into(stored, tmp_path / "a")
    assert set(caught.value.stale) == {stored[0], stored[1], stored[3], stored[4]}
    assert [store.is_stored(wheel) for wheel in stored] == [False, False, True, False, False]


def test_the_same_bytes_are_one_file(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    same = {"shared/__init__.py": "", "LICENSE": "free\n"}
    entry = "[console_scripts]\nrun = shared:main\n"
    stored = store_all([make_wheel(name, "1.0", same, entry_points=entry) for name in ("one", "two")])
    environment = link_into(stored, tmp_path / "a")
    assert (environment / library / "LICENSE").read_text() == "free\n"


def test_different_bytes_are_refused_with_both_names(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str
) -> None:
    wheels = [
        make_wheel(
            "one", "1.0", {"common.py": "1", "place": "a file"}, entry_points="[console_scripts]\nrun = a:b\n"
        ),
        make_wheel(
            "two",
            "1.0",
            {"common.py": "2", "place/deep/x.py": ""},
            entry_points="[console_scripts]\nrun = c:d\n",
        ),
        make_wheel("three", "1.0", {"three.py": ""}),
    ]
    both = "`one-1.0-py3-none-any.whl` and `two-1.0-py3-none-any.whl` have different files of one name"
    expected = ["bin/run", f"{library}/common.py", f"{library}/place/deep/x.py"]
    stored = store_all(wheels)
    assert clash(stored, tmp_path / "a").splitlines() == [f"{both}: `{path}`" for path in expected]
    assert clash([stored[1], stored[0]], tmp_path / "b").count("`two-1.0-py3-none-any.whl` and `one-") == 3


def test_what_the_environment_has_is_not_replaced(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    (wheel,) = store_all([make_wheel("bold", "1.0", {"bold-1.0.data/data/share/own.txt": "mine"})])
    (tmp_path / "a" / "share").mkdir(parents=True)
    (tmp_path / "a" / "share" / "own.txt").write_text("the environment's")
    with pytest.raises(UserError) as caught:
        link([wheel], str(tmp_path / "a"), str(tmp_path / "a"), "/python", limits=LIMITS)
    assert caught.value.message == (
        "`bold-1.0-py3-none-any.whl` has a file that an environment has of its own: `share/own.txt`"
    )


@pytest.mark.parametrize("declaration", NAMESPACES[1:])
def test_namespaces_may_be_declared_differently(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, library: str, declaration: str
) -> None:
    wheels = [
        make_wheel("kin_a", "1.0", {"kin/__init__.py": NAMESPACES[0], "kin/a.py": ""}),
        make_wheel("kin_b", "1.0", {"kin/__init__.py": declaration, "kin/b.py": ""}),
    ]
    environment = link_into(store_all(wheels), tmp_path / "a")
    assert (environment / library / "kin" / "__init__.py").read_text() == NAMESPACES[0]
    assert {"a.py", "b.py"} <= set(os.listdir(environment / library / "kin"))


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP])
def test_copies_where_links_are_refused(
    store_all: Store,
    make_wheel: MakeWheel,
    tmp_path: Path,
    library: str,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    (wheel,) = store_all([make_wheel("lonely", "1.0", {"lonely.py": "x = 1\n"})])

    def refuse(*_: object) -> None:
        raise OSError(number, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    copy = (link_into([wheel], tmp_path / "a") / library / "lonely.py").stat()
    stored = os.stat(os.path.join(wheel.path, store.TREE, library, "lonely.py"))
    assert (copy.st_nlink, copy.st_mode, copy.st_mtime_ns) == (1, stored.st_mode, stored.st_mtime_ns)
    assert clash_free(wheel, tmp_path / "b", library)


def clash_free(wheel: StoredWheel, prefix: Path, library: str) -> bool:
    """Return whether the same wheel twice is no clash, without links too."""
    environment = link_into([wheel, wheel], prefix)
    return (environment / library / "lonely.py").is_file()


def test_paths_that_are_too_long(store_all: Store, make_wheel: MakeWheel, tmp_path: Path) -> None:
    (wheel,) = store_all([make_wheel("deep", "1.0", {f"deep/{'x' * 100}.py": ""})])
    with pytest.raises(ToolError) as caught:
        link([wheel], "C:\\root", str(tmp_path), "python", limits=Limits(shebang=0, path=120))
    assert caught.value.message.startswith("the path is longer than 120 characters: `")
    assert caught.value.hint == "name a shorter root with -vpython-root DIR"


def test_full_disk_is_one_line(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = store_all([make_wheel("tool", "1.0", {"tool/x.py": ""}, entry_points=ENTRY.format("tool"))])

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    for name in ("mkdir", "open", "link"):
        prefix = tmp_path / name
        prefix.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refuse)
            with pytest.raises(ToolError) as caught:
                link([wheel], str(prefix), str(prefix), "/python", limits=LIMITS)
        assert "No space left on device" in caught.value.message


def test_pip_and_metadata_inside_agree(
    store_all: Store, make_wheel: MakeWheel, tmp_path: Path, current: Interpreter, host: HostPython
) -> None:
    """`pip check`, `importlib.metadata` and the scripts themselves, in a venv of the target."""
    wheels = [
        make_wheel(
            "tool", "1.0", {"tool.py": "def main():\n    print('it runs')\n"},
            entry_points=ENTRY.format("tool") + "[tool.plugins]\none = tool:main [more]\n",
            metadata="Requires-Dist: helper>=1\n",
        ),
        make_wheel("helper", "1.5", {"helper/__init__.py": ""}),
    ]  # fmt: skip
    prefix = tmp_path / "long" / ("x" * 150)
    subprocess.run([current.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    python = str(prefix / "bin" / "python")
    link(store_all(wheels), str(prefix), str(prefix), python, limits=LIMITS)

    def run(*command: str) -> str:
        environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout

    assert run(str(prefix / "bin" / "tool")) == "it runs\n"
    alone = tmp_path / "pip-alone"
    alone.mkdir()
    os.symlink(os.path.join(host.pip, "pip"), alone / "pip")
    assert run(python, str(alone / "pip"), "check") == "No broken requirements found.\n"
    listed = run(python, str(alone / "pip"), "list", "--format=freeze", "--disable-pip-version-check")
    assert listed.split() == ["helper==1.5", "tool==1.0"]
    ask = (
        "from importlib.metadata import distribution, files, entry_points\n"
        "tool = distribution('tool')\n"
        "print(tool.read_text('INSTALLER').strip(), all(file.locate().is_file() for file in tool.files))\n"
        "print(sorted(point.name for point in tool.entry_points))\n"
        "print([point.extras for point in entry_points(group='tool.plugins')])\n"
    )
    assert run(python, "-c", ask) == "pip True\n['one', 'tool']\n[['more']]\n"
