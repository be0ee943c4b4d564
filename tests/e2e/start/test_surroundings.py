"""What surrounds the script: variables, descriptors, signals, limits; as given, cold and warm."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import Stage
from tests.support.harness import BASE, DOORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.harness import Door

DUMP = """
import os, sys
rows = sorted(os.fsencode(name) + b"=" + os.fsencode(text) for name, text in os.environ.items())
sys.stdout.buffer.write(b"".join(row + b"\\0" for row in rows))
"""

ODD = {
    b"EMPTY": b"",
    b"BLANKS": b"  a  b  ",
    b"LINES": b"\na\n\nb\n\n",
    b"BYTES": bytes(range(1, 256)),
    b"WORDS": b"$(touch x) `touch x` ${HOME} \\ \\n ' \" * ? [a] %s ~ # ; & |",
    b"ASSIGNED": b"a=b=c",
    b"lower": b"1",
    b"LONG": b"x" * 100_000,
}
# Every shell keeps these itself: PWD is made true, the others count or name its own doings.
OF_SHELLS = {b"PWD", b"OLDPWD", b"SHLVL", b"_"}


def commands(stage: Stage, door: Door, shell: Sequence[str] = ()) -> list[str]:
    return [*shell, str(stage.file)] if door == "head" else [str(BASE), str(stage.file)]


def variables(stage: Stage, command: Sequence[str], given: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    ended = subprocess.run(
        [*command, str(stage.put("dump.py", DUMP))],
        env=given,
        cwd=stage.work,
        capture_output=True,
        check=True,
    )
    assert ended.stderr == b""
    return dict(row.split(b"=", 1) for row in ended.stdout.split(b"\0")[:-1])


def given_by(stage: Stage) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(text) for name, text in stage.surroundings().items()} | {
        b"LC_ALL": b"C.UTF-8"
    }


@pytest.mark.parametrize("door", DOORS)
def test_variables(stage: Stage, door: Door) -> None:
    """PATH, VIRTUAL_ENV, PYTHONNOUSERSITE change; what names another Python or library goes; no other."""
    given = given_by(stage) | ODD
    given |= {
        b"PYTHONPATH": os.fsencode(stage.work / "lib"),
        b"PYTHONNOUSERSITE": b"",
        b"PYTHONDONTWRITEBYTECODE": b"x",
        b"VIRTUAL_ENV": b"/elsewhere",
        b"_PYTHON_HOST_PLATFORM": b"win-arm64",
        b"VPYTHON_DEFAULT_SPEC": b"/dev/null",
        b"ENV": os.fsencode(stage.put("env.sh", "echo read by a shell")),
    }
    mine = {
        b"PYTHONHOME": os.fsencode(BASE.parent.parent),
        b"PYTHONEXECUTABLE": b"/elsewhere/python",
        b"__PYVENV_LAUNCHER__": b"/elsewhere/python",
    }
    stage.forget()
    for _ in ("cold", "warm", "warm again"):
        seen = variables(stage, commands(stage, door), given | mine)
        prefix = seen[b"VIRTUAL_ENV"]
        assert os.path.dirname(prefix) == os.fsencode(stage.root / "environments-1")
        expected = given | {
            b"PATH": prefix + b"/bin:" + given[b"PATH"],
            b"VIRTUAL_ENV": prefix,
            b"PYTHONNOUSERSITE": b"1",
        }
        own = OF_SHELLS if door == "head" else set()
        changed = {name for name in {*expected, *seen} if expected.get(name) != seen.get(name)}
        assert changed <= own
        assert b"VPYTHON_RECORD" not in seen


@pytest.mark.parametrize("path", [None, ""])
@pytest.mark.parametrize("door", DOORS)
def test_no_path(stage: Stage, door: Door, path: str | None) -> None:
    given = given_by(stage)
    del given[b"PATH"]
    if path is not None:
        given[b"PATH"] = os.fsencode(path)
    given[b"VPYTHON_INTERPRETER"] = os.fsencode(BASE)
    stage.forget()
    command = commands(stage, door)
    for _ in ("cold", "warm"):
        seen = variables(stage, command, given)
        # A shell that knows no PATH searches a list of its own, and hands that on.
        assert seen[b"PATH"].split(b":")[0] == seen[b"VIRTUAL_ENV"] + b"/bin"


SHELLS = {
    "dash": ["dash"],
    "bash": ["bash"],
    "bash as sh": ["sh"],
    "busybox": ["busybox", "sh"],
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    name: str = request.param
    command = SHELLS[name]
    program = "bash" if name == "bash as sh" else command[0]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} here")
    if name == "bash as sh":
        (tmp_path / "sh").symlink_to(found)
        return [str(tmp_path / "sh")]
    return [found, *command[1:]]


def test_every_shell_reads_the_head(stage: Stage, shell: list[str]) -> None:
    """A shell that is told to split, trace, stop, forbid and export does what any other does."""
    stage.put("env.sh", "echo read by a shell >&2; IFS=/; set -f")
    plain = given_by(stage) | ODD
    told = plain | {
        b"ENV": os.fsencode(stage.work / "env.sh"),
        b"CDPATH": b"/",
        b"BASH_FUNC_greet%%": b"() {  echo hi\n}",
    }
    for given in (plain, told):
        stage.forget()
        for times in ("cold", "warm"):
            before = stage.remembered()
            seen = variables(stage, [*shell, str(stage.file)], given)
            assert times == "cold" or stage.remembered() == before
            for name, text in given.items():
                if name not in OF_SHELLS | {b"PATH"} and not name.endswith(b"%%"):
                    assert seen[name] == text, name
            new = set(seen) - set(given)
            assert new <= OF_SHELLS | {b"VIRTUAL_ENV", b"PYTHONNOUSERSITE"}


def test_options_of_a_shell_in_its_environment(stage: Stage, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    (tmp_path / "sh").symlink_to(bash)
    given = given_by(stage) | {
        b"SHELLOPTS": b"allexport:braceexpand:errexit:noclobber:noglob:nounset:verbose:xtrace",
        b"BASHOPTS": b"failglob:nullglob",
        b"IFS": b":/",
        b"BASH_FUNC_read%%": b"() {  echo a function >&2\n}",
        b"BASH_FUNC_command%%": b"() {  echo a function >&2\n}",
        b"BASH_FUNC_test%%": b"() {  echo a function >&2\n}",
        b"BASH_FUNC_[%%": b"() {  echo a function >&2\n}",
    }
    script = stage.put("dump.py", DUMP)
    for command in ([str(tmp_path / "sh")], [bash]):
        stage.forget()
        for times in ("cold", "warm"):
            before = stage.remembered()
            ended = subprocess.run(
                [*command, str(stage.file), str(script)], env=given, cwd=stage.work, capture_output=True
            )
            assert ended.returncode == 0
            assert b"a function" not in ended.stderr
            assert b"_vpython" not in ended.stdout, "no word of the head is exported"
            assert times == "cold" or stage.remembered() == before


def test_what_dash_cannot_hold(stage: Stage) -> None:
    """The known limit of a head for shells: dash drops what is no name, and has four names of its own."""
    dash = shutil.which("dash")
    if dash is None:
        pytest.skip("no dash here")
    names = {b"A-B", b"A.B", b"1A", b"BASH_FUNC_f%%", b"ProgramFiles(x86)"}
    own = {b"IFS": b" \t\n", b"OPTIND": b"1"}
    given = given_by(stage) | dict.fromkeys(names, b"1") | dict.fromkeys(own, b"7")
    stage.forget()
    for _ in ("cold", "warm"):
        seen = variables(stage, [dash, str(stage.file)], given)
        assert names.isdisjoint(seen)
        assert {name: seen[name] for name in own} == own
        by_python = variables(stage, commands(stage, "python"), given)
        assert {name for name in (*names, *own) if by_python[name] != given[name]} == set()


HOLD = """
import fcntl, json, os, signal, sys
def there(number):
    try: fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError: return False
    return True
