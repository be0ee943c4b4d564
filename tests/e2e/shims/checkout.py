"""A checkout with shims and a manifest, and a package for it to pin."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import DROPPED, TOP
from vpy.packages.cipd import names, package_writer
from vpy.packages.cipd.manifest import Manifest
from vpy.packages.cipd.package_writer import Member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.e2e.shims.depot import Depot

PACKAGE = "tools/vpython/all"
PLAIN = ("cat", "chmod", "cp", "find", "ln", "mkdir", "mktemp", "mv", "printf", "readlink", "rm", "uname")
HASH = ("sha256sum",)
CUT = ("tail", "head", "od", "wc")
ALL = (*PLAIN, "curl", *HASH, "unzip")

# What stands for vpython: it says how it was started.
STAND_IN = """#!/bin/sh
printf '%s\\n' "${0##*/} @VERSION@" "$@"
"""


def stand_in(version: str = "1") -> bytes:
    return STAND_IN.replace("@VERSION@", version).encode()


def package(files: Mapping[str, bytes], name: str = PACKAGE) -> tuple[str, bytes]:
    """A package file as the original client writes it uncompressed: (instance id, bytes)."""
    with tempfile.TemporaryDirectory() as place:
        members = []
        for number, (member, data) in enumerate(files.items()):
            source = Path(place, str(number))
            source.write_bytes(data)
            members.append(Member(member, str(source), executable=True))
        target = os.path.join(place, "package")
        instance_id = package_writer.write(target, Manifest(name), members)
        return instance_id, Path(target).read_bytes()


def deflated(data: bytes) -> bytes:
    """The same package with compressed entries."""
    with tempfile.TemporaryDirectory() as place:
        before, after = Path(place, "before"), Path(place, "after")
        before.write_bytes(data)
        with zipfile.ZipFile(before) as old, zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                new.writestr(info, old.read(info), zipfile.ZIP_DEFLATED)
        return after.read_bytes()


def identified(data: bytes) -> tuple[str, bytes]:
    """Any bytes with the instance id that is theirs."""
    return names.instance_id(hashlib.sha256(data).digest()), data


class Checkout:
    """`place/checkout` with both shims, `cipd_manifest.txt` and `.versions`; commands run from `place`."""

    def __init__(self, place: Path, depot: Depot) -> None:
        self.place = place
        self.depot = depot
        self.top = place / "checkout"
        self.top.mkdir()
        shutil.copy(TOP / "shims" / "vpython3", self.top / "vpython3")
        (self.top / "vpython").symlink_to("vpython3")
        self.manifest = self.top / "cipd_manifest.txt"
        self.versions = self.top / "cipd_manifest.versions"
        self.shim = self.top / "vpython3"
        self.cache = place / "home" / ".cache"
        (place / "home").mkdir()

    def pin(self, version: str = "1", *, template: str = PACKAGE, service: str = "") -> str:
        """Publish a stand-in of this version, and pin it."""
        body = stand_in(version)
        instance_id, data = package({"vpython": body, "vpython3": body})
        self.depot.put(PACKAGE, instance_id, data)
        self.write(f"{template} version:{version}", {(PACKAGE, f"version:{version}"): instance_id}, service)
        return instance_id

    def write(self, line: str, pins: Mapping[tuple[str, str], str], service: str = "") -> None:
        self.manifest.write_text(
            f"# What this checkout runs.\n$ServiceURL {service or self.depot.url}\n"
            f"$ResolvedVersions {self.versions.name}\n\n{line}\n"
        )
        text = "".join(f"\n{name}\n\t{version}\n\t{found}\n" for (name, version), found in pins.items())
        self.versions.write_text(f"# Made by a command.\n{text}")

    def settle(self) -> None:
        """Make manifest and versions older than anything that is made from now on."""
        for path in (self.manifest, self.versions):
            found = path.stat()
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - 10_000_000_000))

    def tools(self, names: Sequence[str], **scripts: str) -> Path:
        return self.tools_in(self.place, names, **scripts)

    @staticmethod
    def tools_in(place: Path, names: Sequence[str], **scripts: str) -> Path:
        """A directory for PATH with just these programs, and scripts of the test's own."""
        box = Path(tempfile.mkdtemp(prefix="tools-", dir=place))
        for name in names:
            found = shutil.which(name)
            if found is None:
                pytest.skip(f"`{name}` is not installed")
            (box / name).symlink_to(found)
        for name, text in scripts.items():
            (box / name).write_text(text)
            (box / name).chmod(0o755)
        return box

    def run(
        self,
        *words: str,
        shim: Path | None = None,
        shell: Sequence[str] = (),
        tools: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        before: Sequence[str] = (),
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, *shell, str(shim or self.shim), *words],
            cwd=cwd or self.place,
            env=self.environ(tools, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )

    def environ(
        self, tools: Path | None = None, env: Mapping[str, str | None] | None = None
    ) -> dict[str, str]:
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(DROPPED) and not name.lower().endswith("_proxy")
        }
        changed: dict[str, str | None] = {
            **kept,
            "HOME": str(self.place / "home"),
            "PATH": str(tools) if tools else os.defpath,
            **(env or {}),
        }
        return {name: text for name, text in changed.items() if text is not None}

    def kept(self) -> list[str]:
        """What lies in the place beside the manifest, by its path there."""
        place = self.top / ".vpython_bin" / self.manifest.name
        return sorted(str(path.relative_to(place)) for path in place.rglob("*"))
