"""Selection of environments by what people call them: a script, its name, a launcher, a key."""

from __future__ import annotations

import os

from bootstrap import kept_script
from bootstrap.command_line import is_address
from vpy.commands.parser import nearest
from vpy.commands.support import inventory
from vpy.errors import UserError
from vpy.operations import remote_script
from vpy.prune import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpy.commands.support.inventory import Environment, Inventory
    from vpy.commands.support.script_links import Launcher
    from vpy.operations.context import Context

LEAST_DIGITS = 4  # of a key, for which a word may be short
MOST_NAMED = 5
_HEX_DIGITS = frozenset("0123456789abcdef")


def select(
    words: Sequence[str], found: Inventory, launchers: Sequence[Launcher], cwd: str, context: Context
) -> dict[str, Environment]:
    """Return the environments that the words mean, by key; UserError where one means none, or several.

    A script that is there, or kept of its address, and has no environment means none without an error.
    """
    chosen: dict[str, Environment] = {}
    for word in words:
        meant = (
            _by_address(word, found.environments)
            or _by_path(os.path.join(cwd, word), found.environments, context)
            or _by_key(word, found.environments)
            or _by_name(word, found.environments, launchers)
        )
        there = kept(word, context) if is_address(word) else os.path.join(cwd, word)
        if not meant and not os.path.lexists(there):
            raise _unknown(word, found.environments, launchers)
        chosen.update((each.key, each) for each in meant)
    return chosen


def kept(address: str, context: Context) -> str:
    """Return the directory of what is kept of an address."""
    return context.layout.address(kept_script.digest_of(address))


def _by_address(word: str, environments: Sequence[Environment]) -> list[Environment]:
    address = remote_script.shown_address(word) if is_address(word) else None
    return [
        each for each in environments if address and address in (origin.address for origin in each.origins)
    ]


def _by_path(path: str, environments: Sequence[Environment], context: Context) -> list[Environment]:
    plain = os.path.normpath(path)
    keys = set(records.keys_of_hashed(context.layout, plain)) if os.name == "nt" else set()
    paths = {os.path.normcase(plain), os.path.normcase(os.path.realpath(path))}
    return [
        each
        for each in environments
        if each.key in keys or not paths.isdisjoint(map(os.path.normcase, (each.spec, *_origins(each))))
    ]


def _by_key(word: str, environments: Sequence[Environment]) -> list[Environment]:
    if len(word) < LEAST_DIGITS or not _HEX_DIGITS.issuperset(word):
        return []
    meant = [each for each in environments if each.key.startswith(word)]
    if len(meant) > 1:
        raise _ambiguous(word, (each.key for each in meant))
    return meant


def _by_name(
    word: str, environments: Sequence[Environment], launchers: Sequence[Launcher]
) -> list[Environment]:
    linked = {each.script for each in launchers if each.name == word}
    named = {path for each in environments for path in _origins(each) if word in _names(path)}
    paths = linked or {path for path in named if os.path.basename(path) == word} or named
    if len(paths) > 1:
        raise _ambiguous(word, sorted(paths))
    return [each for each in environments if not paths.isdisjoint(_origins(each))]


def _origins(environment: Environment) -> list[str]:
    return [origin.path for origin in environment.origins]


def _names(path: str) -> tuple[str, str]:
    """Return the names that a script is called by: with its ending, and without."""
    name = os.path.basename(path)
    return name, os.path.splitext(name)[0]


def _ambiguous(word: str, paths: Iterable[str]) -> UserError:
    named = list(paths)
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    shown = ", ".join(f"`{path}`" for path in named[:MOST_NAMED])
    return UserError(f"`{word}` may mean {shown}{more}", hint="say which by its path, or by more of its key")


def _unknown(word: str, environments: Sequence[Environment], launchers: Sequence[Launcher]) -> UserError:
    known = [name for each in environments for path in _origins(each) for name in (*_names(path), path)]
    known += [each.key[: inventory.SHORT_KEY] for each in environments]
    known += [each.name for each in launchers]
    suggestion = nearest(word, known) or nearest(os.path.basename(word), known)
    fact = f"no environment belongs to `{word}`"
    if suggestion:
        return UserError(f"{fact}: did you mean `{suggestion}`?")
    return UserError(fact, hint="`vpython-tool list` shows the environments")
