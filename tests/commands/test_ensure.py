"""`-vpython-tool ensure`: what it deploys, repairs, removes and refuses, as the original client does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import package
from tests.packages.cipd.client import client
from tests.support.vectors import PACKAGES, vectors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.cipd.server import Service
    from tests.support.harness import Harness

Tree = dict[str, tuple[str, ...]]


def tree(top: Path) -> Tree:
    """Return every path below `top`: kind, mode, content; packages by their names, not their numbers."""
    names = {}
    for description in sorted((top / ".cipd" / "pkgs").glob("*/description.json")):
        about = json.loads(description.read_text())
        names[f"pkgs/{description.parent.name}/"] = f"pkgs/{about.get('subdir', '')}:{about['package_name']}/"
    found: Tree = {}
    for parent, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(parent, name)
            key = _named(os.path.relpath(path, top) + "/", names)
            if name in (".lock", "tagcache.db") or key == ".cipd/tmp/":
                continue
            mode = oct(os.lstat(path).st_mode & 0o777)
            if os.path.islink(path):
                found[key] = ("link", _named(os.readlink(path), names))
            elif os.path.isdir(path):
                found[key] = ("directory", mode)
            else:
                with open(path, "rb") as file:
                    found[key] = ("file", mode, hashlib.sha256(file.read()).hexdigest())
    return found


def _named(path: str, names: dict[str, str]) -> str:
    for number, name in names.items():
        path = path.replace(number, name)
    return path


class Site:
    """A service with some packages, an ensure file, a root to deploy to."""

    def __init__(self, service: Service, harness: Harness, directory: Path) -> None:
        self.service = service
        self.harness = harness
        self.directory = directory
        self.file = directory / "file.ensure"
        self.root = directory / "site"

    def ensure(self, text: str, *argv: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        self.file.write_text(text)
        return self.harness.run(
            "-vpython-source", f"cipd:{self.service.rpc_url}", "-vpython-tool", "ensure", self.file,
            *(argv or ("-root", root or self.root)),
        )  # fmt: skip

    def good(self, text: str, *argv: str, root: Path | None = None) -> str:
        done = self.ensure(text, *argv, root=root)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def bad(self, text: str, *argv: str) -> str:
        done = self.ensure(text, *argv)
        assert done.returncode in (1, 2), done.stdout
        assert done.stdout == ""
        assert done.stderr.startswith("vpython: ")
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def site(service: Service, direct: Harness, tmp_path: Path) -> Site:
    service.put(
        "test/a", package("test/a", {"bin/tool": b"1", "lib/data": b"2"}), refs=("latest",), tags=("v:1",)
    )
    service.put("test/a", package("test/a", {"bin/tool": b"3", "etc": b"4"}), tags=("v:2",))
    service.put("test/c", package("test/c", {"c/one": b"5"}, install_mode="copy"), refs=("latest",))
    service.put(
        "test/v/linux-amd64", package("test/v/linux-amd64", {"v": b""}, version_file=".v/x"), refs=("latest",)
    )
    return Site(service, direct, tmp_path)


def test_deploys_links_and_copies(site: Site) -> None:
    stdout = site.good("test/a v:1\n@Subdir sub\ntest/c latest\ntest/nothing/${os=plan9} latest\n")
    first, second = (site.service.refs[name, "latest"] for name in ("test/a", "test/c"))
    assert stdout.splitlines() == [f"test/a:{first}", f"sub/ test/c:{second}"]
    assert os.readlink(site.root / "bin" / "tool") == "../.cipd/pkgs/0/_current/bin/tool"
    assert (site.root / "bin" / "tool").read_bytes() == b"1"
    assert os.stat(site.root / "bin" / "tool").st_mode & 0o777 == 0o555
    assert not (site.root / "sub" / "c" / "one").is_symlink()
    assert (site.root / "sub" / "c" / "one").read_bytes() == b"5"
    asked = len(site.service.requests)
    before = tree(site.root)
    site.good(site.file.read_text())
    assert tree(site.root) == before
    assert site.service.count("download") == 2
    assert {version for _, version in site.service.asked[asked:]} <= {"latest"}


def test_replaces_and_removes(site: Site) -> None:
    site.good("test/a v:1\ntest/c latest\n")
    (site.root / "mine").write_text("kept")
    site.good("test/a v:2\n")
    assert (site.root / "bin" / "tool").read_bytes() == b"3"
    assert (site.root / "etc").read_bytes() == b"4"
    assert sorted(os.listdir(site.root)) == [".cipd", "bin", "etc", "mine"]
    site.good("# nothing\n")
    assert sorted(os.listdir(site.root)) == [".cipd", "mine"]


def test_nothing_is_touched_where_a_package_cannot_be_had(site: Site) -> None:
    site.good("test/a v:1\n")
    before = tree(site.root)
    said = site.bad("test/a v:2\ntest/none latest\n")
    assert said.startswith(
        "vpython: cannot get `test/none` at `latest`: the package service does not have it"
    )
    site.service.always["GET"] = lambda handler: handler.answer(200, {}, b"junk")
    assert "is refused" in site.bad("test/c latest\n")
    assert tree(site.root) == before


@pytest.mark.parametrize(("mode", "harm", "repaired"), [
    ("NotParanoid", "remove", False), ("CheckPresence", "remove", True), ("CheckPresence", "edit", False),
    ("CheckIntegrity", "edit", True), ("CheckIntegrity", "remove", True),
])  # fmt: skip
def test_paranoid_modes(site: Site, mode: str, harm: str, repaired: bool) -> None:
    text = f"$ParanoidMode {mode}\ntest/a v:1\ntest/c latest\n"
    site.good(text)
    whole = tree(site.root)
    for path in (site.root / "lib" / "data", site.root / "c" / "one"):
        real = path.resolve()
        real.chmod(0o644)
        real.write_text("x") if harm == "edit" else path.unlink()
    site.good(text)
    assert (tree(site.root) == whole) == repaired


def test_one_mode_for_all(site: Site) -> None:
    site.good("$OverrideInstallMode copy\ntest/a v:1\n")
    assert not (site.root / "bin" / "tool").is_symlink()
    assert (site.root / "bin" / "tool").read_bytes() == b"1"


def test_a_file_where_a_directory_was_and_the_other_way(site: Site) -> None:
    def put(version: str, members: dict[str, bytes]) -> None:
        site.service.put("test/t", package("test/t", members), tags=(version,))

    put("v:1", {"x/y": b"1", "z": b"2"})
    put("v:2", {"x": b"3", "z/w/u": b"4"})
    for mode in ("", "$OverrideInstallMode copy\n"):
        for _ in range(2):
            site.good(f"{mode}test/t v:1\n")
            assert ((site.root / "x" / "y").read_bytes(), (site.root / "z").read_bytes()) == (b"1", b"2")
            site.good(f"{mode}test/t v:2\n")
            assert ((site.root / "x").read_bytes(), (site.root / "z/w/u").read_bytes()) == (b"3", b"4")
        site.good("")


def test_no_package_writes_where_another_links(site: Site, tmp_path: Path) -> None:
    """A link that one package brings is not followed when the next one writes."""
    victim = tmp_path / "victim"
    victim.mkdir()
    import zipfile

    path = tmp_path / "evil.cipd"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("lib")
        info.create_system = 3
        info.external_attr = 0o120400 << 16
        archive.writestr(info, str(victim))
        about = '{"format_version": "1.1", "package_name": "test/0evil", "install_mode": "copy"}'
        archive.writestr(".cipdpkg/manifest.json", about)
    site.service.put("test/0evil", path.read_bytes(), refs=("latest",))
    site.good("test/0evil latest\n")
    assert os.readlink(site.root / "lib") == str(victim)
    site.good("$OverrideInstallMode copy\ntest/0evil latest\ntest/a v:1\n")
    assert (site.root / "lib" / "data").read_bytes() == b"2"
    assert list(victim.iterdir()) == []


def test_what_belongs_to_the_deployment(site: Site) -> None:
    site.service.put("test/g", package("test/g", {".cipd/pkgs/9/x": b"", "ok": b""}), refs=("latest",))
    site.good("test/g latest\n")
    assert sorted(os.listdir(site.root / ".cipd" / "pkgs")) == ["0"]
    assert (site.root / "ok").exists()
    assert "belongs to the deployment itself" in site.bad("@Subdir .cipd/x\ntest/g latest\n")


def test_versions_are_written_and_used(site: Site) -> None:
    settings = "$ResolvedVersions it.versions\n$VerifiedPlatform linux-amd64 mac-arm64\n"
    text = f"{settings}test/a latest\ntest/${{os=linux}}x v:1\n"
    assert "there is no `" in site.bad(text)
    assert "cannot get `test/linuxx` at `v:1`" in site.bad(text, "-resolve")
    assert not (site.directory / "it.versions").exists()
    text = text.replace("test/${os=linux}x v:1", "test/v/${platform=linux-amd64} latest")
    first = site.service.refs["test/a", "latest"]
    stdout = site.good(text, "-resolve")
    third = site.service.refs["test/v/linux-amd64", "latest"]
    assert stdout.splitlines() == [f"test/a:{first}", f"test/v/linux-amd64:{third}"]
    assert (site.directory / "it.versions").read_text().splitlines()[2:] == [
        "", "test/a", "\tlatest", f"\t{first}", "", "test/v/linux-amd64", "\tlatest", f"\t{third}",
    ]  # fmt: skip
    site.service.put("test/a", package("test/a", {"new": b""}), refs=("latest",))
    asked = site.service.count("ResolveVersion")
    assert f"test/a:{first}" in site.good(text)
    assert site.service.count("ResolveVersion") == asked
    said = site.bad(text + "test/c latest\n")
    assert "`test/c` at `latest` is not in it" in said
    assert "hint: `vpython-tool ensure FILE --resolve` brings it up to date" in said


def test_the_service_that_the_file_names(site: Site) -> None:
    site.file.write_text(f"$ServiceURL {site.service.rpc_url}\ntest/a v:1\n")
    argv = ("-vpython-tool", "ensure", site.file, "-root", site.root)
    done = site.harness.run(*argv)
    assert (done.returncode, done.stderr) == (0, "")
    site.file.write_text("$ServiceURL http://packages.example\ntest/a v:1\n")
    done = site.harness.run(*argv)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "vpython: plain http to another machine is refused: `http://packages.example`"
    )
    done = site.harness.run(*argv, env={"CIPD_SERVICE_URL": site.service.rpc_url})
    assert done.returncode == 0


def test_from_stdin_and_offline(site: Site) -> None:
    site.good("test/a v:1\n")
    argv = ("-vpython-source", f"cipd:{site.service.rpc_url}", "-vpython-offline", "-vpython-tool", "ensure")
    asked = len(site.service.requests)
    other = site.directory / "other"
    done = site.harness.run(*argv, "-", "-root", other, stdin="test/a v:1\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(other) == tree(site.root)
    done = site.harness.run(*argv, "-", "-root", other, stdin="test/a v:2\n")
    assert done.returncode == 1
    assert "it is not cached, and network access is disabled by `-vpython-offline`" in done.stderr
    assert len(site.service.requests) == asked


@pytest.mark.parametrize(
    ("argv", "fact"),
    [
        ((), "`ensure` needs either `--root` or `--resolve`"),
        (("-root",), "option `--root` lacks its value"),
        (("-root", "x", "-resolve"), "`ensure` needs either `--root` or `--resolve`"),
        (
            ("-bogus",),
            "unknown option `-bogus` of `ensure`; `vpython-tool ensure --help` lists them",
        ),
        (("--rot", "x"), "unknown option `--rot` of `ensure`: did you mean `--root`?"),
        (("y", "-root", "x"), "`ensure` takes one FILE, got `{file} y`"),
        (("-resolve=1",), "option `-resolve` takes no value, got `1`"),
    ],
)
def test_wrong_command_lines(site: Site, argv: tuple[str, ...], fact: str) -> None:
    site.file.write_text("")
    done = site.harness.run("-vpython-tool", "ensure", site.file, *argv)
    assert (done.returncode, done.stderr) == (2, f"vpython: {fact.format(file=site.file)}\n")


def test_files_that_cannot_be_read(site: Site) -> None:
    run = site.harness.run
    done = run("-vpython-tool", "ensure", "no/such", "-root", "x")
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: cannot read `")
    assert "No such file or directory" in done.stderr
    site.file.write_bytes(b"a x\nb \xff\n")
    done = run("-vpython-tool", "ensure", site.file, "-root", "x")
    assert done.stderr == f"vpython: {site.file}:2:3: not UTF-8\n"
    assert f"{site.file}:1:1: unknown setting `$Servce`" in site.bad("$Servce x\n")


def fill(service: Service) -> None:
    """Put every recorded package file into a service, the second `six` under a tag of its own."""
    for case in vectors("package_files"):
        with open(os.path.join(PACKAGES, case["file"]), "rb") as file:
            tag = "v:2" if case["file"] == "wheel_six_b.cipd" else "v:1"
            service.put_as(case["package"], case["instance_id"], file.read(), tags=(tag,), refs=("latest",))


STAGES = (
    "test/stored v:1\n@Subdir a/b\ntest/symlinks latest\ntest/versionfile/${platform} latest\n@Subdir c\n"
    "test/sha1 latest\ntest/winattrs latest\n@Subdir d\ntest/preserve latest\ntest/empty latest\n@Subdir e\n"
    "infra/python/wheels/six-py2_py3 v:2\n@Subdir only/${os=windows}\ntest/empty v:1\n",
    "$OverrideInstallMode copy\n$ParanoidMode CheckIntegrity\n@Subdir a/b\ntest/stored v:1\n@Subdir c\n"
    "test/symlinks latest\n@Subdir e\ninfra/python/wheels/six-py2_py3 v:1\n",
    "$ParanoidMode CheckPresence\ntest/symlinks_copy v:1\n"
    "@Subdir ${os}\ninfra/python/wheels/attrs-py3 latest\n",
    "# nothing is left\n",
)


def test_the_same_trees_as_the_original(site: Site, tmp_path: Path) -> None:
    """Stage by stage, each on a root of its own, and then each on the other's."""
    fill(site.service)
    original = client(tmp_path)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"

    def run_original(root: Path) -> None:
        argv = [original, "ensure", "-root", str(root), "-ensure-file", str(site.file),
                 "-service-url", site.service.rpc_url]  # fmt: skip
        environ = site.harness.surroundings({"CIPD_CONFIG_FILE": "-"})
        subprocess.run(argv, check=True, capture_output=True, env=environ)

    for text in STAGES:
        site.good(text, root=ours)
        run_original(theirs)
        assert tree(ours) == tree(theirs)
    for text in STAGES:
        site.good(text, root=theirs)
        run_original(ours)
        assert tree(ours) == tree(theirs)


