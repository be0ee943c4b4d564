"""vpython's own code, unpacked from the archive into the root: once per build and Python."""

from __future__ import annotations

import os
import sys

from vpython_root import check


def app_of(archive: str, root: str, name: str) -> str:
    """Return `<root>/NAME`, where the code of `archive` lies, unpacked now if it was not before.

    Where the root cannot be written, it is a directory that is gone when this process ends.
    """
    app = os.path.join(root, name)
    if not os.path.exists(os.path.join(app, "complete")):
        check(root)
        app = unpack(archive, app)
    if app.startswith(root):
        remember_python(os.path.dirname(app))
    return app


def unpack(archive: str, app: str) -> str:
    """Unpack the inner archive of `archive` to `app`; to a passing directory where that is read-only."""
    import atexit
    import shutil
    import tempfile
    import zipimport

    inner = zipimport.zipimporter(archive).get_data("app.zip")
    parent = os.path.dirname(app)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        staged = tempfile.mkdtemp(prefix=".new-", dir=parent)
    except OSError:
        staged = tempfile.mkdtemp(prefix="vpython-app.")
        atexit.register(shutil.rmtree, staged, True)
        _fill(staged, inner)
        return staged
    try:
        _fill(staged, inner)
        os.rename(staged, app)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        if not os.path.exists(os.path.join(app, "complete")):
            os.write(2, f"vpython: cannot unpack itself to `{app}`: {error.strerror}\n".encode())
            os._exit(1)
    return app


def _fill(directory: str, inner: bytes) -> None:
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(BytesIO(inner)) as members:
        members.extractall(directory)
    with open(os.path.join(directory, "complete"), "w"):
        pass


def remember_python(parent: str) -> None:
    """Leave the head the name of a Python that can run us, and its landmark, unless it knows one."""
    kept = os.path.join(parent, "python")
    try:
        with open(kept, "rb") as file:
            python, landmark = file.read().splitlines()
        if os.access(python, os.X_OK) and os.path.isfile(landmark):
            return
    except (OSError, ValueError):
        pass
    python, landmark = map(os.fsencode, (os.path.realpath(sys.executable or ""), os.__file__))
    if not sys.executable or b"\n" in python + landmark:
        return
    passing = f"{kept}.{os.getpid()}"
    try:
        with open(passing, "wb") as file:
            file.write(python + b"\n" + landmark + b"\n")
        os.replace(passing, kept)
    except OSError:
        pass
