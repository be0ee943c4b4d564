"""The hermetic Python of a manifest: in a kit, and from there on a machine that has no manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fleet.test_store import registry
from tests.e2e.shims import python
from tests.e2e.shims.conftest import bundle
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.lockfiles.site import Site
    from tests.support.hostile_registry import HostileRegistry

__all__ = ["bundle", "registry"]


def _offering(site: Site, bundle: tuple[str, bytes]) -> tuple[Path, Path]:
    """Lay the file beside a manifest that offers a Python; return it, and the folder that has the Python."""
    top = site.place / "top"
    top.mkdir()
    shutil.copy(BUILT, top / "vpython3")
    instance, data = bundle
    shelf = site.place / "shelf"
    package = shelf / python.NAME / "+" / instance
    package.parent.mkdir(parents=True)
    package.write_bytes(data)
    line = python.NAME.replace("linux-amd64", "${os=linux}-${arch=amd64}")
    (top / "cipd_manifest.txt").write_text(f"$ResolvedVersions v\n{line} {python.TAG}\n")
    (top / "v").write_text(f"{python.NAME}\n{python.TAG}\n{instance}\n")
    return top / "vpython3", shelf


def _spec(site: Site, shelf: Path) -> None:
    """Write a text spec that wants this Python and `b`, which gets to the shelf."""
    site.harness.pack(shelf, site.wheels / "b-1.0-py3-none-any.whl")
    spec = 'wheel: <\n  name: "infra/python/wheels/b-py3"\n  version: "version:1.0"\n>\n'
    (site.place / "t.py.vpython3").write_text(f'python_version: "{python.MINOR}"\n{spec}')
    (site.place / "t.py").write_text("import sys, b\nprint(b.VERSION, sys.base_prefix)\n")


def test_from_a_kit(site: Site, bundle: tuple[str, bytes]) -> None:
    file, shelf = _offering(site, bundle)
    _spec(site, shelf)
    words = ("-vpython-tool", "bundle", "--json", "t.py", "-o", "kit.tar")
    done = site.harness.run_command(file, "-vpython-source", f"directory:{shelf}", *words)
    assert done.returncode == 0, done.stderr
    (environment,) = json.loads(done.stdout)["environments"]
    assert environment["files"] == [
        "infra+3pp+tools+cpython3+linux-amd64.cipd", "infra+python+wheels+b-py3.cipd"
    ]  # fmt: skip

    shutil.rmtree(shelf)
    root = site.place / "there"
    done = site.harness.run(
        "-vpython-offline", "-vpython-root", root, "-vpython-source", "oci:kit.tar", "t.py"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1.0 {root}/pythons-1/{bundle[0]}\n"


@pytest.mark.thorough
def test_from_a_registry(site: Site, bundle: tuple[str, bytes], registry: HostileRegistry) -> None:
    file, shelf = _offering(site, bundle)
    _spec(site, shelf)
    address = f"oci://{registry.host}/tools/demo:1"
    words = ("-vpython-source", f"directory:{shelf}", "-vpython-tool", "push", "t.py", address)
    done = site.harness.run_command(file, *words)
    assert done.returncode == 0, done.stderr

    # A manifest that pins the same one takes it from there, too, and asks no service.
    for number, program in enumerate((BUILT, file)):
        root = site.place / f"there-{number}"
        where = ("-vpython-root", str(root), "-vpython-source", address)
        done = site.harness.run_command(program, *where, "t.py")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"1.0 {root}/pythons-1/{bundle[0]}\n"

    digest = f"sha256:{hashlib.sha256(bundle[1]).hexdigest()}"
    registry.blobs[digest] = bundle[1][:-1] + b"x"
    done = site.harness.run("-vpython-root", site.place / "last", "-vpython-source", address, "t.py")
    assert done.returncode == 1
    assert f"sent other bytes than those of `{digest}`" in done.stderr


@pytest.mark.thorough
def test_from_a_store(site: Site, bundle: tuple[str, bytes], registry: HostileRegistry) -> None:
    """By its hash; a store that lies costs a line, and its source is asked."""
    file, shelf = _offering(site, bundle)
    (site.place / "t.py.vpython3").write_text(f'python_version: "{python.MINOR}"\n')
    (site.place / "t.py").write_text("import sys\nprint(sys.base_prefix)\n")
    digest = f"sha256:{hashlib.sha256(bundle[1]).hexdigest()}"
    (package,) = (shelf / python.NAME / "+").iterdir()
    words = (str(file), "-vpython-source", f"directory:{shelf}")
    env = {"VPYTHON_STORE": f"oci://{registry.host}/tools/demo"}

    registry.blobs[digest] = bundle[1]
    package.rename(site.place / "kept")
    root = site.place / "there"
    done = site.harness.run_command(*words, "-vpython-root", root, "t.py", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{root}/pythons-1/{bundle[0]}\n", "")

    registry.blobs[digest] = bundle[1][:-1] + b"x"
    (site.place / "kept").rename(package)
    root = site.place / "another"
    done = site.harness.run_command(*words, "-vpython-root", root, "t.py", env=env)
    assert (done.returncode, done.stdout) == (0, f"{root}/pythons-1/{bundle[0]}\n")
    assert done.stderr.startswith(f"vpython: the store `{env['VPYTHON_STORE']}` is left out: ")
    assert done.stderr.count("\n") == 1
