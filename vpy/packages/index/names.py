"""Names of the index source: a package of a text spec means a project at a version there."""

from __future__ import annotations

from vpy.errors import MissingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config
    from vpy.model import Wanted

# The package service's builds carry a build number behind the version, and some an epoch before it;
# an index has the public version (PEP 440).
_BUILD = r"[.+-]chromium(\.\d+)*$"
_EPOCH = r"^\d+@"
# A package of the service that holds a wheel of one series for each Python: numpy `1.2x.supported.1`.
_SERIES = r"^(\d+)\.(\d+)x\.supported\.\d+$"
_SUFFIX = r"[-_]py[23]([._]py[23])?$"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION_KEY = "version:"


def requirement_for(wanted: Wanted, config: Config) -> tuple[str, str | None]:
    """Return the requirement (PEP 508) that a package means on an index, and a note where it was changed.

    `PREFIX/NAME-py3`, `NAME-py2_py3`, `NAME_py2_py3` and `NAME/PLATFORM` mean project NAME, a
    version tag `version:X` means version X, without a `.chromium.N` or `+chromium.N` behind it;
    `1.2x.supported.1` means any of 1.20 to 1.29, and `1.2-foo` means `1.2+foo`. Raises MissingError for a
    package that is no wheel, or a version that is no version tag.
    """
    from packaging.version import InvalidVersion, Version

    if wanted.instance_id:
        raise MissingError(
            f"an index does not have the instance `{wanted.instance_id}`, to which `{wanted.name}` is locked"
        )
    project = _project(wanted.name, config.wheel_prefix)
    if not wanted.version.startswith(_VERSION_KEY):
        raise _not_a_version(wanted, project)
    version, note = _public_version(wanted.version.removeprefix(_VERSION_KEY), project)
    if series := _series(version):
        return f"{project}{series}", f"`{project}` {version} is taken as {series}: an index has only that"
    for spelling in (version, version.replace("-", "+", 1)):
        try:
            Version(spelling)
        except InvalidVersion:
            continue
        return f"{project}=={spelling}", note
    raise _not_a_version(wanted, project)


def _not_a_version(wanted: Wanted, project: str) -> MissingError:
    """Return the error of a ref, or a tag that is no version: an index knows neither."""
    return MissingError(
        f"not a version of an index: `{wanted.version}` of `{wanted.name}`; it has no refs: write "
        f"`version:X`, which `vpython-tool find {project}` lists"
    )


def project_of(requirement: str) -> str:
    """Return the name in front of what `requirement_for` wrote."""
    return requirement.partition(">")[0].partition("=")[0]


def _series(version: str) -> str:
    """Return the specifier of a series of versions (`1.2x.supported.1`: 1.20 to 1.29), "" for one version."""
    import re

    match = re.fullmatch(_SERIES, version)
    return f">={match[1]}.{match[2]}0,<{match[1]}.{int(match[2]) + 1}0" if match else ""


def public_requirement(requirement: str) -> tuple[str, str | None]:
    """Return a requirement without the `.chromium.N` of its `==` version, and a note where it had one.

    Specs name such versions, which PEP 440 does not allow.
    """
    import re

    match = re.search(r"(?<==)\s*([^\s,;=]+?)([.-]chromium(?:\.\d+)*)(?=\s*(?:[,;)]|$))", requirement)
    if match is None:
        return requirement, None
    public = requirement[: match.start(2)] + requirement[match.end(2) :]
    return public, f"`{requirement}` is taken as `{public}`: an index has only that"


def _project(name: str, prefix: str) -> str:
    import re

    rest = name.removeprefix(prefix)
    project, slash, _ = rest.partition("/")
    if not slash:
        project = re.sub(_SUFFIX, "", project)
    if rest == name or not re.fullmatch(_NAME, project):
        raise MissingError(f"not a package of an index: `{name}`")
    return project


def _public_version(version: str, project: str) -> tuple[str, str | None]:
    """Return the version without the epoch and build number of the service, and a note for the latter."""
    import re

    without_epoch = re.sub(_EPOCH, "", version)
    public = re.sub(_BUILD, "", without_epoch)
    if public == without_epoch:
        return public, None
    return public, f"`{project}` {version} is taken as {public}: an index has only that"
