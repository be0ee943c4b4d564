#!/usr/bin/env python3
"""Pin what a checkout bootstraps itself to: the vpython that was just packaged, and a hermetic Python.

    python3 build_zipapp.py --package && python3 -m builder.update_manifest [--python VERSION]

The manifest's vpython line gets the tag `build:…` of the packaged file, whose instance id is known
before it is uploaded. Every other package keeps its instance where its version stayed the same; else
the service is asked. Standard library and this source tree, whose `build/vendor` the build has filled.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from builder.package import build_of, package_name
from builder.vendor import TOP

sys.path[1:1] = [str(TOP / "build" / "vendor")]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Wanted
    from vpy.packages.cipd.ensure_file import EnsureFile, Package

    Versions = Mapping[tuple[str, str], str]


def update(manifest: Path, built: Path, python: str) -> list[str]:
    """Rewrite the manifest and its `.versions`; return a line for each package that changed."""
    from vpy.errors import UserError
    from vpy.packages.cipd import versions_file

    text = manifest.read_text(encoding="utf-8")
    name = package_name(TOP / "config.toml")
    changes = {name: f"build:{build_of(built)}"} | ({bundle_name(): python} if python else {})
    text = with_versions(text, read(text, manifest), changes)
    file = read(text, manifest)
    if not file.resolved_versions:
        raise UserError(f"`{manifest}` names no $ResolvedVersions")
    path = manifest.parent / file.resolved_versions
    known = versions_file.parse(path.read_text(encoding="utf-8"), str(path)) if path.exists() else {}
    found = resolved(file, manifest, {**known, (name, changes[name]): instance_of(built)})
    replace(path, versions_file.render(found))
    replace(manifest, text)
    return [
        f"{package} {version}: {instance}"
        for (package, version), instance in found.items()
        if known.get((package, version)) != instance
    ]


def instance_of(built: Path) -> str:
    """Return the package that holds exactly the built file."""
    from vpy.errors import UserError
    from vpy.packages.cipd.names import instance_id

    path = built.with_suffix(".cipd")
    with zipfile.ZipFile(path) as members:
        if members.read("vpython3") != built.read_bytes():
            raise UserError(f"`{path}` does not hold `{built}`: make it again with build_zipapp.py --package")
    return instance_id(hashlib.sha256(path.read_bytes()).digest())


def bundle_name() -> str:
    """Return the package name of the hermetic Python, as the domain has it."""
    import tomllib

    with (TOP / "config.toml").open("rb") as file:
        name: str = tomllib.load(file)["bundle"]["package"]
    return name


def read(text: str, manifest: Path) -> EnsureFile:
    """Parse the manifest; raise UserError for its mistakes."""
    from vpy.packages.cipd import ensure_file
    from vpy.target import template
    from vpy.target.template import platform_values

    values = platform_values("linux-amd64")
    return ensure_file.parse(text, str(manifest), lambda item: template.validate(item, values))


def with_versions(text: str, file: EnsureFile, changes: Mapping[str, str]) -> str:
    """Return the manifest's text with other versions for the packages so named; its comments stay."""
    from vpy.errors import UserError

    lines = text.split("\n")
    for name, version in changes.items():
        package = _line_of(file, name)
        if package is None:
            raise UserError(f"the manifest has no line for `{name}`")
        row = lines[package.line - 1]
        lines[package.line - 1] = row[: package.version_column - 1] + version
    return "\n".join(lines)


def _line_of(file: EnsureFile, name: str) -> Package | None:
    return next((package for package in file.packages if package.template == name), None)


def resolved(file: EnsureFile, manifest: Path, known: Versions) -> dict[tuple[str, str], str]:
    """Return the instances of every package on every verified platform, from `known` or the service."""
    from vpy.packages.cipd import ensure_file
    from vpy.target import template
    from vpy.target.template import platform_values

    wanted: dict[tuple[str, str], Wanted] = {}
    for platform in file.verified_platforms:
        values = platform_values(platform)
        for _, item in ensure_file.expand(file, str(manifest), partial(template.expand, values=values)):
            wanted[item.name, item.version] = item
    found = {key: known[key] for key in wanted if key in known}
    asked = [item for key, item in wanted.items() if key not in known]
    return found | (ask(asked, file) if asked else {})


def ask(wanted: list[Wanted], file: EnsureFile) -> dict[tuple[str, str], str]:
    """Return the service's answers for packages; no cached answer is used."""
    import time

    from vpy import config
    from vpy.model import Source
    from vpy.operations import sources
    from vpy.operations.context import Context
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal

    with tempfile.TemporaryDirectory() as root:
        context = Context(
            config=config.load(),
            layout=Layout(root=root),
            environ=os.environ,
            terminal=Terminal("warning"),
            app=str(TOP),
            offline=False,
            now=time.time,
        )
        loader = sources.cipd_loader(Source("cipd"), context, default_service=file.service_url)
        pins = loader.resolve(wanted).pins
    return {(pin.name, pin.version): pin.instance_id for pin in pins}


def replace(path: Path, text: str) -> None:
    """Write a file that has its name only when it is whole."""
    passing = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        passing.write_text(text, encoding="utf-8")
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)


def main() -> int:
    """Update the manifest as the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description="Pin the packaged vpython and a Python in the manifest")
    parser.add_argument("--manifest", type=Path, default=TOP / "cipd_manifest.txt")
    parser.add_argument("--built", type=Path, default=TOP / "dist" / "vpython.pyz", help="packaged beside it")
    parser.add_argument("--python", default="", metavar="VERSION", help="a tag or ref of the hermetic Python")
    arguments = parser.parse_args()
    from vpy.errors import VpythonError

    try:
        rows = update(arguments.manifest, arguments.built, arguments.python)
    except VpythonError as error:
        print(f"update_manifest: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"update_manifest: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print("\n".join(rows) or "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
