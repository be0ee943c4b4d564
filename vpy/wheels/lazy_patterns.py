"""Regular expressions that are compiled when they are first used, for a process that loads pip.

Loading pip compiles two hundred, a fifth of the time that it takes; a start uses a few of them.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LazyPattern:
    """Stand-in for an `re.Pattern`: it has whatever that has, and the functions of `re` take it as one."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.compiled(), name)
        setattr(self, name, value)  # the next time it is found without this function
        return value

    def compiled(self) -> re.Pattern[Any]:
        """Return the pattern itself; raise `re.error` where it is none."""
        found: re.Pattern[Any] = COMPILE(self._source, self._flags)
        return found


COMPILE: Any = re._compile  # type: ignore[attr-defined]  # noqa: SLF001


def install() -> None:
    """Let `re.compile` return such patterns from now on."""

    def compile_now(pattern: Any, flags: int) -> Any:
        return pattern.compiled() if isinstance(pattern, LazyPattern) else COMPILE(pattern, flags)

    def compile_later(pattern: Any, flags: int = 0) -> Any:
        if isinstance(pattern, str | bytes):
            return LazyPattern(pattern, int(flags))
        return compile_now(pattern, flags)

    re._compile = compile_now  # type: ignore[attr-defined]  # noqa: SLF001
    re.compile = compile_later
