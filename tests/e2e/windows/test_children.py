"""The door and its child: they live, die and are interrupted as if they were one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.windows.machine import windows_path

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk

# What programs of these tests share: a process by its number, a file that appears.
COMMON = """
import ctypes, os, signal, subprocess, sys, time
kernel = ctypes.WinDLL("kernel32")
kernel.OpenProcess.restype = ctypes.c_void_p
kernel.WaitForSingleObject.argtypes = ctypes.c_void_p, ctypes.c_uint
SYNCHRONIZE = 0x100000
PATIENCE = 60

def appeared(name):
    end = time.monotonic() + PATIENCE
    while not os.path.exists(name):
        assert time.monotonic() < end, f"{name} does not appear"
        time.sleep(0.02)
    return open(name).read()

def say(name, text):
    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)

def handle_of(number):
    handle = kernel.OpenProcess(SYNCHRONIZE, False, int(number))
    assert handle, "the process has ended already"
    return handle

def ends(handle, seconds=PATIENCE):
    return kernel.WaitForSingleObject(handle, int(seconds * 1000)) == 0

def start(*words, **options):
    return subprocess.Popen([sys.executable, FILE, *words], **options)
"""


def run(desk: Desk, driver: str, script: str) -> list[str]:
    """Run `driver` beside a script `s.py`, both with what is common; return the lines that it prints."""
    common = COMMON + f"FILE = {windows_path(desk.file)!r}\n"
    desk.put("s.py", common + script)
    desk.put("drive.py", common + driver)
    ended = desk.python("drive.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def test_the_child_dies_with_the_door(desk: Desk) -> None:
    driver = """
door = start("s.py")
child = handle_of(appeared("number"))
assert not ends(child, 0)
door.terminate()
print(ends(child), door.wait())
"""
    assert run(desk, driver, "say('number', str(os.getpid())); time.sleep(600)") == ["True 1"]


def test_what_the_script_leaves_behind_lives_on(desk: Desk) -> None:
    driver = """
door = start("s.py")
assert door.wait() == 4
other = handle_of(appeared("number"))
print(ends(other, 0.5))
say("go", "")
print(ends(other))
"""
    script = """
if sys.argv[1:]:
    say("number", str(os.getpid()))
    appeared("go")
else:
    subprocess.Popen([sys.executable, "s.py", "daemon"], stdin=-3, stdout=-3, stderr=-3)
    appeared("number")
    sys.exit(4)
"""
    assert run(desk, driver, script) == ["False", "True"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("except KeyboardInterrupt: time.sleep(1); sys.exit(7)", "0x7"),
        ("finally: pass", "0xc000013a"),
    ],
)
def test_ctrl_c(desk: Desk, script: str, code: str) -> None:
    """A console of our own; in it the script alone decides what Ctrl-C means, and the door waits for it."""
    driver = """
kernel.FreeConsole()
print(bool(kernel.AllocConsole()))
signal.signal(signal.SIGINT, lambda *_: None)
door = start("s.py")
appeared("ready")
assert kernel.GenerateConsoleCtrlEvent(0, 0)
while door.poll() is None:
    time.sleep(0.05)
print(hex(door.returncode & 0xffffffff))
"""
    whole = f"try:\n    say('ready', '')\n    while True: time.sleep(0.05)\n{script}\n"
    assert run(desk, driver, whole) == ["True", code]
