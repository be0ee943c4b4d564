"""Files and directories: made aside and renamed, so that a final name is never half a thing."""

from __future__ import annotations

import errno
import os
import stat
import time

from vpy.errors import ToolError
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

WHOLE = ("complete", "manifest", "skeleton.json")  # without these an environment or a stored thing is none
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
SCANNED = 2.0  # seconds that a virus scanner may keep a new file open


@contextlib.contextmanager
def disk_errors(doing: str, path: str) -> Iterator[None]:
    """Turn an OSError into one line that names what was done to which path."""
    try:
        yield
    except OSError as error:
        directory = error.filename if isinstance(error.filename, str) else path
        directory = path if os.path.basename(directory).startswith(".new-") else directory
        raise ToolError(
            f"cannot {doing} `{directory}`: {os.strerror(error.errno or errno.EIO)}", hint=disk_hint(error)
        ) from error


def disk_hint(error: OSError) -> str | None:
    """Return the hint for an OSError in the root, or None."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space, or name another root with -vpython-root DIR"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "name a root that can be written with -vpython-root DIR"
    return None


def read_bytes(path: str, limit: int = -1) -> bytes:
    """Return the file's bytes, at most `limit` of them where it is not negative."""
    with open(path, "rb") as file:
        return file.read(limit)


def sha256_of(path: str) -> str:
    """Return the hex sha256 of the file's bytes."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: str, data: bytes, *, mode: int = 0o444) -> None:
    """Write `data` beside `path` under a passing name and rename it into place.

    `mode` is for POSIX: see `protect`.
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    passing = temporary_name(directory, ".new-")
    try:
        with open(passing, "xb") as file:
            file.write(data)
        protect(passing, mode)
        replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(passing)
        raise


def write_new(path: str, pieces: Iterable[bytes], mode: int) -> None:
    """Write a file that is not there yet, piece by piece, in few system calls; the umask counts.

    FileExistsError comes before the first piece is taken.
    """
    descriptor = os.open(path, _NEW, mode)
    try:
        for piece in pieces:
            view = piece
            while view:
                view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def protect(path: str, mode: int) -> None:
    """Set the file's mode. Not on Windows: a read-only file cannot be removed there, nor replaced.

    The attribute would also be that of all the file's links, whichever of them it is taken off.
    """
    if os.name == "posix":
        os.chmod(path, mode)


def rename(source: str, target: str) -> None:
    """`os.rename`, tried again for a moment on Windows, where a scanner opens what is new.

    A directory of a lower layer cannot be renamed on an overlay filesystem (EXDEV): what is in it is moved.
    """
    try:
        _patiently(os.rename, source, target)
    except OSError as error:
        if error.errno != errno.EXDEV or os.path.islink(source) or not os.path.isdir(source):
            raise
        _move_entries(source, target)


def _move_entries(source: str, target: str) -> None:
    """Move a directory entry by entry; what marks it as whole goes first, so the rest counts for nothing."""
    os.mkdir(target, 0o700)
    for name in sorted(os.listdir(source), key=lambda name: (name not in WHOLE, name)):
        path = os.path.join(source, name)
        if os.path.isdir(path) and not os.path.islink(path):
            make_writable(path)
        rename(path, os.path.join(target, name))
    os.rmdir(source)


def make_writable(directory: str) -> None:
    """Let the owner write a directory: who is not root may move neither it nor what is in it otherwise."""
    mode = os.lstat(directory).st_mode
    if stat.S_ISDIR(mode) and not mode & stat.S_IWUSR:
        os.chmod(directory, stat.S_IMODE(mode) | stat.S_IRWXU)


def replace(source: str, target: str) -> None:
    """`os.replace`, tried again as `rename` is; a read-only target goes, too."""
    _patiently(os.replace, source, target)


