"""Packages that are used as they are, a Python or a vpython: unpacked in the root once, read-only."""

from __future__ import annotations

import contextlib
import os

from vpy.packages.cipd import package_file
from vpy.system import files, run_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.model import Pin
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal

    Finish = Callable[[str, str], None]


def ensure(
    pin: Pin,
    fetch: Callable[[], str],
    layout: Layout,
    *,
    terminal: Terminal,
    finish: Finish = lambda directory, final: None,
) -> str:
    """Return the directory with the package's files, unpacked unless it is there.

    `fetch` returns the path of the verified package file; `finish(directory, final)` completes the
    unpacked `directory` before it becomes read-only and is renamed to `final`. Of concurrent callers
    one does the work, the others wait for it.
    """
    final = layout.python(pin.instance_id)
    if os.path.isdir(final):
        with contextlib.suppress(OSError):
            os.utime(final)  # its last use, for prune
        return final

    lock = layout.lock("python", pin.instance_id)
    once = run_once.run_once(lock, lambda: os.path.isdir(final), f"gets `{pin.name}`", terminal)
    with files.disk_errors("unpack to", final), once as is_ours:
        if is_ours:
            _unpack(pin, fetch(), final, layout, finish)
    return final


def _unpack(pin: Pin, path: str, final: str, layout: Layout, finish: Finish) -> None:
    with files.staging_directory(layout.staging, "python-") as stage:
        directory = os.path.join(stage, "files")
        package_file.unpack(path, directory, expected_name=pin.name, instance_id=pin.instance_id)
        finish(directory, final)
        _forbid_writing(directory)
        files.move_into_place(directory, final)


def _forbid_writing(tree: str) -> None:
    """Make every directory below `tree` read-only, but not `tree`, which could not be renamed then."""
    for parent, names, _ in os.walk(tree):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o555)  # noqa: S103  (it takes the permission to write away)
