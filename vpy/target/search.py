"""One search: what was asked, what came of it, and the observations that the choice hangs on."""

from __future__ import annotations

import os

from vpy.model import Interpreter, Observation
from vpy.system import files
from vpy.target import observe
from vpy.target.known import Installation, parse_launcher, survey
from vpy.target.probe import probe
from vpy.target.questions import ProbeError
from vpy.target.shims import version_in_name, why_passed_over
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vpy.system.layout import Layout
    from vpy.target.demand import Demand


@value
class Found:
    """The Python chosen, the path it was found by, where that was, and what the choice hangs on."""

    interpreter: Interpreter
    path: str
    place: str
    observations: tuple[Observation, ...]


@value
class Described:
    """One Python of this machine: the path it was found by and where; or why it is of no use."""

    path: str
    place: str
    interpreter: Interpreter | None
    reason: str = ""


class Search:
    """One search: what was asked, what came of it, and the observations it hangs on."""

    def __init__(
        self,
        demand: Demand,
        environ: Mapping[str, str],
        layout: Layout,
        debug: Callable[[str], None],
        platform: str,
    ) -> None:
        self.demand = demand
        self.environ = environ
        self.layout = layout
        self.platform = platform
        self.hint: str | None = None
        self._debug = debug
        self._rows: dict[Observation, None] = {}
        self._seen: dict[str, Interpreter | ProbeError] = {}

    def found(self, interpreter: Interpreter, path: str, place: str) -> Found:
        if os.path.realpath(path) != interpreter.executable:
            self.note_signature(interpreter.executable)
        return Found(interpreter=interpreter, path=path, place=place, observations=tuple(self._rows))

    def _note(self, *rows: Observation) -> None:
        self._rows.update(dict.fromkeys(rows))

    def note_signature(self, path: str) -> None:
        self._note(*observe.signature(path))

    def probe(self, path: str) -> Interpreter:
        """The probe, once for each real file in one search."""
        real = os.path.realpath(path)
        if real not in self._seen:
            try:
                self._seen[real] = probe(path, layout=self.layout, environ=self.environ)
            except ProbeError as error:
                self._seen[real] = error
        answer = self._seen[real]
        if isinstance(answer, ProbeError):
            raise ProbeError(path, answer.reason, hint=answer.hint)
        return answer

    def consider(self, path: str) -> Interpreter | None:
        """The Python behind `path` where it may be asked and fits; else a debug line and None."""
        if os.path.isabs(path):
            self.note_signature(path)
        reason = why_passed_over(path, self.platform)
        named = version_in_name(path)
        if not reason and named and not self.demand.may_be(named):
            reason = f"is Python {named[0]}.{named[1]} by its name"
        if not reason:
            try:
                interpreter = self.probe(path)
            except ProbeError as error:
                reason, self.hint = error.reason, error.hint or self.hint
            else:
                if self.demand.admits(interpreter):
                    return interpreter
                reason = f"is Python {interpreter.version_text}"
        self._debug(f"passed over: `{path}` {reason}")
        return None

    def describe(self, path: str, place: str) -> Described | None:
        """What is at `path`; None for what would not even be asked."""
        if why_passed_over(path, self.platform):
            return None
        try:
            return Described(path=path, place=place, interpreter=self.probe(path))
        except ProbeError as error:
            return Described(path=path, place=place, interpreter=None, reason=error.reason)

    def files(self, paths: Iterable[str]) -> Iterator[str]:
        """Those of `paths` that are there."""
        for path in paths:
            if files.is_file(path):
                yield path
            else:
                self._note(*observe.passed(path))

    def commands(self, name: str) -> Iterator[str]:
        """Every executable `name` on PATH, best first, except in environments of ours.

        Where the first one is passed over, the places between it and the next are observed too.
        """
        first = ""
        for directory in self.environ.get("PATH", "").split(os.pathsep):
            candidate = os.path.join(directory, name)
            if not (os.access(candidate, os.X_OK) and os.path.isfile(candidate)):
                if first and os.path.isabs(candidate):
                    self._note(*observe.passed(candidate))
            elif not os.path.exists(os.path.join(directory, "activate_this.py")):
                if not first:
                    first = candidate
                    self._note(Observation("command", (name, candidate)))
                yield candidate
        if not first:
            self._note(Observation("command", (name, "")))

    def known_paths(self) -> Iterator[str]:
        return (item.path for item in self._known())

    def _known(self) -> list[Installation]:
        looked = survey(self.demand, self.environ, self.platform)
        self._note(*looked.observations)
        return [*looked.installations, *(self._launcher() if self.platform == "win32" else ())]

    def _launcher(self) -> tuple[Installation, ...]:
        from vpy.system import process

        for path in self.commands("py.exe"):
            try:
                told = process.run([path, "-0p"], environ=self.environ, timeout=10)
            except OSError:
                break
            self.note_signature(path)
            return parse_launcher(told.stdout.decode("utf-8", "replace"))
        return ()

    def newest_known(self) -> tuple[Interpreter, str] | None:
        """The newest fitting Python among the known installations, a plain stable one if there is any.

        Only those are asked whose name allows that they are the best so far.
        """
        best: tuple[tuple[bool, tuple[int, ...]], Interpreter, str] | None = None
        for item in sorted(self._known(), key=_promise, reverse=True):
            if best is not None and _promise(item) <= best[0]:
                break
            interpreter = self.consider(item.path)
            if interpreter is not None:
                rank = (item.plain and _is_release(interpreter), interpreter.version)
                if best is None or rank > best[0]:
                    best = (rank, interpreter, item.path)
        return (best[1], best[2]) if best else None


def _promise(item: Installation) -> tuple[bool, tuple[int, ...]]:
    """The best that an installation can turn out to be, from its name."""
    return item.plain, (*item.version, 999, 999, 999)[:3] if item.version else (999, 999, 999)


def _is_release(interpreter: Interpreter) -> bool:
    return interpreter.version_text.rstrip("+") == ".".join(map(str, interpreter.version))
