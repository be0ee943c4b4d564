"""What a spec's packages come to on each platform: for `verify`, and for `mirror`, which takes them along."""

from __future__ import annotations

import os

from vpy import decision, sources
from vpy.errors import UserError, VpythonError
from vpy.tools import platforms
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal, TypeVar

    from vpy.context import Context
    from vpy.model import Pin, Spec, Target, Wanted, WheelFile
    from vpy.packages.loader import PackageLoader
    from vpython import Request

    State = Literal["ok", "skipped", "missing", "failed"]
    Row = tuple[str, str]
    Answer = TypeVar("Answer")
    # By distribution: the package that brings it, the wheel's file name, its sha256.
    Brought = dict[str, tuple[str, str, str]]

PROCESSES = 4  # each is a pip
ASK = "name a script or a spec: SCRIPT, FILE.vpython3, vpython.toml, or -vpython-spec FILE"


@value
class Cell:
    """What became of one entry of a spec on one platform; `wheels` are file names.

    `package` is the name after expansion, `instance_id` the package's, "" where there is none.
    `reason` says why a wheel is missing, or could not be asked for.
    """

    state: State
    package: str = ""
    instance_id: str = ""
    wheels: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""


@value
class Sheet:
    """A spec's entries by platform. `cells` has a row for each entry, a cell for each of `columns`.

    A row is (name as written, version). `faults` are what is wrong with a platform as a whole.
    """

    path: str
    spec: Spec
    columns: tuple[Target, ...]
    rows: tuple[Row, ...]
    cells: tuple[tuple[Cell, ...], ...]
    faults: tuple[tuple[Target, VpythonError], ...]
    source: str

    @property
    def whole(self) -> bool:
        """Whether nothing is missing anywhere."""
        states = {cell.state for row in self.cells for cell in row}
        return not self.faults and states <= {"ok", "skipped"}


def sheet(request: Request, context: Context) -> Sheet:
    """The sheet of the spec that counts for the request; UserError for none, or for one that is wrong."""
    discovery, spec = decision.read_spec(request, context)
    if discovery.source.kind == "empty":
        raise UserError("there is no spec here", hint=ASK)
    source = sources.check(request.options.get("source") or context.config.default_source)
    source = "index" if spec.dependencies and not source.startswith("index") else source
    columns = platforms.targets(spec, context.config, discovery.source.path)
    draft = Draft(discovery.source.path, spec, columns, source)
    if spec.dependencies:
        from vpy.tools import requirements

        requirements.fill(draft, context)
    elif source.startswith("index"):
        draft.expand()
        _from_index(draft, context)
    else:
        draft.expand()
        _from_packages(draft, context)
    return draft.finished()


class Draft:
    """A sheet that is being filled: `wanted` are (row, target) with the package that is meant there."""

    def __init__(self, path: str, spec: Spec, columns: tuple[Target, ...], source: str) -> None:
        self.path = path
        self.spec = spec
        self.columns = columns
        self.source = source
        self.rows: list[Row] = list(dict.fromkeys((wheel.name, wheel.version) for wheel in spec.wheels))
        self.cells: dict[tuple[Row, Target], Cell] = {}
        self.wanted: dict[tuple[Row, Target], Wanted] = {}
        self.faults: list[tuple[Target, VpythonError]] = []

    def expand(self) -> None:
        """Find out which packages the entries mean on each platform."""
        for target in self.columns:
            try:
                wanted, _ = decision.expand(self.spec, target, self.path)
            except UserError as error:
                self.faults.append((target, error))
                continue
            self.wanted.update({((one.template, one.version), target): one for one in wanted})

    def put(self, row: Row, target: Target, cell: Cell) -> None:
        self.cells[row, target] = cell

    def finished(self) -> Sheet:
        faulty = {target for target, _ in self.faults}
        cells = tuple(
            tuple(
                self.cells.get((row, target), Cell("failed" if target in faulty else "skipped"))
                for target in self.columns
            )
            for row in self.rows
        )
        rows, faults = tuple(self.rows), tuple(self.faults)
        return Sheet(self.path, self.spec, self.columns, rows, cells, faults, self.source)


def failure(error: VpythonError, package: str, instance_id: str = "") -> Cell:
    """The cell of what could not be had."""
    state: State = "missing" if isinstance(error, UserError) else "failed"
    return Cell(state, package, instance_id, reason=error.message, hint=error.hint or "")


