"""Package name templates: `${name}` and `${name=value,…}`, as the CIPD client expands them."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.target.tags import platform_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Tag


def expand(text: str, values: Mapping[str, str]) -> str | None:
    """Fill the template `text` in; None where a condition such as `${os=mac}` does not hold.

    Nothing inside the braces is trimmed. A condition that does not hold hides every other mistake
    of the template, because it is another platform's. Raises UserError for a variable that is not
    among `values` and for a `$` that remains.
    """
    filled, holds, unknown = _fill(text, values)
    if not holds:
        return None
    return _checked(text, filled, unknown, values)


def validate(text: str, values: Mapping[str, str]) -> str:
    """Fill the template in as if each condition held: what can be wrong with it on any platform."""
    filled, _, unknown = _fill(text, values)
    return _checked(text, filled, unknown, values)


def _fill(text: str, values: Mapping[str, str]) -> tuple[str, bool, list[str]]:
    """The text with each parameter filled in, whether all conditions hold, the unknown parameters."""
    filled: list[str] = []
    unknown: list[str] = []
    holds = True
    end = 0
    while (begin := text.find("${", end)) >= 0 and (close := text.find("}", begin)) >= 0:
        filled.append(text[end:begin])
        end = close + 1
        name, condition, allowed = text[begin + 2 : close].partition("=")
        if name not in values:
            unknown.append(text[begin:end])
            continue
        if condition and values[name] not in allowed.split(","):
            holds = False
        filled.append(values[name])
    return "".join(filled) + text[end:], holds, unknown


def _checked(text: str, filled: str, unknown: list[str], values: Mapping[str, str]) -> str:
    if unknown:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(unknown))
        known = ", ".join(f"${{{name}}}" for name in sorted(values)) or "none"
        raise UserError(f"unknown variable {names} in `{text}`", hint=f"known here: {known}")
    if "$" in filled:
        raise UserError(
            f"a `$` that begins no variable in `{text}`",
            hint="a variable is written `${name}` or `${name=value}`",
        )
    return filled


def values_for(tag: Tag) -> dict[str, str]:
    """Return the template values of the Python that `tag` stands for.

    A value hangs on fields of the tag; where one is missing, or the package service has no name
    for the platform, the value is missing too, and a template that uses it is an error.
    """
    values = {"py_python": tag.python, "py_abi": tag.abi, "py_platform": tag.platform}
    values = {name: text for name, text in values.items() if text}
    if len(values) == 3:
        values["py_tag"] = str(tag)
    platform = platform_for(tag)
    if platform is not None:
        values["platform"] = platform
        values["os"], values["arch"] = parse_platform(platform)
        if tag.python and tag.abi:
            values["vpython_platform"] = f"{platform}_{tag.python}_{tag.abi}"
    return values


def parse_platform(text: str) -> tuple[str, str]:
    """Split `<os>-<arch>`; UserError where it is not two parts (either may be empty)."""
    parts = text.split("-")
    if len(parts) != 2:
        raise UserError(f"a platform must be <os>-<arch>, got `{text}`")
    return parts[0], parts[1]
