"""Reader of requirements files with hashes: what `uv pip compile --generate-hashes` and pip-tools print."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.spec.lockfile.model import LockedDistribution, Lockfile
from vpy.spec.requirements_file import HASH, SHA256, entries, exact_version
from vpy.spec.text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Options of a requirements file that say where packages are; the index of a start is chosen by its source.
_IGNORED_OPTIONS = (
    "--index-url", "--extra-index-url", "-i ", "--find-links", "-f ", "--no-binary", "--only-binary",
    "--trusted-host", "--prefer-binary", "--require-hashes", "--no-index",
)  # fmt: skip
_STDIN = ("-r -", "-r (stdin)", "(stdin)", "-")


def parse(text: str, path: str, digest: str) -> Lockfile:
    """Parse a requirements file in which each distribution has `name==version` and its hashes.

    Raises UserError `path:line: fact` for what is not locked to one version, or has no sha256.
    """
    distributions: list[LockedDistribution] = []
    direct: set[str] = set()
    has_via = False
    for entry in entries(text):
        if entry.text.startswith(_IGNORED_OPTIONS):
            continue
        distribution = _distribution(entry.text, path, entry.line)
        distributions.append(distribution)
        sources = _via(entry.comments)
        has_via = has_via or bool(sources)
        # Nobody stands behind what was asked for on the standard input of uv alone.
        if not sources or any(source in _STDIN or source.startswith("-r ") for source in sources):
            direct.add(distribution.name)
    return Lockfile(
        path=path,
        format="uv-requirements",
        digest=digest,
        distributions=tuple(distributions),
        direct=frozenset(direct) if has_via else None,
    )


def _via(comments: Sequence[str]) -> list[str]:
    """Return the names behind `# via`, on its line or on those that follow."""
    sources: list[str] = []
    is_via = False
    for comment in comments:
        if comment == "via" or comment.startswith("via "):
            is_via = True
            sources += [part.strip() for part in comment[3:].split(",") if part.strip()]
        elif is_via and comment:
            sources.append(comment)
    return sources


def _distribution(entry: str, path: str, line: int) -> LockedDistribution:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    where = f"{printable(path)}:{line}: "
    found = HASH.findall(entry)
    text = HASH.sub(" ", entry).strip()
    if text.startswith("-"):
        raise UserError(f"{where}an option that a lockfile cannot have: {quoted(text, 80)}")
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{where}not a requirement: {quoted(text, 80)}: {quoted(reason, 120).strip('`')}"
        ) from None

    version = exact_version(requirement)
    if not version and not requirement.url:
        raise UserError(
            f"{where}not locked to one version: {quoted(text, 80)}",
            hint="`uv pip compile --universal --generate-hashes` writes such a file",
        )
    hashes = tuple(match[1].lower() for each in found if (match := SHA256.match(each)))
    if not hashes:
        raise UserError(f"{where}no `--hash=sha256:` for {quoted(requirement.name, 80)}")
    return LockedDistribution(
        name=canonicalize_name(requirement.name),
        version=version,
        marker=str(requirement.marker or ""),
        hashes=hashes,
        url=requirement.url or "",
        line=line,
    )