def _from_index(draft: Draft, context: Context) -> None:
    """Ask the index, once for each platform, which wheels it has."""
    from vpy.packages import survey

    def ask(target: Target) -> dict[Row, str | VpythonError]:
        here = {row: one for (row, column), one in draft.wanted.items() if column == target}
        index = sources.index_for(draft.source, target.interpreter, context)
        told = survey.offers(index, list(here.values()))
        return {row: told[one] for row, one in here.items()}

    for target, told in each_platform(draft.columns, ask):
        brought: Brought = {}
        for row, answer in told().items():
            name = draft.wanted[row, target].name
            try:
                if not isinstance(answer, str):
                    raise answer
                bring(name, answer, "", brought)
                draft.put(row, target, Cell("ok", name, wheels=(answer,)))
            except VpythonError as error:
                draft.put(row, target, failure(error, name))


def each_platform(
    columns: Sequence[Target], ask: Callable[[Target], Answer]
) -> list[tuple[Target, Callable[[], Answer]]]:
    """Each platform with a function that gives its answer or raises; several are asked side by side."""
    from vpy.system import crew

    answers = crew.side_by_side(columns, ask, workers=PROCESSES, stop=lambda: None)
    return list(zip(columns, answers, strict=True))


def _from_packages(draft: Draft, context: Context) -> None:
    """Get every package of every platform, and look into it."""
    from vpy.system import files

    loader = sources.loader_of(draft.source, context)
    with files.staging_directory(context.layout.staging, "verify-") as stage:
        shelf = Shelf(loader, stage, context.config.contact)
        shelf.stock(draft.wanted.values())
        for target in draft.columns:
            brought: Brought = {}
            for row in draft.rows:
                if one := draft.wanted.get((row, target)):
                    draft.put(row, target, _cell(shelf, one, target, brought))


def bring(package: str, file: str, sha256: str, brought: Brought) -> None:
    """Note that a package brings a wheel; UserError where another brings another of that distribution."""
    from vpy.wheels import filename

    project = filename.parse(file).name
    other, before, digest = brought.setdefault(project, (package, file, sha256))
    if (before, digest) != (file, sha256):
        raise UserError(f"packages `{other}` and `{package}` bring two of `{project}`: `{before}`, `{file}`")


def _cell(shelf: Shelf, one: Wanted, target: Target, brought: Brought) -> Cell:
    """What a package offers a platform, beside what others have `brought` there."""
    instance_id = shelf.instance_of(one)
    try:
        wheels = shelf.wheels(one, target)
        for wheel in wheels:
            bring(one.name, wheel.filename, wheel.sha256, brought)
    except VpythonError as error:
        return failure(error, one.name, instance_id)
    return Cell("ok", one.name, instance_id, tuple(wheel.filename for wheel in wheels))


class Shelf:
    """Packages of many platforms, fetched and unpacked side by side below `stage`."""

    def __init__(self, loader: PackageLoader, stage: str, contact: str) -> None:
        self._loader = loader
        self._stage = stage
        self._contact = contact
        self._pins: dict[Wanted, Pin] = {}
        self._failed: dict[Wanted, VpythonError] = {}
        self._places: dict[Row, str] = {}

    def stock(self, wanted: Iterable[Wanted]) -> None:
        """Fetch and unpack; what cannot be had is remembered."""
        from vpy.packages import loader, packagefile

        self._pins, self._failed = loader.answered(list(dict.fromkeys(wanted)), self._loader.resolve)
        distinct = {(pin.name, pin.instance_id): pin for pin in self._pins.values()}
        paths, failed = loader.answered(list(distinct.values()), self._loader.fetch)
        for number, (pin, path) in enumerate(paths.items()):
            place = os.path.join(self._stage, str(number))
            try:
                packagefile.unpack(path, place, expected_name=pin.name, instance_id=pin.instance_id)
                self._places[pin.name, pin.instance_id] = place
            except VpythonError as error:
                failed[pin] = error
        lost = {(pin.name, pin.instance_id): error for pin, error in failed.items()}
        for one, pin in self._pins.items():
            if (pin.name, pin.instance_id) in lost:
                self._failed[one] = lost[pin.name, pin.instance_id]

    def instance_of(self, one: Wanted) -> str:
        return self._pins[one].instance_id if one in self._pins else ""

    def wheels(self, one: Wanted, target: Target) -> tuple[WheelFile, ...]:
        """The wheels that a package offers for a target; VpythonError where it cannot be had, or has none."""
        from vpy.wheels import select

        if one in self._failed:
            raise self._failed[one]
        pin = self._pins[one]
        place = self._places[pin.name, pin.instance_id]
        found = select.choose(place, target.interpreter.tags, {}, contact=self._contact)
        if not found:
            raise UserError("the package holds no wheel")
        return found
