"""Small wheels made by hand, and repositories of packages made of them by the built file."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def make_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    scripts: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
) -> Path:
    """Write NAME-VERSION-TAG.whl; by default a module NAME with `VERSION`. `scripts`: entry points."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    members = dict(
        files if files is not None else {f"{name.replace('-', '_')}.py": f"VERSION = {version!r}\n"}
    )
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        [f"Provides-Extra: {each}\n" for each in extras] + [f"Requires-Dist: {each}\n" for each in requires]
    )
    pure = "true" if tag.endswith("-any") else "false"
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"
    if scripts:
        rows = "".join(f"{script} = {where}\n" for script, where in scripts.items())
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{rows}"
    record = "".join(
        f"{path},sha256={_digest(text.encode())},{len(text.encode())}\n" for path, text in members.items()
    )
    members[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    path = directory / f"{stem}-{tag}.whl"
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for member, text in members.items():
            made.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), text)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def spec_text(*wheels: tuple[str, str], python: str = "") -> str:
    """A text spec that names (package, version) pairs."""
    head = f'python_version: "{python}"\n' if python else ""
    return head + "".join(
        f'wheel: <\n  name: "{name}"\n  version: "{version}"\n>\n' for name, version in wheels
    )
