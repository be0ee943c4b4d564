"""Releases of vpython in a directory, here or behind a web server, which `build_zipapp.py --publish` fills.

    <directory>/releases.json    {"releases": [{"version", "build", "file", "sha256", "size"}, …]}

`file` is relative to the directory. The sha256 is believed: so the address is https, or of this machine.
"""

from __future__ import annotations

import os
import re

from vpy.errors import MissingError, ToolError, UserError
from vpy.operations import settings
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vpy.operations.context import Context
    from vpy.operations.settings import Setting
    from vpy.packages.directory import FolderReader
    from vpy.packages.web import WebReader

LIST = "releases.json"
LARGEST_LIST = 1 << 20
LARGEST_FILE = 256 << 20
_FILE = re.compile(r"[\w.+-]+(/[\w.+-]+)*", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
NOWHERE = 'name it in the user\'s configuration file, `releases = "https://…"`, or with --releases'


@value
class Release:
    """One version that is offered: its file, relative to the directory, the sha256 as hex and the size."""

    version: str
    build: str
    file: str
    sha256: str
    size: int


class Releases:
    """Releases at the place that a setting names; UserError where it names none."""

    def __init__(self, setting: Setting, context: Context) -> None:
        if not setting.text:
            raise UserError("nothing says where releases of vpython are", hint=NOWHERE)
        self.setting = setting
        self._reader = _reader(setting, context)

    @property
    def shown(self) -> str:
        """The directory, or the host of the address, as messages name it."""
        from vpy.system.network import urls

        return f"`{urls.shown(self.setting.text) if '://' in self.setting.text else self.setting.text}`"

    def all(self) -> tuple[Release, ...]:
        """Return what is offered, the newest first; ToolError where the list is none."""
        data = self._reader.read(LIST, LARGEST_LIST)
        if data is None:
            raise ToolError(f"there is no `{LIST}` at {self.shown}", hint=NOWHERE)
        from packaging.version import Version

        return tuple(sorted(_parsed(data, self.shown), key=lambda row: Version(row.version), reverse=True))

    def newest(self, own: str) -> Release:
        """Return the newest release; pre-releases count where `own` is one, or where there are no others."""
        from packaging.version import Version

        every = self.all()
        if not every:
            raise MissingError(f"no release is listed at {self.shown}")
        takes_all = Version(own).is_prerelease
        return next((row for row in every if takes_all or not Version(row.version).is_prerelease), every[0])

    def named(self, version: str) -> Release:
        """Return the release of a version; MissingError, with those there are, where there is none."""
        from packaging.version import InvalidVersion, Version

        try:
            wanted = Version(version)
        except InvalidVersion:
            raise UserError(f"not a version: `{version}`") from None
        every = self.all()
        for row in every:
            if Version(row.version) == wanted:
                return row
        raise MissingError(
            f"there is no release `{version}` at {self.shown}",
            hint=f"there are {', '.join(row.version for row in every)}" if every else None,
        )

    def fetch(self, release: Release) -> bytes:
        """Return the bytes of a release, compared with its size and sha256; ToolError for any others."""
        import hashlib

        data = _bounded(self._reader.stream(release.file), release.size, self.shown)
        digest = hashlib.sha256(data).hexdigest()
        if digest != release.sha256:
            raise ToolError(
                f"`{release.file}` at {self.shown} is not the file that is listed: its sha256 is {digest},"
                f" not {release.sha256}"
            )
        return data


def _reader(setting: Setting, context: Context) -> FolderReader | WebReader:
    from vpy.packages import directory, web

    text = setting.text.removeprefix("directory:")
    if "://" not in text:
        home = context.environ.get("HOME", "")
        path = home + text[1:] if text.startswith("~/") else text
        return directory.FolderReader(os.path.join(setting.directory, path))
    from vpy.operations import sources
    from vpy.system.network import urls

    if "?" in text or "#" in text:
        raise UserError(f"the address of releases cannot have `?` or `#`: `{urls.shown(text)}`")
    client = None if context.offline else sources.http_client(context)
    return web.WebReader(text, client, context.terminal.status)


def _parsed(data: bytes, shown: str) -> list[Release]:
    import json

    try:
        rows = json.loads(data)["releases"]
        return [_release(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ToolError(f"`{LIST}` at {shown} is not a list of releases") from None


def _release(row: Any) -> Release:
    """Return a row of the list; ValueError, KeyError or TypeError where it is none."""
    from packaging.version import Version

    found = Release(row["version"], row["build"], row["file"], row["sha256"].lower(), row["size"])
    Version(found.version)
    is_inside = _FILE.fullmatch(found.file) and ".." not in found.file.split("/")
    if not (is_inside and _DIGEST.fullmatch(found.sha256) and re.fullmatch(r"\w+", found.build)):
        raise ValueError
    if type(found.size) is not int or not 0 < found.size <= LARGEST_FILE:
        raise ValueError
    return found


def _bounded(pieces: Iterable[bytes], size: int, shown: str) -> bytes:
    """Return all pieces; ToolError where they are more or less than `size` bytes."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > size:
            raise ToolError(f"{shown} sent more than the {size} bytes that are listed")
    if len(data) < size:
        raise ToolError(f"{shown} sent {len(data)} of the {size} bytes that are listed")
    return bytes(data)


def setting_of(named: str | None, cwd: str, context: Context) -> Setting:
    """Return where releases are: what the command line names, else what the configuration does."""
    return settings.Setting(named, "--releases", cwd) if named else settings.releases(context)
