"""vpython's own code, unpacked from the archive into the root: once per build and Python."""

from __future__ import annotations

import os
import sys

from vpython_root import ELSEWHERE, check, fail, make_temporary, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

LONGEST = 259  # characters of a path on Windows (MAX_PATH counts a NUL, too)
# It is copied as it stands: cut short it would be run by every start, and fail none of ours.
HOOK = "vpy/environment/hook.py"


def app_of(archive: str, root: str, name: str, *, doubted: bool = False) -> str:
    """Return `<root>/NAME`, where the code of `archive` lies, unpacked now if it was not before.

    A copy that is `doubted` is compared with the archive. One that is damaged is replaced, with a
    line that says so. Where the root cannot be written, it is a directory that is gone when this
    process ends.
    """
    app = os.path.join(root, name)
    if not os.path.exists(os.path.join(app, "complete")):
        check(root)
        app = unpack(archive, app)
    elif not _is_marked(app) or (doubted and not is_whole(archive, app)):
        check(root)
        app = _replace(archive, app, root)
    if app.startswith(root):
        remember_python(os.path.dirname(app), app)
    return app


def begin_again(error: Exception, environ: Mapping[str, str], *, doubted: bool) -> NoReturn:
    """Become the archive's own code, told to doubt the copy; where that was `doubted` before, say why."""
    from vpython import BUILD, DOUBTED

    if environ.get("VPYTHON_DEBUG_TRACEBACK"):
        raise error
    remove_temporary()
    archive = os.path.abspath(sys.argv[0])
    if doubted or BUILD == "source" or not os.access(sys.executable or "", os.X_OK):
        fail(f"an unforeseen {type(error).__name__}: {error}", 1)
    command = [sys.executable, "-I", "-S", archive, *sys.argv[1:]]
    told = {**environ, "VPYTHON_RECORD": DOUBTED}
    if os.name == "posix":
        os.execve(sys.executable, command, told)
    import subprocess

    os._exit(subprocess.call(command, env=told))


def is_whole(archive: str, app: str) -> bool:
    """Whether the copy at `app` has every byte of the archive, and no compiled code that cannot be read.

    True too where the archive cannot be asked.
    """
    import marshal
    import zipfile
    import zlib
    from io import BytesIO

    try:
        members = zipfile.ZipFile(BytesIO(_inner(archive))).infolist()
    except (OSError, ImportError, zipfile.BadZipFile):
        return True
    try:
        known = {os.path.join(app, member.filename): member for member in members if not member.is_dir()}
        for path, member in known.items():
            data = _read(path)
            if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
                return False
        for parent, _, names in os.walk(app):
            for path in (os.path.join(parent, name) for name in names if name.endswith(".pyc")):
                if path not in known:
                    marshal.loads(_read(path)[16:])  # noqa: S302  (what a start would load)
    except (OSError, EOFError, ValueError, TypeError):
        return False
    return _is_marked(app)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _is_marked(app: str) -> bool:
    """Whether `complete` tells the size that the hook has."""
    try:
        return int(_read(os.path.join(app, "complete"))) == os.stat(os.path.join(app, HOOK)).st_size
    except (OSError, ValueError):
        return False


def _inner(archive: str) -> bytes:
    import zipimport

    return zipimport.zipimporter(archive).get_data("app.zip")


def _replace(archive: str, app: str, root: str) -> str:
    """Put a whole copy where a damaged one is: one process does it, who comes meanwhile finds it done."""
    descriptor = None
    try:
        if os.name == "posix":
            import fcntl

            locks = os.path.join(root, "locks")
            os.makedirs(locks, mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(os.path.join(locks, "own-code"), flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        pass  # a root that cannot be written: the copy goes elsewhere
    try:
        if is_whole(archive, app):
            return app
        made = unpack(archive, app, anew=True)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    os.write(2, os.fsencode(f"vpython: its own code in `{app}` was damaged: unpacked anew\n"))
    return made


def unpack(archive: str, app: str, *, anew: bool = False) -> str:
    """Unpack the inner archive of `archive` to `app`; to a passing directory where that is read-only.

    `anew`: in place of the copy that is there.
    """
    import shutil
    import tempfile

    inner = _inner(archive)
    parent = os.path.dirname(app)
    complete = os.path.join(app, "complete")
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        staged = tempfile.mkdtemp(prefix=".new-", dir=parent)
    except OSError as error:
        return _unpack_aside(inner, app, error)
    try:
        _fill(staged, inner, app)
        if os.path.lexists(app) and (anew or not os.path.exists(complete)):
            # What is left of one that somebody began to remove: a name of its own lets it go later.
            os.rename(app, f"{staged}.old")
        _rename(staged, app)
    except OSError as error:
        if anew or not os.path.exists(complete):
            shutil.rmtree(staged, ignore_errors=True)
            _refuse(app, error)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(f"{staged}.old", ignore_errors=True)
    return app


def _unpack_aside(inner: bytes, app: str, error: OSError) -> str:
    try:
        staged = make_temporary("vpython-app.")
        _fill(staged, inner, staged)
    except OSError:
        _refuse(app, error)
    return staged


def _refuse(app: str, error: OSError) -> NoReturn:
    fail(f"cannot unpack itself to `{app}`: {error.strerror}", 1, ELSEWHERE)


def _rename(staged: str, app: str) -> None:
    """Rename the directory; on Windows a scanner may keep its new files open for a moment."""
    import time

    for _ in range(100 if os.name == "nt" else 0):
        try:
            return os.rename(staged, app)
        except PermissionError:
            if os.path.lexists(app):
                break
            time.sleep(0.02)
    return os.rename(staged, app)


def _fill(directory: str, inner: bytes, app: str) -> None:
    """Unpack `inner` into the directory that becomes `app`; compiled code only where Windows can open it."""
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(BytesIO(inner)) as members:
        short = [
            name
            for name in members.namelist()
            if os.name != "nt" or not name.endswith(".pyc") or len(app) + len(name) < LONGEST
        ]
        members.extractall(directory, short)
    with open(os.path.join(directory, "complete"), "w") as file:
        file.write(str(os.stat(os.path.join(directory, HOOK)).st_size))


def remember_python(parent: str, app: str) -> None:
    """Leave the head the name of a Python that can run us, its landmark, and where our code is for it.

    Where it knows a Python already, that one stays as long as it is there.
    """
    kept = os.path.join(parent, "python")
    try:
        with open(kept, "rb") as file:
            python, landmark, known = file.read().splitlines()
        fit = os.access(python, os.X_OK) and os.path.isfile(landmark)
        if fit and os.fsdecode(known) == app:
            return
    except (OSError, ValueError):
        pass
    python, landmark = map(os.fsencode, (os.path.realpath(sys.executable or ""), os.__file__))
    if not sys.executable or b"\n" in python + landmark + os.fsencode(app):
        return
    passing = f"{kept}.{os.getpid()}"
    try:
        with open(passing, "wb") as file:
            file.write(b"\n".join((python, landmark, os.fsencode(app), b"")))
        os.replace(passing, kept)
    except OSError:
        pass
