"""An environment: built aside, marked complete last, under a lock, at most once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from vpy.environment import hold
from vpy.system import files, locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.model import Interpreter
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal

    Fill = Callable[[str, str], None]

FORMAT = "1"


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
    """The environment's name: 40 hex digits of a hash over its ingredients."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def is_complete(layout: Layout, key: str) -> bool:
    return os.path.exists(os.path.join(layout.environment(key), "complete"))


def ensure(
    key: str, why: Mapping[str, object], make: Fill, *, layout: Layout, terminal: Terminal
) -> tuple[str, bool]:
    """Return the environment's path, and whether this call built it.

    `make(into, final)` fills the directory `into`, which is then renamed to `final`. Of many
    callers one builds; the others wait for its lock and find it done.
    """
    final = layout.environment(key)
    if is_complete(layout, key):
        _ensure_hold(layout, key)
        return final, False

    def waiting() -> None:
        terminal.info(f"waiting: another process is building `{final}`")

    def done() -> bool:
        return is_complete(layout, key)

    with (
        files.disk_errors("make the environment", final),
        locks.turn(layout.lock("build", key), done, waiting) as ours,
    ):
        if not ours:
            return final, False
        locks.ensure_lock_file(layout.lock("environment", key))
        if os.path.lexists(final) and not hold.clear(layout, key):
            return final, False
        with files.staging_directory(layout.staging, "environment-") as stage:
            make(stage, final)
            files.write_bytes(os.path.join(stage, "why.json"), json.dumps(why, indent=1).encode(), mode=0o644)
            files.write_bytes(os.path.join(stage, "used"), b"", mode=0o644)
            os.makedirs(layout.environments, mode=0o700, exist_ok=True)
            os.rename(stage, final)
        mark_complete(final)
    return final, True


def _ensure_hold(layout: Layout, key: str) -> None:
    """Without its lock file nobody could hold the environment. Where none can be written, none is pruned."""
    with contextlib.suppress(OSError):
        locks.ensure_lock_file(layout.lock("environment", key))


def mark_complete(environment: str) -> None:
    with open(os.path.join(environment, "complete"), "w"):
        pass