held = [n for n in range(3, 64) if there(n) and not os.readlink("/proc/self/fd/%d" % n).startswith("/")]
print(json.dumps([held, os.umask(0), [there(0), there(1), there(2)],
                  [n for n in range(1, 32) if n not in (9, 19) and signal.getsignal(n) == signal.SIG_IGN],
                  sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), __import__("resource").getrlimit(7),
                  os.getpid(), os.getppid(), os.getpgrp(), os.getsid(0), os.nice(0)]))
"""


@pytest.mark.parametrize("door", DOORS)
def test_descriptors_signals_limits(stage: Stage, door: Door) -> None:
    script = str(stage.put("hold.py", HOLD))
    stage.forget()

    def prepare() -> None:
        os.umask(0o027)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
        os.nice(1)

    def told(command: list[str]) -> list[object]:
        reader, writer = os.pipe()
        os.dup2(reader, 33)
        with subprocess.Popen(
            command,
            env=stage.surroundings(),
            cwd=stage.work,
            pass_fds=(reader, writer, 33),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=prepare,
            text=True,
        ) as child:
            out, err = child.communicate()
        for number in (reader, writer, 33):
            os.close(number)
        assert err == ""
        seen: list[object] = json.loads(out)
        assert seen[6:8] == [child.pid, os.getpid()], "one process from first to last"
        return seen[:6] + seen[8:]

    expected = told([str(BASE), script])
    for _ in ("cold", "warm"):
        assert told([*commands(stage, door), script]) == expected


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])
def test_closed_descriptors(stage: Stage, door: Door, closed: str) -> None:
    stage.put(
        "s.py",
        "import os, sys\n"
        "streams = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]\n"
        "with open('told', 'w') as told: print(streams, file=told)",
    )
    line = " ".join(f"'{word}'" for word in commands(stage, door))
    stage.forget()
    for _ in ("cold", "warm"):
        subprocess.run(
            ["/bin/sh", "-c", f"{line} s.py {closed}"],
            env=stage.surroundings(), cwd=stage.work, check=True, capture_output=True,
        )  # fmt: skip
        by_vpython = (stage.work / "told").read_text()
        subprocess.run(["/bin/sh", "-c", f"'{BASE}' s.py {closed}"], cwd=stage.work, check=True)
        assert by_vpython == (stage.work / "told").read_text()


WAIT = """
import os, signal, sys, time
def tell(number, _):
    os.write(1, b"got %d\\n" % number)
    sys.exit(3)
