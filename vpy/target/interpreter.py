"""The search for the Python that an environment is built on."""

from __future__ import annotations

import os
import sys

from vpy.errors import UserError
from vpy.system import files
from vpy.target.demand import Demand
from vpy.target.known import minors
from vpy.target.questions import ProbeError
from vpy.target.search import Described, Found, Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vpy.config import Config
    from vpy.model import Interpreter
    from vpy.system.layout import Layout


def find(
    wanted_prefix: str,
    requires_python: str,
    *,
    explicit: str | None,
    bundle: str | None,
    environ: Mapping[str, str],
    config: Config,
    layout: Layout,
    debug: Callable[[str], None],
    platform: str = sys.platform,
) -> Found:
    """Return the first Python that fits, in the order of the design's section 6.

    `explicit` is what `-vpython-interpreter` named: it must run and fit. `bundle` is the hermetic
    Python of the manifest. What is skipped on the way is told to `debug`, one line each. Raises
    UserError where the spec wants what cannot be, where `explicit` does not do, and where none
    fits: that one lists the Pythons there are.
    """
    search = Search(Demand(wanted_prefix, requires_python), environ, layout, debug, platform)
    if explicit:
        path = os.path.abspath(explicit)
        return search.found(_named(search, path), path, "-vpython-interpreter")
    for place, paths in _places(search, bundle, config):
        for path in paths:
            interpreter = search.consider(path)
            if interpreter is not None:
                return search.found(interpreter, path, place)
    best = search.newest_known()
    if best is not None:
        return search.found(best[0], best[1], "known installations")
    raise _none_fits(search, config)


def describe(
    *,
    environ: Mapping[str, str],
    config: Config,
    layout: Layout,
    debug: Callable[[str], None] = lambda _: None,
    platform: str = sys.platform,
) -> tuple[Described, ...]:
    """Return every Python that a search could come to, each once, in the order of the search."""
    search = Search(Demand("", ""), environ, layout, debug, platform)
    found: dict[str, Described] = {}
    for place, paths in (*_places(search, None, config), ("known installations", search.known_paths())):
        for path in paths:
            item = search.describe(path, place)
            if item is not None:
                name = item.interpreter.executable if item.interpreter else os.path.realpath(path)
                found.setdefault(name, item)
    return tuple(found.values())


def _places(search: Search, bundle: str | None, config: Config) -> Iterator[tuple[str, Iterable[str]]]:
    """The places that are gone through in order, each with its paths, looked up as they are asked for."""
    if bundle:
        yield "the manifest's Python", search.files((bundle,))
    for name in _command_names(search.demand, search.platform):
        yield "PATH", search.commands(name)
    yield "the system's bundles", search.files(filter(os.path.isabs, config.system_pythons))


def _command_names(demand: Demand, platform: str) -> tuple[str, ...]:
    """`pythonX.Y`, `python3`, `python`; where the spec leaves the minor open, every X.Y at the end."""
    versioned = [f"python{major}.{minor}" for major, minor in minors(demand)]
    names = [*versioned, "python3", "python"] if demand.minor else ["python3", "python", *versioned]
    return tuple(f"{name}.exe" for name in names) if platform == "win32" else tuple(names)


def _named(search: Search, path: str) -> Interpreter:
    """What somebody asked for by path: no shim is too odd, but it must run and fit."""
    if not files.is_file(path):
        raise UserError(f"the interpreter `{path}` is not there", hint="give the path of a Python executable")
    try:
        interpreter = search.probe(path)
    except ProbeError as error:
        raise UserError(f"the interpreter {error.message}", hint=error.hint) from error
    if not search.demand.admits(interpreter):
        raise UserError(
            f"the interpreter `{path}` is Python {interpreter.version_text}, the spec wants {search.demand}",
            hint="name another one, or leave -vpython-interpreter out",
        )
    search.note_signature(path)
    return interpreter


def _none_fits(search: Search, config: Config) -> UserError:
    there = describe(environ=search.environ, config=config, layout=search.layout, platform=search.platform)
    lines = [
        f"  {item.interpreter.version_text:<8} `{item.path}`"
        for item in there
        if item.interpreter is not None
    ]
    message = f"no Python here fits {search.demand}"
    message += ":\n" + "\n".join(lines) if lines else ", nor is there any other that would do"
    wanted = ".".join(map(str, search.demand.prefix)) or search.demand.requires
    hint = f"install Python {wanted}, or name one with -vpython-interpreter FILE"
    return UserError(message, hint=search.hint or hint)
