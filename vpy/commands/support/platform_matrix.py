"""Matrix of a spec's packages by platform: for `verify`, which shows it, and `mirror`, which copies it."""

from __future__ import annotations

import os

from vpy.commands.support import sdist_states
from vpy.errors import MissingError, UserError, VpythonError
from vpy.operations import (
    expansion,
    instance_pins,
    plan,
    platform_targets,
    settings,
    source_setting,
    sources,
    spec_settings,
    wheel_build,
)
from vpy.packages import chain
from vpy.system import vcs_url
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal, TypeVar

    from bootstrap.request import Request
    from vpy.model import Pin, Source, Sources, Spec, Target, Wanted, WheelFile
    from vpy.operations.context import Context
    from vpy.packages.index.builds import Builder
    from vpy.packages.index.loader import IndexLoader
    from vpy.packages.loader import PackageLoader

    State = Literal["ok", "sdist", "skipped", "missing", "failed"]
    Row = tuple[str, str]
    Answer = TypeVar("Answer")
    # By distribution: the package that has it, the wheel's file name, its sha256.
    Owners = dict[str, tuple[str, str, str]]
    # Cells by requirement, and the error that concerns the platform as a whole.
    RequirementCells = tuple[dict[str, "Cell"], VpythonError | None]

PROCESSES = 4  # of pip, at once
NO_SPEC_HINT = "name a script or a spec: SCRIPT, FILE.vpython3, vpython.toml, or -vpython-spec FILE"


@value
class Cell:
    """Outcome of one entry of a spec on one platform.

    `wheels` are file names. `package` is the name after expansion and `instance_id` its instance, ""
    where there is none; it comes from `source`. `reason` says why a wheel is missing, or could not be
    asked for.
    """

    state: State
    package: str = ""
    instance_id: str = ""
    wheels: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""
    source: Source | None = None


@value
class Matrix:
    """Entries of a spec by platform: a row of `cells` for each of `rows`, a cell for each of `columns`.

    A row is (name as written, version). `faults` are errors that concern a platform as a whole.
    """

    path: str
    spec: Spec
    columns: tuple[Target, ...]
    rows: tuple[Row, ...]
    cells: tuple[tuple[Cell, ...], ...]
    faults: tuple[tuple[Target, VpythonError], ...]
    sources: Sources

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing anywhere."""
        states = {cell.state for row in self.cells for cell in row}
        return not self.faults and states <= {"ok", "sdist", "skipped"}


def matrix_of(request: Request, context: Context, *, may_build: bool = False) -> Matrix:
    """Return the matrix of a request's spec; raise UserError where there is no spec, or a wrong one.

    Where a start `may_build` wheels, an sdist will do.
    """
    discovery, spec = plan.read_spec(request, context)
    if discovery.source.kind == "empty":
        raise UserError("there is no spec here", hint=NO_SPEC_HINT)
    setting = settings.source(request, context, spec)
    spec = spec_settings.without_replaced(spec, setting)
    asked = source_setting.of_setting(setting, spec, context.environ)
    columns = platform_targets.verified(spec, context.config, discovery.source.path)

    builder = wheel_build.looking(spec, context) if may_build else None
    draft = Draft(discovery.source.path, spec, columns, asked, builder)
    if spec.dependencies:
        _fill_from_requirements(draft, context)
    else:
        draft.expand({} if asked.is_index else instance_pins.beside(discovery.source))
        for source in asked.members:
            fill = _fill_from_index if source.kind == "index" else _fill_from_packages
            fill(draft, source, context)
    return draft.finish()


def column_names(columns: Sequence[Target]) -> list[tuple[str, str]]:
    """Return the platform and the Python of each target; its tag's where two would be called alike."""
    short = [
        (dict(target.template).get("platform") or target.tag.platform, target.tag.python)
        for target in columns
    ]
    return [
        name if short.count(name) == 1 else (target.tag.platform, target.tag.python)
        for name, target in zip(short, columns)
    ]