if "handle" in sys.argv:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, tell)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("door", DOORS)
def test_signals_reach_the_script(stage: Stage, door: Door) -> None:
    script = str(stage.put("wait.py", WAIT))
    stage.forget()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGKILL):
        for word, code in (("default", -number), ("handle", 3)):
            if word == "handle" and number == signal.SIGKILL:
                continue
            with subprocess.Popen(
                [*commands(stage, door), script, word],
                env=stage.surroundings(), cwd=stage.work,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ) as child:  # fmt: skip
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                child.send_signal(number)
                out, _ = child.communicate(timeout=20)
            assert (child.returncode, out) == (code, f"got {int(number)}\n" if word == "handle" else "")


@pytest.mark.parametrize("door", DOORS)
def test_as_the_shell_sees_a_signal(stage: Stage, door: Door) -> None:
    stage.put("s.py", "import os, signal, sys; os.kill(os.getpid(), int(sys.argv[1]))")
    line = " ".join(f"'{word}'" for word in commands(stage, door))
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{line} s.py 15; echo $?; {line} s.py 9; echo $?"],
        env=stage.surroundings(), cwd=stage.work, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout == "143\n137\n"


def test_ctrl_c_while_an_environment_is_made(stage: Stage, tmp_path: Path) -> None:
    """The lock is free, nothing half-made has a final name, no process remains; the next start works."""
    private = Stage(stage.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    script = private.put("s.py", "print('made')")
    pids = private.work / "pids"
    slow = private.put("bin/python3", f"#!/bin/sh\necho $$ >>{pids}\nexec sleep 30\n", mode=0o755)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -15)):
        with subprocess.Popen(
            [*commands(private, "python"), str(script)],
            env=private.surroundings({"PATH": f"{slow.parent}:/usr/bin:/bin"}),
            cwd=private.work, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            until(lambda: pids.exists())
            os.killpg(child.pid, number)
            out, err = child.communicate(timeout=20)
        assert (child.returncode, out, err) == (code, "", "")
        until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
        pids.unlink()
    assert private.environments() == []
    assert private.see(script) == (0, "made\n", "")


def until(done: object) -> None:
    """Wait for what is sure to come, ten seconds at most."""
    assert callable(done)
    for _ in range(1000):
        if done():
            return
        time.sleep(0.01)
    pytest.fail("it did not come")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
