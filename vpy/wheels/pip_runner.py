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
    from _queue import SimpleQueue
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Self

    from vpy.system.process import Talk
    from vpy.system.terminal import Terminal

REST_OF_PIP = "pip-more.zip"  # beside the archive that holds pip, where that holds a part of it
# An empty line ends the rows. The end of the pipe would not do: a fork of this process has it open too.
END = b"\n"
_PATIENT = 0.5  # seconds


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


class SharedPip:
    """Process of `pip_download` that answers many jobs, of any thread; a `with` block ends it."""

    def __init__(self, start: Callable[[], Talk]) -> None:
        import threading

        self._start = start
        self._talk: Talk | None = None
        self._lock = threading.Lock()
        self._waiting: dict[int, SimpleQueue[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._talk is not None:
            self._talk.__exit__(*error)

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a job, None where the process ends without; OSError where it cannot start."""
        from _queue import Empty, SimpleQueue

        answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        with self._lock:
            if self._talk is None:
                self._talk = self._start()
                self._talk.heard = self._hear
            talk, number = self._talk, len(self._waiting)
            self._waiting[number] = answers
            talk.tell(json.dumps({**job, "number": number}).encode() + b"\n")
        while True:
            is_over = talk.is_over
            try:
                return answers.get(timeout=0 if is_over else _PATIENT)
            except Empty:
                if is_over:
                    return None

    def _hear(self, line: bytes) -> None:
        answer: dict[str, Any] = json.loads(line)
        self._waiting[answer["number"]].put(answer)

    def code(self) -> int | None:
        """Return the exit code of the process."""
        return self._talk.code() if self._talk else 0

    def said(self) -> bytes:
        """Return what the process printed."""
        return self._talk.said if self._talk else b""

    def finish(self) -> bytes:
        """Let the process end, whose jobs are answered; return what it printed."""
        if self._talk is not None and not self._talk.is_over:
            self._talk.tell(END)
        self.code()
        return self.said()


class PipAhead:
    """Process of `pip_download` that loads pip before its one job is known; a `with` block ends it."""

    def __init__(self, start: Callable[[], Talk]) -> None:
        self._start = start
        self._talk: Talk | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._talk is not None:
            self._talk.__exit__(*error)

    def begin(self) -> None:
        """Start it; one that cannot be started is reported when something is asked."""
        if self._talk is None:
            with contextlib.suppress(OSError):
                self._talk = self._start()

    def unused(self) -> Talk | None:
        """Return it where it was started and has had no job."""
        return None if self._talk is None or self._talk.sent else self._talk


def _may_fork() -> bool:
    """Return whether pip may be forked once it is loaded: not on macOS, whose frameworks refuse that."""
    import sys

    return hasattr(os, "fork") and sys.platform != "darwin"


@value
class HostPython:
    """Python 3.11 or newer that runs pip: its executable, the pip it imports, the programs that drive it.

    `pip` is a directory or a zip, `programs` the directory of `pip_install` and `pip_download`. pip's
    temporary files go to the directory `temporary`, so that they are found if pip is killed. `loaded`
    is a process of `pip_install` that was started before its wheels were known, `asking` one of
    `pip_download` that may be started before its job is known, `shared` one that answers several jobs.
    """

    executable: str
    pip: str
    programs: str
    temporary: str = ""
    loaded: Talk | None = None
    asking: PipAhead | None = None
    shared: SharedPip | None = None

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
        if self.shared is not None and heard is None:
            return self._ask_shared(self.shared, job)
        try:
            talk = self.asking.unused() if self.asking is not None else None
            talk = talk or process.talk(self._command("pip_download"), self._child_environ(environ))
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

    def _ask_shared(self, shared: SharedPip, job: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = shared.ask(job)
        except OSError as error:
            raise self._cannot_start(error) from error
        if answer is None:
            raise _no_answer(shared.code(), shared.said())
        return answer

    @contextlib.contextmanager
    def shared_by(self, workers: int, environ: Mapping[str, str], terminal: Terminal) -> Iterator[HostPython]:
        """Yield a host that asks one pip process for all jobs that nobody listens to, so many at once.

        It is started by the first of them. Where such a process does not fork, each job has its own.
        """
        if not _may_fork():
            yield self
            return
        command, child_environ = self._command("pip_download"), self._child_environ(environ)
        shared = SharedPip(lambda: process.talk([*command, str(workers)], child_environ, alone=True))
        with shared:
            yield replace(self, shared=shared)
            _log(shared.finish(), terminal)

    @contextlib.contextmanager
    def asking_ahead(self, environ: Mapping[str, str]) -> Iterator[HostPython]:
        """Yield a host whose `asking` may be started once it is certain that something is asked."""
        command = [*self._command("pip_download"), "ahead"]
        with PipAhead(lambda: process.talk(command, self._child_environ(environ))) as asking:
            yield replace(self, asking=asking)

    @contextlib.contextmanager
    def loading_ahead(self, environ: Mapping[str, str], *, asks: bool) -> Iterator[HostPython]:
        """Start a pip that loads while its wheels are fetched; yield a host that installs with it.

        With `asks` it also loads what asks an index, once for both, and a fork of it does the first job. A
        pip that cannot be started is reported by `installing`.
        """
        if _unused(self.loaded):
            yield self
            return
        asking: AbstractContextManager[PipAhead | None] = contextlib.nullcontext(None)
        try:
            if asks and _may_fork():
                command, child_environ = self._command("pip_install"), self._child_environ(environ)
                talk, forked = process.talk_to_both(command, child_environ)
                asking = PipAhead(lambda: forked)
            else:
                talk = self._start(environ)
        except OSError:
            yield self
            return
        with asking as asker, talk:
            if asker is not None:
                asker.begin()
            yield replace(self, loaded=talk, asking=asker)

    @contextlib.contextmanager
    def installing(
        self, environ: Mapping[str, str], terminal: Terminal, done: Callable[[], None] = lambda: None
    ) -> Iterator[PipInstaller]:
        """Yield the pip that was started ahead, or a new one; it has ended when the block is left.

        `done` is called, by another thread, for each wheel as soon as it is done. Raises ToolError where pip
        cannot be started.
        """
        try:
            talk = _unused(self.loaded) or self._start(environ)
        except OSError as error:
            raise self._cannot_start(error) from error
        talk.heard = lambda _: done()
        with talk:
            yield PipInstaller(talk, terminal)

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


def _unused(talk: Talk | None) -> Talk | None:
    """Return a process that was started ahead, if it has had no job yet: it serves one."""
    return None if talk is None or talk.sent else talk


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


def _no_answer(code: int | None, output: bytes) -> ToolError:
    lines = _lines(output)
    last = lines[-1].strip() if lines else "no output"
    shown = "" if code is None else f" (exit code {code})"
    return ToolError(f"pip ended without an answer{shown}: `{last}`")
