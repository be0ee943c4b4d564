"""Wheels that are not in the store are installed into it: one pip process for all of them."""

from __future__ import annotations

import errno
import os

from vpy.errors import ToolError
from vpy.model import StoredWheel
from vpy.system import files
from vpy.wheels import filename, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.model import Interpreter, WheelFile
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.host import HostPython, Installing

_hashed: dict[str, tuple[tuple[int, ...], str]] = {}


def ensure(
    wheels: Sequence[WheelFile],
    interpreter: Interpreter,
    *,
    layout: Layout,
    host: HostPython,
    environ: Mapping[str, str],
    terminal: Terminal,
) -> tuple[StoredWheel, ...]:
    """Every wheel as an installed tree in the layout of `interpreter`, in the order given.

    Starts one pip process where trees are missing, none otherwise. A wheel's bytes are hashed and
    its zip is checked before pip opens it. Two processes may make the same tree: the first to finish
    names it, the other's is dropped. All wheels that are refused are reported together.
    """
    scheme = store.scheme_id(interpreter)
    stored = tuple(
        StoredWheel(filename=one.filename, sha256=one.sha256, path=layout.wheel(one.sha256, scheme))
        for one in wheels
    )
    missing = {one.sha256: (one, tree) for one, tree in zip(wheels, stored, strict=True)}
    missing = {sha256: pair for sha256, pair in missing.items() if not store.is_stored(pair[1])}
    if missing:
        terminal.info(f"installing {len(missing)} of {len(stored)} wheels")
        _install(list(missing.values()), interpreter, layout, host, environ, terminal)
    return stored


def _install(
    pairs: Sequence[tuple[WheelFile, StoredWheel]],
    interpreter: Interpreter,
    layout: Layout,
    host: HostPython,
    environ: Mapping[str, str],
    terminal: Terminal,
) -> None:
    scripts = dict(interpreter.scheme)["scripts"]
    with (
        files.disk_errors("write", layout.staging),
        files.staging_directory(layout.staging, "wheels-") as aside,
        host.installing(environ, terminal) as pip,
    ):
        made = [os.path.join(aside, str(position)) for position in range(len(pairs))]
        _put(pairs, made, interpreter, pip)
        failed = []
        for directory, (wheel, stored), fact in zip(made, pairs, pip.answers(), strict=True):
            if fact:
                failed.append((wheel, fact))
                continue
            store.seal(directory, scripts)
            if not files.move_into_place(directory, stored.path):
                terminal.debug(f"somebody else stored `{stored.filename}`")
        _refuse(failed)


def _put(
    pairs: Sequence[tuple[WheelFile, StoredWheel]],
    made: Sequence[str],
    interpreter: Interpreter,
    pip: Installing,
) -> None:
    """Give pip each wheel as soon as it is checked, so that it installs one while the next is read."""
    pip.tell({"placeholder": script.PLACEHOLDER, "version": list(interpreter.version[:2])})
    refused = []
    for directory, (wheel, _) in zip(made, pairs, strict=True):
        if fault := _fault(wheel):
            refused.append(fault)
        if not refused:
            pip.tell(_row(wheel, directory, interpreter))
    if refused:
        raise ToolError("\n".join(refused))


def _fault(wheel: WheelFile) -> str:
    """Why no installer should open the wheel; "" where one may.

    ToolError where its bytes are not those that were chosen.
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
        return _by_package(wheel, error.message)
    return ""


def _by_package(wheel: WheelFile, message: str) -> str:
    return f"package `{wheel.package}`: {message}" if wheel.package else message


def hash_of(path: str) -> str:
    """The sha256 of a file, as hex; one that nobody has touched since it was hashed is not hashed again."""
    import hashlib

    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        signature = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if path not in _hashed or _hashed[path][0] != signature:
            _hashed[path] = (signature, hashlib.file_digest(file, "sha256").hexdigest())
    return _hashed[path][1]


def _row(wheel: WheelFile, directory: str, interpreter: Interpreter) -> dict[str, Any]:
    name = filename.parse(wheel.filename).name
    tree = os.path.join(directory, store.TREE)
    os.makedirs(tree)
    scheme = {key: os.path.normpath(os.path.join(tree, path)) for key, path in interpreter.scheme}
    scheme["headers"] = os.path.join(scheme["headers"], name)
    return {"name": name, "path": wheel.path, "scheme": scheme}


def _refuse(failed: Sequence[tuple[WheelFile, str]]) -> None:
    """Raise one error for all wheels that could not be installed."""
    lines = [_by_package(wheel, f"cannot install `{wheel.filename}`: {fact}") for wheel, fact in failed]
    full = os.strerror(errno.ENOSPC)
    for line, (_, fact) in zip(lines, failed, strict=True):
        if fact == full:  # it says the same of all others
            raise ToolError(line, hint=files.way_out(OSError(errno.ENOSPC, full)))
    if failed:
        raise ToolError("\n".join(lines))
