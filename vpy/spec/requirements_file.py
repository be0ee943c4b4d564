"""Requirements files (pip's documentation: Requirements File Format) as specs.

A file with hashes is its own lockfile: nothing is resolved. What says how an index is reached stays with
pip's configuration, and what changes a build is refused.
"""

from __future__ import annotations

import os
import re

from vpy.model import EmbeddedLock, ResolutionSettings, Spec
from vpy.spec.requirements import requirement_fact
from vpy.spec.text import format_mistake, mistakes_error, quoted
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from vpy.model import SpecSource

HASH = re.compile(r"(?:\s|^)--hash[= ]\s*(\S+)")
SHA256 = re.compile(r"sha256:([0-9a-fA-F]{64})\Z")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
# An option of one requirement, such as `--config-settings`.
_BEHIND = re.compile(r"\s(--?[A-Za-z][\w-]*)")
_LONG_NAMES = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-e": "--editable",
}
_FILES = ("--requirement", "--constraint")
_HINTS = {
    "--find-links": "-vpython-source directory:PATH,index takes wheels of a directory first",
    "--no-index": "-vpython-source directory:PATH takes wheels of a directory",
    "--trusted-host": "pip's configuration says how an index is reached",
    "--pre": "name a pre-release where one is wanted: `NAME>=2.0b1`",
    "--editable": "name its requirements; a directory goes into PYTHONPATH",
}
_PROJECT_HINT = "name its requirements; a wheel is named by its file"


@value
class Entry:
    """Logical line of a requirements file, without comments; `line` is its first, from 1.

    `comments` are the comment lines behind it, which say where it comes from.
    """

    line: int
    text: str
    comments: tuple[str, ...] = ()


def is_named_like_one(path: str) -> bool:
    """Return whether a path is that of a requirements file by its name.

    That is `*requirements*.txt`, `requirements/*.txt` or uv's `*.uv.lock`.
    """
    directory, name = os.path.split(path)
    if name.endswith(".uv.lock"):
        return True
    return name.endswith(".txt") and ("requirements" in name or os.path.basename(directory) == "requirements")


def entries(text: str) -> Iterator[Entry]:
    """Yield the logical lines of a requirements file that are not empty."""
    pending: Entry | None = None
    comments: list[str] = []
    parts: list[str] = []
    first = 1
    lines = text.removeprefix("\ufeff").splitlines()
    for number, raw in enumerate([*lines, ""], 1):
        stripped = raw.strip()
        if stripped.startswith("#") and not parts:
            comments.append(stripped[1:].strip())
            continue
        if not parts:
            first = number
        plain = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        parts.append(plain.removesuffix("\\"))
        if plain.endswith("\\"):
            continue
        entry = " ".join(parts).strip()
        parts = []
        if entry:
            if pending is not None:
                yield replace(pending, comments=tuple(comments))
            pending, comments = Entry(first, entry), []
    if pending is not None:
        yield replace(pending, comments=tuple(comments))


