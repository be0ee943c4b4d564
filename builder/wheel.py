"""The built file as wheels, whose commands an installer copies as they are: no start imports anything of one.

`vpython` is the file itself. `vpython3` and `vpython-tool` are launchers: the file's own head, so that a warm
start is the same, before a small archive that leads to `vpython` beside it. A wheel can hold no links.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from typing import TYPE_CHECKING

from builder.archive import EPOCH, archive
from builder.vendor import TOP

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCHERS = ("vpython3", "vpython-tool")
ANY = ("any",)
# Windows runs no file by its `#!` line: there each name has a batch file, which elsewhere is in the way.
WINDOWS = ("win32", "win_amd64", "win_arm64")
LAUNCHER = b"""\
# Any Python can read this file, so that an old one can be given what is needed.
import os
import sys
import zipimport

archive = os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "vpython")
try:
    code = zipimport.zipimporter(archive).get_code("__main__")
except ImportError:
    sys.stderr.write("vpython: `%s`, which holds the code, is no vpython: install it again\\n" % archive)
    sys.exit(1)
sys.path[0] = archive
exec(code)
"""
METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: {description}
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.11
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: build_zipapp\nRoot-Is-Purelib: true\n"


def file_name(name: str, version: str, platforms: tuple[str, ...]) -> str:
    """Return the file name of a wheel (PEP 427)."""
    return f"{_project(name)}-{version}-py3-none-{'.'.join(platforms)}.whl"


def wheel(
    built: bytes, name: str, project: Mapping[str, str], platforms: tuple[str, ...], sbom: bytes
) -> bytes:
    """Return the wheel of a built file: its commands, the manual page, licence and SBOM (PEP 770).

    `project` is the table of `pyproject.toml`, whose name is not the wheel's `name`.
    """
    version = project["version"]
    stem = f"{_project(name)}-{version}"
    scripts = {"vpython": built, **dict.fromkeys(LAUNCHERS, launcher(built))}
    if platforms != ANY:
        batch = (TOP / "shims" / "launch.bat").read_bytes()
        scripts |= {f"{program}.bat": batch for program in tuple(scripts)}
    tags = "".join(f"Tag: py3-none-{platform}\n" for platform in platforms)
    members = {f"{stem}.data/scripts/{program}": data for program, data in scripts.items()}
    members |= {
        f"{stem}.data/data/share/man/man1/vpython.1": (TOP / "docs" / "vpython.1").read_bytes(),
        f"{stem}.dist-info/METADATA": METADATA.format(**{**project, "name": name}).encode(),
        f"{stem}.dist-info/WHEEL": (WHEEL + tags).encode(),
        f"{stem}.dist-info/licenses/LICENSE": (TOP / "LICENSE").read_bytes(),
        f"{stem}.dist-info/sboms/vpython.cdx.json": sbom,
    }
    record = f"{stem}.dist-info/RECORD"
    rows = "".join(f"{path},{_digest(data)},{len(data)}\n" for path, data in sorted(members.items()))
    return _zip({**members, record: f"{rows}{record},,\n".encode()})


def launcher(built: bytes) -> bytes:
    """Return the launcher that stands beside a built file under another name."""
    head = built[: built.index(b"PK\3\4")]
    return archive({"__main__.py": LAUNCHER}, head=head)


def _zip(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of the members in their order, at a fixed date, commands executable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as result:
        for path, data in members.items():
            info = zipfile.ZipInfo(path, EPOCH)
            info.create_system = 3
            info.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            result.writestr(info, data, compresslevel=9)
    return out.getvalue()


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _project(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
