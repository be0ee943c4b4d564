"""Wheels that were built here, as they are kept: to be taken to another machine."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.packages.cipd import names
from vpy.system import files, sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.system.layout import Layout


def find(requirements: Sequence[str], layout: Layout, directory: str) -> list[str]:
    """Return the wheels that were built for PEP 508 requirements, as files in a directory.

    Of a requirement they are those of the newest version that it allows, for each target the last one that
    was used. Raises UserError for all of which there is none.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name, parse_wheel_filename

    kept = {filename: path for _, filename, path in sorted(_kept(layout))}  # the last one counts
    found: list[str] = []
    mistakes = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            mistakes.append(f"not a requirement: `{text}`")
            continue
        wheels = [(parse_wheel_filename(filename), filename) for filename in kept]
        fitting = [
            (version, filename)
            for (name, version, *_), filename in wheels
            if name == canonicalize_name(requirement.name)
            and requirement.specifier.contains(version, prereleases=True)
        ]
        if not fitting:
            mistakes.append(f"no wheel of `{text}` was built here")
        newest = max((version for version, _ in fitting), default=None)
        found += sorted(filename for version, filename in fitting if version == newest)
    if mistakes:
        raise UserError(mistakes, hint="a start that needs a project without a wheel builds it")
    for filename in dict.fromkeys(found):
        files.link_or_copy(kept[filename], os.path.join(directory, filename))
    return [os.path.join(directory, filename) for filename in dict.fromkeys(found)]


def _kept(layout: Layout) -> Iterator[tuple[float, str, str]]:
    """Yield when each wheel was used, its file name, and the path of its file."""
    try:
        answers = list(os.scandir(layout.resolutions))
    except OSError:
        return
    for entry in answers:
        try:
            answer = sealed.read(entry.path)
            if isinstance(answer, dict) and "built_with" in answer:
                filename, sha256 = os.path.basename(str(answer["filename"])), str(answer["sha256"])
                path = layout.package(names.instance_id(bytes.fromhex(sha256)))
                if files.sha256_of(path) == sha256:
                    yield entry.stat().st_mtime, filename, path
        except (OSError, ValueError, KeyError, TypeError):
            continue
