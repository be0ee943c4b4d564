"""The host's Python as the one that runs pip: one process to install wheels, another to ask an index."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import jsontext, process, scope
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vpy.system.process import Talk
    from vpy.system.terminal import Terminal


MORE = "pip-more.zip"  # beside the archive that holds pip, where that holds a part of it
END = b"\n"  # said, since others may have the pipe open by then: a copy of this process has


class Installing:
    """A pip that installs wheels side by side with what is done here."""

    def __init__(self, talk: Talk, terminal: Terminal) -> None:
        self._talk = talk
        self._terminal = terminal

    def tell(self, row: Mapping[str, Any]) -> None:
        """Say the settings, or give it the next wheel (see `pipinstall`); it may be at another still."""
        self._talk.tell(jsontext.dumps(row).encode() + b"\n")

    def answers(self) -> Iterator[str]:
        """What came of each wheel, as they are done: what went wrong, or "".

        ToolError where it ended before it had answered for them all.
        """
        self._talk.tell(END)
        self._talk.close()
        asked = self._talk.told - 2
        for number, line in enumerate(self._talk.answers(), 1):
            yield str(jsontext.loads(line))
            if number == asked:
                break
        else:
            if asked:
                raise _unanswered(self._talk.code(), self._talk.said)
        self._talk.code()
        _overhear(self._talk.said, self._terminal)


@value
class HostPython:
    """A Python of 3.11 or newer, the directory or zip that holds pip, and the directory of what drives it.

    pip's temporary files go to the directory `temporary`, where one is named: if it is killed, they
    are found there. `loading` is a pip that was begun `ahead` of its wheels.
    """

    executable: str
    pip: str
    programs: str
    temporary: str = ""
    loading: Talk | None = None

    def ask(
        self, job: Mapping[str, Any], *, environ: Mapping[str, str], terminal: Terminal
    ) -> dict[str, Any]:
        """Run one pip process for `job` (see `pipdownload`) and return its answer.

        ToolError where it cannot be started or ends without an answer; what pip printed goes to the
        debug trace. The child dies with whatever interrupts this process.
        """
        command = self._command("pipdownload")
        try:
            finished = process.run(
                command, environ=self._surroundings(environ), stdin=jsontext.dumps(job).encode()
            )
        except OSError as error:
            raise self._unstarted(error) from error
        _overhear(finished.stderr, terminal)
        try:
            answer: dict[str, Any] = jsontext.loads(finished.stdout)
        except ValueError:
            raise _unanswered(finished.code, finished.stderr) from None
        return answer

    @scope.contextmanager
    def ahead(self, environ: Mapping[str, str]) -> Iterator[HostPython]:
        """This host with a pip that loads what it needs to install from now on, for wheels still to come.

        Where it cannot be started, whoever wants to install says so.
        """
        if self._unused():
            yield self
            return
        try:
            talk = self._talk(environ)
        except OSError:
            yield self
            return
        with talk:
            yield replace(self, loading=talk)

    @scope.contextmanager
    def installing(self, environ: Mapping[str, str], terminal: Terminal) -> Iterator[Installing]:
        """The pip that was begun ahead, or one that begins now: it has ended when this is left.

        ToolError where it cannot be started.
        """
        try:
            talk = self._unused() or self._talk(environ)
        except OSError as error:
            raise self._unstarted(error) from error
        with talk:
            yield Installing(talk, terminal)

    def _unused(self) -> Talk | None:
        """The pip that was begun ahead, where it was given nothing yet: it takes the wheels of one job."""
        return None if self.loading is None or self.loading.told else self.loading

    def _talk(self, environ: Mapping[str, str]) -> Talk:
        return process.talk(self._command("pipinstall"), self._surroundings(environ))

    def _unstarted(self, error: OSError) -> ToolError:
        return ToolError(f"cannot start `{self.executable}`: {error.strerror}")

    def _command(self, program: str) -> list[str]:
        path = os.path.join(self.programs, f"{program}.py")
        more = os.path.join(os.path.dirname(self.pip), MORE)
        return [self.executable, "-I", "-S", path if os.path.exists(path) else f"{path}c", self.pip, more]

    def _surroundings(self, environ: Mapping[str, str]) -> dict[str, str]:
        surroundings = process.clean_environ(environ)
        if self.temporary:
            surroundings |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.temporary)
        return surroundings


def _lines(said: bytes) -> list[str]:
    return said.decode("utf-8", "replace").splitlines()


def _overhear(said: bytes, terminal: Terminal) -> None:
    for line in _lines(said):
        terminal.debug(f"pip: {line}")


def _unanswered(code: int, said: bytes) -> ToolError:
    lines = _lines(said)
    last = lines[-1].strip() if lines else "it said nothing"
    return ToolError(f"pip ended without an answer (exit code {code}): `{last}`")
