"""First lines of scripts, with short, long and hostile paths: they run, and Python reads them."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from vpy.config import load
from vpy.wheels import script
from vpy.wheels.script import Limits, first_lines, limits_of, names_placeholder, rewrite

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

LIMITS = Limits(shebang=127, path=4095)
BODY = b"import sys\nprint(sys.argv[1:], __name__)\nprint(sys.executable)\n"
STORED = b"#!" + script.PLACEHOLDER.encode() + b"\n" + BODY


def test_short_path() -> None:
    assert first_lines("/env/bin/python", LIMITS) == b"#!/env/bin/python\n"


def test_as_distlib_writes_them() -> None:
    """The lines are those of pip's own script maker, around the limit, with and without blanks."""
    scripts: Any = importlib.import_module("pip._vendor.distlib.scripts")
    for length in (20, 123, 124, 125, 126, 127, 128, 300):
        for python in ("/" + "x" * (length - 1), "/a b" + "x" * (length - 4)):
            maker = scripts.ScriptMaker(None, "/nowhere")
            maker.executable = f'"{python}"' if " " in python else python
            assert first_lines(python, LIMITS) == maker._get_shebang("utf-8"), length


DIRECTORIES = {
    "plain": "env",
    "blank": "a b c",
    "long": "x" * 150,
    "single quote": "it's",
    "two quotes": "a''b",
    "three quotes": "a'''b",
    "double quote": 'say "x" y',
    "dollar": "a $(touch stolen) b",
    "backquote": "a `touch stolen` b",
    "semicolon, long": "; touch stolen;" + "x" * 150,
    "star, long": "*" * 150,
    "newline": "a\nb",
    "tab": "a\tb",
    "hash, long": "#" * 150,
    "backslash, long": "\\N\\x\\u" * 30,
    "percent, long": "%PATH%" * 30,
    "accents, long": "é" * 70,
    "leading dash": "-n" + "x" * 140,
    "accents": "é",
}


@pytest.mark.skipif(os.name != "posix", reason="`#!` lines are for POSIX")
@pytest.mark.parametrize("case", DIRECTORIES)
def test_scripts_run_in_any_directory(case: str, tmp_path: Path) -> None:
    check_directory(os.path.join(str(tmp_path), DIRECTORIES[case], "bin"), str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in UTF-8")
@pytest.mark.parametrize("name", [b"\xff\xfe", b"\xff" * 150])
def test_scripts_run_where_names_are_no_text(name: bytes, tmp_path: Path) -> None:
    check_directory(os.path.join(str(tmp_path), os.fsdecode(name), "bin"), str(tmp_path))


def check_directory(directory: str, top: str) -> None:
    os.makedirs(directory)
    python = os.path.join(directory, "python")
    os.symlink(os.path.realpath(sys.executable), python)
    data = rewrite(STORED, python, LIMITS)
    compile(data, "script", "exec", dont_inherit=True)
    path = os.path.join(directory, "tool")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o555)
    link = os.path.join(top, "elsewhere")
    os.symlink(path, link)
    expected = f"['a b', '', '-c'] __main__\n{python}\n".encode("utf-8", "surrogateescape")
    for command in (path, link):
        ran = subprocess.run([command, "a b", "", "-c"], check=True, capture_output=True, cwd=top)
        # Python prints a name that is no text with escapes; the script itself is what matters.
        assert ran.stdout.splitlines()[0] == expected.splitlines()[0], ran.stderr
    ran = subprocess.run([python, "-W", "error", path], check=True, capture_output=True, cwd=top)
    assert ran.stdout.startswith(b"[] __main__")
    assert sorted(os.listdir(top)) == sorted(["elsewhere", os.path.relpath(directory, top).split(os.sep)[0]])


