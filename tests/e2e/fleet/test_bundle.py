"""Kits: one archive makes the environment where there is no network, and nothing else in it counts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.wheelmaker import make_wheel
from vpy.packages.oci import image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.lockfiles.site import Site


def bundled(site: Site, *words: str, script: str = "s.py", kit: str = "kit.tar") -> dict[str, Any]:
    """Bundle without an error, and return what is said of it."""
    done = site.run("-vpython-tool", "bundle", "--json", *words, "-o", kit, script=script)
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert isinstance(account, dict)
    return account


def from_kit(
    site: Site, *words: str, kit: str = "kit.tar", root: str = "elsewhere"
) -> subprocess.CompletedProcess[str]:
    """Start offline from a kit, in a root that has nothing."""
    source = ("-vpython-offline", "-vpython-root", str(site.place / root), "-vpython-source", f"oci:{kit}")
    done = site.harness.run(*source, *(words or ("s.py",)))
    assert "Traceback" not in done.stderr
    return done


def members(kit: Path) -> dict[str, bytes]:
    with tarfile.open(kit) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def rewritten(kit: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write the kit again, with what `change` made of its members."""
    found = members(kit)
    change(found)
    with tarfile.open(kit, "w") as archive:
        for name, data in found.items():
            path = kit.with_name("member")
            path.write_bytes(data)
            archive.add(path, name)


def test_a_kit_makes_the_environment(site: Site) -> None:
    site.script("a")
    account = bundled(site)
    (environment,) = account["environments"]
    assert environment["files"] == ["a-2.0-py3-none-any.whl", "b-1.1-py3-none-any.whl"]
    site.index.stop()

    first, warm = from_kit(site), from_kit(site)

    assert (first.returncode, first.stdout, first.stderr) == (0, "2.0 1.1\n", "")
    assert (warm.returncode, warm.stdout, warm.stderr) == (0, "2.0 1.1\n", "")
    kept = sorted(os.listdir(site.place / "elsewhere" / "packages-1"))
    assert kept == []  # a wheel's file goes when it is installed


@pytest.mark.thorough
def test_the_same_content_makes_the_same_bytes(site: Site) -> None:
    site.script("a")
    bundled(site)
    site.harness.root = site.place / "another"
    bundled(site, kit="again.tar")
    assert (site.place / "kit.tar").read_bytes() == (site.place / "again.tar").read_bytes()


