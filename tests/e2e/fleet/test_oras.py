"""`oras`, another client of registries: what is pushed is what it pulls and copies.

It is tried where this machine has it, as `oras` on PATH; what it goes by is checked anywhere: every file
has a plain name of its own, and documents say what they are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

from tests.e2e.fleet.test_store import address, pushed, registry
from tests.support.hostile_registry import HostileRegistry
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.lockfiles.site import Site

__all__ = ["registry"]


def _pulled(registry: HostileRegistry) -> dict[str, bytes]:
    """Return the files of all manifests of the tag 1 by their names, as `oras pull` writes them."""
    index = json.loads(registry.manifests["1"])
    assert index["artifactType"] == "application/vnd.vpython.environment.v1"
    found: dict[str, bytes] = {}
    for row in index["manifests"]:
        manifest = json.loads(registry.manifests[row["digest"]])
        assert row["artifactType"] == manifest["artifactType"] == index["artifactType"]
        for each in (manifest["config"], *manifest["layers"]):
            name, data = each["annotations"]["org.opencontainers.image.title"], registry.blobs[each["digest"]]
            assert name == os.path.basename(name)
            assert found.setdefault(name, data) == data, f"two files called {name}"
    return found


def _run(place: Path, *words: str) -> str:
    environ = {"HOME": str(place), "PATH": "/usr/bin:/bin"}
    oras = shutil.which("oras")
    assert oras is not None
    done = subprocess.run([oras, *words], cwd=place, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_oras_pulls_and_copies(site: Site, registry: HostileRegistry) -> None:
    make_wheel(site.wheels, "c", "1.0", tag="cp312-cp312-win_amd64")
    site.script("a")
    site.script("c", name="t.py", shows="c")
    words = ("--platform", "windows-amd64", "--python-version", "3.12", "s.py", "t.py")
    done = site.run("-vpython-tool", "push", *words, script=address(registry, "1"))
    assert done.returncode == 0, done.stderr
    files = _pulled(registry)
    locks = {name: tomllib.loads(data.decode()) for name, data in files.items() if name.endswith(".toml")}
    assert set(locks) == {"pylock.s_py-windows-amd64-3_12.toml", "pylock.t_py-windows-amd64-3_12.toml"}
    for lock in locks.values():  # where they are pulled to, other installers find the wheels
        assert {wheel["path"] for each in lock["packages"] for wheel in each["wheels"]} <= set(files)
    pushed(site, registry)
    files = _pulled(registry)
    if shutil.which("oras") is None:
        return

    _run(site.place, "pull", "--plain-http", f"{registry.host}/tools/demo:1", "-o", "pulled")
    assert {path.name: path.read_bytes() for path in (site.place / "pulled").iterdir()} == files
    assert "1" in _run(site.place, "repo", "tags", "--plain-http", f"{registry.host}/tools/demo").split()
    site.index.stop()
    other = HostileRegistry()
    try:
        here, there = f"{registry.host}/tools/demo:1", f"{other.host}/tools/demo:1"
        _run(site.place, "copy", "--from-plain-http", "--to-plain-http", here, there)
        _run(site.place, "copy", "--from-plain-http", "--to-oci-layout", there, "layout:1")
        for number, source in enumerate((address(other, "1"), "oci:layout")):
            root = site.place / f"there-{number}"
            done = site.harness.run("-vpython-root", root, "-vpython-source", source, "s.py")
            assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    finally:
        other.stop()
