"""An environment: built aside, under a lock, at most once, and renamed when it is complete."""

from __future__ import annotations

import os

from vpy.environment import hold
from vpy.system import digest, files, jsontext, locks, scope, turns
from vpy.system.layout import KEY
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.model import Interpreter
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal

FORMAT = "1"


@value
class Plan:
    """How an environment is made, and seen to be whole.

    `make(into, final)` fills the directory `into`, which is then renamed to `final`; `lost(final)`
    is the relative path of something that has gone, or ""; `line` is where the line lies that runs
    the start hook.
    """

    key: str
    line: str
    make: Callable[[str, str], None]
    lost: Callable[[str], str]


def ingredients(interpreter: Interpreter, base: str, wheels: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Everything that shapes an environment, and nothing else.

    `base` is the skeleton's identity; `wheels` are (file name, sha256 as hex).
    """
    return {
        "format": FORMAT,
        "python": [interpreter.executable, interpreter.version_text, interpreter.platform],
        "skeleton": base,
        "wheels": sorted([name, sha256] for name, sha256 in wheels),
    }


def key_of(told: Mapping[str, object]) -> str:
    """The environment's name: hex digits of a hash over its ingredients."""
    return digest.sha256(jsontext.dumps(told, sort_keys=True).encode()).hexdigest()[:KEY]


def is_complete(layout: Layout, key: str) -> bool:
    return os.path.exists(os.path.join(layout.environment(key), "complete"))


def ensure(plan: Plan, why: Mapping[str, object], *, layout: Layout, terminal: Terminal) -> tuple[str, bool]:
    """Return the environment's path, and whether this call built it.

    Of many callers one builds; the others wait for its lock and find it done. An environment that
    has lost a file is taken away and built again.
    """
    final, key = layout.environment(plan.key), plan.key
    if is_complete(layout, key) and not plan.lost(final):
        _ensure_hold(layout, key, terminal)
        return final, False

    def done() -> bool:
        return is_complete(layout, key) and not plan.lost(final)

    with (
        files.disk_errors("make the environment", final),
        turns.turn(layout.lock("build", key), done, f"builds `{final}`", terminal) as ours,
    ):
        if not ours:
            return final, False
        locks.ensure_lock_file(layout.lock("environment", key))
        if os.path.lexists(final) and not _make_room(plan, layout, terminal):
            return final, False
        with files.staging_directory(layout.staging, "environment-") as stage:
            plan.make(stage, final)
            files.write_bytes(os.path.join(stage, "why.json"), _page(why), mode=0o644)
            files.write_bytes(os.path.join(stage, "used"), b"", mode=0o644)
            mark_complete(stage, plan.line)
            os.makedirs(layout.environments, mode=0o700, exist_ok=True)
            files.rename(stage, final)
    return final, True


def _make_room(plan: Plan, layout: Layout, terminal: Terminal) -> bool:
    """Whether the environment has to be made; one that lacks something is gone then."""
    final = layout.environment(plan.key)
    if lost := plan.lost(final):
        terminal.warning(f"the environment `{final}` has lost `{lost}`: making it again")
    return hold.make_room(layout, plan.key, lambda: plan.lost(final), lambda: mark_complete(final, plan.line))


def _ensure_hold(layout: Layout, key: str, terminal: Terminal) -> None:
    """Without its lock file nobody could hold the environment. Where none can be written, none is pruned."""
    lock = layout.lock("environment", key)
    if not os.path.exists(lock):
        terminal.warning(f"the lock file `{lock}` had gone: making it again")
        with scope.suppress(OSError):
            locks.ensure_lock_file(lock)


def mark_complete(environment: str, line: str) -> None:
    """Make the mark that doors look for: a link to the line that holds a start, so that it fails with it."""
    mark = os.path.join(environment, "complete")
    with scope.suppress(FileNotFoundError):
        os.unlink(mark)
    if os.name == "posix":
        os.symlink(line, mark)
    else:
        files.write_bytes(mark, b"", mode=0o644)


def _page(told: Mapping[str, object]) -> bytes:
    """JSON with a line for each of its names."""
    return (
        "{\n" + ",\n".join(f'"{name}": {jsontext.dumps(item)}' for name, item in told.items()) + "\n}\n"
    ).encode()
