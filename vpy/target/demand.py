"""Which Pythons a spec takes: a version prefix, a PEP 440 specifier, or both."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.target.probe import OLDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from vpy.model import Interpreter

# PEP 440 with whatever stands behind the release: that part was never looked at.
_VERSION = (
    r"(?:[1-9][0-9]{0,8}!)?((?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8}))*)"
    r"(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?(?:\+.*)?"
)


def parse_version(text: str) -> tuple[int, ...]:
    """Return a `python_version` as one to three numbers, none for ""; UserError for what is none.

    `3.11` is (3, 11) and takes any 3.11.x; what follows the third number is passed over.
    """
    if not text:
        return ()
    parts = text.split(".")
    if len(parts) < 4 and all(map(_is_plain, parts)):
        return tuple(map(int, parts))
    import re

    found = re.fullmatch(_VERSION, text)
    if found is None:
        raise UserError(f"`python_version` is no version: `{text}`", hint='write it as "3.11" or "3.11.7"')
    return tuple(map(int, found[1].split(".")[:3]))


def _is_plain(part: str) -> bool:
    """Whether these are a few digits; so most versions are read without a regular expression."""
    return part.isascii() and part.isdigit() and len(part) < 10 and (part == "0" or part[0] != "0")


class Demand:
    """A prefix and a specifier, parsed; `str` is how a message names it."""

    def __init__(self, wanted_prefix: str, requires_python: str) -> None:
        self.prefix = parse_version(wanted_prefix)
        self.requires = requires_python
        self._prefix_text = wanted_prefix
        self._specifier = _specifier(requires_python) if requires_python else None
        self._refuse_old()

    def __str__(self) -> str:
        parts = [f"python_version `{self._prefix_text}`"] if self._prefix_text else []
        parts += [f"requires-python `{self.requires}`"] if self.requires else []
        return " and ".join(parts) or "any spec"

    @property
    def minor(self) -> tuple[int, ...]:
        """(major, minor) where the prefix tells both, else ()."""
        return self.prefix[:2] if len(self.prefix) > 1 else ()

    def may_be(self, version: tuple[int, ...]) -> bool:
        """Whether a Python can fit whose first numbers are `version`, () for any."""
        if not all(own == other for own, other in zip(self.prefix, version, strict=False)):
            return False
        if len(version) > 1 and version < OLDEST:
            return False
        if self._specifier is None or len(version) < 2:
            return True
        patches = version[2:] or self._patches()
        return any(self._contains(f"{version[0]}.{version[1]}.{patch}") for patch in patches)

    def _patches(self) -> list[int]:
        """Patch numbers that stand for all: the ends, and what the specifier names with its neighbours."""
        import re

        named = {int(patch) for patch in re.findall(r"\.\d+\.(\d{1,9})", self.requires)}
        return sorted({0, 99} | {max(patch + step, 0) for patch in named for step in (-1, 0, 1)})

    def admits(self, interpreter: Interpreter) -> bool:
        """Whether this Python fits both; a pre-release fits where its release would."""
        return self.may_be(interpreter.version) and self._contains(interpreter.version_text)

    def _contains(self, text: str) -> bool:
        # A build between two releases calls itself `3.13.0+`.
        return self._specifier is None or self._specifier.contains(text.rstrip("+"), prereleases=True)

    def _refuse_old(self) -> None:
        if self.prefix and self.prefix < OLDEST and self.prefix != OLDEST[:1]:
            raise UserError(
                f"Python {self._prefix_text} is not supported for running: environments are made for "
                f"{OLDEST[0]}.{OLDEST[1]} or newer",
                hint=f"port the script and set `python_version`, or run it with that Python itself: "
                f"python{'.'.join(map(str, self.prefix[:2]))} SCRIPT",
            )


def _specifier(text: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    try:
        found = SpecifierSet(text)
        found.contains("3.0")
    except ValueError as error:
        raise UserError(
            f"`requires-python` is no version specifier: `{text}`", hint='write it as ">=3.11,<3.13"'
        ) from error
    return found
