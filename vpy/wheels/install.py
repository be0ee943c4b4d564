"""Installation of wheels into the store, by one pip process for all that are missing."""

from __future__ import annotations

import errno
import os

from vpy.errors import RefusedError, ToolError
from vpy.model import StoredWheel
from vpy.system import files
from vpy.wheels import filename, launchers, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.model import Interpreter, WheelFile
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython, PipInstaller

_hashes: dict[str, tuple[tuple[int, ...], str]] = {}  # by path: the file's signature, its sha256


def ensure(
    wheels: Sequence[WheelFile],
    interpreter: Interpreter,
    *,
    layout: Layout,
    host: HostPython,
    environ: Mapping[str, str],
    terminal: Terminal,
) -> tuple[StoredWheel, ...]:
    """Return every wheel as an installed tree in the layout of `interpreter`, in the order given.

    Starts one pip process where trees are missing, none otherwise. A wheel is hashed and its zip is
    checked before pip opens it. Where two processes install the same wheel, the first to finish renames
    its tree into place and the other drops its own. Raises one RefusedError for all wheels that are refused.
    """
    scheme = store.scheme_id(interpreter)
    stored = tuple(
        StoredWheel(filename=wheel.filename, sha256=wheel.sha256, path=layout.wheel(wheel.sha256, scheme))
        for wheel in wheels
    )
    by_hash = {wheel.sha256: (wheel, tree) for wheel, tree in zip(wheels, stored, strict=True)}
    missing = [(wheel, tree) for wheel, tree in by_hash.values() if not store.is_stored(tree)]

    if missing:
        terminal.info(f"installing {len(missing)} of {len(stored)} wheels")
        with terminal.status.stage("installing"):
            _install(missing, interpreter, layout, host, environ, terminal)
    return stored


def _install(
    missing: Sequence[tuple[WheelFile, StoredWheel]],
    interpreter: Interpreter,
    layout: Layout,
    host: HostPython,
    environ: Mapping[str, str],
    terminal: Terminal,
) -> None:
    scheme = dict(interpreter.scheme)
    with (
        files.disk_errors("write", layout.staging),
        files.staging_directory(layout.staging, "wheels-") as stage,
        host.installing(environ, terminal) as pip,
    ):
        directories = [os.path.join(stage, str(position)) for position in range(len(missing))]
        _send([wheel for wheel, _ in missing], directories, interpreter, pip)

        failed = []
        rows = zip(directories, missing, pip.results(), strict=True)
        for number, (directory, (wheel, stored), fault) in enumerate(rows):
            terminal.status.count(number, len(missing), "wheels")
            if fault := fault or launchers.fault_in_tree(os.path.join(directory, store.TREE), scheme):
                failed.append((wheel, fault))
                continue
            store.seal(directory, scheme["scripts"])
            if not files.move_into_place(directory, stored.path):
                terminal.debug(f"another process stored `{stored.filename}`")
        _raise_failures(failed)


def _send(
    wheels: Sequence[WheelFile], directories: Sequence[str], interpreter: Interpreter, pip: PipInstaller
) -> None:
    """Send pip each wheel as soon as it is checked, so that pip installs it while the next is read."""
    pip.send({"placeholder": script.PLACEHOLDER, "version": list(interpreter.version[:2])})
    refused = []
    for directory, wheel in zip(directories, wheels, strict=True):
        if fault := _fault(wheel):
            refused.append(fault)
        if not refused:
            pip.send(_row(wheel, directory, interpreter))
    if refused:
        raise RefusedError(refused)


def _row(wheel: WheelFile, directory: str, interpreter: Interpreter) -> dict[str, Any]:
    """Return the row that makes `pip_install` put a wheel into a tree below `directory`."""
    name = filename.parse(wheel.filename).name
    tree = os.path.join(directory, store.TREE)
    os.makedirs(tree)
    scheme = {key: os.path.normpath(os.path.join(tree, path)) for key, path in interpreter.scheme}
    scheme["headers"] = os.path.join(scheme["headers"], name)
    return {"name": name, "path": wheel.path, "scheme": scheme}


def _fault(wheel: WheelFile) -> str | None:
    """Return why the wheel must not be installed, or None.

    Raises ToolError where its bytes are not those that were chosen.
    """
    from vpy.wheels import contents

    with files.disk_errors("read", wheel.path):
        found = hash_of(wheel.path)
    if found != wheel.sha256:
        raise ToolError(
            f"`{wheel.filename}` has changed: sha256 `{found}`, not `{wheel.sha256}`: `{wheel.path}`",
            hint="remove that file and run again",
        )

    try:
        contents.wheel_facts(wheel.path, filename=wheel.filename)
    except ToolError as error:
        return _with_package(wheel, error.summary)
    return None


def _with_package(wheel: WheelFile, message: str) -> str:
    return f"package `{wheel.package}`: {message}" if wheel.package else message


def _raise_failures(failed: Sequence[tuple[WheelFile, str]]) -> None:
    """Raise one RefusedError for all wheels that pip could not install; ToolError for a full disk."""
    lines = [_with_package(wheel, f"cannot install `{wheel.filename}`: {fault}") for wheel, fault in failed]
    full = os.strerror(errno.ENOSPC)
    for line, (_, fault) in zip(lines, failed, strict=True):
        if fault == full:  # every other wheel failed for the same reason
            raise ToolError(line, hint=files.disk_hint(OSError(errno.ENOSPC, full)))
    if lines:
        raise RefusedError(lines)


def hash_of(path: str) -> str:
    """Return a file's sha256 as hex; a file that has not changed is hashed once in a process."""
    import hashlib

    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        signature = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if path not in _hashes or _hashes[path][0] != signature:
            _hashes[path] = (signature, hashlib.file_digest(file, "sha256").hexdigest())
    return _hashes[path][1]