SOURCES = {
    "an encoding": b"# -*- coding: windows-1252 -*-\ntext = '\xe9'\n",
    "an encoding and a docstring": b"  # vim: set fileencoding=latin-1 :\n'''\xe9\n\ntext'''\n",
    "an encoding, line ends of DOS": b"# coding=cp1252\r\n'\xe9'\r\nfrom __future__ import division\r\n",
    "ASCII": b"# coding: ascii\nr'\\d'\n",
    "UTF-8": b'# -*- coding: utf-8 -*-\n"""\xc3\xa9"""\n',
    "UTF-8 with a mark's name": b"# coding: utf-8-sig\n'\xc3\xa9'\n",
    "a docstring": b"\n# a comment\n'''one\ntwo\n'''\n",
    "a docstring in parts": b"('one'\n 'two')  # end\n",
    "a docstring and a future": b'"""one\ntwo"""\n\nfrom __future__ import (\n  division,\n)  # all\n',
    "two futures": b"'text'\nfrom __future__ import division\nfrom __future__ import annotations; x = 1\n",
    "a future alone": b"from __future__ import annotations\n",
    "no docstring": b"f'{1}'\nb'text'\n",
    "a declaration on the third line": b"\n# coding: ascii\n'\xc3\xa9'\n",
}


@pytest.mark.skipif(os.name != "posix", reason="`#!` lines are for POSIX")
@pytest.mark.parametrize("case", SOURCES)
def test_sources_mean_the_same_in_any_directory(case: str, tmp_path: Path) -> None:
    """Text, docstring and line numbers are those of the source behind a plain line."""
    source = SOURCES[case] + b"import sys\nprint(sys._getframe().f_lineno)\n"
    source += b"print(ascii(__doc__), ascii(globals().get('text')))\n"
    results = []
    for name in ("plain", "a b", "x" * 150, "\u0141\u00c1", "\u0141\u00c1 " + "x" * 150):
        directory = tmp_path / name
        directory.mkdir()
        python = directory / "python"
        python.symlink_to(os.path.realpath(sys.executable))
        data = rewrite(STORED[: -len(BODY)] + source, str(python), LIMITS)
        path = directory / "tool"
        path.write_bytes(data)
        path.chmod(0o555)
        ran = subprocess.run([path], check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        number, texts = ran.stdout.splitlines()
        shift = data.count(b"\n") - source.count(b"\n") - 1
        results.append((int(number) - shift, re.sub(r"^'exec.*\\' '", "None", texts)))
    assert results == [results[0]] * len(results)


def test_which_files_are_scripts() -> None:
    assert names_placeholder(STORED)
    assert not names_placeholder(b"#!/usr/bin/env python\n")
    assert not names_placeholder(b"text\n" + STORED)
    assert not names_placeholder(b"MZ only a program")
    with pytest.raises(ValueError, match="no script"):
        rewrite(b"#!/bin/sh\n", "/python", LIMITS)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("python", ["C:\\env\\Scripts\\python.exe", "C:\\my env\\Scripts\\python.exe"])
@pytest.mark.parametrize("window", [False, True])
def test_windows_launchers(window: bool, python: str, ending: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the `#!` line of a launcher changes, and its zip can still be read."""
    import ntpath

    placeholder = "C:\\vpython-placeholder\\python.exe"
    names = ("python.exe", "pythonw.exe")
    lines = tuple(b"#!" + placeholder.replace("python.exe", name).encode() + ending for name in names)
    monkeypatch.setattr(script, "_LAUNCHER_LINES", lines)
    monkeypatch.setattr(os, "path", ntpath)
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__main__.py", BODY)
    program = b"MZ\x90 a program with #! in it\n"
    stored = program + lines[window] + stream.getvalue()
    assert names_placeholder(stored)
    rewritten = rewrite(stored, python, Limits(shebang=0, path=260))
    expected = python.replace("python.exe", "pythonw.exe") if window else python
    quoted = f'"{expected}"' if " " in expected else expected
    assert rewritten == program + b"#!" + quoted.encode() + ending + stream.getvalue()
    assert zipfile.ZipFile(BytesIO(rewritten)).read("__main__.py") == BODY


def test_limits_by_system() -> None:
    config = load()
    assert limits_of(config, "linux") == Limits(127, 4095)
    assert limits_of(config, "win32") == Limits(0, 259)
    assert limits_of(config, "freebsd14") == limits_of(config, "linux")
