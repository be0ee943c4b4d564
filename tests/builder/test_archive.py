"""What the built file holds, byte by byte."""

from __future__ import annotations

import importlib.util
import io
import marshal
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.builder.bundle import Bundle
from tests.builder.checkout import WHEELS, Checkout
from tests.support.harness import TOP

LARGEST = 6_000_000


def within(outer: zipfile.ZipFile, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(outer.read(name)))


@pytest.fixture(scope="session")
def outer(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built)


@pytest.fixture(scope="session")
def inner(outer: zipfile.ZipFile) -> Bundle:
    return Bundle(outer, "app.bundle")


@pytest.fixture(scope="session")
def sources(outer: zipfile.ZipFile) -> Bundle:
    return Bundle(outer, "app-source.bundle")


@pytest.fixture(scope="session")
def pip(outer: zipfile.ZipFile) -> zipfile.ZipFile:
    return within(outer, "pip.zip")


@pytest.fixture(scope="session")
def pip_more(outer: zipfile.ZipFile) -> zipfile.ZipFile:
    return within(outer, "pip-more.zip")


@pytest.fixture(scope="session")
def pip_sources(outer: zipfile.ZipFile) -> Bundle:
    return Bundle(outer, "pip-source.bundle")


@pytest.mark.thorough
def test_two_builds_are_the_same_bytes(
    built: Path, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another place, hash seed, umask, clock zone, working directory; and a wheel that must be got again."""
    other = Checkout(tmp_path_factory.mktemp("build") / "another place", of=checkout.place)
    for wheel in other.wheels.glob("p*.whl"):
        wheel.unlink()
    spoilt = other.tamper().name
    env = {
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONOPTIMIZE": "2",
        "SOURCE_DATE_EPOCH": "99",
        "PIP_FIND_LINKS": str(WHEELS),
    }
    again = other.place / "elsewhere" / "vpython.pyz"
    ended = other.build("--output", again, "--release", env=env, cwd=Path("/"), umask=0o077)
    assert ended.returncode == 0
    assert ended.stderr == f"build_zipapp: dropped `{spoilt}`: its sha256 is not the pinned one\n"
    made = {path.name: path.read_bytes() for path in built.parent.iterdir() if path.is_file()}
    assert {path.name: path.read_bytes() for path in again.parent.iterdir() if path.is_file()} == made
    assert len(made) == 8
    assert again.stat().st_mode & 0o777 == built.stat().st_mode & 0o777 == 0o755
    for wheel in WHEELS.iterdir():
        assert (other.wheels / wheel.name).read_bytes() == wheel.read_bytes()


def test_size(built: Path) -> None:
    assert built.stat().st_size < LARGEST


def test_it_is_a_zip_behind_a_head(built: Path, outer: zipfile.ZipFile) -> None:
    data = built.read_bytes()
    head = data[: data.index(b"PK\3\4")]
    assert head.startswith(b"#!/bin/sh\n")
    assert head.endswith(b"\nexit 1\n")
    assert b"@" not in re.sub(rb'/@\$|"\$@"', b"", head)
    assert outer.testzip() is None
    for entry in outer.infolist():
        assert data[entry.header_offset : entry.header_offset + 4] == b"PK\3\4"
    if shutil.which("unzip"):
        said = subprocess.run(["unzip", "-tq", built], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr


def test_what_is_in_it(
    checkout: Checkout,
    outer: zipfile.ZipFile,
    inner: Bundle,
    sources: Bundle,
    pip: zipfile.ZipFile,
    pip_more: zipfile.ZipFile,
) -> None:
    doors = {"vpython.py", *(f"bootstrap/{path.name}" for path in checkout.place.glob("bootstrap/*.py"))}
    expected = {
        "__main__.py",
        "__main__.pyc",
        "LICENSE",
        "bootstrap/",
        *doors,
        *(f"{name}c" for name in doors),
    }
    expected |= {"app.bundle", "app-source.bundle", "pip.zip", "pip-more.zip", "pip-source.bundle"}
    assert set(outer.namelist()) == expected
    names = set(inner.namelist())
    for path in checkout.place.glob("vpy/**/*.py"):
        name = path.relative_to(checkout.place).as_posix()
        if name == "vpy/environment/hook.py":
            assert inner.read(name) == path.read_bytes()
            assert f"vpy/environment/__pycache__/hook.{sys.implementation.cache_tag}.pyc" in names
        elif name == "vpy/operations/build_rules.py":  # the pip of a build gets a copy
            assert inner.read(name) == path.read_bytes()
        else:
            assert sources.read(name) == path.read_bytes()
            assert f"{name}c" in names
            assert name not in names
    for package in (
        "google/protobuf",
        "packaging",
        "urllib3",
        "truststore",
        "filelock",
    ):
        assert f"vendor/{package}/__init__.pyc" in names
    assert not set(pip.namelist()).intersection(name for name in pip_more.namelist() if name[-1] != "/")
    every = [*names, *sources.namelist(), *pip.namelist(), *pip_more.namelist()]
    assert not [
        name for name in every if re.search(r"/tests?/|RECORD|\.pyi$|py\.typed|\.orig$|~$|\.exe\.", name)
    ]
    assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in (*outer.infolist(), *pip.infolist()))
    front = {name for name in every if "/" not in name}
    assert front >= {"vpython.pyc", "vpython.py"}
    places = {name.partition("/")[0] for name in every if name not in front}
    assert places == {"bootstrap", "vpy", "vendor", "licenses", "pip", "seeds"}
    (seed,) = (name for name in names if name.startswith("seeds/"))
    assert inner.read(seed) == (WHEELS / seed.removeprefix("seeds/")).read_bytes()


def test_every_directory_has_its_entry(
    outer: zipfile.ZipFile, pip: zipfile.ZipFile, pip_more: zipfile.ZipFile
) -> None:
    """Without them zipimport does not see a package that has no `__init__.py`, such as `google`."""
    for archive in (outer, pip, pip_more):
        names = set(archive.namelist())
        assert len(names) == len(archive.namelist())
        for name in names:
            parents = name.rstrip("/").split("/")[:-1]
            assert all("/".join(parents[: depth + 1]) + "/" in names for depth in range(len(parents)))


def test_compiled_code_is_of_its_source(
    outer: zipfile.ZipFile,
    inner: Bundle,
    sources: Bundle,
    pip: zipfile.ZipFile,
    pip_more: zipfile.ZipFile,
    pip_sources: Bundle,
) -> None:
    seen = 0
    parts = ((outer, outer), (inner, sources), (pip, pip_sources), (pip_more, pip_sources))
    for archive, told in parts:
        for name in archive.namelist():
            if not name.endswith(".pyc"):
                continue
            folder, _, module = name.rpartition("/")
            stem = module.partition(".")[0]
            parent = folder.removesuffix("__pycache__").rstrip("/")
            beside = archive if "__pycache__" in name else told
            source = beside.read(f"{parent}/{stem}.py" if parent else f"{stem}.py")
            data = archive.read(name)
            assert data[:4] == importlib.util.MAGIC_NUMBER
            assert data[4:8] == b"\1\0\0\0"
            assert data[8:16] == importlib.util.source_hash(source)
            code = marshal.loads(data[16:])
            assert not code.co_filename.startswith("/")
            assert stem in code.co_filename
            seen += 1
    assert seen > 400


def test_licences(outer: zipfile.ZipFile, sources: Bundle, pip_sources: Bundle) -> None:
    own = outer.read("LICENSE")
    assert own == (TOP / "LICENSE").read_bytes()
    assert b"Apache License" in own
    found = {name.split("/")[1] for name in sources.namelist() if re.fullmatch(r"licenses/[^/]+/.+", name)}
    wheels = {"-".join(path.name.split("-")[:2]) for path in WHEELS.glob("*.whl")}
    assert found == wheels
    # pip carries other projects, each with a licence of its own
    vendored = {
        name.split("/")[2]
        for name in pip_sources.namelist()
        if re.fullmatch(r"pip/_vendor/[^/]+/__init__\.py", name)
    }
    told = {
        name.split("/")[-2].lower().replace("-", "_") for name in sources.namelist() if "_vendor/" in name
    }
    assert len(vendored) > 10
    assert vendored <= told


def test_one_version_in_one_place(sources: Bundle) -> None:
    with (TOP / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert f"VERSION = {version!r}".encode() in sources.read("vpy/_baked.py")
    assert re.search(rf"^## {re.escape(version)}$", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    texts = [
        *TOP.glob("*.py"),
        *TOP.glob("vpy/**/*.py"),
        *TOP.glob("shims/*"),
        TOP / "vpython.sh",
        TOP / "config.toml",
    ]
    pattern = re.compile(rf"(?<!imageLayoutVersion\": )[\"'\s]{re.escape(version)}[\"'\s]")  # is OCI's
    assert [path for path in texts if pattern.search(path.read_text())] == []


@pytest.mark.thorough
def test_another_organisation(checkout: Checkout, tmp_path: Path) -> None:
    """Another suffix, package prefix, contact and default source, all told by one file."""
    from tests.support.harness import Harness
    from tests.support.wheelmaker import make_wheel, spec_text

    text = (TOP / "config.toml").read_text(encoding="utf-8")
    for old, new in (
        ('contact = ""', 'contact = "ask the wheel people"'),
        ('".vpython3"', '".acme3"'),
        ('"vpython.toml"', '"acme.toml"'),
        ('"infra/python/wheels/"', '"acme/wheels/"'),
        ('default = "cipd"', f'default = "directory:{tmp_path}/repository"'),
    ):
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "acme.toml"
    config.write_text(text, encoding="utf-8")
    acme = tmp_path / "acme"
    ended = checkout.build("--config", config, "--output", acme)
    assert (ended.returncode, ended.stderr) == (0, "")

    harness = Harness(tmp_path, file=acme)
    wheel = make_wheel(tmp_path / "wheels", "gadget")
    packed = harness.run("-vpython-tool", "pack", "-repo", tmp_path / "repository", wheel)
    assert packed.stdout.startswith("acme/wheels/gadget-py3:")
    script = tmp_path / "s.py"
    script.write_text("import gadget; print(gadget.VERSION)")
    (tmp_path / "s.py.vpython3").write_text("not one of ours")
    (tmp_path / "s.py.acme3").write_text(spec_text(("acme/wheels/gadget-py3", "version:1.0")))
    ran = harness.run(script)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1.0\n", "")
    told = harness.run("-help").stdout
    assert ".acme3" in told
    assert "acme.toml" in told
    (tmp_path / "s.py.acme3").write_text(spec_text(("acme/wheels/gizmo-py3", "version:1.0")))
    missing = harness.run(script)
    assert missing.returncode in (1, 2)
    assert "ask the wheel people" in missing.stderr
