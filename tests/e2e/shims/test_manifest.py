"""The file beside a manifest: it hands over to the vpython that is pinned there, unless that is itself."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims.checkout import PACKAGE, package
from tests.support.harness import BUILT, Door, Harness

if TYPE_CHECKING:
    from pathlib import Path

OTHER = """#!/bin/sh
printf '%s\\n' "${0##*/}" "$@"
printf 'umask %s\\n' "$(umask)"
printf 'record <%s>\\n' "${VPYTHON_RECORD-unset}"
exit 7
"""


class Pinning(Harness):
    """The built file beside a manifest that pins a stand-in, which lies in a folder of packages."""

    def __init__(self, place: Path) -> None:
        self.top = place / "top"
        self.top.mkdir()
        shutil.copy(BUILT, self.top / "vpython3")
        super().__init__(place, file=self.top / "vpython3")
        self.manifest = self.top / "cipd_manifest.txt"
        self.shelf = place / "shelf"
        self.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{self.shelf}"
        self.script = place / "s.py"
        self.script.write_text("print('ours')\n")

    def pin(self, version: str = "version:1", text: str = OTHER, manifest: Path | None = None) -> str:
        body = text.encode()
        instance_id, data = package({"vpython": body, "vpython3": body})
        path = self.shelf / PACKAGE / "+" / instance_id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        manifest = manifest or self.manifest
        manifest.write_text(f"$ResolvedVersions {manifest.stem}.v\n{PACKAGE} {version}\n")
        manifest.with_suffix(".v").write_text(f"{PACKAGE}\n{version}\n{instance_id}\n")
        return instance_id

    def other(self, *words: str | Path, **how: object) -> list[str]:
        done = self.run(*words, **how)  # type: ignore[arg-type]
        assert done.returncode == 7, done
        assert done.stderr == ""
        return done.stdout.splitlines()

    def ours(self, *words: str | Path) -> None:
        for _ in range(2):
            done = self.run(*words)
            assert (done.returncode, done.stdout, done.stderr) == (0, "ours\n", "")


@pytest.fixture
def pinning(tmp_path: Path) -> Pinning:
    return Pinning(tmp_path)


def build_of(file: Path) -> str:
    with zipfile.ZipFile(file) as members:
        return members.read("bootstrap/__init__.py").decode().partition('BUILD = "')[2].partition('"')[0]


@pytest.mark.parametrize("door", ["head", "python"])
def test_another_runs_with_the_same_words(pinning: Pinning, door: Door) -> None:
    found = pinning.pin()
    given = f"{os.umask(0o027):04o}"
    try:
        for _ in range(2):
            told = pinning.other("-vpython-log-level", "warning", "s.py", "a b", "", door=door)
            assert told[:6] == ["vpython3", "-vpython-log-level", "warning", "s.py", "a b", ""]
            assert told[6:] == ["umask 0027", "record <unset>"]
    finally:
        os.umask(int(given, 8))
    unpacked = pinning.root / "pythons-1" / found
    assert sorted(path.name for path in unpacked.iterdir()) == ["vpython", "vpython3"]
    assert pinning.environments() == []


@pytest.mark.parametrize(
    "words",
    [("-vpython-tool", "version"), ("-help",), ("-c", "1"), ("-m", "site"), ("-vpython-tool=prune",), ()],
)
def test_whatever_is_asked(pinning: Pinning, words: tuple[str, ...]) -> None:
    pinning.pin()
    assert pinning.other(*words)[: len(words) + 1] == ["vpython3", *words]


def test_by_its_other_name(pinning: Pinning) -> None:
    pinning.pin()
    pinning.file = pinning.file.rename(pinning.top / "vpython")
    assert pinning.other("s.py")[:2] == ["vpython", "s.py"]


def test_a_manifest_that_comes_and_goes(pinning: Pinning) -> None:
    pinning.ours("s.py")
    pinning.pin()
    assert pinning.other("s.py")[:2] == ["vpython3", "s.py"]
    assert pinning.other("s.py")[:2] == ["vpython3", "s.py"]
    pinning.pin(text=OTHER.replace("exit 7", "echo new; exit 7"))
    assert "new" in pinning.other("s.py")
    pinning.manifest.unlink()
    pinning.ours("s.py")


def test_itself_by_its_build(pinning: Pinning) -> None:
    pinning.pin(f"build:{build_of(BUILT)}")
    pinning.environ["VPYTHON_OFFLINE"] = "1"
    pinning.ours("s.py")
    assert not (pinning.root / "pythons-1").exists()
    pinning.pin("version:2")
    assert pinning.other("s.py")[0] == "vpython3"


def test_only_its_own_directory_counts(pinning: Pinning) -> None:
    pinning.pin(manifest=pinning.place / "cipd_manifest.txt")
    pinning.ours("s.py")
    pinning.manifest.write_text("# another project's\nsome/tool latest\n")
    pinning.ours("s.py")
    link = pinning.place / "bin"
    link.mkdir()
    (link / "vpython3").symlink_to(pinning.file)
    pinning.pin()
    pinning.file = link / "vpython3"
    assert pinning.other("s.py")[:2] == ["vpython3", "s.py"]


def test_a_canary(pinning: Pinning) -> None:
    pinning.ours("s.py")
    canary = pinning.place / "canary.txt"
    pinning.pin(manifest=canary)
    for words, env in (
        (("-vpython-manifest", str(canary)), {}),
        (("-vpython-manifest=canary.txt",), {}),
        ((), {"VPYTHON_MANIFEST": str(canary)}),
        ((), {"VPYTHON_MANIFEST": "canary.txt"}),
    ):
        told = pinning.other(*words, "s.py", env=env)
        assert told[: len(words) + 2] == ["vpython3", *words, "s.py"]
        pinning.ours("s.py")
    done = pinning.run("-vpython-manifest", "/nonexistent", "s.py")
    assert (done.returncode, done.stderr) == (2, "vpython: the manifest `/nonexistent` does not exist\n")


def test_a_temporary_root_goes(pinning: Pinning, tmp_path: Path) -> None:
    pinning.pin()
    passing = tmp_path / "passing"
    passing.mkdir()
    env = {"VPYTHON_VIRTUALENV_ROOT": "", "TMPDIR": str(passing)}
    assert pinning.other("s.py", env=env)[:2] == ["vpython3", "s.py"]
    assert list(passing.iterdir()) == []


def test_what_cannot_be_had(pinning: Pinning) -> None:
    found = pinning.pin()
    path = pinning.shelf / PACKAGE / "+" / found
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    refused = pinning.run("s.py")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"vpython: cannot get `{PACKAGE}` at `version:1`: `{found}`")
    pinning.manifest.with_suffix(".v").write_text("")
    refused = pinning.run("s.py")
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        f"vpython: `{pinning.manifest.with_suffix('.v')}` does not pin `{PACKAGE}` at `version:1`\n"
    )
    pinning.manifest.write_text("$Bogus\n")
    refused = pinning.run("s.py")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"vpython: {pinning.manifest}:1:1: unknown setting `$Bogus`")
    path.write_bytes(good)
    pinning.pin()
    assert pinning.other("s.py")[0] == "vpython3"


def test_the_bypass_comes_first(pinning: Pinning) -> None:
    pinning.pin()
    env = {"VPYTHON_BYPASS": "manually managed python not supported by chrome operations"}
    done = pinning.run("s.py", env=env)
    assert (done.returncode, done.stdout) == (0, "ours\n")
