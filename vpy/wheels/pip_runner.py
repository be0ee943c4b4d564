"""Runner of pip on the host's Python: one process installs wheels, another resolves at an index.

pip runs as a child, since its own code and what it patches must not get into this process.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import process
from vpy.system.lean import contextlib, json
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vpy.system.process import Talk
    from vpy.system.terminal import Terminal

REST_OF_PIP = "pip-more.zip"  # beside the archive that holds pip, where that holds a part of it
# An empty line ends the rows. The end of the pipe would not do: a fork of this process has it open too.
END = b"\n"


class PipInstaller:
    """Process of pip that installs wheels, side by side, while others are still on their way."""

    def __init__(self, talk: Talk, terminal: Terminal) -> None:
        self._talk = talk
        self._terminal = terminal

    def send(self, row: Mapping[str, Any]) -> None:
        """Send the settings, or a wheel to install (see `pip_install`); do not wait for the last one."""
        self._talk.tell(json.dumps(row).encode() + b"\n")

    def results(self) -> Iterator[dict[str, Any]]:
        """Yield the answer for each wheel (see `tree.make`), in the order in which they are done.

        Raises ToolError where the process ends before it has answered for all.
        """
        self._talk.tell(END)
        self._talk.close()
        wheels = self._talk.sent - 2  # but for the settings and the end

        for number, line in enumerate(self._talk.answers(), 1):
            answer: dict[str, Any] = json.loads(line)
            yield answer
            if number == wheels:
                break
        else:
            if wheels:
                raise _no_answer(self._talk.code(), self._talk.said)

        self._talk.code()
        _log(self._talk.said, self._terminal)


@value
class HostPython:
    """Python 3.11 or newer that runs pip: its executable, the pip it imports, the programs that drive it.

    `pip` is a directory or a zip, `programs` the directory of `pip_install` and `pip_download`. pip's
    temporary files go to the directory `temporary`, so that they are found if pip is killed. `loaded`
    is a process of `pip_install` that was started before its wheels were known.
    """

    executable: str
    pip: str
    programs: str
    temporary: str = ""
    loaded: Talk | None = None

    def ask(
        self,
        job: Mapping[str, Any],
        *,
        environ: Mapping[str, str],
        terminal: Terminal,
        heard: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None = None,
    ) -> dict[str, Any]:
        """Run one pip process for `job` (see `pip_download`) and return its answer.

        `heard` gets each event of `index_client.conversation` as it comes, and returns the reply that it
        asks for. pip's own output goes to the debug log. The child dies with whatever interrupts this
        process. Raises ToolError where it cannot be started or ends without an answer.
        """
        try:
            talk = process.talk(self._command("pip_download"), self._child_environ(environ))
        except OSError as error:
            raise self._cannot_start(error) from error
        with talk:
            talk.tell(json.dumps({**job, "streamed": heard is not None}).encode() + b"\n")
            answer = _converse(talk, heard)
            code = talk.code()
        if answer is None:
            raise _no_answer(code, talk.said)
        _log(talk.said, terminal)
        return answer

    @contextlib.contextmanager
    def loading_ahead(self, environ: Mapping[str, str]) -> Iterator[HostPython]:
        """Start a pip that loads while its wheels are fetched; yield a host that installs with it.

        A pip that cannot be started is reported by `installing`.
        """
        if self._unused():
            yield self
            return
        try:
            talk = self._start(environ)
        except OSError:
            yield self
            return
        with talk:
            yield replace(self, loaded=talk)

    @contextlib.contextmanager
    def installing(
        self, environ: Mapping[str, str], terminal: Terminal, done: Callable[[], None] = lambda: None
    ) -> Iterator[PipInstaller]:
        """Yield the pip that was started ahead, or a new one; it has ended when the block is left.

        `done` is called, by another thread, for each wheel as soon as it is done. Raises ToolError where pip
        cannot be started.
        """
        try:
            talk = self._unused() or self._start(environ)
        except OSError as error:
            raise self._cannot_start(error) from error
        talk.heard = lambda _: done()
        with talk:
            yield PipInstaller(talk, terminal)

    def _unused(self) -> Talk | None:
        """Return the pip that was started ahead, if it has had no job yet: it serves one."""
        return None if self.loaded is None or self.loaded.sent else self.loaded

    def _start(self, environ: Mapping[str, str]) -> Talk:
        return process.talk(self._command("pip_install"), self._child_environ(environ), alone=True)

    def _cannot_start(self, error: OSError) -> ToolError:
        return ToolError(f"cannot start `{self.executable}`: {error.strerror}")

    def _command(self, program: str) -> list[str]:
        path = os.path.join(self.programs, f"{program}.py")
        rest = os.path.join(os.path.dirname(self.pip), REST_OF_PIP)
        return [self.executable, "-I", "-S", path if os.path.exists(path) else f"{path}c", self.pip, rest]

    def _child_environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        child_environ = process.clean_environ(environ)
        if self.temporary:
            child_environ |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.temporary)
            if not child_environ.get("HOME") and os.path.expanduser("~") == "~":
                child_environ["HOME"] = self.temporary  # pip refuses to begin without one
        return child_environ


def _converse(
    talk: Talk, heard: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None
) -> dict[str, Any] | None:
    """Pass events on until the answer comes; return it, None where there is none."""
    for line in talk.answers():
        try:
            row: dict[str, Any] = json.loads(line)
        except ValueError:
            return None
        if heard is None or "event" not in row:
            return row
        reply = heard(row)
        if reply is not None:
            talk.tell(json.dumps(reply).encode() + b"\n")
    return None


def _lines(output: bytes) -> list[str]:
    return output.decode("utf-8", "replace").splitlines()


def _log(output: bytes, terminal: Terminal) -> None:
    for line in _lines(output):
        terminal.debug(f"pip: {line}")


def _no_answer(code: int, output: bytes) -> ToolError:
    lines = _lines(output)
    last = lines[-1].strip() if lines else "it said nothing"
    return ToolError(f"pip ended without an answer (exit code {code}): `{last}`")
