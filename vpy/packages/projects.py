"""What a package of a text spec means on an index: a project at a version."""

from __future__ import annotations

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config
    from vpy.model import Wanted

# A build number that packages of a wheel carry behind the version; an index has the public version.
_BUILD = r"[.+-]chromium(\.\d+)*$"
_EPOCH = r"^\d+@"
_SUFFIX = r"[-_]py[23]([._]py[23])?$"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION_KEY = "version:"


def requirement_for(wanted: Wanted, config: Config) -> tuple[str, str]:
    """The requirement (PEP 508) that a package means on an index, and a note where it says less.

    `PREFIX/NAME-py3`, `NAME-py2_py3`, `NAME_py2_py3` and `NAME/PLATFORM` mean project NAME, a
    version tag `version:X` means version X, without a `.chromium.N` or `+chromium.N` behind it.
    UserError for a package that is no wheel, or a version that is no version tag.
    """
    project = _project(wanted.name, config.wheel_prefix)
    if not wanted.version.startswith(_VERSION_KEY):
        raise UserError(f"no version that an index knows: `{wanted.version}` of `{wanted.name}`")
    version, note = public_version(wanted.version.removeprefix(_VERSION_KEY), project)
    from packaging.version import InvalidVersion, Version

    try:
        Version(version)
    except InvalidVersion:
        raise UserError(f"no version that an index knows: `{wanted.version}` of `{wanted.name}`") from None
    return f"{project}=={version}", note


def _project(name: str, prefix: str) -> str:
    import re

    inside = name.removeprefix(prefix)
    project, slash, _ = inside.partition("/")
    if not slash:
        project = re.sub(_SUFFIX, "", project)
    if inside == name or not re.fullmatch(_NAME, project):
        raise UserError(f"no package that an index has: `{name}`")
    return project


def public_version(version: str, project: str) -> tuple[str, str]:
    """The version without what only the package service's builds carry, and a note where it had that."""
    import re

    public = re.sub(_BUILD, "", re.sub(_EPOCH, "", version))
    if re.sub(_EPOCH, "", version) == public:
        return public, ""
    return public, f"`{project}` {version} is taken as {public}: an index has only that"


def public_requirement(requirement: str) -> tuple[str, str]:
    """A requirement whose `==` version ends in `.chromium.N`, which PEP 440 does not allow, without that."""
    import re

    found = re.search(r"(?<==)\s*([^\s,;=]+?)([.-]chromium(?:\.\d+)*)(?=\s*(?:[,;)]|$))", requirement)
    if found is None:
        return requirement, ""
    public = requirement[: found.start(2)] + requirement[found.end(2) :]
    return public, f"`{requirement}` is taken as `{public}`: an index has only that"
