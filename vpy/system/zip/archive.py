"""Zip archives, packages and wheels alike: nothing else reads one.

An archive is checked whole before a byte of it is unpacked (`container` says what for), and then
read as a stream: sizes and checksums are those that were checked, or it is refused.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib

from vpy.errors import RefusedError
from vpy.system.files import disk_errors, write_new
from vpy.system.zip import reader
from vpy.system.zip.format import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vpy.system.zip.reader import Entry

PIECE = 1 << 20
LONGEST_LINK = 4096
MOST_LINKS = 40
LONGEST_REASON = 4000


class Archive:
    """Open, verified archive: `entries` in the order of its directory.

    Use it in a `with`. `links` allows symbolic links; each stays inside the archive's tree,
    whatever other links stand in its way; with `absolute` it may also name an absolute path, which is
    then not followed. Every fault is a RefusedError that names `path` and the reason.
    """

    def __init__(self, path: str, *, links: bool = False, absolute: bool = False) -> None:
        self.path = path
        with disk_errors("read", path), open(path, "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise self.refused(FormatError("it is empty"))
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self.entries = reader.entries(self._data, links=links)
            self._by_name = {entry.name: entry for entry in self.entries}
            self._targets = {
                entry.name: self._target(entry) for entry in self.entries if entry.kind == "link"
            }
            for name in self._targets:
                self._follow(name, absolute)
        except FormatError as fault:
            self.close()
            raise self.refused(fault) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._data.close()

    def refused(self, reason: object) -> RefusedError:
        """Return the error that refuses the archive for a reason, as one line."""
        shown = str(reason)
        if not shown.isprintable():
            shown = "".join(item if item.isprintable() else ascii(item)[1:-1] for item in shown)
        return RefusedError(f"`{self.path}` is refused: {shown[:LONGEST_REASON]}")

    def find(self, name: str) -> Entry | None:
        """Return the file of that exact name, or None."""
        entry = self._by_name.get(name)
        return entry if entry is not None and entry.kind == "file" else None

    def read(self, entry: Entry, most: int) -> bytes:
        """Return the whole data of an entry; refuse one of more than `most` bytes."""
        if entry.size > most:
            raise self.refused(f"`{entry.name}` has {entry.size} bytes, more than {most}")
        return b"".join(self.chunks(entry))

    def text(self, name: str, most: int) -> str:
        """Return the UTF-8 text of a file that must be there, at most `most` bytes of it."""
        entry = self.find(name)
        if entry is None:
            raise self.refused(f"it has no `{name}`")
        try:
            return self.read(entry, most).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self.refused(f"`{name}` is not UTF-8") from None

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the entry's data in pieces of at most 1 MiB; refuse data that does not match its header."""
        try:
            yield from self._pieces(entry)
        except (FormatError, zlib.error) as fault:
            raise self.refused(f"`{entry.name}`: {fault}") from None

    def _pieces(self, entry: Entry) -> Iterator[bytes]:
        crc = 0
        got = 0
        if entry.size < PIECE and entry.packed < PIECE:
            source: Iterable[bytes] = (self._small(entry),)
        else:
            source = self._inflated(entry) if entry.method == reader.DEFLATED else self._stored(entry)
        for piece in source:
            crc = zlib.crc32(piece, crc)
            got += len(piece)
            if got > entry.size:
                break
            yield piece
        if got != entry.size:
            raise FormatError("its data is longer or shorter than its size")
        if crc != entry.crc:
            raise FormatError("its data does not match its checksum")

    def _small(self, entry: Entry) -> bytes:
        """Return the data of an entry of at most one piece, in one go: most entries are."""
        packed = self._data[entry.start : entry.start + entry.packed]
        if entry.method != reader.DEFLATED:
            return packed
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        data = stream.decompress(packed, entry.size + 1)
        if len(data) <= entry.size and not stream.eof:
            raise FormatError("its data ends too early")
        if stream.unused_data:
            raise FormatError("bytes follow the end of its data")
        return data

    def _stored(self, entry: Entry) -> Iterator[bytes]:
        end = entry.start + entry.packed
        for at in range(entry.start, end, PIECE):
            yield self._data[at : min(at + PIECE, end)]

    def _inflated(self, entry: Entry) -> Iterator[bytes]:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        for packed in self._stored(entry):
            while packed and not stream.eof:
                piece = stream.decompress(packed, PIECE)
                packed = stream.unconsumed_tail  # noqa: PLW2901 (what is left of it)
                if piece:
                    yield piece
        while not stream.eof:
            piece = stream.decompress(stream.unconsumed_tail, PIECE)
            if not piece:
                raise FormatError("its data ends too early")
            yield piece
        if stream.unused_data:
            raise FormatError("bytes follow the end of its data")

    def _target(self, entry: Entry) -> str:
        target = self.read(entry, LONGEST_LINK)
        try:
            text = target.decode("utf-8")
        except UnicodeDecodeError:
            raise FormatError(f"the link `{entry.name}` names no UTF-8 path") from None
        if not text or "\0" in text or "\\" in text or text[1:2] == ":":
            raise FormatError(f"the link `{entry.name}` names no path of this archive")
        return text

    def link_target(self, entry: Entry) -> str:
        """Return the target of a link, as written in the archive."""
        return self._targets[entry.name]

    def _follow(self, name: str, absolute: bool) -> None:
        """Walk a link as a kernel would, over the links of this archive, and see that it stays inside."""
        if absolute and self._targets[name].startswith("/"):
            return
        todo = name.split("/")[::-1]
        path: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not path:
                    raise FormatError(f"the link `{name}` leads outside")
                path.pop()
                continue
            target = self._targets.get("/".join([*path, part]))
            if target is None:
                path.append(part)
                continue
            links += 1
            if target.startswith("/") or links > MOST_LINKS:
                raise FormatError(f"the link `{name}` leads outside, or in a circle")
            todo.extend(target.split("/")[::-1])

    def extract(self, entries: Iterable[Entry], destination: str) -> None:
        """Unpack `entries` below `destination`, a directory that no other process writes to.

        Files come out 0444, or 0555 where the owner may execute them, whatever the umask;
        no other bit of a mode survives. Links come last, so that nothing is written through one.
        """
        with disk_errors("unpack to", destination):
            os.makedirs(destination, mode=0o700, exist_ok=True)
            result = {destination}
            links = []
            for entry in entries:
                path = os.path.join(destination, *entry.name.split("/"))
                if entry.kind == "directory":
                    _make_directories(path, result)
                    continue
                _make_directories(os.path.dirname(path), result)
                if entry.kind == "link":
                    links.append((self._targets[entry.name], path))
                else:
                    write_new(path, self.chunks(entry), 0o600)
                    os.chmod(path, 0o555 if entry.mode & 0o100 else 0o444)
            for target, path in links:
                os.symlink(target, path)


def _make_directories(path: str, result: set[str]) -> None:
    if path in result:
        return
    _make_directories(os.path.dirname(path), result)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o755)
    result.add(path)
