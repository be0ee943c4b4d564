"""Requirements as a spec has them (PEP 508, PEP 440), and what is wrong with one."""

from __future__ import annotations

from bootstrap.shown import without_passwords
from vpy.spec.text import quoted
from vpy.system import vcs_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.requirements import Requirement


def requirement_fact(entry: str) -> str:
    """Return what is wrong with one requirement (PEP 508); "" where it can be installed."""
    from packaging.requirements import InvalidRequirement, Requirement

    if not entry.isprintable():
        return f"not a requirement: {quoted(entry)}"
    try:
        requirement = Requirement(entry)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        return f"not a requirement: {quoted(entry)}: {quoted(reason, 120).strip('`')}"
    except RecursionError:
        return f"not a requirement: {quoted(entry)}: nested too deeply"

    reason = url_fact(requirement.url) if requirement.url else ""
    return f"{reason}: {quoted(entry, 120)}" if reason else ""


def url_fact(url: str) -> str:
    """Return why a direct reference (PEP 508 `name @ URL`) cannot be installed; "" where it can.

    A URL must name a wheel, and with `http` its hash too, or a git repository, of which a wheel is built. A
    relative path means nothing, since a resolution is cached for every directory.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        if vcs_url.is_reference(url):
            vcs_url.parse(url)
            return ""
    except ValueError as error:
        return str(error) if vcs_url.is_reference(url) else "not a URL"
    if parts.scheme == "http" and "sha256=" not in parts.fragment:
        return "`http` needs `#sha256=` after the URL"
    if parts.scheme == "file" and not (parts.path.startswith("/") and parts.netloc in ("", "localhost")):
        return "a file URL must be absolute"
    if parts.scheme not in ("https", "http", "file"):
        return "only `https`, `http` and `file` URLs are installed from"
    if not parts.path.endswith(".whl"):
        return "the URL must name a wheel, or a git repository with `git+` in front"
    return ""


def specifier_fact(text: str, key: str) -> str:
    """Return that the value of a key is no version specifier (PEP 440); "" where it is one."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return f"`{key}` is not a version specifier: {quoted(text)}"
    return ""


def project_of(requirement: str) -> str:
    """Return the normalized name of a requirement's project (PEP 503)."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(Requirement(requirement).name))


def normalized(requirement: Requirement) -> str:
    """Return a requirement as text that is the same for every spelling of it, without a password.

    PEP 508, PEP 685.
    """
    from packaging.utils import canonicalize_name

    extras = ",".join(sorted(canonicalize_name(extra) for extra in requirement.extras))
    text = canonicalize_name(requirement.name) + (f"[{extras}]" if extras else "")
    if requirement.url:
        url = requirement.url
        url = vcs_url.parse(url).text() if vcs_url.is_reference(url) else without_passwords(url)
        text += f" @ {url}"
    else:
        text += ",".join(sorted(str(each) for each in requirement.specifier))
    return f"{text} ; {requirement.marker}" if requirement.marker else text


def normalized_name(requirement: Requirement) -> str:
    """Return the normalized name of a requirement's project (PEP 503)."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(requirement.name)
