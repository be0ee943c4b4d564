"""Ensure files: which packages belong where below a root, line by line (CIPD ensure file grammar).

    $ServiceURL https://host        settings come first
    $ResolvedVersions x.versions
    @Subdir tools/${os}             the subdirectory of the packages that follow
    some/package/${platform}  version:1.2

A line that begins with `#` is a comment; nothing may follow a version. A line whose last word is a
single backslash continues in the next one (luci-go `cipd/client/cipd/ensure`).
"""

from __future__ import annotations

import urllib.parse

from vpy.errors import UserError
from vpy.model import Wanted
from vpy.packages.cipd.names import parse_package_name, parse_subdir, parse_version, printable
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 1 << 20
LONGEST_LINE = 65535
PARANOID_MODES = ("NotParanoid", "CheckPresence", "CheckIntegrity")
SETTINGS = ("$ServiceURL", "$ParanoidMode", "$ResolvedVersions", "$OverrideInstallMode", "$VerifiedPlatform")
DIRECTIVES = ("@Subdir",)
# Go's `unicode.IsSpace`, which has fewer characters than Python's `str.isspace`.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_HEX = frozenset("0123456789abcdefABCDEF")


@value
class Package:
    """Package line: name and subdirectory as templates, the version, and where both stand (from 1)."""

    subdir: str
    template: str
    version: str
    line: int = 0
    column: int = 0
    version_column: int = 0


@value
class EnsureFile:
    """Parsed ensure file; a setting that it lacks is None. `packages` keep their order."""

    service_url: str | None = None
    paranoid_mode: str | None = None
    resolved_versions: str | None = None
    override_install_mode: str | None = None
    verified_platforms: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()


@value
class Statement:
    """First word of a line and the rest; `column` and `rest_column` are where they begin (from 1)."""

    line: int
    column: int
    word: str
    rest_column: int
    rest: str


