"""Unpack vpython's own code from the archive into the root: once per build and Python."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import zipfile
from io import BytesIO


def unpack(archive: str, app: str) -> str:
    """Unpack the inner archive of `archive` to `app`; to a passing directory where that is read-only."""
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
        _remember_python(parent)
        os.rename(staged, app)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        if not os.path.exists(os.path.join(app, "complete")):
            os.write(2, f"vpython: cannot unpack itself to `{app}`: {error.strerror}\n".encode())
            os._exit(1)
    return app


def _fill(directory: str, inner: bytes) -> None:
    with zipfile.ZipFile(BytesIO(inner)) as members:
        members.extractall(directory)
    with open(os.path.join(directory, "complete"), "w"):
        pass


def _remember_python(parent: str) -> None:
    """Leave the head the name of a Python that can run us, so that it need not look again."""
    passing = os.path.join(parent, f".python-{os.getpid()}")
    if "\n" in sys.executable or not sys.executable:
        return
    with open(passing, "w") as file:
        file.write(sys.executable + "\n")
    os.replace(passing, os.path.join(parent, "python"))