@pytest.mark.thorough
def test_unpacked_and_read_only(site: Site) -> None:
    """The head `run` finds what lies beside it, from anywhere."""
    site.script("a")
    bundled(site)
    unpacked = site.place / "medium with blank"
    unpacked.mkdir()
    with tarfile.open(site.place / "kit.tar") as archive:
        archive.extractall(unpacked, filter="fully_trusted")
    site.index.stop()
    for path in (*unpacked.rglob("*"), unpacked):
        path.chmod(0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444)

    environ = {**site.harness.environ, "VPYTHON_VIRTUALENV_ROOT": str(site.place / "other")}
    done = subprocess.run(
        [unpacked / "run", site.place / "s.py"],
        env=environ,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")


def test_a_lockfile_is_what_is_bundled(site: Site) -> None:
    site.script("a")
    site.locked()
    make_wheel(site.wheels, "a", "3.0", requires=("b",))
    (environment,) = bundled(site)["environments"]
    assert "a-2.0-py3-none-any.whl" in environment["files"]

    done = from_kit(site)
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n"), done.stderr

    site.lockfile().unlink()  # the kit has it, too
    done = from_kit(site, root="third")
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n"), done.stderr


def test_a_stale_lockfile_is_not_bundled(site: Site) -> None:
    site.script("a")
    site.locked()
    site.script("a<2")
    done = site.run("-vpython-tool", "bundle", "-o", "kit.tar")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not current" in done.stderr
    assert not (site.place / "kit.tar").exists()


def test_another_spec_is_told(site: Site) -> None:
    site.script("a")
    bundled(site)
    site.script("a", "b<1.1", name="other.py")
    done = from_kit(site, "other.py")
    assert done.returncode == 2
    assert done.stderr == (
        "vpython: `oci:kit.tar` is of another spec, `s.py`: `b<1.1` is not in it\n\n"
        "hint: `vpython-tool bundle` or `push` of the script makes a new one\n"
    )


def test_several_specs_and_targets(site: Site) -> None:
    """A kit of more holds each wheel once; every target gets its own."""
    for tag in ("cp312-cp312-win_amd64", "cp311-cp311-manylinux_2_17_x86_64"):
        make_wheel(site.wheels, "c", "1.0", tag=tag)
    site.script("a", "c", name="s.py", shows="ac")
    site.script("b", name="t.py", shows="b")
    account = bundled(site, "--platform", "windows-amd64", "--python-version", "3.12", "t.py")
    named = {(each["spec"], each["platform"], each["python"]) for each in account["environments"]}
    assert named == {("s.py", "windows/amd64", "3.12"), ("t.py", "windows/amd64", "3.12")}
    files = [name for each in account["environments"] for name in each["files"]]
    assert files.count("b-1.1-py3-none-any.whl") == 2
    assert "c-1.0-cp312-cp312-win_amd64.whl" in files
    blobs = [name for name in members(site.place / "kit.tar") if name.startswith("blobs/")]
    assert account["blobs"] == 3
    assert len(blobs) == 3 + 2 * 2 + 1  # files; config and manifest of each; the index

    done = from_kit(site)
    assert done.returncode == 2
    assert re.search(r"holds nothing for Python 3\.\d+ on this platform\n", done.stderr)
    assert "hint: it holds `s.py` for Python 3.12 on windows/amd64" in done.stderr


def test_a_target_that_is_none(site: Site) -> None:
    site.script("a")
    done = site.run("-vpython-tool", "bundle", "--platform", "amiga", "-o", "kit.tar")
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: the spec has no target `amiga`\n\nhint: its platforms are ")


def test_a_target_without_a_wheel(site: Site) -> None:
    """One that is asked for by name is an error; of all, one is left out."""
    make_wheel(site.wheels, "c", "1.0", tag="cp312-cp312-win_amd64")
    for python in ("cp311", "cp312", "cp313", "cp314"):
        make_wheel(site.wheels, "c", "1.0", tag=f"{python}-{python}-manylinux_2_17_x86_64")
    site.script("c", shows="c")
    done = site.run("-vpython-tool", "bundle", "--platform", "mac-arm64", "-o", "kit.tar")
    assert done.returncode == 2
    assert "mac-arm64" not in done.stdout
    assert "no wheel" in done.stderr
    assert not (site.place / "kit.tar").exists()


def test_text_spec_from_packages(site: Site) -> None:
    packages = site.harness.pack(site.place / "repo", site.wheels / "b-1.0-py3-none-any.whl")
    spec = 'python_version: "3"\nwheel: <\n  name: "infra/python/wheels/b-py3"\n  version: "version:1.0"\n>\n'
    (site.place / "t.py").write_text("import b\nprint(b.VERSION)\n")
    (site.place / "t.py.vpython3").write_text(spec)
    done = site.harness.run(
        "-vpython-source", f"directory:{packages}", "-vpython-tool", "bundle", "t.py", "-o", "kit.tar"
    )
    assert done.returncode == 0, done.stderr
    done = from_kit(site, "t.py")
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr

    (site.place / "t.py.vpython3").write_text(spec.replace(":1.0", ":2.0"))
    done = from_kit(site, "t.py")
    assert done.returncode == 2
    assert "`oci:kit.tar` has no such package" in done.stderr


def _blob_of(found: dict[str, bytes], end: str) -> str:
    """Return the member whose bytes are a wheel with a file of this name."""
    return next(
        name for name, data in found.items() if name.startswith("blobs/") and end.encode() in data[:80]
    )


def _other_bytes(found: dict[str, bytes]) -> None:
    name = _blob_of(found, "a.py")
    found[name] = found[name].replace(b"VERSION = '2.0'", b"VERSION = '6.6'")


def _short(found: dict[str, bytes]) -> None:
    name = _blob_of(found, "a.py")
    found[name] = found[name][:-1]


def _gone(found: dict[str, bytes]) -> None:
    del found[_blob_of(found, "a.py")]


def _no_json(found: dict[str, bytes]) -> None:
    found["index.json"] = b"<html>"


def _other_manifest(found: dict[str, bytes]) -> None:
    digest = json.loads(found["index.json"])["manifests"][0]["digest"]
    found[f"blobs/{digest.replace(':', '/')}"] = b'{"schemaVersion": 2, "manifests": []}'


def _title_with_dots(found: dict[str, bytes]) -> None:
    """All digests hold, and a name leads out: names are no paths."""
    text = {name: data for name, data in found.items() if name.startswith("blobs/")}
    manifest = next(name for name, data in text.items() if b'"layers"' in data)
    old, data = manifest.rpartition("/")[2], found.pop(manifest)
    data = data.replace(b'"a-2.0-py3', b'"../../../a-2.0-py3')
    new = hashlib.sha256(data).hexdigest()
    found[f"blobs/sha256/{new}"] = data
    index = next(name for name, data in text.items() if old.encode() in data)
    size = len(data)
    body = re.sub(rf'"{old}",\s*"size": \d+'.encode(), f'"{old}", "size": {size}'.encode(), found.pop(index))
    body = body.replace(f"sha256:{old}".encode(), f"sha256:{new}".encode())
    body = re.sub(rf'("sha256:{new}"),\s*"size": \d+'.encode(), rf'\1, "size": {size}'.encode(), body)
    digest = hashlib.sha256(body).hexdigest()
    found[f"blobs/sha256/{digest}"] = body
    row = {
        "mediaType": image.INDEX,
        "digest": f"sha256:{digest}",
        "size": len(body),
    }
    found["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (_other_bytes, "has another hash"),
        pytest.param(_short, "bytes, not", marks=pytest.mark.thorough),
        pytest.param(_gone, "lacks `a-2.0-py3-none-any.whl`", marks=pytest.mark.thorough),
        pytest.param(_no_json, "holds a manifest that cannot be read", marks=pytest.mark.thorough),
        pytest.param(_other_manifest, "has another hash", marks=pytest.mark.thorough),
    ],
)
def test_a_kit_that_lies(site: Site, change: Callable[[dict[str, bytes]], None], fact: str) -> None:
    site.script("a")
    bundled(site)
    rewritten(site.place / "kit.tar", change)
    done = from_kit(site)
    assert done.returncode in (1, 2)
    assert fact in done.stderr
    assert "oci:kit.tar" in done.stderr
    assert done.stdout == ""


@pytest.mark.thorough
def test_names_are_no_paths(site: Site) -> None:
    site.script("a")
    bundled(site)
    rewritten(site.place / "kit.tar", _title_with_dots)
    done = from_kit(site)  # what is installed is what the lockfile in it names
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n"), done.stderr


def test_a_kit_that_is_none(site: Site) -> None:
    site.script("a")
    for name, fact in {
        "s.py": "is not an OCI image layout",
        "nothing.tar": "does not exist",
        ".": "has no `index.json`",
    }.items():
        done = from_kit(site, kit=name)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert fact in done.stderr
        assert done.stderr.count("\n") <= 3
