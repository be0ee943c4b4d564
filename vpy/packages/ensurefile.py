"""Ensure files: which packages belong where below a root, by line (CIPD ensure file grammar).

    $ServiceURL https://host        settings come first
    $ResolvedVersions x.versions
    @Subdir tools/${os}             where the packages behind it go
    some/package/${platform}  version:1.2

A line that begins with `#` is a comment; nothing may follow a version. A line whose last word is a lone
backslash goes on in the next one.
"""

from __future__ import annotations

import urllib.parse

from vpy.errors import UserError
from vpy.model import Wanted
from vpy.packages.cipd import printable
from vpy.packages.names import parse_package_name, parse_subdir, parse_version
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 1 << 20
PARANOID_MODES = ("NotParanoid", "CheckPresence", "CheckIntegrity")
SETTINGS = ("$ServiceURL", "$ParanoidMode", "$ResolvedVersions", "$OverrideInstallMode", "$VerifiedPlatform")
DIRECTIVES = ("@Subdir",)
LONGEST_LINE = 65535
# What Go takes for a blank, which is less than Python does.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)


@value
class Package:
    """One package line: name and subdirectory as written, the version, and where both stand (from 1)."""

    subdir: str
    template: str
    version: str
    line: int = 0
    column: int = 0
    version_column: int = 0


@value
class EnsureFile:
    """An ensure file, read. Settings that are not there are empty; `packages` keep their order."""

    service_url: str = ""
    paranoid_mode: str = ""
    resolved_versions: str = ""
    override_install_mode: str = ""
    verified_platforms: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()


@value
class Statement:
    """A line's first word and the rest; `column` and `rest_column` are where they begin (from 1)."""

    line: int
    column: int
    word: str
    rest_column: int
    rest: str


def parse(text: str, path: str, validate: Callable[[str], str]) -> EnsureFile:
    """Read an ensure file; `validate` fills a template in as if its conditions held, or raises UserError.

    All mistakes come as one UserError, a line `path:line:column: fact` for each. Packages and
    versions are judged when the file is expanded, since a line may be for another platform.
    """
    if len(text) > LARGEST:
        raise UserError(f"`{path}` has more than {LARGEST} characters")
    found = EnsureFile()
    packages: list[Package] = []
    mistakes: list[str] = []
    subdir = ""
    settings_end = False
    for said in _statements(text):
        try:
            if len(said.word) + len(said.rest) > LONGEST_LINE:
                raise _MistakeError(1, f"a line has at most {LONGEST_LINE} characters")
            if said.word.startswith("$") and settings_end:
                raise _MistakeError(
                    0, f"the setting `{printable(said.word)}` stands behind a package or directive"
                )
            settings_end = settings_end or not said.word.startswith("$")
            if said.word.startswith("$"):
                found = _set(found, said)
            elif said.word.startswith("@"):
                subdir = _subdir(said, validate)
            else:
                packages.append(_package(subdir, said))
        except _MistakeError as mistake:
            column = said.rest_column if mistake.at_value else said.column
            mistakes.append(f"{path}:{said.line}:{column}: {mistake.message}")
    if mistakes:
        raise UserError("\n".join(mistakes))
    return replace(found, packages=tuple(packages))


def _package(subdir: str, said: Statement) -> Package:
    return Package(subdir, said.word, said.rest, said.line, said.column, said.rest_column)


class _MistakeError(Exception):
    """A mistake in a statement: in its value, or else in its first word."""

    def __init__(self, at_value: int, message: str) -> None:
        super().__init__(message)
        self.at_value = at_value
        self.message = message


def _statements(text: str) -> Iterator[Statement]:
    lines = iter(enumerate(text.split("\n"), 1))
    for number, raw in lines:
        line = raw.rstrip(BLANKS)
        if line.lstrip(BLANKS).startswith("#"):
            continue
        while line.endswith("\\") and (line[:-1].strip(BLANKS) == "" or line[-2] in BLANKS):
            _, more = next(lines, (0, ""))
            line = (line[:-1] + more).rstrip(BLANKS)
        bare = line.lstrip(BLANKS)
        if not bare:
            continue
        column = len(line) - len(bare)
        end = next((at for at, one in enumerate(bare) if one in BLANKS), len(bare))
        rest = bare[end:].lstrip(BLANKS)
        yield Statement(number, column + 1, bare[:end], len(line) - len(rest) + 1, rest)


