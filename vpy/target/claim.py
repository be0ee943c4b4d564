"""A courtesy among processes that start at once: one probes, the others wait for what it finds.

Nothing hangs on it: who waits in vain probes too, and so does who cannot write.
"""

from __future__ import annotations

import contextlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.model import Interpreter

    Answer = Interpreter | str | None

PATIENCE = 10.0  # seconds
_PAUSE = 0.01


@contextlib.contextmanager
def first_or_told(path: str, look: Callable[[], Answer]) -> Iterator[Answer]:
    """Yield None to the first who comes with this `path`, and what `look` finds to the others.

    The others look until there is something, until the first has gone without leaving anything,
    or until their patience ends; then they are told None as well.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        yield _wait(path, look)
        return
    except OSError:
        yield None
        return
    try:
        yield look()
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _wait(path: str, look: Callable[[], Answer]) -> Answer:
    """A claim that nobody came back to, after a crash, is older than anybody's patience: it goes."""
    with contextlib.suppress(OSError):
        if abs(time.time() - os.stat(path).st_mtime) > PATIENCE * 2:
            os.unlink(path)
            return look()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        there = os.path.exists(path)
        found = look()
        if found is not None or not there:
            return found
        time.sleep(_PAUSE)
    return None
