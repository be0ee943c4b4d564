"""The two families of errors that reach a user."""

from __future__ import annotations


class VpythonError(Exception):
    """What a user is told: a fact, and a way out where there is one.

    `message` is one line, or several where several mistakes were found together; it has no
    `vpython: ` in front and no full stop. `hint` is one sentence that says what to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        # Where many things were asked for at once: the error of each that failed.
        self.failed: dict[object, VpythonError] = {}


class UserError(VpythonError):
    """The spec or the command can be mended by whoever wrote it."""

    exit_code = 2


class ToolError(VpythonError):
    """A child process, the network or the disk failed: no environment could be made."""
