"""vpython's own code, unpacked from the archive into the root: once per build and Python."""

from __future__ import annotations

import os
import sys

from vpython_gate import open_lock
from vpython_root import ELSEWHERE, check, fail, make_temporary, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

# It is copied as it stands: cut short it would be run by every start, and fail none of ours.
HOOK = "vpy/environment/hook.py"
PATIENCE = 10.0  # seconds to wait for who unpacks already: it may have been stopped


def app_of(archive: str, root: str, name: str, *, doubted: bool = False) -> str:
    """Return `<root>/NAME`, where the code of `archive` lies, unpacked now if it was not before.

    A copy that is `doubted` is compared with the archive. One that is damaged is replaced, with a
    line that says so. Where the root cannot be written, it is a directory that is gone when this
    process ends.
    """
    app = os.path.join(root, name)
    if not os.path.exists(os.path.join(app, "complete")):
        check(root)
        app = _first(archive, app, root)
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
    """Whether the copy at `app` is all that it should be; true too where the archive cannot be asked."""
    from vpython_contents import holds_all

    return _is_marked(app) and holds_all(archive, app)


def _is_marked(app: str) -> bool:
    """Whether `complete` tells the size that the hook has."""
    try:
        with open(os.path.join(app, "complete"), "rb") as file:
            return int(file.read()) == os.stat(os.path.join(app, HOOK)).st_size
    except (OSError, ValueError):
        return False


def _first(archive: str, app: str, root: str) -> str:
    """Unpack the copy: one process does it, who comes meanwhile finds it done."""
    descriptor = _turn(root)
    try:
        return app if os.path.exists(os.path.join(app, "complete")) else unpack(archive, app)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _replace(archive: str, app: str, root: str) -> str:
    """Put a whole copy where a damaged one is; here too one process does it."""
    descriptor = _turn(root)
    try:
        if is_whole(archive, app):
            return app
        made = unpack(archive, app, anew=True)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    os.write(2, os.fsencode(f"vpython: its own code in `{app}` was damaged: unpacked anew\n"))
    return made


def _turn(root: str) -> int | None:
    """Wait until nobody else unpacks; the lock, or None where there is none to have.

    It saves work, no more: what is unpacked gets its name at once, whoever else does the same.
    """
    if os.name != "posix":
        return None
    import fcntl
    import time

    descriptor = open_lock(root, os.path.join(root, "locks", "own-code"))
    if descriptor is None:
        return None  # a root that cannot be written: the copy goes elsewhere
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            break
    return descriptor


def unpack(archive: str, app: str, *, anew: bool = False) -> str:
    """Unpack what `archive` holds to `app`; to a passing directory where that is read-only.

    `anew`: in place of the copy that is there.
    """
    import time

    parent = os.path.dirname(app)
    complete = os.path.join(app, "complete")
    staged = os.path.join(parent, f".new-{os.getpid():x}-{time.time_ns():x}")
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        os.mkdir(staged, 0o700)
    except OSError as error:
        return _unpack_aside(archive, app, error)
    try:
        _fill(archive, staged)
        if os.path.lexists(app) and (anew or not os.path.exists(complete)):
            # What is left of one that somebody began to remove: a name of its own lets it go later.
            os.rename(app, f"{staged}.old")
        _rename(staged, app)
    except OSError as error:
        if anew or not os.path.exists(complete):
            _remove(staged)
            _refuse(app, error)
    finally:
        _remove(staged)
        _remove(f"{staged}.old")
    return app


def _remove(place: str) -> None:
    if os.path.lexists(place):
        import shutil

        shutil.rmtree(place, ignore_errors=True)


def _unpack_aside(archive: str, app: str, error: OSError) -> str:
    try:
        staged = make_temporary("vpython-app.")
        _fill(archive, staged)
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


def _fill(archive: str, directory: str) -> None:
    from vpython_contents import put

    put(archive, directory)
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
