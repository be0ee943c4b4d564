"""Installation of wheels into the store, each as soon as it is here, by as many workers as help."""

from __future__ import annotations

import errno
import os
from _thread import allocate_lock

from vpy.errors import RefusedError, ToolError
from vpy.model import StoredWheel
from vpy.system import files, fork, worker_pool
from vpy.wheels import filename, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from typing import Any, Self

    from vpy.model import Interpreter, WheelFile
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython, PipInstaller


class Installation:
    """Wheels on their way into the store, for one target; use it in a `with`.

    pip is started when the first wheel is added that is not stored. Each wheel has its final place as soon as
    it is installed, whatever becomes of the others; where two processes install the same wheel, the first
    to finish renames its tree into place. `done` is called, by another thread, for each that is through.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        *,
        layout: Layout,
        host: HostPython,
        environ: Mapping[str, str],
        terminal: Terminal,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._interpreter = interpreter
        self._scheme_id = store.scheme_id(interpreter)
        self._layout = layout
        self._host = host
        self._environ = environ
        self._terminal = terminal
        self._done = done
        self._stack: ExitStack | None = None
        self._sent: list[WheelFile] = []
        self._pip: PipInstaller | None = None
        self._stage = ""
        self._lock = allocate_lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: Any) -> None:
        if self._stack is not None:
            self._stack.__exit__(*problem)

    def add(self, wheel: WheelFile) -> int:
        """Let a wheel be installed, unless it is stored, or was added before; any thread may; do not wait.

        Return how many are or were under way.

        The file stays where it is until `finish`.
        """
        stored = self.stored(wheel)
        with self._lock, files.disk_errors("write", self._layout.staging):
            if not (any(wheel.sha256 == other.sha256 for other in self._sent) or store.is_stored(stored)):
                self._sent.append(wheel)
                pip = self._pip = self._pip or self._started()
                pip.send(self._row(wheel, stored))
            return len(self._sent)

    def stored(self, wheel: WheelFile) -> StoredWheel:
        """Return where a wheel is once it is installed."""
        return StoredWheel(
            filename=wheel.filename,
            sha256=wheel.sha256,
            path=self._layout.wheel(wheel.sha256, self._scheme_id),
        )

    def finish(self, wheels: Sequence[WheelFile]) -> None:
        """Add wheels and wait until all are installed; raise one RefusedError for those that cannot be.

        What was added besides, and is not among them, does not matter.
        """
        for wheel in wheels:
            self.add(wheel)
        if self._pip is None:
            return
        answers = {self._sent[answer["number"]].sha256: answer for answer in self._pip.results()}
        _raise_failures([(wheel, answers[wheel.sha256]) for wheel in wheels if wheel.sha256 in answers])

    def _started(self) -> PipInstaller:
        from contextlib import ExitStack

        self._stack = ExitStack()
        self._stage = self._stack.enter_context(files.staging_directory(self._layout.staging, "wheels-"))
        pip = self._stack.enter_context(self._host.installing(self._environ, self._terminal, self._done))
        settings = {
            "placeholder": script.PLACEHOLDER,
            "version": list(self._interpreter.version[:2]),
            "workers": min(fork.processors(), worker_pool.MOST_WORKERS),
        }
        pip.send(settings)
        return pip

    def _row(self, wheel: WheelFile, stored: StoredWheel) -> dict[str, Any]:
        number = len(self._sent) - 1
        return {
            "number": number,
            "name": filename.parse(wheel.filename).name,
            "filename": wheel.filename,
            "path": wheel.path,
            "sha256": wheel.sha256,
            "directory": os.path.join(self._stage, str(number)),
            "final": stored.path,
            "scheme": dict(self._interpreter.scheme),
        }


def ensure(
    wheels: Sequence[WheelFile],
    interpreter: Interpreter,
    *,
    layout: Layout,
    host: HostPython,
    environ: Mapping[str, str],
    terminal: Terminal,
) -> tuple[StoredWheel, ...]:
    """Return every wheel as an installed tree in the layout of `interpreter`, in the order given.

    Starts one pip process where trees are missing, none otherwise. Raises one RefusedError for all wheels
    that are refused.
    """
    with Installation(
        interpreter, layout=layout, host=host, environ=environ, terminal=terminal
    ) as installation:
        installation.finish(wheels)
        return tuple(map(installation.stored, wheels))


def _raise_failures(answers: Sequence[tuple[WheelFile, Mapping[str, Any]]]) -> None:
    """Raise one RefusedError for all wheels that were not installed; ToolError for another reason."""
    from vpy.wheels import tree

    full = os.strerror(errno.ENOSPC)
    lines = []
    for wheel, answer in answers:
        fact = answer["fact"]
        if answer["kind"] == tree.FAILED:
            raise ToolError(fact, hint=answer["hint"] or None)
        if answer["kind"] == tree.PIP:
            fact = f"cannot install `{wheel.filename}`: {fact}"
        if answer["kind"] and wheel.package:
            fact = f"package `{wheel.package}`: {fact}"
        if answer["fact"] == full:  # every other wheel failed for the same reason
            raise ToolError(fact, hint=files.disk_hint(OSError(errno.ENOSPC, full)))
        if answer["kind"]:
            lines.append(fact)
    if lines:
        raise RefusedError(lines)