def references(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield the line and path of each file that a requirements file names with `-r` or `-c`."""
    for entry in entries(text):
        name, place = _option(entry.text)
        if name in _FILES and place and "://" not in place:
            yield entry.line, os.path.join(os.path.dirname(path), place)


def parse(source: SpecSource) -> Spec:
    """Parse a requirements file, and those that it names, which the source includes.

    Raises UserError `path:line:column: fact`, one line for each mistake.
    """
    reader = _Reader({source.path: source.text, **dict(source.included)})
    reader.read(source.path)
    if (reader.locked or reader.demands_hashes) and not reader.mistakes:
        why = "which `--require-hashes` demands" if reader.demands_hashes else "as others in it have"
        reader.mistakes += [f"{each}, {why}" for each in reader.unlocked]
    if reader.mistakes:
        hint = next((reader.hints[each] for each in reader.mistakes if each in reader.hints), None)
        raise mistakes_error(reader.mistakes, hint=hint)
    dependencies = tuple(dict.fromkeys(reader.requirements))
    lock = EmbeddedLock(packages=tuple(dict.fromkeys(reader.locked))) if reader.locked else None
    return Spec(
        dependencies=dependencies,
        no_build=tuple(dict.fromkeys(reader.no_build)),
        source=f"index:{reader.index}" if reader.index else "",
        path=source.path if reader.index else "",
        resolution=ResolutionSettings(
            indexes=tuple(dict.fromkeys(reader.indexes)),
            # Each version is named by its hash already.
            constraints=tuple(dict.fromkeys(reader.constraints)) if lock is None else (),
        ),
        lock=lock,
    )


class _Reader:
    """Reader of a requirements file and of those that it names.

    `locked` are lines with hashes; `unlocked` is a mistake for each requirement that has none, should another
    have some, or the file demand them. `hints` are the ways out of mistakes.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._seen: set[tuple[str, bool]] = set()
        self.requirements: list[str] = []
        self.constraints: list[str] = []
        self.locked: list[str] = []
        self.unlocked: list[str] = []
        self.no_build: list[str] = []
        self.indexes: list[str] = []
        self.demands_hashes = False
        self.index = ""
        self.mistakes: list[str] = []
        self.hints: dict[str, str] = {}

    def read(self, path: str, *, as_constraints: bool = False) -> None:
        """Read a file; each only once, a file that names itself too."""
        if (path, as_constraints) in self._seen:
            return
        self._seen.add((path, as_constraints))
        for entry in entries(self._texts.get(path, "")):
            if variable := _VARIABLE.search(entry.text):
                self._add(path, entry, f"a variable, which a spec cannot have: {quoted(variable[0])}")
            elif entry.text.startswith("-"):
                self._read_option(path, entry)
            else:
                self._read_requirement(path, entry, as_constraints=as_constraints)

    def _add(self, path: str, entry: Entry, fact: str, hint: str = "") -> None:
        self.mistakes.append(format_mistake(path, entry.line, 1, fact))
        if hint:
            self.hints[self.mistakes[-1]] = hint

    def _read_option(self, path: str, entry: Entry) -> None:
        name, text = _option(entry.text)
        if name == "--prefer-binary":
            return  # as every start does
        if name == "--require-hashes":
            self.demands_hashes = True
            return
        if name in _FILES and text:
            if "://" in text:
                self._add(path, entry, f"a file named by a URL is not read: {quoted(text)}")
            else:
                # What `-r` names are requirements in a file of constraints too, as pip has it.
                below = name == "--constraint"
                self.read(os.path.join(os.path.dirname(path), text), as_constraints=below)
        elif name == "--index-url" and text:
            self.index = self.index or text
        elif name == "--extra-index-url" and text:
            self.indexes.append(text)
        elif name == "--only-binary" and text:
            names = [each.strip() for each in text.split(",") if each.strip() not in ("", ":none:")]
            self.no_build += ["*" if each == ":all:" else each for each in names]
        else:
            self._add(path, entry, f"an option that a spec cannot have: {quoted(name)}", _HINTS.get(name, ""))

    def _read_requirement(self, path: str, entry: Entry, *, as_constraints: bool) -> None:
        found = HASH.findall(entry.text)
        text = HASH.sub(" ", entry.text).strip()
        if option := _BEHIND.search(text):
            self._add(path, entry, f"an option that a requirement cannot have: {quoted(option[1])}")
            return
        text = _by_file(text, path) or text
        if _is_project(text):
            self._add(path, entry, f"a directory or a repository: {quoted(text)}", _PROJECT_HINT)
            return
        if fact := requirement_fact(text):
            self._add(path, entry, fact)
            return
        from packaging.requirements import Requirement

        requirement = Requirement(text)
        if as_constraints:
            self._read_constraint(path, entry, requirement)
            return
        self.requirements.append(str(requirement))
        if not found:
            fact = f"no `--hash=sha256:` for {quoted(requirement.name)}"
            self.unlocked.append(format_mistake(path, entry.line, 1, fact))
            return
        if not requirement.url and not exact_version(requirement):
            self._add(path, entry, f"hashes, and not one version: {quoted(text)}", "name it: `NAME==VERSION`")
        hashes = sorted({match[1].lower() for each in found if (match := SHA256.match(each))})
        if not hashes:
            fact = f"no `--hash=sha256:` for {quoted(requirement.name)}; other hashes are not compared"
            self._add(path, entry, fact)
        self.locked.append(" ".join((str(requirement), *(f"--hash=sha256:{sha256}" for sha256 in hashes))))

    def _read_constraint(self, path: str, entry: Entry, requirement: Requirement) -> None:
        if requirement.extras or requirement.url:
            kind = "extras" if requirement.extras else "URL"
            self._add(path, entry, f"a constraint has no {kind}: {quoted(str(requirement))}")
            return
        self.constraints.append(str(requirement))


def exact_version(requirement: Requirement) -> str:
    """Return the version of `NAME==VERSION`; "" for anything else."""
    each = list(requirement.specifier)
    if len(each) == 1 and each[0].operator in ("==", "===") and not each[0].version.endswith(".*"):
        return str(each[0].version)
    return ""


def _option(text: str) -> tuple[str, str]:
    """Return the long name and the value of an option line; ("", "") for a requirement."""
    if not text.startswith("-"):
        return "", ""
    if text.startswith("--"):
        name, _, rest = text.replace("=", " ", 1).partition(" ")
    else:
        name, rest = text[:2], text[2:].lstrip().removeprefix("=")
    rest = rest.strip()
    if len(rest) > 1 and rest[0] == rest[-1] and rest[0] in "'\"":
        rest = rest[1:-1]
    return _LONG_NAMES.get(name, name), rest


def _by_file(text: str, path: str) -> str:
    """Return a wheel's path or URL as a direct reference; "" for anything else (pip takes it as it is)."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    place, marker, rest = text.partition(" ;")
    bare = place.partition("#")[0]
    if " @ " in place or not bare.endswith(".whl"):
        return ""
    try:
        name = parse_wheel_filename(bare.replace("\\", "/").rpartition("/")[2])[0]
    except InvalidWheelFilename:
        return ""
    if "://" not in place:
        from urllib.request import pathname2url

        place = f"file://{pathname2url(os.path.join(os.path.dirname(path), place))}"
    return f"{name} @ {place}{marker}{rest}"


def _is_project(text: str) -> bool:
    """Return whether a requirement is a directory or an address, which pip builds where it is."""
    name = text.partition(";")[0].strip()
    if " @ " in name or "@" in name.partition("://")[0]:
        return False
    return "://" in name or name.startswith((".", "/", "~")) or (os.sep in name and "[" not in name)
