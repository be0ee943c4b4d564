"""Unpacked copy of vpython's own code in the root: made once per build and Python."""

from __future__ import annotations

import os
import sys

from bootstrap import BUILD
from bootstrap.request import DOUBTED
from bootstrap.root import ELSEWHERE, check, fail, is_private, make_temporary, remove_temporary
from bootstrap.start_lock import open_lock
from bootstrap.unsettled import mark, marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from bootstrap.request import Request

APP = "app-1"
# It is copied as it stands: cut short it would be run by every start, and fail none of ours.
HOOK = "vpy/environment/hook.py"
WAIT_SECONDS = 10.0  # seconds to wait for who unpacks already: it may have been stopped


def load_app(request: Request) -> str:
    """Put `vpy` and the vendored code on the path; return the directory that holds them."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if BUILD == "source":
        app, vendor = here, os.path.join(here, "build", "vendor")
    else:
        archive = here if os.path.isfile(here) else request.caller
        name = f"{APP}/{BUILD}-{sys.implementation.cache_tag}"
        app = app_of(archive, request.root, name, doubted=request.doubted)
        vendor = os.path.join(app, "vendor")
    for entry in (vendor, app):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    return app


def app_of(archive: str, root: str, name: str, *, doubted: bool = False) -> str:
    """Return the directory `<root>/NAME` with the code of `archive`, unpacked where it is missing.

    A copy that is `doubted` is compared with the archive. A damaged one is replaced, with a line that
    says so. Where the root cannot be written, the directory is a temporary one.
    """
    # Before anything of it is looked at: what others put into a root is never run.
    check(root)
    app = os.path.join(root, name)
    is_there = os.path.exists(os.path.join(app, "complete"))
    if is_there and not is_private(os.path.dirname(app), app):
        fail(f"vpython's own code in `{app}` can be written by others", 1, f"remove '{app}'")
    if not is_there:
        app = _first(archive, app, root)
    elif not _is_marked(app) or ((doubted or _is_doubtful(root)) and not is_whole(archive, app)):
        app = _replace(archive, app, root)
    if app.startswith(root):
        remember_python(os.path.dirname(app), app)
    return app


def _is_doubtful(root: str) -> bool:
    """Return whether the machine went down before all that was made in the root was on disk."""
    return bool(marks(root, of_this_boot=False))


def begin_again(error: Exception, environ: Mapping[str, str], *, doubted: bool) -> NoReturn:
    """Run the archive's own code instead of the copy, which it checks; fail where that happened before."""
    if environ.get("VPYTHON_DEBUG_TRACEBACK"):
        raise error
    remove_temporary()
    archive = os.path.abspath(sys.argv[0])
    if doubted or BUILD == "source" or not os.access(sys.executable or "", os.X_OK):
        fail(f"internal error: {type(error).__name__}: {error}", 1)
    command = [sys.executable, "-I", "-S", archive, *sys.argv[1:]]
    child_environ = {**environ, "VPYTHON_RECORD": DOUBTED}
    if os.name == "posix":
        os.execve(sys.executable, command, child_environ)
    import subprocess

    os._exit(subprocess.call(command, env=child_environ))


def is_whole(archive: str, app: str) -> bool:
    """Return whether the copy at `app` is complete; True too where the archive cannot be read."""
    from bootstrap.bundle import holds_all

    return _is_marked(app) and holds_all(archive, app)


def _is_marked(app: str) -> bool:
    """Return whether `complete` holds the size of the hook."""
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
        result = unpack(archive, app, replacing=True)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    os.write(2, os.fsencode(f"vpython: its own code in `{app}` was damaged: unpacked again\n"))
    return result


def _turn(root: str) -> int | None:
    """Wait until no other process unpacks; return the lock's descriptor, None where there is no lock.

    The lock only saves work: what is unpacked gets its name at once, whoever else does the same. It is
    a plain `flock`, since no vendored code can be imported before it is unpacked.
    """
    if os.name != "posix":
        return None
    import fcntl
    import time

    descriptor = open_lock(root, os.path.join(root, "locks", "own-code"))
    if descriptor is None:
        return None  # a root that cannot be written: the copy goes elsewhere
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            break
    return descriptor


def unpack(archive: str, app: str, *, replacing: bool = False) -> str:
    """Unpack `archive` to `app`; to a temporary directory where the root is read-only.

    With `replacing`, a copy that is there is replaced.
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
    mark(os.path.dirname(parent), "code")
    try:
        _fill(archive, staged)
        if os.path.lexists(app) and (replacing or not os.path.exists(complete)):
            # What is left of one that somebody began to remove: a name of its own lets it go later.
            _put_aside(app, f"{staged}.old")
        _rename(staged, app)
    except OSError as error:
        if replacing or not os.path.exists(complete):
            _remove(staged)
            _refuse(app, error)
    finally:
        _remove(staged)
        _remove(f"{staged}.old")
    return app


def _put_aside(app: str, aside: str) -> None:
    """Rename the old copy; where it cannot be (the lower layer of an overlay filesystem), remove it."""
    import errno

    try:
        os.rename(app, aside)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _remove(app)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        import shutil

        shutil.rmtree(path, ignore_errors=True)


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
    from bootstrap.bundle import put

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
