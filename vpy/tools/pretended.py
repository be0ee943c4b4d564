"""The part of an account behind a Python that is not there: a 2.7 spec, or a version nobody installed.

The platform is taken from the spec's `verify_pep425_tag`s, else from a Python of this machine; the
version from the spec. So package names can be told, though nothing can be run.
"""

from __future__ import annotations

import sys

from vpy import decision
from vpy.errors import UserError, VpythonError
from vpy.model import Spec, Tag
from vpy.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vpy.context import Context
    from vpy.model import Wheel
    from vpython import Request

NO_PYTHON = "there is no Python to run it"


def rest(spec: Spec, request: Request, context: Context) -> dict[str, Any]:
    """The account from the tag on, where no Python was found."""
    from vpy.target import template
    from vpy.tools import explain, parcels

    tag = pretended_tag(spec, request, context)
    values = template.values_for(tag) if tag else {}
    return {
        **explain.target(tag, values, assumed=tag is not None),
        "packages": [_package(wheel, tag, values) for wheel in dict.fromkeys(spec.wheels)]
        + [_unresolved(text, None, "", NO_PYTHON) for text in spec.dependencies],
        "wheels": [],
        "environment": parcels.unresolved(NO_PYTHON),
        "notes": [],
    }


def pretended_tag(spec: Spec, request: Request, context: Context) -> Tag | None:
    """The tag that the Python would have had; None where the spec leaves its minor version open."""
    from vpy.target import tags

    here = _tag_here(request, context)
    platform = tags.platform_for(here) if here else None
    for tag in spec.verify_tags:
        if tags.platform_for(tag) == platform:
            return tag
    if spec.verify_tags:
        return spec.verify_tags[0]
    numbers = spec.python_version.split(".")[:2]
    if here is None or len(numbers) < 2:
        return None
    python = f"cp{numbers[0]}{numbers[1]}"
    return Tag(python, python + _abi_flags(numbers), here.platform)


def _abi_flags(numbers: list[str]) -> str:
    """PEP 3149: `m` up to 3.7; 2.7 has wide characters everywhere but on macOS and Windows."""
    if numbers[0] == "2":
        return "mu" if sys.platform.startswith("linux") else "m"
    return "m" if int(numbers[1]) < 8 else ""


def _tag_here(request: Request, context: Context) -> Tag | None:
    """The tag of any Python of this machine that can be found."""
    from vpy.target import tags

    try:
        found = decision.find_interpreter(request, context, Spec())
    except VpythonError:
        return None
    return tags.preferred(found.interpreter.tags)


def _package(wheel: Wheel, tag: Tag | None, values: dict[str, str]) -> dict[str, Any]:
    from vpy.spec import normal
    from vpy.target import template
    from vpy.tools import parcels

    if tag is None:
        return _unresolved(wheel.name, None, wheel.version, NO_PYTHON)
    if not normal.select(replace(Spec(), wheels=(wheel,)), _tags_beside(tag)):
        why = parcels.why_skipped(wheel, "")
        return {**_unresolved(wheel.name, None, wheel.version, why), "state": "skipped"}
    try:
        name = template.expand(wheel.name, values)
    except UserError as error:
        return _unresolved(wheel.name, None, wheel.version, error.message)
    if name is None:
        why = "its name is not for this platform"
        return {**_unresolved(wheel.name, None, wheel.version, why), "state": "skipped"}
    return _unresolved(wheel.name, name, wheel.version, NO_PYTHON)


def _unresolved(name: str, expanded: str | None, version: str, reason: str) -> dict[str, Any]:
    from vpy.tools import parcels

    return parcels.package(name, expanded, version, {"reason": reason})


def _tags_beside(tag: Tag) -> tuple[Tag, ...]:
    """The tag, and the more general ones that a Python with it has too."""
    exact, major = f"py{tag.python[2:]}", f"py{tag.python[2:3]}"
    pure = [Tag(python, "none", place) for python in (exact, major) for place in (tag.platform, "any")]
    return (tag, *pure)
