"""Makes sdists whose build needs nothing from an index: the backend lies within (PEP 517, `backend-path`)."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """\
import base64, hashlib, os, sys, zipfile

NAME, VERSION, REQUIRES = {name!r}, {version!r}, {requires!r}
{before}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = NAME + "-" + VERSION + ".dist-info/"
    rows = "".join("Requires-Dist: " + text + "\\n" for text in REQUIRES)
    members = {{
        NAME + ".py": "VERSION = " + repr(VERSION) + "\\nBUILT_BY = " + repr(sys.version_info[:2]) + "\\n",
        info + "METADATA": "Metadata-Version: 2.1\\nName: " + NAME + "\\nVersion: " + VERSION + "\\n" + rows,
        info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = ""
    filename = NAME + "-" + VERSION + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, filename), "w") as archive:
        for path, text in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += path + ",sha256=" + digest + "," + str(len(text)) + "\\n"
            archive.writestr(path, text)
        archive.writestr(info + "RECORD", record + info + "RECORD,,\\n")
    return filename
"""


def make_sdist(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: tuple[str, ...] = (),
    before: str = "",
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write NAME-VERSION.tar.gz, which builds a module NAME; its build runs the code `before` first."""
    backend = BACKEND.format(name=name, version=version, requires=list(requires), before=before)
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": PYPROJECT,
        "backend.py": backend,
        **(files or {}),
    }
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, text in members.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{member}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path
