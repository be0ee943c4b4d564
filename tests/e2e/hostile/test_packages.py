"""Packages that are not there, do not fit, are damaged, or cannot be asked for."""

from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile.yard import PREFIX, Yard
from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["simple_index"]

Serve = Callable[[str], SimpleIndex]


@pytest.fixture
def closed() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("package", "version", "said"),
    [
        ("gizmo-py3", "version:1.0", "`{source}` has no such package"),
        ("gadget-py3", "version:2.0", "`{source}` has no such tag\n\nhint: it has `version:1.0`"),
        ("gadget-py3", "latest", "`{source}` has no such ref\n\nhint: it has `version:1.0`"),
    ],
)
def test_directory_lacks(yard: Yard, package: str, version: str, said: str) -> None:
    yard.script("s.py", "print(1)", (package, version))
    expected = said.format(source=f"directory:{yard.repository}")
    assert yard.refuse("s.py") == f"cannot get `{PREFIX}/{package}` at `{version}`: {expected}"


def test_each_package_that_lacks_is_told(yard: Yard) -> None:
    packages = [(name, "version:1.0") for name in ("gizmo-py3", "gadget-py3", "gimmick-py3")]
    yard.script("s.py", "print(1)", *packages)
    said = yard.refuse("s.py").splitlines()
    assert [line.split("`")[1] for line in said] == [f"{PREFIX}/gimmick-py3", f"{PREFIX}/gizmo-py3"]


def test_directory_that_is_not_there(yard: Yard) -> None:
    yard.script("s.py", "print(1)", ("gizmo-py3", "version:1"))
    said = yard.refuse("-vpython-source", "directory:/nonexistent", "s.py")
    assert said == "the directory of packages `/nonexistent` does not exist"


def test_no_wheel_for_this_python(yard: Yard) -> None:
    name = f"{PREFIX}/alien/windows-386_cp27_cp27mu"
    yard.script("s.py", "print(1)", spec=spec_text((name, "version:1.0")))
    said = yard.refuse("s.py", allowed=("packages-1/",))
    assert "`alien-1.0-cp27-cp27mu-win32.whl`" in said
    assert "\n" not in said


def test_damaged_package(yard: Yard, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "victim")
    ran = yard.run("-vpython-tool", "pack", "-repo", yard.repository, wheel)
    folder = yard.repository / PREFIX / "victim-py3" / "+"
    instance = ran.stdout.strip().rpartition(":")[2]
    data = (folder / instance).read_bytes()
    (folder / instance).chmod(0o644)
    yard.script("s.py", "import victim; print(victim.VERSION)", ("victim-py3", "version:1.0"))
    for bad in (data[:-1] + b"!", data[: len(data) // 2], b"", data + b"x"):
        (folder / instance).write_bytes(bad)
        said = yard.refuse("s.py", code=1)
        assert said.startswith(f"cannot get `{PREFIX}/victim-py3` at `version:1.0`: ")
        assert "\n" not in said.partition("\n\nhint: ")[0]
    (folder / instance).write_bytes(data)
    ran = yard.run("s.py", cwd=yard.work)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1.0\n", "")


@pytest.mark.parametrize("source", ["cipd:{closed}", "directory:{closed}/packages"])
def test_no_network(yard: Yard, closed: str, source: str) -> None:
    yard.script("s.py", "print(1)", ("gizmo-py3", "version:1"))
    said = yard.refuse("-vpython-source", source.format(closed=closed), "s.py", code=1, doors=("head",))
    assert said.startswith(
        f"cannot get `{PREFIX}/gizmo-py3` at `version:1`: cannot connect to `{closed}`: Connection refused"
    )
    _, *rest = said.split("\n")
    assert [each.partition(" -vpython-")[0] for each in rest] == (["", "hint:"] if source[0] == "c" else [])


def test_no_network_to_the_index(yard: Yard, closed: str) -> None:
    yard.script("s.py", "print(1)", ("gizmo-py3", "version:1"))
    said = yard.refuse("-vpython-source", f"index:{closed}/simple/", "s.py", code=1, doors=("head",))
    assert said.startswith("cannot ask the index: ")
    assert f"`{closed}/simple/gizmo/`" in said
    yard.script("s.py", "# /// script\n# dependencies = ['gizmo']\n# ///")
    assert yard.refuse("s.py", code=1, doors=("head",), env={"PIP_INDEX_URL": f"{closed}/simple/"}) == said


def test_offline(yard: Yard) -> None:
    yard.script("s.py", "print(1)", ("gizmo-py3", "version:1"))
    for source in ("cipd", "directory:https://127.0.0.1/", "index"):
        said = yard.refuse("-vpython-offline", "-vpython-source", source, "s.py", code=1, doors=("head",))
        assert "-vpython-offline" in said.partition("\n\nhint: ")[2]


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("gizmo", "the index has no project `gizmo`"),
        ("gadget==7", "no version fits `gadget==7`: there is 1.0, 2.0"),
        ("alien", "no wheel of `alien` fits `{tag}`: there is `alien-1.0-cp27-cp27mu-win32.whl`"),
    ],
)
def test_index_lacks(yard: Yard, simple_index: Serve, tmp_path: Path, requirement: str, said: str) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "gadget")
    make_wheel(wheels, "gadget", "2.0")
    make_wheel(wheels, "alien", tag="cp27-cp27mu-win32")
    index = simple_index("wheels")
    yard.script("s.py", f"# /// script\n# dependencies = ['{requirement}']\n# ///")
    told = yard.refuse("s.py", env={"PIP_INDEX_URL": index.url}, doors=("head",))
    tag = told.partition(" fits `")[2].partition("`")[0]
    assert told == said.format(tag=tag)


