"""vpython's own code, unpacked from the archive into the root: once per build and Python."""

from __future__ import annotations

import os
import sys

from vpython_root import ELSEWHERE, check, fail, make_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def app_of(archive: str, root: str, name: str) -> str:
    """Return `<root>/NAME`, where the code of `archive` lies, unpacked now if it was not before.

    Where the root cannot be written, it is a directory that is gone when this process ends.
    """
    app = os.path.join(root, name)
    if not os.path.exists(os.path.join(app, "complete")):
        check(root)
        app = unpack(archive, app)
    if app.startswith(root):
        remember_python(os.path.dirname(app), start_of(app))
    return app


def unpack(archive: str, app: str) -> str:
    """Unpack the inner archive of `archive` to `app`; to a passing directory where that is read-only."""
    import shutil
    import tempfile
    import zipimport

    inner = zipimport.zipimporter(archive).get_data("app.zip")
    parent = os.path.dirname(app)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        staged = tempfile.mkdtemp(prefix=".new-", dir=parent)
    except OSError as error:
        return _unpack_aside(inner, app, error)
    try:
        _fill(staged, inner)
        if os.path.lexists(app) and not os.path.exists(os.path.join(app, "complete")):
            # What is left of one that somebody began to remove: a name of its own lets it go later.
            os.rename(app, f"{staged}.old")
        os.rename(staged, app)
    except OSError as error:
        if not os.path.exists(os.path.join(app, "complete")):
            shutil.rmtree(staged, ignore_errors=True)
            _refuse(app, error)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(f"{staged}.old", ignore_errors=True)
    return app


def _unpack_aside(inner: bytes, app: str, error: OSError) -> str:
    try:
        staged = make_temporary("vpython-app.")
        _fill(staged, inner)
    except OSError:
        _refuse(app, error)
    return staged


def _refuse(app: str, error: OSError) -> NoReturn:
    fail(f"cannot unpack itself to `{app}`: {error.strerror}", 1, ELSEWHERE)


def _fill(directory: str, inner: bytes) -> None:
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(BytesIO(inner)) as members:
        members.extractall(directory)
    with open(os.path.join(directory, "complete"), "w"):
        pass


def start_of(app: str) -> str:
    """The file that starts the unpacked code: compiled, where that is for this Python."""
    import importlib.util

    for name in ("start.pyc", "start.py"):
        path = os.path.join(app, name)
        try:
            with open(path, "rb") as file:
                if name == "start.py" or file.read(4) == importlib.util.MAGIC_NUMBER:
                    return path
        except OSError:
            pass
    return ""


def remember_python(parent: str, start: str) -> None:
    """Leave the head the name of a Python that can run us, its landmark, and the file to start.

    Where it knows a Python already, that one stays as long as it is there.
    """
    kept = os.path.join(parent, "python")
    try:
        with open(kept, "rb") as file:
            python, landmark, known = file.read().splitlines()
        fit = os.access(python, os.X_OK) and os.path.isfile(landmark)
        if fit and os.path.dirname(os.fsdecode(known)) == os.path.dirname(start):
            return
    except (OSError, ValueError):
        pass
    python, landmark = map(os.fsencode, (os.path.realpath(sys.executable or ""), os.__file__))
    if not sys.executable or b"\n" in python + landmark + os.fsencode(start):
        return
    passing = f"{kept}.{os.getpid()}"
    try:
        with open(passing, "wb") as file:
            file.write(b"\n".join((python, landmark, os.fsencode(start), b"")))
        os.replace(passing, kept)
    except OSError:
        pass
