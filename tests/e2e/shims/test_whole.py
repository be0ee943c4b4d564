"""The whole: a fresh checkout, the real package, a package service, a hermetic Python; pins renewed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims import python
from tests.e2e.shims.checkout import ALL, Checkout, package, stand_in
from tests.e2e.shims.depot import Depot
from tests.packages.cipd.server import Handler, Service
from tests.support.harness import BUILT, SHARED, TOP, Harness
from vpy.packages.cipd import ensure_file, names, package_file, versions_file
from vpy.target import template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = "infra/tools/vpython/all"
PYTHON = python.NAME


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    def plain(handler: Handler) -> None:
        found = re.fullmatch(r"/dl/(.+)/\+/([\w-]+)", handler.path)
        if found is None:
            made.download(handler)
        else:
            place = f"{made.storage_url}/store/{found[1]}/{found[2]}"
            handler.answer(302, {"Location": place, "X-Cipd-Instance": found[2]}, b"")

    made.always["GET"] = plain
    yield made
    made.stop()


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`vpython.pyz` with its package and definition beside it."""
    from builder import package as package_builder

    built = tmp_path_factory.mktemp("packaged") / "vpython.pyz"
    shutil.copy(BUILT, built)
    line = package_builder.package(built, TOP / "config.toml")
    data = built.with_suffix(".cipd").read_bytes()
    found = names.instance_id(hashlib.sha256(data).digest())
    assert line == f"\n{built.with_suffix('.cipd')}: {PACKAGE} {found}"
    return built


def copied(place: Path, service: Service, packaged: Path) -> Path:
    """A checkout of the shims and the manifest alone, its pins renewed and published."""
    top = place / "checkout"
    (top / "shims").mkdir(parents=True)
    for name in ("shims/vpython3", "cipd_manifest.txt", "cipd_manifest.versions"):
        shutil.copy(TOP / name, top / name)
    manifest = top / "cipd_manifest.txt"
    manifest.write_text(re.sub(r"\$ServiceURL .*", f"$ServiceURL {service.rpc_url}", manifest.read_text()))
    return manifest


def renew(manifest: Path, packaged: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "builder.update_manifest",
        "--manifest",
        str(manifest),
        "--built",
        str(packaged),
        *words,
    ]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("CIPD_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environ, cwd=TOP, timeout=60
    )


@pytest.mark.parametrize("bare", [False, True], ids=["with a Python", "without any"])
def test_from_a_fresh_checkout(
    tmp_path: Path, service: Service, packaged: Path, bundle: tuple[str, bytes], bare: bool
) -> None:
    instance, data = python.make(tmp_path, whole=True) if bare else bundle
    service.put(PYTHON, data, tags=(python.TAG,))
    for platform in ("linux-arm64", "mac-amd64", "mac-arm64", "windows-amd64"):
        service.put(PYTHON.replace("linux-amd64", platform), platform.encode(), tags=(python.TAG,))
    manifest = copied(tmp_path, service, packaged)
    renewed = renew(manifest, packaged, "--python", python.TAG)
    assert renewed.returncode == 0, renewed.stderr
    assert renewed.stdout.count(f" {python.TAG}: ") == 5
    found = service.put(PACKAGE, packaged.with_suffix(".cipd").read_bytes())
    assert f"{PACKAGE}\n\tbuild:" in manifest.with_suffix(".versions").read_text()
    assert f"\t{found}\n" in manifest.with_suffix(".versions").read_text()

    harness = Harness(tmp_path, file=manifest.parent / "shims" / "vpython3")
    if bare:
        harness.environ["PATH"] = str(Checkout.tools_in(tmp_path, ALL))
    script = tmp_path / "s.py"
    script.write_text("import sys; print(sys.base_prefix, *sys.argv[1:])\n")
    (tmp_path / "s.py.vpython3").write_text(f'python_version: "{python.MINOR}"\n')
    service.requests.clear()
    cold = harness.run(script, "a b")
    assert (cold.returncode, cold.stderr) == (0, "")
    assert cold.stdout == f"{harness.root}/pythons-1/{instance} a b\n"
    paths = [path for _, path, _, _ in service.requests]
    assert paths[0] == f"/dl/{PACKAGE}/+/{found}"
    assert len([path for path in paths if instance in path]) == (3 if bare else 1)
    service.requests.clear()
    warm = harness.run(script, "a b")
    assert (warm.returncode, warm.stdout, warm.stderr) == (0, cold.stdout, "")
    assert service.requests == []
    pinned = manifest.parent / ".vpython_bin" / manifest.name / found / "vpython"
    assert pinned.read_bytes() == packaged.read_bytes()

    manifest.write_text("\n".join(line for line in manifest.read_text().split("\n") if "3pp" not in line))
    if not bare:
        later = harness.run(script, "a b")
        assert later.returncode == 0, later.stderr
        assert instance not in later.stdout


def test_a_manifest_replaced_by_an_older_file_is_noticed(
    tmp_path: Path, service: Service, packaged: Path
) -> None:
    """The shim compares times alone; the pinned file finds the manifest beside itself, and looks closer."""
    manifest = copied(tmp_path, service, packaged)
    assert renew(manifest, packaged).returncode == 0
    manifest.write_text("\n".join(line for line in manifest.read_text().split("\n") if "3pp" not in line))
    service.put(PACKAGE, packaged.with_suffix(".cipd").read_bytes())
    harness = Harness(tmp_path, file=manifest.parent / "shims" / "vpython3")
    (tmp_path / "s.py").write_text("print('pinned first')\n")
    for _ in range(2):
        assert harness.run("s.py").stdout == "pinned first\n"
    other, data = package({"vpython": stand_in("other"), "vpython3": stand_in("other")}, PACKAGE)
    service.put(PACKAGE, data)
    manifest.write_text(re.sub(r"build:\w+", "version:other", manifest.read_text()))
    manifest.with_suffix(".versions").write_text(f"{PACKAGE}\nversion:other\n{other}\n")
    for path in (manifest, manifest.with_suffix(".versions")):
        os.utime(path, (0, 0))
    for _ in range(2):
        done = harness.run("s.py")
        assert (done.stdout, done.stderr) == ("vpython3 other\ns.py\n", "")


