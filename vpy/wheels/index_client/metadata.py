"""METADATA of a wheel that is not here: by PEP 658, else by ranges, else with the file."""

from __future__ import annotations

import email.parser
import functools
import hashlib
import importlib
import io
import zipfile
from urllib.parse import urldefrag, urlsplit

from vpy.wheels.index_client import errors
from vpy.wheels.index_client.cache import forbids, without_user
from vpy.wheels.index_client.web import OFFLINE, PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.web import Web

# In most wheels the list of members and METADATA, which PEP 427 puts at the end, lie in the last 32 KB.
_TAIL = 32 << 10
_LARGEST = 16 << 20
_NEAR = 1 << 20
_UNCACHED = {**PLAIN, "Cache-Control": "no-cache"}


class NoRangesError(Exception):
    """Server that gives no part of a file."""


class Metadata:
    """What a resolution needs of METADATA, and the sha256 of its bytes.

    A dependency is its text and the extra without which it never counts, "" where there is none such.
    `extras` are those that the project has, normalized.
    """

    def __init__(
        self,
        sha256: str,
        requires_python: str | None,
        dependencies: Sequence[Sequence[str]],
        extras: Sequence[str],
    ) -> None:
        self.sha256 = sha256
        self.requires_python = requires_python
        self.extras = extras
        self._dependencies = dependencies

    def requirements(self, extras: Collection[str]) -> Iterator[Any]:
        """Yield the dependencies that may count with the (normalized) extras, and with none."""
        for text, extra in self._dependencies:
            if not extra or extra in extras:
                yield _requirement(text)

    def row(self) -> dict[str, Any]:
        """Return what makes this again."""
        return {
            "sha256": self.sha256,
            "requires_python": self.requires_python,
            "dependencies": self._dependencies,
            "extras": self.extras,
        }


def parse(data: bytes) -> Metadata:
    """Read the bytes of METADATA; raise UncoveredError where a dependency is no requirement."""
    head = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = email.parser.HeaderParser().parsestr(head.decode("utf-8", "replace"))
    requires_python = (fields.get("Requires-Python") or "").strip() or None
    texts = [" ".join(text.split()) for text in fields.get_all("Requires-Dist", [])]
    invalid = importlib.import_module("pip._vendor.packaging.requirements").InvalidRequirement
    try:
        dependencies = [[text, _needed_extra(_requirement(text).marker)] for text in texts]
    except invalid as error:
        raise errors.UncoveredError(f"METADATA: {error}") from error
    normalize = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
    extras = [normalize(text.strip()) for text in fields.get_all("Provides-Extra", [])]
    return Metadata(hashlib.sha256(data).hexdigest(), requires_python, dependencies, extras)


@functools.cache
def _requirement(text: str) -> Any:
    return importlib.import_module("pip._vendor.packaging.requirements").Requirement(text)


def _needed_extra(marker: Any) -> str:
    """Return the normalized extra without which a marker does not hold, "" where it is not plain."""
    before, separator, name = str(marker or "").rpartition('extra == "')
    is_plain = (
        bool(separator) and (not before or before.endswith(" and ")) and name.find('"') == len(name) - 1
    )
    if not is_plain or " or " in before:
        return ""
    normalize = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
    return str(normalize(name[:-1]))


def read(web: Web, file: File) -> Metadata | None:
    """Return the METADATA of a wheel without the wheel; None where the server knows no ranges.

    Raises UncoveredError where it has none that can be read, RefusedError where nobody may be asked.
    """
    found = _kept(web, file)
    if found is None and web.is_away(file.url):
        raise errors.network(f"{OFFLINE}: METADATA of `{file.filename}`", "")
    return found or _offered(web, file) or _from_tail(web, file)


def _offered(web: Web, file: File) -> Metadata | None:
    """Fetch METADATA that the index offers (PEP 658); return None where it has none."""
    response = None if file.metadata is None else web.get(f"{file.url}.metadata", PLAIN)
    if response is None or response.status_code != 200:
        return None
    data: bytes = response.content
    if file.metadata and hashlib.sha256(data).hexdigest() != file.metadata:
        raise errors.UncoveredError(f"METADATA of {file.filename} has another hash")
    found = parse(data)
    if not forbids(response.headers):
        _keep(web, file, found, is_proven=bool(file.metadata))
    return found