@pytest.mark.parametrize("spec", ["# dependencies = ['gizmo']", "text"])
def test_refused_wheel_is_asked_for_again(yard: Yard, simple_index: Serve, tmp_path: Path, spec: str) -> None:
    """A refusal is no answer: once the index has a better file of the same name, the next start works."""
    good = make_wheel(tmp_path / "wheels", "gizmo")
    data = good.read_bytes()
    index = simple_index("wheels")
    code = "import gizmo; print(gizmo.VERSION)"
    if spec == "text":
        yard.script("s.py", code, ("gizmo-py3", "version:1.0"))
    else:
        yard.script("s.py", f"# /// script\n{spec}\n# ///\n{code}")
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr("gizmo-extra.py", "")
    start = ("-vpython-source", f"index:{index.url}", "s.py")
    for _ in range(2):
        said = yard.refuse(*start, code=1, doors=("head",), allowed=("packages-1/",))
        assert "`gizmo-extra.py` is not listed" in said
    good.write_bytes(data)
    ran = yard.run(*start, cwd=yard.work)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1.0\n", "")


def test_index_that_is_broken(yard: Yard, simple_index: Serve, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "gizmo")
    index = simple_index("wheels")
    yard.script("s.py", "# /// script\n# dependencies = ['gizmo']\n# ///\nimport gizmo; print(gizmo.VERSION)")
    for status in (500, 503):
        index.status = status
        said = yard.refuse("s.py", env={"PIP_INDEX_URL": index.url}, code=1, doors=("head",))
        assert said.startswith("cannot ask the index: ")
    index.status = 0
    ran = yard.run("s.py", cwd=yard.work, env={"PIP_INDEX_URL": index.url})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1.0\n", "")


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("http://[x/", "pip cannot read its configuration: not the address of an index: `http://[x"),
        (
            "http://host:port/",
            "pip cannot read its configuration: not the address of an index: `http:/",
        ),
        (
            "ftp://127.0.0.1/simple/",
            "pip does not ask the index for `gizmo`: its address is neither http, https nor file",
        ),
        ("pigeon", "pip does not ask the index for `gizmo`: its address is neither http, https nor file"),
    ],
)
@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"])
def test_configuration_of_pip_names_no_index(yard: Yard, name: str, url: str, fact: str) -> None:
    """No answer is never an empty one: a script does not start without what it needs."""
    yard.script("s.py", "# /// script\n# dependencies = ['gizmo']\n# ///\nprint('started')")
    env = {"PIP_INDEX_URL": "file:///nonexistent", "PIP_CONFIG_FILE": os.devnull, name: url}
    said = yard.refuse("s.py", env=env, code=1, doors=("head",))
    assert said.startswith(fact)
    assert "\n" not in said.partition("\n\nhint: ")[0]