def _set(found: EnsureFile, said: Statement) -> EnsureFile:
    """The file with one setting more."""
    name, text = said.word.lower(), said.rest
    if name == "$serviceurl":
        if found.service_url:
            raise _MistakeError(0, "`$ServiceURL` stands twice")
        if not _is_url(text):
            raise _MistakeError(1, f"not an address: `{printable(text)}`")
        return replace(found, service_url=text)
    if name == "$paranoidmode":
        if text not in PARANOID_MODES:
            raise _MistakeError(
                1, f"`$ParanoidMode` is one of {', '.join(PARANOID_MODES)}, not `{printable(text)}`"
            )
        return replace(found, paranoid_mode=text)
    if name == "$resolvedversions":
        return replace(found, resolved_versions=text)
    if name == "$overrideinstallmode":
        if text != "copy":
            raise _MistakeError(1, f"`$OverrideInstallMode` can only be `copy`, not `{printable(text)}`")
        return replace(found, override_install_mode=text)
    if name == "$verifiedplatform":
        for platform in text.split():
            if platform.count("-") != 1:
                raise _MistakeError(1, f"a platform is <os>-<arch>, not `{printable(platform)}`")
        return replace(found, verified_platforms=(*found.verified_platforms, *text.split()))
    raise _MistakeError(0, f"unknown setting `{printable(said.word)}`{_meant(said.word, SETTINGS)}")


def _subdir(said: Statement, validate: Callable[[str], str]) -> str:
    if said.word.lower() != "@subdir":
        raise _MistakeError(0, f"unknown directive `{printable(said.word)}`{_meant(said.word, DIRECTIVES)}")
    try:
        parse_subdir(validate(said.rest))
    except UserError as error:
        raise _MistakeError(1, error.message) from None
    return said.rest


def _meant(word: str, known: tuple[str, ...]) -> str:
    import difflib

    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower()[:100], lower, n=1)
    return f"; did you mean `{lower[close[0]]}`?" if close else f": there is {', '.join(known)}"


def _is_url(text: str) -> bool:
    """Whether it can be read as an address at all, absolute or not (Go `url.Parse`)."""
    if any(one < " " or one == "\x7f" for one in text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    if any(
        len(each) < 2 or not set(each[:2]) <= set("0123456789abcdefABCDEF") for each in text.split("%")[1:]
    ):
        return False
    first = text.partition("/")[0]
    return not (" " in parts.netloc or (":" in first and not parts.scheme))


def expand(file: EnsureFile, path: str, fill: Callable[[str], str | None]) -> tuple[tuple[str, Wanted], ...]:
    """(subdirectory, package) of every line that is for the platform whose template `fill` fills in.

    Names, versions and subdirectories are checked, and a package stands once in a subdirectory;
    all mistakes come as one UserError, a line for each.
    """
    found: dict[tuple[str, str], tuple[int, Wanted]] = {}
    mistakes = []
    for package in file.packages:
        column = package.column
        try:
            subdir, name = fill(package.subdir), fill(package.template)
            if subdir is None or name is None:
                continue
            key = (parse_subdir(subdir), parse_package_name(name))
            if key in found:
                where = f" in `{subdir}`" if subdir else ""
                raise UserError(f"`{name}` stands in line {found[key][0]} already{where}")
            column = package.version_column
            version = parse_version(package.version).text
        except UserError as error:
            mistakes.append(f"{path}:{package.line}:{column}: {error.message}")
            continue
        found[key] = (package.line, Wanted(name=name, template=package.template, version=version))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return tuple((subdir, wanted) for (subdir, _), (_, wanted) in found.items())


def render(file: EnsureFile) -> str:
    """The file in canonical order, as the original client writes it."""
    named = (
        ("$ServiceURL", file.service_url),
        ("$ParanoidMode", "" if file.paranoid_mode == PARANOID_MODES[0] else file.paranoid_mode),
        ("$ResolvedVersions", file.resolved_versions),
        ("$OverrideInstallMode", file.override_install_mode),
    )
    blocks = [
        [f"{name} {text}" for name, text in named if text],
        [f"$VerifiedPlatform {platform}" for platform in file.verified_platforms],
    ]
    for subdir in sorted({package.subdir for package in file.packages}):
        packages = [package for package in file.packages if package.subdir == subdir]
        width = max(len(package.template.encode()) for package in packages) + 1  # as Go counts
        rows = [
            f"{package.template:<{width}} {package.version}"
            for package in sorted(packages, key=lambda package: package.template)
        ]
        blocks.append([*([f"@Subdir {subdir}"] if subdir else []), *rows])
    return "".join("\n".join(block) + "\n\n" for block in blocks if block).removesuffix("\n")
