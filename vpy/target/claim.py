"""A courtesy among processes that start at once: one probes, the others wait for what it finds.

Nothing hangs on it: who waits in vain probes too, and so does who cannot write.
"""

from __future__ import annotations

from vpy.system import locks, scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.model import Interpreter

    Answer = Interpreter | str | None


@scope.contextmanager
def first_or_told(lock: str, look: Callable[[], Answer]) -> Iterator[Answer]:
    """Yield None to the first who comes with this lock file, and what `look` finds to the others.

    They wait until the first has gone, be it by a crash, and are told None where it left nothing.
    """
    try:
        locks.ensure_lock_file(lock)
    except OSError:
        yield None
        return
    with locks.flocked(lock, alone=True, wait=False) as first:
        if first:
            yield look()
            return
    with locks.flocked(lock, alone=False):
        found = look()
    yield found
