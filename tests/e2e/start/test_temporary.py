"""`VPYTHON_VIRTUALENV_ROOT=`, set but empty: a root for one start, removed however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.e2e.start.test_surroundings import HOLD, WAIT, until
from tests.support.harness import BASE, DOORS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Door


class Temporary:
    """A stage whose temporary directories can be counted."""

    def __init__(self, stage: Stage, door: Door) -> None:
        self.stage = stage
        self.parent = stage.place / "temporary"
        self.parent.mkdir()
        self.door = door
        self.env: dict[str, str | None] = {"VPYTHON_VIRTUALENV_ROOT": "", "TMPDIR": str(self.parent)}
        self.command = [str(stage.file)] if door == "head" else [str(BASE), str(stage.file)]

    def see(self, *words: str | Path, env: dict[str, str | None] | None = None) -> tuple[int, str, str]:
        seen = self.stage.see(*words, door=self.door, env={**self.env, **(env or {})})
        assert self.left() == []
        return seen

    def left(self) -> list[str]:
        return [name for name in os.listdir(self.parent) if not name.startswith("pymp-")]


@pytest.fixture
def temporary(request: pytest.FixtureRequest, stage: Stage) -> Temporary:
    """By the door that the test names; by the one in Python, which every such start comes to, otherwise."""
    return Temporary(stage, getattr(request, "param", "python"))


both_doors = pytest.mark.parametrize("temporary", DOORS, indirect=True)


@both_doors
def test_it_runs_and_is_gone(temporary: Temporary) -> None:
    stage = temporary.stage
    stage.put(
        "s.py", "import os, sys\nprint(sys.prefix, os.path.exists(sys.prefix), sys.stdin.read(), sys.argv)"
    )
    stage.put("s.py.vpython3", spec("one"))
    seen = subprocess.run(
        [*temporary.command, "s.py", "a b"],
        cwd=stage.work, env=stage.surroundings(temporary.env), input="text", capture_output=True, text=True,
    )  # fmt: skip
    prefix, there, rest = seen.stdout.split(" ", 2)
    assert (seen.returncode, seen.stderr) == (0, "")
    assert prefix.startswith(f"{temporary.parent}/vpython-root.")
    assert (there, rest) == ("True", "text ['s.py', 'a b']\n")
    assert temporary.left() == []


@both_doors
def test_by_option(temporary: Temporary) -> None:
    temporary.stage.put("s.py", WHICH)
    for words in (("-vpython-root", "", "s.py"), ("-vpython-root=", "--", "s.py")):
        seen = temporary.see(*words, env={"VPYTHON_VIRTUALENV_ROOT": "/nonexistent"})
        assert seen == (0, "bare\n", "")


def test_how_it_ends(temporary: Temporary) -> None:
    for body, code in [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", -9)]:
        temporary.stage.put("s.py", body)
        assert temporary.see("s.py")[0] == code


@both_doors
def test_what_does_not_start_leaves_nothing(temporary: Temporary) -> None:
    stage = temporary.stage
    stage.put("broken.py", WHICH)
    stage.put("broken.py.vpython3", "wheel <")
    assert temporary.see("broken.py")[0] == 2
    assert temporary.see("missing.py")[0] == 2
    assert temporary.see("-vpython-unheard-of")[0] == 2
    assert temporary.see("-help")[0] == 0
    assert temporary.see("-vpython-tool", "version")[0] == 0
    assert temporary.see("-vpython-tool", "install", "missing.py")[0] == 2
    assert (
        temporary.see("-c", "", env={"PATH": "/nonexistent", "VPYTHON_INTERPRETER": "/nonexistent"})[0] != 0
    )


def test_under_no_site(temporary: Temporary) -> None:
    temporary.stage.put("s.py", "import sys; print('site' in sys.modules, sys.argv)")
    assert temporary.see("-S", "s.py", "a") == (0, "False ['s.py', 'a']\n", "")


def test_signals_are_passed_on(temporary: Temporary) -> None:
    stage = temporary.stage
    script = str(stage.put("wait.py", WAIT))
    for number, word, code in [
        (signal.SIGTERM, "handle", 3),
        (signal.SIGHUP, "default", -signal.SIGHUP),
    ]:
        with subprocess.Popen(
            [*temporary.command, script, word],
            env=stage.surroundings(temporary.env), cwd=stage.work,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            child.send_signal(number)
            out, _ = child.communicate(timeout=20)
        assert (child.returncode, out) == (code, f"got {int(number)}\n" if word == "handle" else "")
        assert temporary.left() == []


def test_ctrl_c_is_the_script_s(temporary: Temporary) -> None:
    """The terminal sends it to both; the script alone decides what comes of it."""
    stage = temporary.stage
    script = str(stage.put("wait.py", WAIT))
    for word, code in (("default", -signal.SIGINT), ("handle", 3)):
        with subprocess.Popen(
            [*temporary.command, script, word],
            env=stage.surroundings(temporary.env), cwd=stage.work, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            os.killpg(child.pid, signal.SIGINT)
            out, _ = child.communicate(timeout=20)
        assert (child.returncode, out) == (code, f"got {int(signal.SIGINT)}\n" if word == "handle" else "")
        assert temporary.left() == []


def test_ended_while_it_is_made(temporary: Temporary) -> None:
    stage = temporary.stage
    marker = stage.work / "asked"
    slow = stage.put("bin/python3", f"#!/bin/sh\ntouch {marker}\nexec sleep 30\n", mode=0o755)
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [str(BASE), str(stage.file), str(stage.put("s.py"))],
            env=stage.surroundings({**temporary.env, "PATH": f"{slow.parent}:/usr/bin:/bin"}),
            cwd=stage.work, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            until(marker.exists)
            os.killpg(child.pid, number)
            _, err = child.communicate(timeout=20)
        assert (child.returncode, err) == (130 if number == signal.SIGINT else -number, "")
        assert temporary.left() == []
        marker.unlink()


def test_what_surrounds_the_script(temporary: Temporary) -> None:
    """Descriptors, the mask, what is ignored: as given, though the script is a child here."""
    stage = temporary.stage
    script = str(stage.put("hold.py", HOLD))

    def prepare() -> None:
        os.umask(0o027)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def told(command: list[str]) -> list[object]:
        reader, writer = os.pipe()
        ended = subprocess.run(
            command, env=stage.surroundings(temporary.env), cwd=stage.work, pass_fds=(reader, writer),
            capture_output=True, preexec_fn=prepare, text=True, check=True,
        )  # fmt: skip
        os.close(reader)
        os.close(writer)
        seen: list[object] = json.loads(ended.stdout)
        return seen[:6]

    assert told([*temporary.command, script]) == told([str(BASE), script])