def test_pins_are_kept_or_asked_for(tmp_path: Path, service: Service, packaged: Path) -> None:
    manifest = copied(tmp_path, service, packaged)
    before = manifest.read_text()
    first = renew(manifest, packaged)
    assert first.returncode == 0, first.stderr
    assert service.requests == []
    after = manifest.read_text()
    changed = [
        (old, new) for old, new in zip(before.split("\n"), after.split("\n"), strict=True) if old != new
    ]
    assert all(new.startswith(f"{PACKAGE} build:") for _, new in changed)
    assert renew(manifest, packaged).stdout == "nothing has changed\n"
    missing = renew(manifest, packaged, "--python", "version:3@3.99.0")
    assert missing.returncode == 1
    assert missing.stderr.startswith("update_manifest: cannot get `infra/3pp/tools/cpython3/linux-amd64` at")
    assert manifest.read_text() == after


def test_a_package_of_another_build_is_refused(tmp_path: Path, service: Service, packaged: Path) -> None:
    manifest = copied(tmp_path, service, packaged)
    built = tmp_path / "vpython.pyz"
    shutil.copy(packaged, built)
    with built.open("ab") as file:
        file.write(b"\0")
    shutil.copy(packaged.with_suffix(".cipd"), built.with_suffix(".cipd"))
    refused = renew(manifest, built)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"update_manifest: `{built.with_suffix('.cipd')}` does not hold `{built}`:"
        " make it again with build_zipapp.py --package\n"
    )


def test_the_package(packaged: Path, tmp_path: Path) -> None:
    path = packaged.with_suffix(".cipd")
    with zipfile.ZipFile(path) as members:
        names = [info.filename for info in members.infolist()]
        assert names == ["vpython", "vpython.bat", "vpython3", "vpython3.bat", ".cipdpkg/manifest.json"]
        assert {info.compress_type for info in members.infolist()} == {zipfile.ZIP_STORED}
        assert members.getinfo("vpython").header_offset == 0
    manifest = package_file.unpack(str(path), str(tmp_path / "out"), expected_name=PACKAGE)
    assert manifest.install_mode == "copy"
    assert (tmp_path / "out" / "vpython3").read_bytes() == packaged.read_bytes()
    assert os.access(tmp_path / "out" / "vpython", os.X_OK)
    again = packaged.with_name("again.pyz")
    shutil.copy(packaged, again)
    from builder import package as package_builder

    package_builder.package(again, TOP / "config.toml")
    assert again.with_suffix(".cipd").read_bytes() == path.read_bytes()


def test_the_definition_builds_with_the_original_client(packaged: Path, tmp_path: Path) -> None:
    import lzma

    client = SHARED / "tools" / "cipd-linux-amd64.xz"
    if not client.exists() or sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("the original client is not at hand")
    program = tmp_path / "cipd"
    program.write_bytes(lzma.decompress(client.read_bytes()))
    program.chmod(0o755)
    definition, made = str(packaged.with_suffix(".yaml")), str(tmp_path / "p")
    build = ["pkg-build", "-pkg-def", definition, "-compression-level", "0", "-out", made]
    environ = {**os.environ, "CIPD_CONFIG_FILE": "-"}
    ended = subprocess.run([str(program), *build], capture_output=True, text=True, check=False, env=environ)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "p").read_bytes() == packaged.with_suffix(".cipd").read_bytes()
    checked = subprocess.run(
        [program, "pkg-inspect", packaged.with_suffix(".cipd")], capture_output=True, check=False, env=environ
    )
    assert checked.returncode == 0


def test_the_manifest_of_this_project_pins_every_platform() -> None:
    path = TOP / "cipd_manifest.txt"
    text = path.read_text(encoding="utf-8")
    values = template.platform_values("linux-amd64")
    file = ensure_file.parse(text, path.name, lambda item: template.validate(item, values))
    versions = (TOP / str(file.resolved_versions)).read_text(encoding="utf-8")
    known = versions_file.parse(versions, "")
    assert len(file.verified_platforms) == 5
    pinned = set()
    for platform in file.verified_platforms:
        values = template.platform_values(platform)
        for _, one in ensure_file.expand(file, path.name, partial(template.expand, values=values)):
            assert len(known[one.name, one.version]) == 44
            pinned.add((one.name, one.version))
    assert pinned == set(known)
    assert PACKAGE in {name for name, _ in pinned}
    assert versions == versions_file.render(known)


def test_once_in_place_it_starts_nothing_but_the_file(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("`strace` is not installed")
    depot = Depot()
    checkout = Checkout(tmp_path, depot)
    checkout.pin()
    checkout.settle()
    checkout.run()
    depot.stop()
    log = tmp_path / "log"
    watched = (strace, "-f", "-o", str(log), "-e", "trace=process,read,network")
    assert checkout.run("x", before=watched).stdout == "vpython3 1\nx\n"
    calls = [line.split(None, 1)[1] for line in log.read_text().splitlines()]
    assert sum(call.startswith("execve(") for call in calls) == 2
    assert not [call for call in calls if re.match("(clone|fork|vfork|socket)", call)]
    before = calls[: next(n for n, call in enumerate(calls) if call.startswith("execve(") and n)]
    assert len(before) < 120  # its own text, and a short pin byte by byte