class _StatementError(Exception):
    """Mistake in a statement, and the column where it stands."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


def parse(text: str, path: str, validate: Callable[[str], str]) -> EnsureFile:
    """Parse an ensure file.

    `validate` expands a template as if its conditions held, or raises UserError. All mistakes come as
    one UserError, a line `path:line:column: fact` for each. Packages and versions are validated when
    the file is expanded, since a line may be for another platform.
    """
    if len(text) > LARGEST:
        raise UserError(f"`{path}` has more than {LARGEST} characters")

    file = EnsureFile()
    packages: list[Package] = []
    mistakes: list[str] = []
    subdir = ""
    is_past_settings = False
    for statement in _statements(text):
        try:
            _check_order(statement, is_past_settings=is_past_settings)
            is_past_settings = is_past_settings or not statement.word.startswith("$")
            if statement.word.startswith("$"):
                file = _with_setting(file, statement)
            elif statement.word.startswith("@"):
                subdir = _subdir(statement, validate)
            else:
                packages.append(_package(subdir, statement))
        except _StatementError as error:
            mistakes.append(f"{path}:{statement.line}:{error.column}: {error.message}")
    if mistakes:
        raise UserError(mistakes)
    return replace(file, packages=tuple(packages))


def _statements(text: str) -> Iterator[Statement]:
    lines = iter(enumerate(text.split("\n"), 1))
    for number, raw in lines:
        line = raw.rstrip(BLANKS)
        if line.lstrip(BLANKS).startswith("#"):
            continue
        while line.endswith("\\") and (line[:-1].strip(BLANKS) == "" or line[-2] in BLANKS):
            _, continuation = next(lines, (0, ""))
            line = (line[:-1] + continuation).rstrip(BLANKS)

        content = line.lstrip(BLANKS)
        if not content:
            continue
        column = len(line) - len(content)
        end = next((at for at, character in enumerate(content) if character in BLANKS), len(content))
        rest = content[end:].lstrip(BLANKS)
        yield Statement(number, column + 1, content[:end], len(line) - len(rest) + 1, rest)


def _check_order(statement: Statement, *, is_past_settings: bool) -> None:
    if len(statement.word) + len(statement.rest) > LONGEST_LINE:
        raise _StatementError(statement.rest_column, f"a line has at most {LONGEST_LINE} characters")
    if statement.word.startswith("$") and is_past_settings:
        raise _StatementError(
            statement.column,
            f"the setting `{printable(statement.word)}` comes after a package or directive",
        )


def _package(subdir: str, statement: Statement) -> Package:
    return Package(
        subdir, statement.word, statement.rest, statement.line, statement.column, statement.rest_column
    )


def _with_setting(file: EnsureFile, statement: Statement) -> EnsureFile:
    """Return the file with one more setting."""
    name, text = statement.word.lower(), statement.rest
    if name == "$serviceurl":
        if file.service_url:
            raise _StatementError(statement.column, "`$ServiceURL` is given twice")
        if not _is_url(text):
            raise _StatementError(statement.rest_column, f"not an address: `{printable(text)}`")
        return replace(file, service_url=text or None)
    if name == "$paranoidmode":
        if text not in PARANOID_MODES:
            modes = ", ".join(PARANOID_MODES)
            raise _StatementError(
                statement.rest_column, f"`$ParanoidMode` is one of {modes}, not `{printable(text)}`"
            )
        return replace(file, paranoid_mode=text)
    if name == "$resolvedversions":
        return replace(file, resolved_versions=text or None)
    if name == "$overrideinstallmode":
        if text != "copy":
            raise _StatementError(
                statement.rest_column, f"`$OverrideInstallMode` can only be `copy`, not `{printable(text)}`"
            )
        return replace(file, override_install_mode=text)
    if name == "$verifiedplatform":
        return replace(file, verified_platforms=(*file.verified_platforms, *_platforms(statement)))
    raise _StatementError(
        statement.column, f"unknown setting `{printable(statement.word)}`{_suggestion(name, SETTINGS)}"
    )


def _platforms(statement: Statement) -> list[str]:
    platforms = statement.rest.split()
    for platform in platforms:
        if platform.count("-") != 1:
            raise _StatementError(
                statement.rest_column, f"a platform is <os>-<arch>, not `{printable(platform)}`"
            )
    return platforms


def _subdir(statement: Statement, validate: Callable[[str], str]) -> str:
    name = statement.word.lower()
    if name != "@subdir":
        raise _StatementError(
            statement.column,
            f"unknown directive `{printable(statement.word)}`{_suggestion(name, DIRECTIVES)}",
        )
    try:
        parse_subdir(validate(statement.rest))
    except UserError as error:
        raise _StatementError(statement.rest_column, error.message) from None
    return statement.rest


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    """Return the known name that is nearest to one in lower case, or all of them, as the end of a message."""
    import difflib

    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(name[:100], lower, n=1)
    return f"; did you mean `{lower[close[0]]}`?" if close else f": known are {', '.join(known)}"


def _is_url(text: str) -> bool:
    """Return whether the text is a URL, absolute or not (Go's `url.Parse`)."""
    if any(character < " " or character == "\x7f" for character in text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    if any(len(code) < 2 or not set(code[:2]) <= _HEX for code in text.split("%")[1:]):
        return False
    first = text.partition("/")[0]
    return not (" " in parts.netloc or (":" in first and not parts.scheme))


def expand(
    file: EnsureFile, path: str, expand_template: Callable[[str], str | None]
) -> tuple[tuple[str, Wanted], ...]:
    """Return (subdirectory, package) of every line that is for the platform of `expand_template`.

    `expand_template` returns None for a template of another platform. Names, versions and
    subdirectories are validated, and a package stands once in a subdirectory; all mistakes come as
    one UserError, a line for each.
    """
    expanded: dict[tuple[str, str], tuple[int, Wanted]] = {}
    mistakes = []
    for package in file.packages:
        column = package.column
        try:
            subdir, name = expand_template(package.subdir), expand_template(package.template)
            if subdir is None or name is None:
                continue
            key = (parse_subdir(subdir), parse_package_name(name))
            if key in expanded:
                where = f" in `{subdir}`" if subdir else ""
                raise UserError(f"`{name}` is already on line {expanded[key][0]}{where}")
            column = package.version_column
            version = parse_version(package.version).text
        except UserError as error:
            mistakes.append(f"{path}:{package.line}:{column}: {error.message}")
            continue
        expanded[key] = (package.line, Wanted(name=name, template=package.template, version=version))
    if mistakes:
        raise UserError(mistakes)
    return tuple((subdir, wanted) for (subdir, _), (_, wanted) in expanded.items())


def render(file: EnsureFile) -> str:
    """Return the text of the file in canonical order, as the original client writes it."""
    settings = (
        ("$ServiceURL", file.service_url),
        ("$ParanoidMode", None if file.paranoid_mode == PARANOID_MODES[0] else file.paranoid_mode),
        ("$ResolvedVersions", file.resolved_versions),
        ("$OverrideInstallMode", file.override_install_mode),
    )
    blocks = [
        [f"{name} {text}" for name, text in settings if text],
        [f"$VerifiedPlatform {platform}" for platform in file.verified_platforms],
    ]
    for subdir in sorted({package.subdir for package in file.packages}):
        packages = [package for package in file.packages if package.subdir == subdir]
        width = max(len(package.template.encode()) for package in packages) + 1  # Go counts bytes
        rows = [
            f"{package.template:<{width}} {package.version}"
            for package in sorted(packages, key=lambda package: package.template)
        ]
        blocks.append([*([f"@Subdir {subdir}"] if subdir else []), *rows])
    return "".join("\n".join(block) + "\n\n" for block in blocks if block).removesuffix("\n")
