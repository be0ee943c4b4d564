"""Target of a start for `explain` and `tags`: of the Python that was found, or assumed without one.

Without a Python (a 2.7 spec, or a version that is not installed) the platform is taken from the spec's
`verify_pep425_tag`s, else from a Python of this machine, and the version from the spec. So package names
can be expanded, though nothing can be run.
"""

from __future__ import annotations

import sys

from vpy.errors import VpythonError
from vpy.model import Spec, Tag
from vpy.operations import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context


def target(tag: Tag | None, template: dict[str, str], *, assumed: bool) -> dict[str, Any]:
    """Return the tag that names packages, and the template values; `assumed` where no Python gave them."""
    return {"tag": tag and str(tag), "assumed": assumed, "template": template}


def assumed(spec: Spec, request: Request, context: Context) -> tuple[Tag | None, dict[str, str]]:
    """Return the tag and the template values that the missing Python would have had.

    The tag is None where the spec leaves its minor version open.
    """
    from vpy.target import template

    tag = _assumed_tag(spec, request, context)
    return tag, template.values_for(tag) if tag else {}


def _assumed_tag(spec: Spec, request: Request, context: Context) -> Tag | None:
    from vpy.target import tags

    here = _tag_here(request, context)
    platform = tags.cipd_platform(here) if here else None
    for tag in spec.verify_tags:
        if tags.cipd_platform(tag) == platform:
            return tag
    if spec.verify_tags:
        return spec.verify_tags[0]
    numbers = spec.python_version.split(".")[:2]
    if here is None or len(numbers) < 2:
        return None
    python = f"cp{numbers[0]}{numbers[1]}"
    return Tag(python, python + _abi_flags(numbers), here.platform)


def _abi_flags(numbers: list[str]) -> str:
    """Return the ABI flags of a version (PEP 3149): `m` up to 3.7.

    2.7 has wide characters everywhere but on macOS and Windows.
    """
    if numbers[0] == "2":
        return "mu" if sys.platform.startswith("linux") else "m"
    return "m" if int(numbers[1]) < 8 else ""


def _tag_here(request: Request, context: Context) -> Tag | None:
    """Return the tag of any Python of this machine that can be found."""
    from vpy.target import tags

    try:
        found = plan.find_interpreter(request, context, Spec())
    except VpythonError:
        return None
    return tags.preferred(found.interpreter.tags)


def tags_of(tag: Tag) -> tuple[Tag, ...]:
    """Return a tag, and the more general ones that a Python with it accepts too."""
    exact, major = f"py{tag.python[2:]}", f"py{tag.python[2:3]}"
    pure = [Tag(python, "none", platform) for python in (exact, major) for platform in (tag.platform, "any")]
    return (tag, *pure)
