"""Build of an environment: its key, and one process that builds it aside and renames it when complete."""

from __future__ import annotations

import os

from bootstrap import shown
from vpy.errors import ToolError
from vpy.system import files, locks, run_once, usage_lock
from vpy.system.layout import KEY
from vpy.system.lean import contextlib, hashlib, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vpy.model import Interpreter
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal

FORMAT = "1"
LISTED = "listed"  # in `why.json`


def ingredients(
    interpreter: Interpreter, template: str, wheels: Sequence[tuple[str, str]]
) -> dict[str, object]:
    """Return everything that shapes an environment, and nothing else, as JSON has it.

    `template` is the identity of the venv template; `wheels` are (file name, sha256 as hex).
    """
    return {
        "format": FORMAT,
        "python": [interpreter.executable, interpreter.version_text, interpreter.platform],
        "skeleton": template,  # the name in keys that exist
        "wheels": sorted([name, sha256] for name, sha256 in wheels),
    }


def key_of(ingredients: Mapping[str, object]) -> str:
    """Return the environment's key: hex digits of a hash over its ingredients."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:KEY]


def is_complete(layout: Layout, key: str) -> bool:
    """Return whether the environment has its mark `complete`, which is made last."""
    return os.path.exists(os.path.join(layout.environment(key), "complete"))


@contextlib.contextmanager
def building(
    key: str,
    why: Mapping[str, object],
    *,
    mark: str,
    watched: Sequence[str],
    missing_file: Callable[[], str | None],
    foreign: Callable[[], str | None],
    layout: Layout,
    terminal: Terminal,
) -> Iterator[str | None]:
    """Yield the directory to fill where the environment must be built, None where it is whole.

    Of many processes one builds; the others wait for its lock and find it complete. The directory is
    renamed to `layout.environment(key)` when the block ends without an error. An environment that lacks a
    file (`missing_file` returns its relative path, or None), or contains what its key does not say (`foreign`
    tells of it), is built again. `why` becomes `why.json`, with the times of the `watched` directories;
    `mark` is what the mark `complete` leads to.
    """
    final = layout.environment(key)

    def is_done() -> bool:
        return is_complete(layout, key) and not missing_file() and not foreign()

    if is_done():
        _ensure_lock_file(layout, key, terminal)
        yield None
        return

    with (
        files.disk_errors("make the environment", final),
        run_once.run_once(layout.lock("build", key), is_done, f"builds `{final}`", terminal) as is_ours,
    ):
        if not is_ours or not _make_way(key, mark, missing_file, foreign, layout, terminal):
            yield None
            return

        with files.staging_directory(layout.staging, "environment-") as stage:
            yield stage
            _finish(stage, final, {**why, LISTED: listed(stage, watched)}, mark)


def _make_way(
    key: str,
    mark: str,
    missing_file: Callable[[], str | None],
    foreign: Callable[[], str | None],
    layout: Layout,
    terminal: Terminal,
) -> bool:
    """Remove an environment that is not as it should be, with a warning; return False where it stays.

    That is where it is whole after all, or has only got something and is in use.
    """
    final = layout.environment(key)
    locks.ensure_lock_file(layout.lock("environment", key))
    if not os.path.lexists(final):
        return True

    def repair() -> None:
        mark_complete(final, mark)

    if path := missing_file():
        found = foreign()
        state = "a damaged" if os.path.lexists(os.path.join(final, path)) else "lost"
        reason = f"contains {found}" if found else f"has {state} `{path}`"
        terminal.warning(f"the environment `{final}` {reason}: making it again")
    if usage_lock.remove_damaged(layout, key, missing_file, repair):
        return True

    found = foreign()
    if not found:
        return False
    wait = usage_lock.SHORT_WAIT_SECONDS
    try:
        is_removed = usage_lock.remove_damaged(
            layout, key, lambda: missing_file() or foreign(), repair, seconds=wait
        )
    except ToolError:
        terminal.warning(f"the environment `{final}` contains {found}, and is in use: starting it as it is")
        return False
    if is_removed:
        terminal.warning(f"the environment `{final}` contains {found}: making it again")
    return is_removed


def listed(environment: str, watched: Sequence[str]) -> dict[str, int]:
    """Return the time, in ns, at which something was last added to each directory or removed from it."""
    places = {path: os.path.join(environment, path) for path in watched}
    return {path: os.stat(place).st_mtime_ns for path, place in places.items() if os.path.isdir(place)}


def known_listing(environment: str) -> dict[str, int]:
    """Return what `listed` was when all in the environment was known to belong there; empty for unknown."""
    try:
        times = json.loads(files.read_bytes(os.path.join(environment, "why.json")))[LISTED]
        return {str(path): int(time) for path, time in times.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def note_listing(environment: str, times: Mapping[str, int]) -> None:
    """Note that all in the environment belongs there; `times` were taken before that was looked at."""
    path = os.path.join(environment, "why.json")
    with contextlib.suppress(OSError, ValueError):
        why = json.loads(files.read_bytes(path))
        if isinstance(why, dict):
            _write_why(path, {**why, LISTED: times})


def _write_why(path: str, why: Mapping[str, object]) -> None:
    rows = ",\n".join(f'"{name}": {json.dumps(shown.value(item))}' for name, item in why.items())
    files.write_bytes(path, f"{{\n{rows}\n}}\n".encode(), mode=0o644)


def _ensure_lock_file(layout: Layout, key: str, terminal: Terminal) -> None:
    """Make the lock file again where it is missing or empty: no process could hold the environment."""
    lock = layout.lock("environment", key)
    if not locks.is_lock_file(lock):
        terminal.warning(f"the lock file `{lock}` was missing: making it again")
        with contextlib.suppress(OSError):
            locks.ensure_lock_file(lock)


def _finish(stage: str, final: str, why: Mapping[str, object], mark: str) -> None:
    """Write what an environment has beside its Python and its wheels, the mark last; rename it to `final`."""
    _write_why(os.path.join(stage, "why.json"), why)
    files.write_bytes(os.path.join(stage, "used"), b"", mode=0o644)
    mark_complete(stage, mark)

    os.makedirs(os.path.dirname(final), mode=0o700, exist_ok=True)
    files.rename(stage, final)


def mark_complete(environment: str, mark: str) -> None:
    """Make the mark that a start checks.

    It is a link where links are to be had. It leads to the hook's `.pth` file, relative, without which
    there is no mark; or, while not all is on disk, to a file that the next boot will not have.
    """
    path = os.path.join(environment, "complete")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if os.name == "posix":
        os.symlink(mark, path)
    else:
        files.write_bytes(path, b"", mode=0o644)
