"""Discovery of the base Python that an environment is built on."""

from __future__ import annotations

import os
import sys

from vpy.errors import UserError
from vpy.model import Interpreter, Observation
from vpy.system import files
from vpy.system.lean.dataclasses import value
from vpy.target import shims
from vpy.target.installations import (
    Installation,
    list_installations,
    minor_versions,
    observe_file,
    observe_no_program,
    parse_launcher_output,
    version_in_name,
    why_skipped,
)
from vpy.target.probe import ProbeError, probe
from vpy.target.python_requirement import PythonRequirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vpy.config import Config
    from vpy.system.layout import Layout

_INSTALLATIONS = "known installations"


@value
class FoundInterpreter:
    """Python that was chosen for a spec.

    `path` is where it was found, links not followed; `origin` is the kind of location that is in, as
    messages name it (`PATH`); `observations` are what the choice depends on. `passed_over` are the paths
    that came before it, each with the reason.
    """

    interpreter: Interpreter
    path: str
    origin: str
    observations: tuple[Observation, ...]
    passed_over: tuple[tuple[str, str], ...] = ()


@value
class Candidate:
    """Python of this machine: its path and the kind of location that is in, and what its probe found.

    `interpreter` is None where it cannot be used; then `reason` says why, to be read after the path.
    """

    path: str
    origin: str
    interpreter: Interpreter | None
    reason: str = ""


def find(
    python_version: str,
    requires_python: str,
    *,
    explicit: str | None,
    bundle: str | None,
    environ: Mapping[str, str],
    config: Config,
    layout: Layout,
    debug: Callable[[str], None],
    platform: str = sys.platform,
) -> FoundInterpreter:
    """Return the first Python that fits a spec: of `_locations`, else the newest known installation.

    `explicit` is the path behind `-vpython-interpreter`, which must run and fit; `bundle` is the
    hermetic Python of the manifest. `debug` gets one line for each Python that is skipped. Raises
    UserError where no Python can meet the spec, where `explicit` does not, and where none of this
    machine does; the last lists those there are.
    """
    search = _Search(PythonRequirement(python_version, requires_python), environ, layout, debug, platform)
    if explicit:
        path = os.path.abspath(explicit)
        return search.result(_check_explicit(search, path), path, "-vpython-interpreter")

    for origin, paths in _locations(search, bundle, config):
        for path in paths:
            if interpreter := search.try_path(path):
                return search.result(interpreter, path, origin)

    if newest := search.newest_installed():
        return search.result(*newest, _INSTALLATIONS)
    raise _no_python_fits(search, config)


def list_candidates(
    *,
    environ: Mapping[str, str],
    config: Config,
    layout: Layout,
    debug: Callable[[str], None] = lambda _: None,
    platform: str = sys.platform,
) -> tuple[Candidate, ...]:
    """Return every Python that a search may try, each once, in the order of the search."""
    search = _Search(PythonRequirement("", ""), environ, layout, debug, platform)
    locations = *_locations(search, None, config), (_INSTALLATIONS, search.installed_paths())

    candidates: dict[str, Candidate] = {}
    for origin, paths in locations:
        for path in paths:
            if candidate := search.candidate(path, origin):
                interpreter = candidate.interpreter
                key = interpreter.executable if interpreter else os.path.realpath(path)
                candidates.setdefault(key, candidate)
    return tuple(candidates.values())