def test_the_original_reads_our_ensure_and_versions_files(site: Site, tmp_path: Path) -> None:
    fill(site.service)
    original = client(tmp_path)
    text = ("$ResolvedVersions x.versions\n$VerifiedPlatform linux-amd64\n"
            "test/stored v:1\ntest/versionfile/${platform} latest\n")  # fmt: skip
    site.good(text, "-resolve")
    ours = (tmp_path / "x.versions").read_bytes()
    environ = site.harness.surroundings({"CIPD_CONFIG_FILE": "-"})

    def run_original(*argv: str) -> None:
        command = [original, *argv, "-ensure-file", str(site.file), "-service-url", site.service.rpc_url]
        subprocess.run(command, check=True, capture_output=True, env=environ)

    run_original("ensure-file-resolve")
    assert (tmp_path / "x.versions").read_bytes() == ours
    asked = site.service.count("ResolveVersion")
    run_original("ensure", "-root", str(tmp_path / "theirs"))
    site.good(text)
    assert site.service.count("ResolveVersion") == asked
    assert tree(site.root) == tree(tmp_path / "theirs")


def test_caches_shared_with_the_original(site: Site, tmp_path: Path) -> None:
    fill(site.service)
    original = client(tmp_path)
    cache = tmp_path / "cache"
    environ = {"CIPD_CONFIG_FILE": "-", "CIPD_CACHE_DIR": str(cache)}
    site.file.write_text("test/stored v:1\n")

    def run_original(root: str) -> None:
        subprocess.run([original, "ensure", "-root", str(tmp_path / root), "-ensure-file", str(site.file),
                        "-service-url", site.service.rpc_url], check=True, capture_output=True,
                       env=site.harness.surroundings(environ))  # fmt: skip

    def run_ours(root: str) -> None:
        done = site.harness.run("-vpython-tool", "ensure", site.file, "-root", tmp_path / root,
                                env={**environ, "CIPD_SERVICE_URL": site.service.rpc_url})  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")

    run_original("one")
    run_ours("two")
    assert site.service.count("download") == 1
    site.file.write_text("test/symlinks v:1\n")
    run_ours("three")
    run_original("four")
    assert site.service.count("download") == 2
    assert tree(tmp_path / "three") == tree(tmp_path / "four")
