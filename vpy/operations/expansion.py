"""Packages that a text spec means on a target: selected by its tags, their names expanded."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Spec, SpecSource, Target, Wheel


def expand(
    spec: Spec, target: Target, path: str, source: SpecSource | None = None
) -> tuple[tuple[Wanted, ...], tuple[tuple[Wheel, str], ...]]:
    """Return the packages of a spec that are for this target, and the other entries with the reason.

    Mistakes are reported with their position in `source` where that is given, else with `path`.
    """
    from vpy.spec import select, text
    from vpy.target import template

    values = dict(target.template)
    selected = select.select(spec, target.interpreter.tags)
    selected_entries = {(wheel.name, wheel.version) for wheel in selected}
    skipped = [
        (wheel, "no tag of this Python matches")
        for wheel in spec.wheels
        if (wheel.name, wheel.version) not in selected_entries
    ]

    packages: dict[str, Wanted] = {}
    mistakes = []
    for wheel in selected:
        try:
            name = template.expand(wheel.name, values)
        except UserError as error:
            position = text.position_of(source, wheel.name) if source else path
            mistakes.append(f"{position}: {error.message}")
            continue
        if name is None:
            skipped.append((wheel, "its name is not for this platform"))
            continue
        package = packages.setdefault(name, Wanted(name=name, template=wheel.name, version=wheel.version))
        if package.version != wheel.version:
            mistakes.append(
                f"{path}: two versions of package `{name}`: `{package.version}` (as `{package.template}`)"
                f" and `{wheel.version}` (as `{wheel.name}`)"
            )
    if mistakes:
        raise UserError(mistakes)
    return tuple(packages.values()), tuple(skipped)


def may_mean(spec: Spec, name: str, version: str) -> bool:
    """Return whether an entry of a spec comes to this package on some platform, with the spec's Python."""
    from vpy.target.python_requirement import parse_version

    python = parse_version(spec.python_version)[:2] if spec.python_version else ()
    tag = "cp" + "".join(map(str, python)) if len(python) == 2 else ""
    return any(wheel.version == version and _may_be(wheel, name, tag) for wheel in spec.wheels)


def _may_be(wheel: Wheel, name: str, python: str) -> bool:
    """Return whether a template may expand to `name`; where it has a tag of a Python, to that of `python`."""
    import re

    parts = re.split(r"\$\{([^}]*)\}", wheel.name)
    pattern = "".join(
        f"({_alternatives(part)})" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    match = re.fullmatch(pattern, name)
    if match is None:
        return False
    tags = [tag for text in match.groups() for tag in re.findall(r"cp\d+", text)]
    return not python or all(tag == python for tag in tags)


def _alternatives(variable: str) -> str:
    """Return a pattern of the values of a template's variable: `os=mac,linux` has two."""
    import re

    _, condition, allowed = variable.partition("=")
    return "|".join(map(re.escape, allowed.split(","))) if condition else "[^/]+"