def sync_directory(path: str) -> None:
    """See the names in a directory to disk; Windows does so by itself."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def exchange(built: str, final: str, aside: str) -> None:
    """Rename `built` to `final`; what was there moves to `built`, or to `aside` on the same filesystem.

    In one step where the kernel has a call for it; else there is nothing at `final` for a moment.
    """
    if not os.path.lexists(final):
        try:
            rename(built, final)
        except OSError:  # another process was faster
            pass
        else:
            return
    if _exchange_at_once(built, final):
        return
    rename(final, aside)
    try:
        rename(built, final)
    except OSError:
        rename(aside, final)
        raise


def _exchange_at_once(first: str, second: str) -> bool:
    """Let two paths change places: `renameat2` of Linux, `renamex_np` of macOS; False without such a call."""
    if os.name == "nt":
        return False
    import ctypes

    library = ctypes.CDLL(None)
    one, other, swap = os.fsencode(first), os.fsencode(second), 2  # RENAME_EXCHANGE, RENAME_SWAP
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(-100, one, -100, other, swap) == 0)  # -100: AT_FDCWD
    return hasattr(library, "renamex_np") and bool(library.renamex_np(one, other, swap) == 0)


def unlink(path: str) -> None:
    """Remove a file, on Windows a read-only one too."""
    try:
        os.unlink(path)
    except PermissionError:
        if os.name == "posix":
            raise
        os.chmod(path, 0o600)
        os.unlink(path)


def _patiently(work: Callable[[str, str], None], source: str, target: str) -> None:
    end = time.monotonic() + SCANNED
    while True:
        try:
            return work(source, target)
        except PermissionError:
            if os.name == "posix" or os.path.isdir(target) or time.monotonic() > end:
                raise
            if os.path.isfile(target):
                os.chmod(target, 0o600)
            time.sleep(0.02)


def temporary_name(directory: str, prefix: str) -> str:
    """Return an unused path in `directory`, by process, time (where paths may be long) and chance.

    `tempfile` would do as well, but importing it costs a start more than the rest of this module.
    """
    moment = f"{time.monotonic_ns():x}-" if os.name == "posix" else ""
    return os.path.join(directory, f"{prefix}{os.getpid():x}-{moment}{os.urandom(4).hex()}")


def signature(path: str) -> tuple[int, int, int]:
    """(size, mtime in ns, inode) of the file behind `path`."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ino


def signature_fields(found: os.stat_result) -> tuple[str, str, str, str]:
    """Return the fields of a `signature` row: size, mtime, inode and ctime, which nobody can set back."""
    return str(found.st_size), str(found.st_mtime_ns), str(found.st_ino), str(found.st_ctime_ns)


def is_file(path: str) -> bool:
    """Return whether a regular file (or a link to one) is there; False on any error."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def staging_directory(parent: str, prefix: str = "") -> Iterator[str]:
    """Yield a new directory under `parent` that is gone afterwards unless it was renamed away."""
    os.makedirs(parent, mode=0o700, exist_ok=True)
    path = temporary_name(parent, prefix)
    try:
        # In here, since a signal that comes while it is being made raises as soon as it is there.
        os.mkdir(path, 0o700)
        yield path
    finally:
        remove_tree(path)


def move_into_place(result: str, final: str) -> bool:
    """Rename directory `made` to `final`; return False where another process was first."""
    os.makedirs(os.path.dirname(final), mode=0o700, exist_ok=True)
    try:
        rename(result, final)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.EACCES) and os.path.isdir(final):
            return False
        raise
    return True


def remove_tree(path: str) -> None:
    """Remove a file or a directory with all in it, read-only parts too; never follow a link.

    What cannot be removed stays. A file's own mode is left alone where it does not matter (POSIX):
    an environment's files are the store's too.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    loosened: set[str] = set()

    def loosen(_: object, name: str, __: object) -> None:
        for item in (name,) if name == path else (os.path.dirname(name), name):
            if os.name == "nt" or (os.path.isdir(item) and not os.path.islink(item)):
                with contextlib.suppress(OSError):
                    os.chmod(item, 0o700)
                    loosened.add(item)

    import shutil

    before = -1
    while os.path.lexists(path) and len(loosened) > before:
        before = len(loosened)
        shutil.rmtree(path, onerror=loosen)


def link_or_copy(source: str, target: str) -> None:
    """Make `target` the same file as `source` by a hard link, or a copy where that cannot be."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.EACCES):
            import shutil

            shutil.copy2(source, target)
            return
        raise
