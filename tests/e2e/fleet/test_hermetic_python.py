"""The hermetic Python of a manifest: in a kit, and from there on a machine that has no manifest."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.e2e.fleet.test_store import registry
from tests.e2e.shims import python
from tests.e2e.shims.conftest import bundle
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.lockfiles.site import Site
    from tests.support.hostile_registry import HostileRegistry

__all__ = ["bundle", "registry"]
SHOW = "import sys, b\nprint(b.VERSION, sys.base_prefix)\n"


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


def test_from_a_kit_and_a_registry(site: Site, bundle: tuple[str, bytes], registry: HostileRegistry) -> None:
    file, shelf = _offering(site, bundle)
    site.harness.pack(shelf, site.wheels / "b-1.0-py3-none-any.whl")
    spec = 'wheel: <\n  name: "infra/python/wheels/b-py3"\n  version: "version:1.0"\n>\n'
    (site.place / "t.py.vpython3").write_text(f'python_version: "{python.MINOR}"\n{spec}')
    (site.place / "t.py").write_text(SHOW)
    making = (str(file), "-vpython-source", f"directory:{shelf}", "-vpython-tool")
    done = site.harness.run_command(*making, "bundle", "--json", "t.py", "-o", "kit.tar")
    assert done.returncode == 0, done.stderr
    (environment,) = json.loads(done.stdout)["environments"]
    assert environment["files"] == [
        "infra+3pp+tools+cpython3+linux-amd64.cipd", "infra+python+wheels+b-py3.cipd"
    ]  # fmt: skip
    address = f"oci://{registry.host}/tools/demo"
    done = site.harness.run_command(*making, "push", "t.py", f"{address}:1")
    assert done.returncode == 0, done.stderr

    shutil.rmtree(shelf)
    there = f"pythons-1/{bundle[0]}"
    root = site.place / "there"
    done = site.harness.run(
        "-vpython-offline", "-vpython-root", root, "-vpython-source", "oci:kit.tar", "t.py"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"1.0 {root}/{there}\n", "")

    # A manifest that pins the same one takes it from there too, not from the service.
    root = site.place / "with manifest"
    done = site.harness.run_command(file, "-vpython-root", root, "-vpython-source", f"{address}:1", "t.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"1.0 {root}/{there}\n", "")

    digest = next(digest for digest, data in registry.blobs.items() if data == bundle[1])
    registry.blobs[digest] = bundle[1][:-1] + b"x"
    done = site.harness.run("-vpython-root", site.place / "last", "-vpython-source", f"{address}:1", "t.py")
    assert done.returncode == 1
    assert f"sent other bytes than those of `{digest}`" in done.stderr
