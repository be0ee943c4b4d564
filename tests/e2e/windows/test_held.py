"""Who holds an environment on Windows, and what prune makes of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.windows.desk import spec
from tests.e2e.windows.machine import windows_path
from vpy.environment import hook
from vpy.system import windows_locks

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk

DAYS = 30 * 24 * 3600

# A start that lasts until a file appears; then prune is run beside it, and again when it has ended.
BESIDE = """
import os, subprocess, sys, time

def appeared(name):
    end = time.monotonic() + 60
    while not os.path.exists(name):
        assert time.monotonic() < end, name
        time.sleep(0.02)

def vpython(*words):
    return [sys.executable, FILE, *words]

def prune(*words):
    ended = subprocess.run(vpython("-vpython-tool", "prune", *words), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout

running = subprocess.Popen(START, stdin=subprocess.PIPE)
appeared("ready")
prune("--older-than", "0")
print(len(os.listdir(ENVIRONMENTS)))
running.stdin.close()
print(running.wait())
prune("--older-than", "0")
print(len(os.listdir(ENVIRONMENTS)))
"""
WAITS = "import sys\nopen('ready', 'w').close()\nsys.stdin.read()\nsys.exit(6)\n"


def beside(desk: Desk, start: str) -> list[str]:
    head = (
        f"FILE = {windows_path(desk.file)!r}\nENVIRONMENTS = {windows_path(desk.root / 'environments-1')!r}\n"
    )
    body = BESIDE.replace("running = subprocess", f"START = {start}\nrunning = subprocess", 1)
    desk.put("drive.py", head + body)
    desk.put("s.py", WAITS)
    desk.put("s.py.vpython3", spec("tool"))
    desk.must("-vpython-tool", "install", "s.py")
    ended = desk.python("drive.py")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.parametrize("words", [(), ("-S",)])
def test_prune_leaves_what_runs(own_desk: Desk, words: tuple[str, ...]) -> None:
    assert beside(own_desk, f"vpython(*{words!r}, 's.py')") == ["1", "6", "0"]


def test_prune_leaves_what_an_editor_started(own_desk: Desk) -> None:
    """The environment's own Python, without a door."""
    started = "[os.path.join(ENVIRONMENTS, os.listdir(ENVIRONMENTS)[0], 'Scripts', 'python.exe'), 's.py']"
    assert beside(own_desk, started) == ["1", "6", "0"]


def test_the_hook_and_the_locks_mean_the_same_bytes() -> None:
    assert (hook.RANGE_FIRST, hook.RANGE_SLOTS, hook.RANGE_TRIES) == (
        windows_locks.FIRST,
        windows_locks.SLOTS,
        windows_locks.TRIES,
    )


def test_locks_among_processes(desk: Desk) -> None:
    """Shared locks bear each other, one held alone bears none, and an end of whatever kind frees it."""
    desk.put(
        "lock.py",
        """
import os, subprocess, sys
from vpy.system import locks
path = os.path.abspath("the lock")

def other(kind):
    code = "import sys; from vpy.system import locks\\n"
    code += {
        "alone": "with locks.try_exclusive(sys.argv[1]) as held: print(held)",
        "shared": "with locks.flocked(sys.argv[1], alone=False, wait=False) as held: print(held)",
        "die": "import os; locks.keep_shared(sys.argv[1]); print(True, flush=True); os.kill(os.getpid(), 15)",
    }[kind]
    return subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True).stdout.strip()

locks.ensure_lock_file(path)
print(other("alone"), other("shared"))
with locks.shared(path):
    print(other("alone"), other("shared"))
with locks.exclusive(path):
    print(other("alone"), other("shared"))
    print(open(path, "rb").read())
print(other("die"), other("alone"))
""",
    )
    apps = [path for path in (desk.root / "app-1").iterdir() if path.is_dir()]
    ended = desk.python("lock.py", env={"PYTHONPATH": windows_path(apps[0])})
    expected = ["True True", "False True", "False False", "b'\\n'", "True True"]
    assert ended.stdout.splitlines() == expected, ended.stderr


def test_many_at_once_make_one(own_desk: Desk) -> None:
    own_desk.put("s.py", "import sys; print(sys.prefix)\n")
    own_desk.put("s.py.vpython3", spec("tool", "one"))
    own_desk.put(
        "drive.py",
        f"""
import subprocess, sys
words = [sys.executable, {windows_path(own_desk.file)!r}, "s.py"]
all = [subprocess.Popen(words, stdout=-1, stderr=-1, text=True) for _ in range(6)]
ends = [one.communicate() + (one.returncode,) for one in all]
strange = [end[1:] for end in ends if end[2] or end[1] and "waiting" not in end[1]]
print(len(set(end[0] for end in ends)), strange)
""",
    )
    ended = own_desk.python("drive.py")
    assert (ended.stdout, ended.stderr) == ("1 []\n", "")
    assert len(own_desk.environments()) == 1
    assert list((own_desk.root / "staging").iterdir()) == []


def test_old_environments_and_their_wheels_go(own_desk: Desk) -> None:
    own_desk.put("s.py", "pass\n")
    own_desk.put("s.py.vpython3", spec("tool"))
    own_desk.must("s.py")
    own_desk.put("t.py", "pass\n")
    own_desk.put("t.py.vpython3", spec("one"))
    own_desk.must("t.py")
    old = time.time() - DAYS
    first = min(own_desk.environments(), key=lambda path: (path / "used").stat().st_mtime)
    for path in (first / "used", *(own_desk.root / "wheels-1").rglob("manifest")):
        os.utime(path, (old, old))
    for path in (own_desk.root / "packages-1").iterdir():
        os.utime(path, (old, old))
    told = own_desk.must("-vpython-tool", "prune")
    assert told.startswith("removed 1 environment, 1 stored wheel, 2 packages")
    assert first not in own_desk.environments()
    assert list((own_desk.root / "trash").iterdir()) == []
    before = own_desk.records()
    own_desk.must("t.py")
    assert own_desk.records() == before
    own_desk.must("s.py")
    assert own_desk.must("-vpython-tool", "doctor") == ""


def test_a_damaged_store_is_found_and_mended(own_desk: Desk) -> None:
    own_desk.put("s.py", "import one; print(one.VERSION)\n")
    own_desk.put("s.py.vpython3", spec("one"))
    own_desk.must("s.py")
    module = own_desk.environments()[0] / "Lib" / "site-packages" / "one.py"
    assert module.stat().st_nlink > 1
    module.write_text("VERSION = 'other'\n")
    ended = own_desk.see("-vpython-tool", "doctor")
    assert ended.returncode == 1
    assert "one.py" in ended.stdout
    fixed = own_desk.see("-vpython-tool", "doctor", "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert own_desk.must("s.py") == "1.0\n"
    assert own_desk.must("-vpython-tool", "doctor") == ""
