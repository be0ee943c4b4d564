"""Child processes: nothing else imports `subprocess`."""

from __future__ import annotations

import os

from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from subprocess import Popen
    from threading import Thread
    from typing import Self

KILLED = -9
_PATIENT = 0.5  # seconds


@value
class Finished:
    """Exit code of a child (negative: the signal) and what it printed."""

    code: int
    stdout: bytes
    stderr: bytes


class Talk:
    """Child process that takes lines and answers in lines; a `with` block ends it, whatever it does.

    Two threads read what it prints, so that neither side ever waits for room in a pipe. `sent` is
    how many lines it was sent; `said` is its stderr so far. `heard` is called for each of its lines, by the
    thread that reads them, before `answers` has it.
    """

    def __init__(self, child: Popen[bytes] | Forked, *, alone: bool) -> None:
        from _queue import SimpleQueue

        self.sent = 0
        self.said = b""
        self.heard: Callable[[bytes], None] = lambda _: None
        self._child = child
        self._alone = alone
        self._answers: SimpleQueue[bytes | None] = SimpleQueue()
        self._readers: list[Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            if isinstance(self._child, Forked) or not self._alone:
                self._child.kill()
            else:
                _kill_group(self._child)
        self.code()
        with self._child:  # closes what nobody read
            pass

    def tell(self, line: bytes) -> None:
        """Send a line, with its end; nothing happens where the child has ended."""
        assert self._child.stdin is not None
        if not self.sent:
            self._listen_to(self._read_answers, self._overhear)
        self.sent += 1
        with contextlib.suppress(OSError):
            self._child.stdin.write(line)
            self._child.stdin.flush()

    @property
    def is_over(self) -> bool:
        """Whether all that the child answered is heard: there is no more."""
        return bool(self._readers) and not self._readers[0].is_alive()

    def close(self) -> None:
        """Close the child's stdin."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()

    def answers(self) -> Iterator[bytes]:
        """Yield the child's lines until it ends."""
        from _queue import Empty

        while True:
            try:
                line = self._answers.get(timeout=_PATIENT)  # without one, Ctrl-C waits too, on Windows
            except Empty:
                continue
            if line is None:
                return
            yield line

    def code(self) -> int | None:
        """Wait for the child's end and return its exit code (negative: the signal); None for unknown."""
        self.close()
        code = self._child.wait()
        for reader in self._readers:
            reader.join()
        return code

    def _listen_to(self, *readers: Callable[[], None]) -> None:
        """Start threads that read the child's output, not earlier: a process with threads cannot fork."""
        from threading import Thread

        # A signal in `start` would leave a reader that nobody joins: its file is closed before it begins.
        let_go = _hold_signals()
        try:
            for read in readers:
                reader = Thread(target=read, daemon=True)
                reader.start()  # one that never started cannot be joined
                self._readers.append(reader)
        finally:
            let_go()

    def _read_answers(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                self.heard(line)
                self._answers.put(line)
        self._answers.put(None)

    def _overhear(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as text:
            self.said = text.read()


class Forked:
    """Process that a child forks, with the pipes of a `Popen`; it is of that child's process group.

    Its exit code is not known here.
    """

    def __init__(self) -> None:
        theirs, ours = os.pipe()
        self.stdin = os.fdopen(ours, "wb")
        answers, written = os.pipe()
        self.stdout = os.fdopen(answers, "rb")
        said, printed = os.pipe()
        self.stderr = os.fdopen(said, "rb")
        self.handed = (theirs, written, printed)
        self._group = 0

    def belongs_to(self, leader: int) -> None:
        """Take the process id of the child that forks it."""
        self._group = leader

    def poll(self) -> int | None:
        """Return None while it is running: while somebody may still write to its stdout."""
        import select

        with contextlib.suppress(ValueError, OSError):  # read to its end, and closed
            asked = select.poll()
            asked.register(self.stdout, 0)
            return 0 if any(event & select.POLLHUP for _, event in asked.poll(0)) else None
        return 0

    def wait(self) -> None:
        """Wait for nothing: who reads its stdout sees its end."""

    def kill(self) -> None:
        """Kill it, with all of its group."""
        import signal

        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


class EndedError(Exception):
    """Child that was ended with all others, or not started any more."""


class Children:
    """Children of several threads, each with what it starts; `end` ends them all."""

    def __init__(self) -> None:
        from threading import Lock

        self._lock = Lock()
        self._running: set[Popen[bytes]] = set()
        self._is_over = False

    def run(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> Finished:
        """Do what `run` does; raise EndedError where `end` was called before its end."""
        with self._lock:
            if self._is_over:
                raise EndedError
            child = _started(command, environ, cwd=cwd, alone=True)
            self._running.add(child)
        try:
            code, stdout, stderr = _finish(child, b"", timeout, lambda: None)
        finally:
            with self._lock:
                self._running.discard(child)
        if self._is_over:
            raise EndedError
        return Finished(code, stdout, stderr)

    def end(self) -> None:
        """End all children; no more are started."""
        with self._lock:
            self._is_over = True
            for child in self._running:
                if child.returncode is None:
                    _kill_group(child)


def talk(command: Sequence[str], environ: Mapping[str, str], *, alone: bool = False) -> Talk:
    """Start a child to talk to; OSError where it cannot be started.

    A child that is `alone` leads a process group, which is ended with it: it has children of its own.
    """
    return _talk(command, environ, alone=alone)[0]


def talk_to_both(command: Sequence[str], environ: Mapping[str, str]) -> tuple[Talk, Talk]:
    """Start a child that is alone, and return it with the process that it forks.

    It gets one more argument, the descriptors for that process: stdin, stdout and stderr, with commas.
    OSError where it cannot be started.
    """
    forked = Forked()
    words = [*command, ",".join(map(str, forked.handed))]
    try:
        child, number = _talk(words, environ, alone=True, handed=forked.handed)
    except BaseException:
        with forked:
            raise
    finally:
        for descriptor in forked.handed:
            os.close(descriptor)
    forked.belongs_to(number)
    return child, Talk(forked, alone=False)


def _talk(
    command: Sequence[str], environ: Mapping[str, str], *, alone: bool, handed: Sequence[int] = ()
) -> tuple[Talk, int]:
    """Start a child; return it with its process id."""
    let_go = _hold_signals()
    try:
        child = _started(command, environ, alone=alone, handed=handed)
    except BaseException:
        let_go()
        raise
    result = Talk(child, alone=alone)
    try:
        let_go()
    except BaseException:
        with result:
            raise
    return result, child.pid


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float | None = None,
    cwd: str | None = None,
    quiet: bool = True,
) -> Finished:
    """Run `command` to its end and return what it printed.

    With `quiet` false its stderr goes to ours as it comes. Raises OSError where it cannot be
    started; a child that is still running after `timeout` seconds is killed, with all that it
    started itself, and ends with -9.
    """
    let_go = _hold_signals()
    try:
        result = _started(command, environ, quiet=quiet, cwd=cwd, alone=timeout is not None)
    except BaseException:
        let_go()
        raise
    code, stdout, stderr = _finish(result, stdin, timeout, let_go)
    return Finished(code, stdout, stderr)


def run_bounded(
    command: Sequence[str], *, environ: Mapping[str, str], stdin: bytes, timeout: float, most: int
) -> Finished:
    """Run a small program of others: its stderr is not read, and its stdout to `most` bytes.

    It is killed, with what it started, and ends with -9 where it prints more or is still running after
    `timeout` seconds; what keeps its stdout open beyond that is not waited for. Raises OSError where it
    cannot be started. `stdin` must have room in a pipe.
    """
    from threading import Thread

    let_go = _hold_signals()
    try:
        child = _started(command, environ, alone=True, discard=True)
    except BaseException:
        let_go()
        raise
    printed: list[bytes] = []
    reader = Thread(target=_converse, args=(child, stdin, most + 1, printed), daemon=True)
    is_late = True
    try:
        let_go()
        reader.start()
        reader.join(timeout)
        is_late = reader.is_alive() or not printed or len(printed[0]) > most
    finally:
        if is_late:
            _kill_group(child)
        code = child.wait()
    return Finished(KILLED, b"", b"") if is_late else Finished(code, printed[0], b"")


def _converse(child: Popen[bytes], stdin: bytes, most: int, printed: list[bytes]) -> None:
    """Send a child all that it gets, read at most so many bytes of what it prints, and wait for its end."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as output:
        with contextlib.suppress(OSError), child.stdin as sent:
            sent.write(stdin)
        printed.append(output.read(most))
        if len(printed[0]) < most:
            child.wait()


def _started(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    quiet: bool = True,
    discard: bool = False,
    cwd: str | None = None,
    alone: bool = False,
    handed: Sequence[int] = (),
) -> Popen[bytes]:
    import subprocess

    stderr = subprocess.PIPE if quiet else None

    return subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if discard else stderr,
        cwd=cwd,
        start_new_session=alone,
        pass_fds=handed,
    )


def _finish(
    result: Popen[bytes], stdin: bytes, timeout: float | None, let_go: Callable[[], None]
) -> tuple[int, bytes, bytes]:
    """Wait for the child's end; whatever ends the waiting ends the child."""
    import subprocess

    with result as child:
        try:
            let_go()
            stdout, stderr = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            _kill_group(child)
            stdout, stderr = child.communicate()
            return KILLED, stdout, stderr or b""
        except BaseException:
            if timeout is None:
                child.kill()
            else:
                _kill_group(child)
            raise
    return child.returncode, stdout, stderr or b""


def _hold_signals() -> Callable[[], None]:
    """Delay signals whose handlers would raise; return a function that delivers them.

    A signal that comes while a child is being started would leave it behind: its number is not known yet.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    came: list[int] = []
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    before = {number: signal.getsignal(number) for number in numbers if callable(signal.getsignal(number))}
    for number in before:
        signal.signal(number, lambda received, _: came.append(received))

    def let_go() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)

    return let_go


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without the variables that would steer a Python child.

    `_PYTHON_HOST_PLATFORM` and its kin make `sysconfig` tell of another Python, under `-I` too.
    """
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith(("PYTHON", "_PYTHON_")) and name != "__PYVENV_LAUNCHER__"
    }


def _kill_group(leader: Popen[bytes]) -> None:
    """Kill a child and what it started; a child that was ended early may lead no process group yet."""
    import signal

    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
    leader.kill()


def is_running_below(directory: str) -> bool:
    """Return whether a program below `directory` is running; False where the system does not say.

    Linux: the first word of `/proc/PID/cmdline` (proc(5)). Processes of other PID namespaces are not seen.
    """
    if os.name != "posix":
        return False
    prefix = os.fsencode(os.path.join(directory, ""))
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return False
    return any(_first_word(number, len(prefix)) == prefix for number in numbers)


def _first_word(number: str, most: int) -> bytes:
    try:
        descriptor = os.open(f"/proc/{number}/cmdline", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
