"""Requirement of a spec on its Python: a version prefix, a PEP 440 specifier, or both."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.target.probe import OLDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from vpy.model import Interpreter

# PEP 440. Only the release counts; the local part may be any text, as `sys.version` has `3.11.2+`.
_VERSION = (
    r"(?:[1-9][0-9]{0,8}!)?((?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8}))*)"
    r"(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?(?:\+.*)?"
)


def parse_version(text: str) -> tuple[int, ...]:
    """Parse a `python_version` into up to three numbers, () for "": `3.11` is (3, 11), for any 3.11.x.

    What follows the third number is dropped. Raises UserError for what is no version.
    """
    if not text:
        return ()
    parts = text.split(".")
    if len(parts) < 4 and all(map(_is_plain, parts)):
        return tuple(map(int, parts))

    import re

    match = re.fullmatch(_VERSION, text)
    if match is None:
        raise UserError(f"`python_version` is not a version: `{text}`", hint='write it as "3.11" or "3.11.7"')
    return tuple(map(int, match[1].split(".")[:3]))


def _is_plain(part: str) -> bool:
    """Return whether these are a few digits, which need no regular expression."""
    return part.isascii() and part.isdigit() and len(part) < 10 and (part == "0" or part[0] != "0")


class PythonRequirement:
    """Versions of Python that fit a spec: its `python_version` and its `requires-python`, "" for any.

    `prefix` are the first numbers that a version must have; `str` is how a message names the
    requirement. Raises UserError for what is no version or specifier, and where only Pythons fit
    that environments cannot be built on.
    """

    def __init__(self, python_version: str, requires_python: str) -> None:
        self.prefix = parse_version(python_version)
        self.requires_python = requires_python
        self._python_version = python_version
        self._specifier = _specifier(requires_python) if requires_python else None
        self._refuse_old()

    def __str__(self) -> str:
        parts = [f"python_version `{self._python_version}`"] if self._python_version else []
        parts += [f"requires-python `{self.requires_python}`"] if self.requires_python else []
        return " and ".join(parts) or "any version"

    @property
    def minor(self) -> tuple[int, ...]:
        """Pair (major, minor) where `python_version` has both, else ()."""
        return self.prefix[:2] if len(self.prefix) > 1 else ()

    @property
    def hint(self) -> str | None:
        """Return what `requires-python` should say where it names a minor version as if it were a release."""
        import re

        match = re.search(r"===?\s*(\d+(?:\.\d+)?)\s*(?:,|$)", self.requires_python)
        if match is None:
            return None
        first = match[1] if "." in match[1] else f"{match[1]}.0"
        return f"`{match[0].strip(' ,')}` means {first}.0 alone: write `=={match[1]}.*`"

    def may_accept(self, version: tuple[int, ...]) -> bool:
        """Return whether a Python can fit whose version begins with these numbers (() for any)."""
        if not all(own == other for own, other in zip(self.prefix, version, strict=False)):
            return False
        if len(version) > 1 and version < OLDEST:
            return False
        if self._specifier is None or len(version) < 2:
            return True

        patches = version[2:] or self._patches()
        return any(self._contains(f"{version[0]}.{version[1]}.{patch}") for patch in patches)

    def _patches(self) -> list[int]:
        """Return patch numbers to try for all: the ends, and those in the specifier with their neighbours."""
        import re

        named = {int(patch) for patch in re.findall(r"\.\d+\.(\d{1,9})", self.requires_python)}
        return sorted({0, 99} | {max(patch + step, 0) for patch in named for step in (-1, 0, 1)})

    def accepts(self, interpreter: Interpreter) -> bool:
        """Return whether a Python fits; a pre-release does where its release would."""
        return self.may_accept(interpreter.version) and self._contains(interpreter.version_text)

    def _contains(self, text: str) -> bool:
        # A build between two releases calls itself `3.13.0+`.
        return self._specifier is None or self._specifier.contains(text.rstrip("+"), prereleases=True)

    def _refuse_old(self) -> None:
        if self.prefix and self.prefix < OLDEST and self.prefix != OLDEST[:1]:
            raise UserError(
                f"Python {self._python_version} is not supported for running: environments are made for "
                f"{OLDEST[0]}.{OLDEST[1]} or newer",
                hint=f"port the script and set `python_version`, or run it with that Python itself: "
                f"python{'.'.join(map(str, self.prefix[:2]))} SCRIPT",
            )


def _specifier(text: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    try:
        specifier = SpecifierSet(text)
        specifier.contains("3.0")  # a number with too many digits is refused only here
    except ValueError as error:
        raise UserError(
            f"`requires-python` is not a version specifier: `{text}`", hint='write it as ">=3.11,<3.13"'
        ) from error
    return specifier