def _from_tail(web: Web, file: File) -> Metadata | None:
    try:
        tail = Tail(web, file.url)
        found = parse(bytes_of_wheel(tail))
    except NoRangesError:
        return None
    if not tail.is_secret:
        _keep(web, file, found)
    return found


def of_wheel(web: Web, file: File, path: str) -> Metadata:
    """Return the METADATA of a wheel that was fetched and compared with its hash."""
    found = parse(bytes_of_wheel(path))
    _keep(web, file, found)
    return found


def _kept(web: Web, file: File) -> Metadata | None:
    """Return the METADATA that was kept for a wheel, if that holds still; None where there is none."""
    row = web.cache.metadata(_by_hash(file)) if file.sha256 else None
    if row is not None and file.metadata and file.metadata != row["sha256"]:
        row = None
    if row is None and web.cache.offline:
        row = web.cache.metadata(_by_url(file))
    return None if row is None else Metadata(**row)


def _keep(web: Web, file: File, found: Metadata, *, is_proven: bool = True) -> None:
    """Keep METADATA for ever where hashes bind it to the wheel, else for use offline."""
    key = _by_hash(file) if file.sha256 and is_proven else _by_url(file)
    web.cache.keep_metadata(key, found.row())


def drop(web: Web, file: File) -> None:
    """Drop what was kept for a wheel, whose own METADATA is another."""
    web.cache.drop_metadata(_by_hash(file))
    web.cache.drop_metadata(_by_url(file))


def _by_hash(file: File) -> str:
    # What one server says of a wheel is not to be had for the same wheel at another.
    return f"{urlsplit(file.url).hostname} {file.sha256}"


def _by_url(file: File) -> str:
    return without_user(urldefrag(file.url)[0].partition("?")[0])


def bytes_of_wheel(file: Any) -> bytes:
    """Return the bytes of a wheel's one METADATA; raise UncoveredError where they cannot be read."""
    try:
        with zipfile.ZipFile(file) as wheel:
            return _member_of(wheel)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zipfile.LargeZipFile) as error:
        raise errors.UncoveredError("a wheel that is not a zip archive") from error


def _member_of(wheel: zipfile.ZipFile) -> bytes:
    names = [
        name for name in wheel.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
    ]
    if len(names) != 1 or wheel.getinfo(names[0]).file_size > _LARGEST:
        raise errors.UncoveredError("not one METADATA")
    return wheel.read(names[0])


class Tail(io.RawIOBase):
    """End of a remote file, as a file; more of it is fetched when it is asked for.

    `is_secret`: the server forbids to store it.
    """

    def __init__(self, web: Web, url: str) -> None:
        super().__init__()
        self._web = web
        self._url = url
        self._position = 0
        response = self._get(f"bytes=-{_TAIL}")
        self.is_secret = forbids(response.headers)
        self._size = self._total(response)
        self._data: bytes = response.content
        self._start = self._size - len(self._data)

    def _get(self, span: str) -> Any:
        """Return the answer to a range; one that is no range is left to who fetches the whole file."""
        response = self._web.get(self._url, {**_UNCACHED, "Range": span}, stream=True)
        if response.status_code != 206:
            response.close()
            raise NoRangesError
        try:
            _ = response.content  # reads it, within bounds
        except Exception as error:
            raise self._web.failure(error, self._url) from error
        return response

    def _total(self, response: Any) -> int:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if not total.isdigit() or int(total) < len(response.content):
            raise errors.UncoveredError("a Content-Range without a size")
        return int(total)

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position of the whole file."""
        self._position = offset + (0, self._position, self._size)[whence]
        if self._position < 0:
            raise ValueError("a position before the file")
        return self._position

    def tell(self) -> int:
        """Return the position in the whole file."""
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Return bytes from here on; those in front of what is known are fetched, the rest is kept."""
        if count < 0:
            count = max(self._size - self._position, 0)
        if self._position < self._start:
            # A list of members that is longer than what is near reaches into what is known: it is kept.
            end = self._position + max(count, 1)
            if end < self._start and self._start - self._position > _NEAR:
                part: bytes = self._get(f"bytes={self._position}-{end - 1}").content[:count]
                self._position += len(part)
                return part
            more = self._get(f"bytes={self._position}-{self._start - 1}").content
            if len(more) != self._start - self._position:
                raise errors.UncoveredError("a range of another length")
            self._data, self._start = more + self._data, self._position
        begin = self._position - self._start
        found = self._data[begin : begin + count]
        self._position += len(found)
        return found