class Draft:
    """Matrix that is being filled: `wanted` has the package of each (row, target) that is to be asked for.

    `builder` says what a start would build, and builds nothing; None where only wheels count.
    """

    def __init__(
        self, path: str, spec: Spec, columns: tuple[Target, ...], asked: Sources, builder: Builder | None
    ) -> None:
        self.builder = builder
        self.path = path
        self.spec = spec
        self.columns = columns
        self.sources = asked
        self.rows: list[Row] = list(dict.fromkeys((wheel.name, wheel.version) for wheel in spec.wheels))
        self.cells: dict[tuple[Row, Target], Cell] = {}
        self.wanted: dict[tuple[Row, Target], Wanted] = {}
        self._owners: dict[Target, Owners] = {target: {} for target in columns}
        self._absent: dict[tuple[Row, Target], list[tuple[str, VpythonError]]] = {}
        self.faults: list[tuple[Target, VpythonError]] = []

    def expand(self, instances: Mapping[tuple[str, str], str]) -> None:
        """Expand the entries' names on each platform; `instances` are what a lockfile pins packages to."""
        for target in self.columns:
            try:
                packages, _ = expansion.expand(self.spec, target, self.path)
            except UserError as error:
                self.faults.append((target, error))
                continue
            for package in packages:
                locked = replace(package, instance_id=instances.get((package.name, package.version)))
                self.wanted[(package.template, package.version), target] = locked

    def put(self, row: Row, target: Target, cell: Cell) -> None:
        """Set one cell."""
        self.cells[row, target] = cell

    def found(self, row: Row, target: Target, cell: Cell, wheels: Iterable[tuple[str, str]]) -> None:
        """Set the cell of a package with its wheels, (file name, sha256) each, unless another has others."""
        del self.wanted[row, target]
        try:
            for file, sha256 in wheels:
                claim(cell.package, file, sha256, self._owners[target])
        except UserError as error:
            cell = failed_cell(error, cell.package, cell.instance_id)
        self.put(row, target, cell)

    def fail(self, row: Row, target: Target, source: Source, error: VpythonError, instance_id: str) -> None:
        """Set the cell of a package that a source does not give: the next one may have what this has not."""
        name = self.wanted[row, target].name
        answers = self._absent.setdefault((row, target), [])
        if isinstance(error, MissingError):
            answers.append((str(source), error))
            error = error if len(answers) == 1 else chain.nowhere(answers)
        else:
            del self.wanted[row, target]
        self.put(row, target, failed_cell(error, name, instance_id))

    def finish(self) -> Matrix:
        """Return the matrix; a cell that was not set is skipped, or failed with its platform."""
        faulty = {target for target, _ in self.faults}
        cells = tuple(
            tuple(
                self.cells.get((row, target), Cell("failed" if target in faulty else "skipped"))
                for target in self.columns
            )
            for row in self.rows
        )
        rows, faults = tuple(self.rows), tuple(self.faults)
        return Matrix(self.path, self.spec, self.columns, rows, cells, faults, self.sources)


def failed_cell(error: VpythonError, package: str, instance_id: str = "") -> Cell:
    """Return the cell of a package or requirement that failed."""
    state: State = "missing" if isinstance(error, UserError) else "failed"
    return Cell(state, package, instance_id, reason=error.message, hint=error.hint or "")


def ask_each_platform(
    columns: Sequence[Target], ask: Callable[[Target, Context], Answer], context: Context
) -> list[tuple[Target, Callable[[], Answer]]]:
    """Ask for several platforms concurrently, in a context with one pip for all.

    Return each with a function that returns or raises.
    """
    from vpy.system import threads

    with sources.one_pip(context, PROCESSES) as together:
        answers = threads.map_concurrently(
            columns, lambda target: ask(target, together), workers=PROCESSES, stop=lambda: None
        )
    return list(zip(columns, answers, strict=True))


def claim(package: str, file: str, sha256: str, owners: Owners) -> None:
    """Note that a package has a wheel; raise UserError where another has another of its distribution."""
    from vpy.wheels import filename

    project = filename.parse(file).name
    owner, earlier, digest = owners.setdefault(project, (package, file, sha256))
    # Of a wheel that only an index has named no hash is known.
    if earlier != file or (digest != sha256 and digest and sha256):
        raise UserError(
            f"packages `{owner}` and `{package}` hold two wheels of `{project}`: `{earlier}`, `{file}`"
        )


