"""METADATA of a wheel that is not here: by PEP 658, else by ranges, else with the file."""

from __future__ import annotations

import email.parser
import hashlib
import importlib
import io
import zipfile

from vpy.wheels.index_client import errors
from vpy.wheels.index_client.web import PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    """What a resolution needs of METADATA, and the sha256 of its bytes."""

    def __init__(self, data: bytes) -> None:
        requirements = importlib.import_module("pip._vendor.packaging.requirements")
        canonical = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
        head = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        fields = email.parser.HeaderParser().parsestr(head.decode("utf-8", "replace"))
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.requires_python = (fields.get("Requires-Python") or "").strip() or None
        self.extras = frozenset(canonical(text.strip()) for text in fields.get_all("Provides-Extra", []))
        try:
            texts = [" ".join(text.split()) for text in fields.get_all("Requires-Dist", [])]
            self.requirements = [requirements.Requirement(text) for text in texts]
        except requirements.InvalidRequirement as error:
            raise errors.UncoveredError(f"METADATA: {error}") from error


def read(web: Web, file: File) -> Metadata | None:
    """Fetch the METADATA of a wheel without the wheel; return None where the server knows no ranges.

    Raises UncoveredError where it has none that can be read.
    """
    if file.metadata is not None:
        response = web.get(f"{file.url}.metadata", PLAIN)
        if response.status_code == 200:
            data: bytes = response.content
            if file.metadata and hashlib.sha256(data).hexdigest() != file.metadata:
                raise errors.UncoveredError(f"METADATA of {file.filename} has another hash")
            return Metadata(data)
    try:
        return of_wheel(Tail(web, file.url))
    except NoRangesError:
        return None


def of_wheel(file: Any) -> Metadata:
    """Return the METADATA of a wheel, which is a path or an open file."""
    return Metadata(bytes_of_wheel(file))


def bytes_of_wheel(file: Any) -> bytes:
    """Return the bytes of a wheel's one METADATA; raise UncoveredError where they cannot be read."""
    try:
        with zipfile.ZipFile(file) as wheel:
            return _member_of(wheel)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zipfile.LargeZipFile) as error:
        raise errors.UncoveredError("a wheel that is no zip archive") from error


def _member_of(wheel: zipfile.ZipFile) -> bytes:
    names = [
        name for name in wheel.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
    ]
    if len(names) != 1 or wheel.getinfo(names[0]).file_size > _LARGEST:
        raise errors.UncoveredError("not one METADATA")
    return wheel.read(names[0])


class Tail(io.RawIOBase):
    """End of a remote file, as a file; more of it is fetched when it is asked for."""

    def __init__(self, web: Web, url: str) -> None:
        super().__init__()
        self._web = web
        self._url = url
        self._position = 0
        response = self._get(f"bytes=-{_TAIL}")
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
            if self._start - self._position > _NEAR:
                last = min(self._position + max(count, 1), self._start) - 1
                part: bytes = self._get(f"bytes={self._position}-{last}").content[:count]
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
