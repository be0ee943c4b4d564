"""Packages that are used as they are, a Python or a vpython: unpacked once, read-only."""

from __future__ import annotations

import contextlib
import os

from vpy.packages import packagefile
from vpy.system import files, turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.model import Pin
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal


def ensure(
    pin: Pin,
    fetch: Callable[[], str],
    layout: Layout,
    *,
    terminal: Terminal,
    finish: Callable[[str, str], None] = lambda made, final: None,
) -> str:
    """Return the directory with the package's files, unpacked now where they were not.

    `fetch` brings the verified package file, `finish(made, final)` adds to what was unpacked at
    `made` before it becomes read-only and gets its name `final`. Of many callers one does it.
    """
    final = layout.python(pin.instance_id)

    def done() -> bool:
        return os.path.isdir(final)

    if done():
        with contextlib.suppress(OSError):
            os.utime(final)  # its last use, for prune
        return final
    with (
        files.disk_errors("unpack to", final),
        turns.turn(layout.lock("python", pin.instance_id), done, f"gets `{pin.name}`", terminal) as ours,
    ):
        if ours:
            path = fetch()
            with files.staging_directory(layout.staging, "python-") as stage:
                made = os.path.join(stage, "files")
                packagefile.unpack(path, made, expected_name=pin.name, instance_id=pin.instance_id)
                finish(made, final)
                _forbid_writing(made)
                files.move_into_place(made, final)
    return final


def _forbid_writing(tree: str) -> None:
    """No directory takes a new file; the topmost stays as it is, or nobody could rename it."""
    for parent, names, _ in os.walk(tree):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o555)  # noqa: S103  (what it takes from them is writing)
