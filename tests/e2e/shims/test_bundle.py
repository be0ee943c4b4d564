"""The hermetic Python that a manifest offers."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims import python
from tests.support.harness import BUILT, Harness
from vpy.system import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = python.NAME
LINE = "infra/3pp/tools/cpython3/${os=linux}-${arch=amd64}"
SHOW = """
import os, site, sys
print(sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.__file__), sep="\\n")
print(os.path.join.__code__.co_filename)
print(*[path for path in sys.path if path], sep=":")
try:
    import planted
except ImportError:
    print("clean")
"""


class Offered(Harness):
    """The built file beside a manifest that offers the bundle, and a folder of packages that holds it."""

    def __init__(self, place: Path, bundle: tuple[str, bytes]) -> None:
        top = place / "top"
        top.mkdir()
        shutil.copy(BUILT, top / "vpython3")
        super().__init__(place, file=top / "vpython3")
        self.instance, data = bundle
        self.shelf = place / "shelf"
        self.package = self.shelf / NAME / "+" / self.instance
        self.package.parent.mkdir(parents=True)
        self.package.write_bytes(data)
        self.manifest = top / "cipd_manifest.txt"
        self.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{self.shelf}"
        self.offer(python.TAG)
        self.script = place / "s.py"
        self.script.write_text(SHOW)
        self.spec()

    def offer(self, version: str) -> None:
        self.manifest.write_text(f"$ResolvedVersions v\n{LINE} {version}\n")
        self.manifest.with_name("v").write_text(f"{NAME}\n{version}\n{self.instance}\n")

    def spec(self, version: str = python.MINOR) -> None:
        self.script.with_name("s.py.vpython3").write_text(f'python_version: "{version}"\n')

    def unpacked(self) -> Path:
        return self.root / "pythons-1" / self.instance

    def shown(self, env: Mapping[str, str | None] | None = None) -> list[str]:
        done = self.run(self.script, env=env)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def offered(tmp_path: Path, bundle: tuple[str, bytes]) -> Offered:
    return Offered(tmp_path, bundle)


def test_chosen_moved_and_clean(offered: Offered, tmp_path: Path) -> None:
    user = tmp_path / "home" / ".local" / "lib" / f"python{python.MINOR}" / "site-packages"
    user.mkdir(parents=True)
    (user / "planted.py").write_text("raise SystemExit('of the user')\n")
    hostile = {"PYTHONHOME": "/nonexistent", "PYTHONSTARTUP": "/nonexistent"}
    library = f"{offered.unpacked()}/lib/python{python.MINOR}"
    for _ in range(2):
        prefix, platform_prefix, where, code, path, clean = offered.shown(hostile)
        assert prefix == platform_prefix == str(offered.unpacked())
        assert where == library
        assert code == f"{library}/posixpath.py" or code == "<frozen posixpath>"
        environment = f"{offered.environments()[0]}/lib/python{python.MINOR}/site-packages"
        assert set(path.split(":")) <= {
            str(tmp_path), f"{offered.unpacked()}/lib/python{python.MINOR.replace('.', '')}.zip",
            library, f"{library}/lib-dynload", environment,
            *map(str, offered.root.glob("interpreters-1/*/seeds")),
        }  # fmt: skip
        assert clean == "clean"
    why = (offered.environments()[0] / "why.json").read_text()
    assert f"{offered.unpacked()}/bin/python{python.MINOR}" in why


def test_unpacked_once_and_read_only(offered: Offered) -> None:
    offered.shown()
    before = offered.unpacked().stat().st_ino
    offered.package.unlink()
    for one in (offered.root / "packages-1").iterdir():
        one.unlink()
    offered.spec(python.VERSION)
    offered.shown()
    assert offered.unpacked().stat().st_ino == before
    for path in offered.unpacked().rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 in (0o444, 0o555, 0o644) or "__pycache__" in str(path)
            assert not (path.is_dir() and path.stat().st_mode & 0o222), path
    library = offered.unpacked() / "lib" / f"python{python.MINOR}"
    code = library / "json" / "__pycache__" / f"decoder.cpython-{python.MINOR.replace('.', '')}.pyc"
    data = code.read_bytes()
    assert data[4] == 1, "unchecked by hash: the times of unpacked files mean nothing"
    assert str(library / "json" / "decoder.py").encode() in data


def test_another_version_is_looked_for_elsewhere(offered: Offered) -> None:
    offered.offer("version:2@3.7.1.chromium.2")
    shown = offered.run(offered.script)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[0] != str(offered.unpacked())
    assert not (offered.root / "pythons-1").exists()


def test_a_version_that_does_not_tell_is_tried(offered: Offered) -> None:
    offered.offer("latest")
    assert offered.shown()[0] == str(offered.unpacked())
    offered.spec("3.7")
    refused = offered.run(offered.script)
    assert refused.returncode == 2
    assert "3.7" in refused.stderr


def test_a_named_interpreter_comes_first(offered: Offered) -> None:
    shown = offered.run("-vpython-interpreter", sys.executable, offered.script)
    assert shown.returncode == 0, shown.stderr
    assert not (offered.root / "pythons-1").exists()


def test_a_manifest_that_comes_changes_and_goes(offered: Offered) -> None:
    text = offered.manifest.read_text()
    offered.manifest.unlink()
    other = offered.shown()[0]
    assert other != str(offered.unpacked())
    offered.manifest.write_text(text)
    assert offered.shown()[0] == str(offered.unpacked())
    offered.manifest.write_text("# nothing\n")
    assert offered.shown()[0] == other
    offered.manifest.write_text(text)
    files.remove_tree(str(offered.unpacked()))
    assert offered.run(offered.script).stdout.splitlines()[0] == str(offered.unpacked())
    assert offered.shown()[0] == str(offered.unpacked())


FAULTS = {
    "truncated": "is refused",
    "gone": f"cannot get `{NAME}` at `{python.TAG}`",
    "unpinned": f"does not pin `{NAME}` at `{python.TAG}`",
    "half": f"has no `$ResolvedVersions`, which would pin `{NAME}`",
}


def test_what_cannot_be_had(offered: Offered) -> None:
    data = offered.package.read_bytes()
    for fault, said in FAULTS.items():
        offered.package.write_bytes(data)
        offered.offer(python.TAG)
        if fault == "truncated":
            offered.package.write_bytes(data[:-1])
        elif fault == "gone":
            offered.package.unlink()
        elif fault == "unpinned":
            offered.manifest.with_name("v").write_text("")
        else:
            offered.manifest.write_text(f"{LINE} {python.TAG}\n")
        refused = offered.run(offered.script, env={"VPYTHON_OFFLINE": "1"})
        assert refused.returncode in (1, 2)
        assert refused.stderr.startswith("vpython: ")
        assert said in refused.stderr
        assert not list((offered.root / "pythons-1").glob("*"))
    offered.offer(python.TAG)
    offered.package.write_bytes(data)
    assert offered.shown()[0] == str(offered.unpacked())


def test_prune_takes_it_when_no_environment_stands_on_it(offered: Offered) -> None:
    offered.shown()
    os.utime(offered.unpacked(), (0, 0))
    assert offered.run("-vpython-tool", "prune").returncode == 0
    assert offered.unpacked().is_dir()
    for environment in offered.environments():
        os.utime(environment / "used", (0, 0))
    assert offered.run("-vpython-tool", "prune").returncode == 0
    assert offered.environments() == []
    assert not offered.unpacked().exists()