def _fill_from_index(draft: Draft, source: Source, context: Context) -> None:
    """Ask the index, once for each platform, which wheels it has."""
    from vpy.packages.index import query

    asked = dict(draft.wanted)

    def ask(target: Target, context: Context) -> dict[Row, str | VpythonError]:
        packages = {row: package for (row, column), package in asked.items() if column == target}
        index = sources.index_loader(draft.sources.beside(source), target.interpreter, context)
        names = query.wheel_names(index, list(packages.values()))
        return {row: names[package] for row, package in packages.items()}

    for target, answer in ask_each_platform(draft.columns, ask, context):
        for row, wheel in answer().items():
            if sdist := _sdist_of(wheel, draft.builder):
                draft.put(row, target, Cell("sdist", asked[row, target].name, wheels=(sdist,), source=source))
                del draft.wanted[row, target]
            elif isinstance(wheel, VpythonError):
                draft.fail(row, target, source, wheel, "")
            else:
                cell = Cell("ok", asked[row, target].name, wheels=(wheel,), source=source)
                draft.found(row, target, cell, [(wheel, "")])


def _fill_from_packages(draft: Draft, source: Source, context: Context) -> None:
    """Fetch every package of every platform, and read which wheels it has."""
    from vpy.system import files

    loader = sources.package_loader(source, context)
    with files.staging_directory(context.layout.staging, "verify-") as stage:
        packages = FetchedPackages(loader, stage, context.config.contact)
        packages.fetch(draft.wanted.values())
        for target in draft.columns:
            for row in draft.rows:
                if package := draft.wanted.get((row, target)):
                    _fill_cell(draft, row, target, packages, package, source)


def _fill_cell(
    draft: Draft, row: Row, target: Target, packages: FetchedPackages, wanted: Wanted, source: Source
) -> None:
    instance_id = packages.instance_of(wanted)
    try:
        wheels = packages.wheels(wanted, target)
    except VpythonError as error:
        draft.fail(row, target, source, error, instance_id)
        return
    names = tuple(wheel.filename for wheel in wheels)
    cell = Cell("ok", wanted.name, instance_id, names, source=source)
    draft.found(row, target, cell, [(wheel.filename, wheel.sha256) for wheel in wheels])


class FetchedPackages:
    """Packages of many platforms, fetched and unpacked below `stage`."""

    def __init__(self, loader: PackageLoader, stage: str, contact: str) -> None:
        self._loader = loader
        self._stage = stage
        self._contact = contact
        self._pins: dict[Wanted, Pin] = {}
        self._failed: dict[Wanted, VpythonError] = {}
        self._directories: dict[Row, str] = {}

    def fetch(self, wanted: Iterable[Wanted]) -> None:
        """Fetch and unpack packages; keep the error of each that fails."""
        from vpy.packages import loader
        from vpy.packages.cipd import package_file

        self._pins, self._failed = loader.answered(list(dict.fromkeys(wanted)), self._resolve)
        distinct = {(pin.name, pin.instance_id): pin for pin in self._pins.values()}
        paths, failed = loader.answered(list(distinct.values()), self._loader.fetch)

        for number, (pin, path) in enumerate(paths.items()):
            directory = os.path.join(self._stage, str(number))
            try:
                package_file.unpack(path, directory, expected_name=pin.name, instance_id=pin.instance_id)
                self._directories[pin.name, pin.instance_id] = directory
            except VpythonError as error:
                failed[pin] = error

        errors = {(pin.name, pin.instance_id): error for pin, error in failed.items()}
        for package, pin in self._pins.items():
            if (pin.name, pin.instance_id) in errors:
                self._failed[package] = errors[pin.name, pin.instance_id]

    def _resolve(self, wanted: Sequence[Wanted]) -> tuple[Pin, ...]:
        return self._loader.resolve(wanted).pins

    def instance_of(self, wanted: Wanted) -> str:
        """Return the instance id of a package, "" where it was not resolved."""
        return self._pins[wanted].instance_id if wanted in self._pins else ""

    def wheels(self, wanted: Wanted, target: Target) -> tuple[WheelFile, ...]:
        """Return the wheels of a package for a target; raise VpythonError where there is none."""
        from vpy.wheels import select

        if wanted in self._failed:
            raise self._failed[wanted]
        pin = self._pins[wanted]
        directory = self._directories[pin.name, pin.instance_id]
        found = select.choose(directory, target.interpreter.tags, {}, contact=self._contact)
        if not found:
            raise UserError("the package holds no wheel")
        return found


