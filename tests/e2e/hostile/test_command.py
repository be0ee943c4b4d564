"""Wrong options, tools and scripts: exit code 2 and the whole message."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from vpy.commands.table import NAMES

if TYPE_CHECKING:
    from tests.e2e.hostile.yard import Yard

ALL = f"the commands are {', '.join(NAMES)}"
SOURCES = (
    "use cipd, cipd:URL, directory:PATH, directory:URL, oci:PATH, oci://HOST/NAME, index or index:URL, "
    "or several with commas"
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("-vpython-rot", "x", "good.py"),
            "unknown option `-vpython-rot`: did you mean `-vpython-root`?",
        ),
        (("--vpython-x=y",), "unknown option `-vpython-x`; `vpython -help` lists them"),
        (("-vpython-spec",), "option `-vpython-spec` lacks its value"),
        (("-vpython-root",), "option `-vpython-root` lacks its value"),
        (("-vpython-tool",), "option `-vpython-tool` lacks its value"),
        (("-vpython-offline=perhaps", "good.py"), "option `-vpython-offline` takes no value, got `perhaps`"),
        (
            ("-vpython-log-level", "loud", "good.py"),
            "unknown log level `loud`: it is one of debug, info, warning, error",
        ),
        (("missing.py",), "cannot open script `{work}/missing.py`: No such file or directory"),
        (("missing/s.py",), "cannot open script `{work}/missing/s.py`: No such file or directory"),
        (("good.py/s.py",), "cannot open script `{work}/good.py/s.py`: Not a directory"),
        (("-u", "-B", "missing.py"), "cannot open script `{work}/missing.py`: No such file or directory"),
        (("-c",), "Python's option `-c` lacks its value"),
        (("-u", "-m"), "Python's option `-m` lacks its value"),
        (
            ("-vpython-spec", "missing", "good.py"),
            "cannot read the spec `{work}/missing`: No such file or directory",
        ),
        (
            ("-vpython-spec", "m.toml", "good.py"),
            "cannot read the spec `{work}/m.toml`: No such file or directory",
        ),
        (("-vpython-spec", ".", "good.py"), "cannot read the spec `{work}`: Is a directory"),
        (
            ("-vpython-interpreter", "missing", "good.py"),
            "the interpreter `{work}/missing` does not exist\n\nhint: give the path of a Python executable",
        ),
        (
            ("-vpython-interpreter", "good.py", "good.py"),
            "the interpreter `{work}/good.py` cannot be started: Permission denied",
        ),
        (("-vpython-source", "pigeon", "good.py"), f"unknown package source `pigeon`\n\nhint: {SOURCES}"),
        (("-vpython-source", "pigeon", "-c", ""), f"unknown package source `pigeon`\n\nhint: {SOURCES}"),
        (
            ("-vpython-source", "directory:", "good.py"),
            "not a directory of packages: `directory:`\n\nhint: use directory:PATH",
        ),
        (
            ("-vpython-source", "index:pigeon", "good.py"),
            "not the address of an index: `pigeon`\n\nhint: use index:URL or index:/DIRECTORY",
        ),
        (
            ("-vpython-source", "index:ftp://127.0.0.1/", "good.py"),
            "not the address of an index: `ftp://127.0.0.1`\n\nhint: use index:URL or index:/DIRECTORY",
        ),
        (
            ("-vpython-source", "index:http://[x/", "good.py"),
            "not the address of an index: `…`\n\nhint: use index:URL or index:/DIRECTORY",
        ),
        (
            ("-vpython-source", "cipd:ftp://127.0.0.1", "good.py"),
            "not an https address: `ftp://127.0.0.1`\n\nhint: an address begins with https://",
        ),
        (("-vpython-tool", "version", "x"), "`version` takes no arguments, got `x`"),
        (
            ("-vpython-tool", "explain", "-vpython-offline", "good.py"),
            "option `-vpython-offline` goes before `-vpython-tool`",
        ),
        (
            ("-vpython-tool", "install", "missing.py"),
            "cannot open script `{work}/missing.py`: No such file or directory",
        ),
        (
            ("-vpython-tool", "explain", "missing.py"),
            "cannot open script `{work}/missing.py`: No such file or directory",
        ),
    ],
)
def test_said(yard: Yard, words: tuple[str, ...], said: str) -> None:
    assert yard.refuse(*words) == said.format(work=yard.work)


@pytest.mark.parametrize(
    ("tool", "end"),
    [
        ("hammer", ALL),
        ("", ALL),
        ("../cli", ALL),
        ("__init__", "did you mean `init`?"),
        ("table", ALL),
        ("pack.x", "did you mean `pack`?"),
        ("verfy", "did you mean `verify`?"),
    ],
)
def test_unknown_command(yard: Yard, tool: str, end: str) -> None:
    said = yard.refuse("-vpython-tool", tool)
    assert said == f"unknown command `{tool}`: {end}"
    assert yard.refuse(f"--vpython-tool={tool}") == said


@pytest.mark.parametrize("tool", NAMES)
def test_option_that_a_command_does_not_know(yard: Yard, tool: str) -> None:
    said = yard.refuse("-vpython-tool", tool, "--pigeon", "good.py")
    lists = f"`vpython-tool {tool} --help` lists them"
    assert said == f"unknown option `--pigeon` of `{tool}`; {lists}"


def test_nothing_runs_where_a_word_is_wrong(yard: Yard) -> None:
    yard.refuse("-vpython-pigeon", "-c", "open('ran', 'w')")
    assert not (yard.work / "ran").exists()


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("words", ["-vpython-source pigeon -c 1", "-vpython-pigeon", "missing.py"])
def test_nobody_listens(yard: Yard, words: str, closing: str) -> None:
    """The exit code says it all the same."""
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"{yard.file}" {words} {closing}'],
        cwd=yard.work,
        env=yard.surroundings(),
        check=False,
    )
    assert ended.returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["-vpython-tool version", "-help", "-vpython-tool explain good.py"])
def test_stdout_that_is_full(yard: Yard, words: str) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"{yard.file}" {words} >/dev/full'],
        cwd=yard.work,
        env=yard.surroundings(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        1,
        "vpython: cannot write to stdout: No space left on device\n",
    )
