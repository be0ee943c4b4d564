"""File names of source distributions, those from before PEP 625 too: read as pip's link evaluator reads them.

A name before that may have a `-` in it, and so may a version: only who knows the project tells the two apart.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What pip unpacks, but for a wheel. `.tar.gz` is what PEP 625 has.
SUFFIXES = (
    ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tlz", ".tar.lz", ".tar",
)  # fmt: skip


def is_sdist(filename: str) -> bool:
    """Return whether a file may be an sdist, by its name."""
    return filename.lower().endswith(SUFFIXES)


def stem(filename: str) -> str:
    """Return the name of an sdist without its suffix."""
    suffix = next(each for each in SUFFIXES if filename.lower().endswith(each))
    return filename[: -len(suffix)]


def version_text(filename: str, project: str, normalize: Callable[[str], str]) -> str:
    """Return the text of the version in the name of a project's sdist; "" for what is none of it.

    `normalize` makes of a name the project's (PEP 503). The text need be no version of PEP 440.
    """
    if not is_sdist(filename):
        return ""
    text, wanted = stem(filename), normalize(project)
    dashes = (at for at, letter in enumerate(text) if letter == "-")
    return next((text[at + 1 :] for at in dashes if normalize(text[:at]) == wanted), "")
