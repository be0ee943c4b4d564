"""Errors that reach a user: one that the user can mend, and one that the tool or the system caused."""

from __future__ import annotations

from bootstrap import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class VpythonError(Exception):
    """Error for the user: a fact, and a hint where there is one.

    `message` is one line, or several where several mistakes were found together; it has no
    `vpython: ` in front and no full stop. Whatever it quotes is made fit for a terminal here. `hint` is one
    sentence that says what to do. `excerpt` is the line that the fact is about with a caret below the place.
    """

    exit_code = 1

    def __init__(self, message: str | Iterable[str], *, hint: str | None = None) -> None:
        texts = [message] if isinstance(message, str) else list(message)
        self.lines = shown.lines(texts)
        self.hint = shown.line(hint) if hint else None
        super().__init__(self.message)
        self.excerpt: str | None = None
        # Where many things were asked for at once: the error of each that failed.
        self.failed: dict[object, VpythonError] = {}

    @property
    def message(self) -> str:
        """The fact, or all facts with line ends between them."""
        return "\n".join(self.lines)

    @property
    def summary(self) -> str:
        """The fact, or all facts in one line."""
        return "; ".join(self.lines)

    def add(self, text: str) -> None:
        """Put a text behind the last line."""
        self.lines[-1] = shown.line(self.lines[-1] + text)


class UserError(VpythonError):
    """Error in the spec or the command, which its author can mend."""

    exit_code = 2


class MissingError(UserError):
    """Package or version that a source does not have; another source may."""


class ToolError(VpythonError):
    """Failure of a child process, the network or the disk: no environment could be made."""


class UnreachableError(ToolError):
    """Source that cannot be asked now; what it answered before may serve."""


class RefusedError(ToolError):
    """Refusal of a package or a wheel for what is in it: another may be offered under its name later."""
