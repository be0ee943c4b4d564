"""Package name templates: `${name}` and `${name=value,…}`, as the CIPD client expands them."""

from __future__ import annotations

from vpy.errors import ToolError, UserError
from vpy.model import Tag, Target
from vpy.target.tags import cipd_platform, preferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Interpreter


def expand(text: str, values: Mapping[str, str]) -> str | None:
    """Return the template `text` with its values; None where a condition such as `${os=mac}` fails.

    Spaces inside the braces count. Where a condition fails, other mistakes are not reported: the
    template is for another platform. Raises UserError for a variable that is not among `values` and
    for a `$` that remains.
    """
    expanded, holds, unknown = _substitute(text, values)
    if not holds:
        return None
    _check(text, expanded, unknown, values)
    return expanded


def validate(text: str, values: Mapping[str, str]) -> str:
    """Return the template with its values as if each condition held; raise UserError as `expand` does."""
    expanded, _, unknown = _substitute(text, values)
    _check(text, expanded, unknown, values)
    return expanded


def _substitute(text: str, values: Mapping[str, str]) -> tuple[str, bool, list[str]]:
    """Return the text with its values, whether all conditions hold, and the variables without a value."""
    parts: list[str] = []
    unknown: list[str] = []
    holds = True
    end = 0
    while (begin := text.find("${", end)) >= 0 and (close := text.find("}", begin)) >= 0:
        parts.append(text[end:begin])
        end = close + 1
        name, condition, allowed = text[begin + 2 : close].partition("=")
        if name not in values:
            unknown.append(text[begin:end])
            continue
        if condition and values[name] not in allowed.split(","):
            holds = False
        parts.append(values[name])
    return "".join(parts) + text[end:], holds, unknown


def _check(text: str, expanded: str, unknown: list[str], values: Mapping[str, str]) -> None:
    if unknown:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(unknown))
        known = ", ".join(f"${{{name}}}" for name in sorted(values)) or "none"
        raise UserError(f"unknown variable {names} in `{text}`", hint=f"known here: {known}")
    if "$" in expanded:
        raise UserError(
            f"a `$` that begins no variable in `{text}`",
            hint="a variable is written `${name}` or `${name=value}`",
        )


def values_for(tag: Tag) -> dict[str, str]:
    """Return the template values of the Python that `tag` stands for.

    A value whose field of the tag is empty is missing, as are those of a platform that CIPD has no
    name for; a template that uses a missing value is an error.
    """
    values = {"py_python": tag.python, "py_abi": tag.abi, "py_platform": tag.platform}
    values = {name: text for name, text in values.items() if text}
    if len(values) == 3:
        values["py_tag"] = str(tag)

    platform = cipd_platform(tag)
    if platform is not None:
        values["platform"] = platform
        values["os"], values["arch"] = parse_platform(platform)
        if tag.python and tag.abi:
            values["vpython_platform"] = f"{platform}_{tag.python}_{tag.abi}"
    return values


def parse_platform(text: str) -> tuple[str, str]:
    """Split `<os>-<arch>`; raise UserError where there are not two parts (either may be empty)."""
    parts = text.split("-")
    if len(parts) != 2:
        raise UserError(f"a platform must be <os>-<arch>, got `{text}`")
    return parts[0], parts[1]


def target_for(interpreter: Interpreter) -> Target:
    """Return the target of an interpreter: its preferred tag and its template values, as sorted pairs."""
    tag = preferred(interpreter.tags)
    return Target(interpreter=interpreter, tag=tag, template=tuple(sorted(values_for(tag).items())))


def platform_values(platform: str) -> dict[str, str]:
    """Return the template values of an ensure file: `${platform}`, `${os}`, `${arch}`."""
    system, machine = parse_platform(platform)
    return {"platform": platform, "os": system, "arch": machine}


def host_platform() -> str:
    """Return this machine's platform, as package names have it (`linux-amd64`)."""
    import sysconfig

    name = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    platform = cipd_platform(Tag(platform=name))
    if platform is None:
        raise ToolError(f"there is no package platform for this machine: `{name}`")
    return platform