def _fill_from_requirements(draft: Draft, context: Context) -> None:
    """Resolve the PEP 508 requirements together, once for each platform."""
    from packaging.requirements import Requirement

    declared = {text: Requirement(text) for text in draft.spec.dependencies}
    draft.rows = [(text, "") for text in declared]

    def ask(target: Target, context: Context) -> RequirementCells:
        markers = {**dict(target.interpreter.markers), "extra": ""}
        holding = {
            text: requirement.name
            for text, requirement in declared.items()
            if requirement.marker is None or requirement.marker.evaluate(markers)
        }
        spec = spec_settings.for_target(draft.spec, target.interpreter)
        meant = dict(zip(draft.spec.dependencies, spec.dependencies, strict=True))
        index = sources.index_loader(draft.sources, target.interpreter, context, resolution=spec.resolution)

        def with_sdists(left: Mapping[str, str]) -> dict[str, Cell]:
            if draft.builder is None:
                return {}
            stage = context.layout.staging
            found = sdist_states.of_requirements(left, meant, index, draft.builder, stage)
            return {text: Cell(state, left[text], wheels=files) for text, (state, files) in found.items()}

        commits = _commits(holding, meant, index, draft.builder)
        left = {text: project for text, project in holding.items() if text not in commits}
        cells, fault = _requirement_cells(left, meant, index, with_sdists)
        return {**cells, **commits}, fault

    for target, answer in ask_each_platform(draft.columns, ask, context):
        cells, fault = answer()
        for text in declared:
            draft.put((text, ""), target, cells.get(text, Cell("skipped")))
        if fault is not None:
            draft.faults.append((target, fault))


def _commits(
    projects: Mapping[str, str], meant: Mapping[str, str], index: IndexLoader, builder: Builder | None
) -> dict[str, Cell]:
    """Return the cells of requirements of which a start builds a commit; what that needs is not looked at."""
    found = {}
    for text, project in projects.items():
        reference = index.commits.plain(index.commits.pinned(meant[text])).partition(" @ ")[2]
        if vcs_url.is_reference(reference) and builder is not None and not builder.forbidden(project):
            found[text] = Cell("sdist", project, wheels=(reference,))
    return found


def _sdist_of(wheel: str | VpythonError, builder: Builder | None) -> str:
    """Return the sdist that a start would build where there is no wheel; "" for none."""
    from vpy.packages.index import query

    if builder is None or not isinstance(wheel, query.LackingError):
        return ""
    ((project, sdist),) = wheel.sdists.items()
    return "" if builder.forbidden(project) else sdist


def _requirement_cells(
    projects: dict[str, str],
    meant: dict[str, str],
    index: IndexLoader,
    with_sdists: Callable[[Mapping[str, str]], dict[str, Cell]],
) -> RequirementCells:
    """Return the cells of the requirements that hold on a platform, by their text.

    `projects` are their names by their text, `meant` is what they mean on the platform. Where some fail, the
    rest is resolved without them; where only wheels lack, `with_sdists` tells.
    """
    from vpy.packages.index import query

    cells: dict[str, Cell] = {}
    left = dict(projects)
    while left:
        try:
            wheels = query.resolved(index, [meant[text] for text in left])
        except VpythonError as error:
            if isinstance(error, query.LackingError):
                with contextlib.suppress(UserError):  # something may not be built, or is not there
                    if found := with_sdists(left):
                        return {**cells, **found}, None
            blamed = _blamed(left, error)
            if not blamed:
                cells.update({text: Cell("failed", project) for text, project in left.items()})
                return cells, error
            cells.update(blamed)
            left = {text: project for text, project in left.items() if text not in blamed}
        else:
            found = {
                text: Cell("ok", name, wheels=sdist_states.wheels_of(name, wheels))
                for text, name in left.items()
            }
            cells.update(found)
            break
    return cells, None


def _blamed(projects: dict[str, str], error: VpythonError) -> dict[str, Cell]:
    """Return the requirements that lines of the error speak of, each with its lines."""
    cells = {}
    for text, project in projects.items():
        lines = [line for line in error.lines if _speaks_of(line, project)]
        if lines:
            cells[text] = failed_cell(type(error)(lines, hint=error.hint), project)
    return cells


def _speaks_of(line: str, project: str) -> bool:
    return "(wanted by" not in line and any(f"`{project}{end}" in line for end in "`=<>!~[; ")
