"""OCI image layout: a directory, or the same in one tar archive, read in place and written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile

from vpy.errors import ToolError, UserError
from vpy.packages.oci import image
from vpy.packages.oci.reference import digest_of
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

MARKER = "oci-layout"
INDEX = "index.json"
MARKER_TEXT = b'{"imageLayoutVersion": "1.0.0"}\n'
PIECE = 1 << 20
MOST_MEMBERS = 1_000_000


@value
class Member:
    """File of an archive to write: its name, and its bytes or the path of a file that has them."""

    name: str
    content: bytes | str
    mode: int = 0o644


class LayoutImages:
    """`Images` of an image layout. An archive is read where it lies: its list of members, then what is asked.

    Nothing in it is believed before its bytes have the hash they are named by. `origin` is its name in
    messages.
    """

    def __init__(self, path: str, origin: str) -> None:
        self.path = path
        self.origin = origin
        self._members: dict[str, tuple[int, int]] | None = None

    def manifest(self, name: str) -> tuple[bytes, str] | None:
        """Return the document of a digest, or with "" the layout's index, and its media type."""
        if name:
            data = self.read_blob(name, image.LARGEST_DOCUMENT)
            return data, image.INDEX if b'"manifests"' in data else image.MANIFEST
        with self._opened(INDEX) as found:
            if found is None:
                raise UserError(
                    f"`{self.origin}` is not an OCI image layout: it has no `{INDEX}`",
                    hint="`vpython-tool bundle SCRIPT -o KIT.tar` makes one",
                )
            data = self._read(*found, image.LARGEST_DOCUMENT)
        return data, image.INDEX

    def read_blob(self, digest: str, most: int) -> bytes:
        """Return a blob of at most `most` bytes, which are those of its digest."""
        with self._opened(blob_name(digest)) as found:
            if found is None:
                raise ToolError(f"`{self.origin}` lacks the blob `{digest}`")
            data = self._read(*found, most)
        if digest_of(data) != digest:
            raise ToolError(f"`{self.origin}`: the blob `{digest}` has another hash")
        return data

    def fetch_blob(self, digest: str, size: int, path: str) -> bool:
        """Write a blob to a new file; return False where it is not there. A size of 0 is not known."""
        with self._opened(blob_name(digest)) as found:
            if found is None:
                return False
            file, length = found
            if size and length != size:
                raise ToolError(f"`{self.origin}`: the blob `{digest}` has {length} bytes, not {size}")
            hasher = hashlib.sha256()
            with files.disk_errors("write", path), open(path, "xb") as output:
                while length > 0 and (piece := file.read(min(PIECE, length))):
                    hasher.update(piece)
                    output.write(piece)
                    length -= len(piece)
        if f"sha256:{hasher.hexdigest()}" != digest:
            os.unlink(path)
            raise ToolError(f"`{self.origin}`: the blob `{digest}` has another hash")
        return True

    def _read(self, file: BinaryIO, size: int, most: int) -> bytes:
        if size > most:
            raise ToolError(
                f"`{self.origin}` holds a document of {size} bytes where at most {most} are allowed"
            )
        return file.read(size)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[tuple[BinaryIO, int] | None]:
        """Yield a member, at its beginning, and its size; None where there is none."""
        with files.disk_errors("read", self.path):
            if os.path.isdir(self.path):
                path = os.path.join(self.path, *name.split("/"))
                if not files.is_file(path):
                    yield None
                    return
                with open(path, "rb") as file:
                    yield file, os.fstat(file.fileno()).st_size
                return
            members = self._listed()
            if name not in members:
                yield None
                return
            offset, size = members[name]
            with open(self.path, "rb") as file:
                file.seek(offset)
                yield file, size

    def _listed(self) -> dict[str, tuple[int, int]]:
        """Return where each file of the archive begins and its size, by its name."""
        if self._members is not None:
            return self._members
        members: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(self.path, "r:") as archive:
                for number, member in enumerate(archive):
                    if number == MOST_MEMBERS:
                        raise UserError(f"`{self.origin}` holds more files than are read")
                    if member.isreg() and not member.issparse():
                        members[member.name.removeprefix("./")] = member.offset_data, member.size
        except tarfile.TarError:
            raise UserError(
                f"`{self.origin}` is not an OCI image layout: neither a directory nor a tar archive",
                hint="one that is compressed must be unpacked first",
            ) from None
        self._members = members
        return members


def blob_name(digest: str) -> str:
    """Return where a layout has the blob of a digest."""
    algorithm, _, text = digest.partition(":")
    return f"blobs/{algorithm}/{text}"


def heading(index: bytes) -> tuple[Member, Member]:
    """Return the files of a layout that are no blobs: its mark, and its index."""
    return Member(MARKER, MARKER_TEXT), Member(INDEX, index)


def write(path: str, index: bytes, blobs: Iterable[Member], extra: Iterable[Member] = ()) -> None:
    """Write an image layout as a tar archive: whole or not at all, the same bytes for the same content."""
    temporary = files.temporary_name(os.path.dirname(path) or ".", ".new-")
    try:
        with (
            files.disk_errors("write", path),
            open(temporary, "xb") as output,
            tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member in (*heading(index), *extra, *blobs):
                _add(archive, member)
        with files.disk_errors("write", path):
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _add(archive: tarfile.TarFile, member: Member) -> None:
    info = tarfile.TarInfo(member.name)
    info.mode = member.mode
    if isinstance(member.content, bytes):
        import io

        info.size = len(member.content)
        archive.addfile(info, io.BytesIO(member.content))
        return
    with open(member.content, "rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        archive.addfile(info, file)
