"""The Python door on Windows, end to end: spec, packages from a directory, venv, a start cold and warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.windows.desk import TELL, Told, spec
from tests.e2e.windows.machine import windows_path

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk


def test_cold_and_warm_are_one(own_desk: Desk) -> None:
    own_desk.put("s.py.vpython3", spec("tool", "one", "native"))
    own_desk.put(
        "s.py", "import native, one\nassert (native.KIND, one.VERSION) == ('windows', '1.0')\n" + TELL
    )
    cold = own_desk.told("s.py", "a", "b c")
    environment = windows_path(own_desk.environments()[0])
    assert len(own_desk.environments()) == 1
    assert cold.words == ["a", "b c"]
    assert cold.name == "s.py"
    assert (cold.prefix, cold.facts["env"], cold.facts["base"]) == (environment, environment, "C:\\Python311")
    assert cold.executable == f"{environment}\\Scripts\\python.exe"
    assert cold.facts["path"] == f"{environment}\\Scripts"
    assert cold.facts["cwd"] == windows_path(own_desk.work)
    assert cold.facts["ours"] == []
    before = own_desk.records()
    assert len(before) == 1
    warm = own_desk.see("s.py", "a", "b c")
    assert (warm.returncode, warm.stderr) == (0, "")
    assert own_desk.told("s.py", "a", "b c") == cold
    assert own_desk.records() == before


def test_a_changed_spec_is_another_environment(own_desk: Desk) -> None:
    own_desk.put("s.py", "import importlib.util\nprint(importlib.util.find_spec('one') is not None)\n")
    own_desk.put("s.py.vpython3", spec("tool"))
    assert own_desk.must("s.py") == "False\n"
    assert own_desk.must("s.py") == "False\n"
    own_desk.put("s.py.vpython3", spec("tool", "one"))
    assert own_desk.must("s.py") == "True\n"
    own_desk.put("s.py.vpython3", spec("tool"))
    assert own_desk.must("s.py") == "False\n"
    assert len(own_desk.environments()) == 2


def test_console_scripts_start_the_environments_python(desk: Desk) -> None:
    desk.put("s.py.vpython3", spec("tool"))
    environment = desk.told(str(desk.put("s.py", TELL).name)).prefix
    told = desk.exactly(environment + "\\Scripts\\tool.exe", "7", 'a "b" \\')
    assert (told[0], told[2]) == (7, "")
    import json

    seen = Told(json.loads(told[1]))
    assert (seen.prefix, seen.words) == (environment, ["7", 'a "b" \\'])
    inside = "import subprocess, sys; sys.exit(subprocess.call(['tool', '3']))"
    ended = desk.exactly("python", windows_path(desk.file), "-vpython-spec", "s.py.vpython3", "-c", inside)
    assert ended[0] == 3, ended
    assert Told(json.loads(ended[1])).prefix == environment


def test_modules_code_and_stdin(desk: Desk) -> None:
    desk.put(".vpython3", spec("tool"))
    for _ in ("cold", "warm"):
        assert desk.told("-m", "tool", "x y").words == ["x y"]
        assert desk.told("-c", TELL, "", "z").words == ["", "z"]
        for words in (["-", "q"], []):
            ended = desk.see(*words, stdin=b"import sys, tool; print(sys.argv[1:])\n")
            assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{words[1:]}\n", "")
        piped = desk.see("-c", "import sys; print(len(sys.stdin.buffer.read()))", stdin=b"\x1a\r\n" * 50000)
        assert piped.stdout == "150000\n"


def test_flags_reach_python(desk: Desk) -> None:
    desk.put("s.py", "import sys; print(sys.flags.optimize, sys.flags.utf8_mode, __debug__)\n")
    for _ in ("cold", "warm"):
        assert desk.must("-O", "-X", "utf8", "s.py") == "1 1 False\n"
        assert desk.must("-S", "-c", "import sys; print('site' in sys.modules, sys.flags.no_site)") == (
            "False 1\n"
        )


@pytest.mark.parametrize("code", [0, 1, 2, 3, 255, 256, 259, 0x7FFFFFFF, -1, -2, 0xC000013A, 0xFFFFFFFF])
def test_exit_codes(desk: Desk, code: int) -> None:
    desk.put(
        "s.py", "import ctypes, sys\nctypes.windll.kernel32.ExitProcess(int(sys.argv[1]) & 0xffffffff)\n"
    )
    ended = desk.exactly("python", windows_path(desk.file), "s.py", str(code))
    assert ended == (code & 0xFFFFFFFF, "", "")


def test_mistakes_are_told_as_elsewhere(desk: Desk) -> None:
    desk.put("s.py", "pass\n")
    desk.put("s.py.vpython3", "whel: <>\n")
    ended = desk.see("s.py")
    assert ended.returncode == 2
    assert ended.stderr.startswith("vpython: ")
    assert ":1:1: " in ended.stderr.splitlines()[0]
    assert desk.see("-vpython-nonsense").returncode == 2
    missing = desk.see("not-there.py")
    assert missing.returncode == 2
    assert "not-there.py" in missing.stderr


def test_a_temporary_root_is_gone_afterwards(desk: Desk) -> None:
    temporary = desk.place / "temporary"
    temporary.mkdir()
    env = {"VPYTHON_VIRTUALENV_ROOT": "", "TEMP": windows_path(temporary), "TMP": windows_path(temporary)}
    code = "import sys; print(sys.prefix); sys.exit(5)"
    ended = desk.exactly("python", windows_path(desk.file), "-c", code, changed=env)
    assert (ended[0], ended[2]) == (5, "")
    assert ended[1].startswith(windows_path(temporary))
    assert list(temporary.iterdir()) == []


def test_tools(desk: Desk) -> None:
    assert "windows-amd64_cp311_cp311" in desk.must("-vpython-tool", "tags")
    desk.put("s.py", TELL)
    desk.put("s.py.vpython3", spec("tool", "native"))
    desk.must("-vpython-tool", "install", "s.py")
    explained = desk.must("-vpython-tool", "explain", "s.py")
    assert "native/windows-amd64_cp311_cp311" in explained
    assert desk.must("-vpython-tool", "doctor") == ""
    assert desk.must("-help").startswith("vpython")