def _locations(search: _Search, bundle: str | None, config: Config) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the kinds of locations in order, each with its paths, which are looked up as they are needed."""
    if bundle:
        yield "the hermetic Python", search.existing((bundle,))
    for name in _command_names(search.requirement, search.platform):
        yield "PATH", search.commands(name)
    yield "the system's bundles", search.existing(filter(os.path.isabs, config.system_pythons))


def _command_names(requirement: PythonRequirement, platform: str) -> tuple[str, ...]:
    """Return `pythonX.Y`, `python3`, `python`; where the spec leaves Y open, each `pythonX.Y` at the end."""
    versioned = [f"python{major}.{minor}" for major, minor in minor_versions(requirement)]
    names = [*versioned, "python3", "python"] if requirement.minor else ["python3", "python", *versioned]
    return tuple(f"{name}.exe" for name in names) if platform == "win32" else tuple(names)


def _check_explicit(search: _Search, path: str) -> Interpreter:
    """Return the Python at a path that the user named: even a shim is probed, but it must run and fit."""
    if not files.is_file(path):
        raise UserError(
            f"the interpreter `{path}` does not exist", hint="give the path of a Python executable"
        )

    try:
        interpreter = search.probe(path)
    except ProbeError as error:
        raise UserError(f"the interpreter {error.message}", hint=error.hint) from error
    if not search.requirement.accepts(interpreter):
        raise UserError(
            f"the interpreter `{path}` is Python {interpreter.version_text},"
            f" the spec wants {search.requirement}",
            hint=search.requirement.hint or "name another one, or leave -vpython-interpreter out",
        )

    search.observe(*observe_file(path))
    return interpreter


def _no_python_fits(search: _Search, config: Config) -> UserError:
    candidates = list_candidates(
        environ=search.environ, config=config, layout=search.layout, platform=search.platform
    )
    lines = [
        f"  {candidate.interpreter.version_text:<8} `{candidate.path}`"
        for candidate in candidates
        if candidate.interpreter is not None
    ]

    message = f"no Python here fits {search.requirement}"
    facts = [f"{message}:", *lines] if lines else [f"{message}, and there is no other Python"]
    wanted = ".".join(map(str, search.requirement.prefix)) or search.requirement.requires_python
    if not wanted and not lines:
        facts = ["there is no Python here"]
    hint = f"install Python{f' {wanted}' if wanted else ''}, or name one with -vpython-interpreter FILE"
    return UserError(facts, hint=search.requirement.hint or search.hint or hint)


def _why_not_found(interpreter: Interpreter) -> str:
    """Return why a Python that would do is not taken unless somebody names it; "" where it is."""
    if interpreter.implementation == "cpython":
        return ""
    return f"is {interpreter.implementation} {interpreter.version_text}, which is used only where it is named"


class _Search:
    """Search for a Python that fits a requirement; collects the observations it depends on.

    `hint` is that of the last Python which could not be used, where its error had one.
    """

    def __init__(
        self,
        requirement: PythonRequirement,
        environ: Mapping[str, str],
        layout: Layout,
        debug: Callable[[str], None],
        platform: str,
    ) -> None:
        self.requirement = requirement
        self.environ = environ
        self.layout = layout
        self.platform = platform
        self.hint: str | None = None
        self._debug = debug
        self._observations: dict[Observation, None] = {}
        self._probed: dict[str, Interpreter | ProbeError] = {}
        self._passed_over: dict[str, str] = {}

    def result(self, interpreter: Interpreter, path: str, origin: str) -> FoundInterpreter:
        """Return a Python that fits, with the observations of the search."""
        if os.path.realpath(path) != interpreter.executable:
            self.observe(*observe_file(interpreter.executable))
        return FoundInterpreter(
            interpreter, path, origin, tuple(self._observations), tuple(self._passed_over.items())
        )

    def observe(self, *observations: Observation) -> None:
        """Add observations."""
        self._observations.update(dict.fromkeys(observations))

    def probe(self, path: str) -> Interpreter:
        """Probe a Python, once for each real file in one search."""
        real = os.path.realpath(path)
        if real not in self._probed:
            try:
                self._probed[real] = probe(path, layout=self.layout, environ=self.environ)
            except ProbeError as error:
                self._probed[real] = error

        answer = self._probed[real]
        if isinstance(answer, ProbeError):
            raise ProbeError(path, answer.reason, hint=answer.hint)
        return answer

    def try_path(self, path: str) -> Interpreter | None:
        """Return the Python at `path` where it may be probed and fits; else None, with a debug line."""
        if os.path.isabs(path):
            self.observe(*observe_file(path))

        reason = why_skipped(path, self.platform)
        if reason and (program := shims.behind(path, reason, self.environ, self.observe)):
            return self.try_path(program)
        named = version_in_name(path)
        if not reason and named and not self.requirement.may_accept(named):
            reason = f"is Python {named[0]}.{named[1]} by its name"
        if not reason:
            try:
                interpreter = self.probe(path)
            except ProbeError as error:
                reason, self.hint = error.reason, error.hint or self.hint
            else:
                reason = _why_not_found(interpreter)
                if not reason and self.requirement.accepts(interpreter):
                    return interpreter
                reason = reason or f"is Python {interpreter.version_text}"

        self._passed_over[path] = reason
        self._debug(f"passed over: `{path}` {reason}")
        return None

    def candidate(self, path: str, origin: str) -> Candidate | None:
        """Return the Python at `path`, usable or not; None where a search would not probe it."""
        if why_skipped(path, self.platform):
            return None
        try:
            found = self.probe(path)
        except ProbeError as error:
            return Candidate(path=path, origin=origin, interpreter=None, reason=error.reason)
        reason = _why_not_found(found)
        return Candidate(path=path, origin=origin, interpreter=None if reason else found, reason=reason)

    def existing(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield those of `paths` that are files; observe the others."""
        for path in paths:
            if files.is_file(path):
                yield path
            else:
                self.observe(*observe_no_program(path))

    def commands(self, name: str) -> Iterator[str]:
        """Yield every executable `name` on PATH, best first, except in environments of vpython.

        The first one is observed. Where it is skipped, so are the directories between it and the next.
        """
        first = ""
        for directory in self.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(directory, name)
            if not (os.access(path, os.X_OK) and os.path.isfile(path)):
                if first and os.path.isabs(path):
                    self.observe(*observe_no_program(path))
            elif not os.path.exists(os.path.join(directory, "activate_this.py")):
                if not first:
                    first = path
                    self.observe(Observation("command", (name, path)))
                yield path

        if not first:
            self.observe(Observation("command", (name, "")))

    def installed_paths(self) -> Iterator[str]:
        """Return the paths of the known installations, in the order of their directories."""
        return (installation.path for installation in self._installations())

    def _installations(self) -> list[Installation]:
        installations, observations = list_installations(self.requirement, self.environ, self.platform)
        self.observe(*observations)
        return [*installations, *(self._of_windows_launcher() if self.platform == "win32" else ())]

    def _of_windows_launcher(self) -> tuple[Installation, ...]:
        from vpy.system import process

        for path in self.commands("py.exe"):
            try:
                finished = process.run([path, "-0p"], environ=self.environ, timeout=10)
            except OSError:
                break
            self.observe(*observe_file(path))
            return parse_launcher_output(finished.stdout.decode("utf-8", "replace"))
        return ()

    def newest_installed(self) -> tuple[Interpreter, str] | None:
        """Return the newest fitting Python of the known installations, and its path.

        A plain stable one comes before any other. Only those are probed whose names allow that they
        are the best so far.
        """
        best: tuple[tuple[bool, tuple[int, ...]], Interpreter, str] | None = None
        for installation in sorted(self._installations(), key=_best_rank, reverse=True):
            if best is not None and _best_rank(installation) <= best[0]:
                break
            interpreter = self.try_path(installation.path)
            if interpreter is not None:
                rank = (installation.plain and _is_release(interpreter), interpreter.version)
                if best is None or rank > best[0]:
                    best = (rank, interpreter, installation.path)
        return (best[1], best[2]) if best else None


def _best_rank(installation: Installation) -> tuple[bool, tuple[int, ...]]:
    """Return the best rank that an installation can have, judging by its name."""
    version = installation.version
    return installation.plain, (*version, 999, 999, 999)[:3] if version else (999, 999, 999)


def _is_release(interpreter: Interpreter) -> bool:
    return interpreter.version_text.rstrip("+") == ".".join(map(str, interpreter.version))
