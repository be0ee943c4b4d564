"""Text specs as tables: packages become the requirements that they mean at an index, match rules markers."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Wanted
from vpy.packages.index import names
from vpy.spec import select, settings, text_comments, toml_text
from vpy.spec.text import mistakes_error, position_of
from vpy.system.lean.dataclasses import value
from vpy.target import markers, template
from vpy.target.platforms import Systems
from vpy.target.python_requirement import PythonRequirement, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.config import Config
    from vpy.model import Spec, SpecSource, Target, Wheel


class OldPythonError(UserError):
    """Refusal of a spec for a Python that environments are not made for: tables would help nobody."""


@value
class Written:
    """Text spec as the text of a `vpython.toml`, and a line for each thing that it says no more."""

    text: str
    notes: tuple[str, ...]


@value
class Mapped:
    """Entry of a text spec at an index: its requirement, and by number the targets that it is for."""

    requirement: str
    where: tuple[int, ...]
    marker: str
    note: str | None


class Writer:
    """Writer of text specs as tables, by the names and platforms of one organisation."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._systems = Systems(glibc=config.verify_glibc, macos=config.verify_macos)
        self._grids: dict[tuple[str, ...], tuple[Target, ...]] = {}

    def write(self, spec: Spec, source: SpecSource) -> Written:
        """Return a parsed text spec as tables; raise UserError with all that has no such form."""
        try:
            PythonRequirement(spec.python_version, "")
        except UserError as error:
            raise OldPythonError(error.lines) from None
        mapped = self._mapped(spec, source)
        at_index = spec.source.partition(":")[0] == "index"
        tables = toml_text.Tables(
            requires_python(spec.python_version),
            tuple(_line(each) for each in mapped),
            spec.source if at_index else "",
            tuple(dict.fromkeys(tag.platform for tag in spec.verify_tags)),
        )
        text = settings.without_source(source.text) if at_index else source.text
        notes = dict.fromkeys(self._notes(spec, mapped))
        return Written(toml_text.write(tables, text_comments.read(text)), tuple(notes))

    def _notes(self, spec: Spec, mapped: Sequence[Mapped]) -> Iterator[str]:
        """Yield what the tables say otherwise, or no more."""
        if spec.warnings:
            yield "`virtualenv` is left out, which is ignored in any spec"
        if spec.source and spec.source.partition(":")[0] != "index":
            yield f"its source `{spec.source}` no longer counts: requirements come from an index"
        for wheel, each in zip(spec.wheels, mapped):
            if not each.where:
                yield f"`{wheel.name}` is left out: it is for none of its Pythons"
            elif each.note:
                yield each.note

    def _mapped(self, spec: Spec, source: SpecSource) -> list[Mapped]:
        grid = self._grid(spec) if spec.wheels else ()
        platforms = markers.platforms_of(grid)
        mapped: list[Mapped] = []
        mistakes: list[str] = []
        for wheel in spec.wheels:
            try:
                mapped.append(self._entry(wheel, grid, platforms))
            except UserError as error:
                mistakes.append(f"{position_of(source, wheel.name)}: {error.summary}")
        mistakes += _clashes(mapped)
        if mistakes:
            raise mistakes_error(mistakes)
        return mapped

    def _grid(self, spec: Spec) -> tuple[Target, ...]:
        """Return the targets on which the entries of a spec are tried, made once for specs that are alike."""
        rules = (rule for wheel in spec.wheels for rule in (*wheel.match_tags, *wheel.not_match_tags))
        named = sorted({rule.platform for rule in (*rules, *spec.verify_tags)})
        key = (spec.python_version, *named)
        if key not in self._grids:
            self._grids[key] = markers.targets(spec.python_version, named, self._systems)
        return self._grids[key]

    def _entry(self, wheel: Wheel, grid: Sequence[Target], platforms: frozenset[str]) -> Mapped:
        """Return what an entry means; raise UserError where no requirement or no marker says it."""
        for rule in (*wheel.match_tags, *wheel.not_match_tags):
            if rule.platform and rule.platform not in platforms:
                raise UserError(f"no marker stands for the platform `{rule.platform}`")
        found: dict[int, tuple[str, str | None]] = {}
        for number, target in enumerate(grid):
            if select.is_selected(wheel, target.interpreter.tags):
                name = template.expand(wheel.name, dict(target.template))
                if name is not None:
                    wanted = Wanted(name=name, template=wheel.name, version=wheel.version)
                    found[number] = names.requirement_for(wanted, self._config)
        meanings = dict.fromkeys(found.values())
        if len(meanings) > 1:
            raise UserError(f"`{wheel.name}` is another project on each platform")
        if not meanings:
            return Mapped("", (), "", None)
        ((requirement, note),) = meanings
        listed = bool(wheel.match_tags) or "=" in wheel.name
        marker = markers.marker_for([grid[number] for number in found], grid, listed=listed)
        return Mapped(_canonical(requirement), tuple(found), marker, note)


def requires_python(python_version: str) -> str:
    """Return the `requires-python` of the Pythons that begin with these numbers; "" for all."""
    numbers = parse_version(python_version)
    if not numbers:
        return ""
    if len(numbers) > 2:
        return f"=={'.'.join(map(str, numbers))}"
    after = (*numbers[:-1], numbers[-1] + 1)
    return f">={'.'.join(map(str, numbers))},<{'.'.join(map(str, after))}"


def _canonical(requirement: str) -> str:
    """Return a requirement whose project is spelt as indexes do (PEP 503)."""
    from packaging.utils import canonicalize_name

    project = names.project_of(requirement)
    return canonicalize_name(project) + requirement.removeprefix(project)


def _line(mapped: Mapped) -> str | None:
    """Return the entry of a list of dependencies; None for one that is for no target."""
    if not mapped.where:
        return None
    return f"{mapped.requirement}; {mapped.marker}" if mapped.marker else mapped.requirement


def _clashes(mapped: Sequence[Mapped]) -> Iterator[str]:
    """Yield a line for each project that would have several versions on one target."""
    held: dict[tuple[str, int], dict[str, None]] = {}
    for each in mapped:
        for number in each.where:
            held.setdefault((names.project_of(each.requirement), number), {})[each.requirement] = None
    found = {project: list(versions) for (project, _), versions in held.items() if len(versions) > 1}
    for project, versions in found.items():
        yield f"`{project}` has more than one version: {', '.join(f'`{each}`' for each in versions)}"
