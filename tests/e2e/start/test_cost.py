"""What a warm start costs, in things that can be counted: processes, files, modules. Never in time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE, DOORS, settled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\w+)")
NAMED = re.compile(r'"((?:[^"\\]|\\.)*)"')
PROCESSES = {"fork", "vfork", "clone", "clone3"}

Call = tuple[str, str]  # what was called, the file it names


def traced(stage: Stage, *words: str | Path) -> list[Call]:
    """Every call of one start that names a file or makes a process, in order."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here")
    log = stage.place / "trace"
    ended = subprocess.run(
        [strace, "-f", "-o", str(log), "-e", "trace=%file,%process", *map(str, words)],
        cwd=stage.work, env=stage.surroundings({"LC_ALL": "C.UTF-8"}), capture_output=True, text=True,
    )  # fmt: skip
    if "ptrace" in ended.stderr:
        pytest.skip("strace may not trace here")
    assert ended.returncode == 0, ended.stderr
    calls = []
    for line in log.read_text().splitlines():
        if found := CALL.match(line):
            name = NAMED.search(found[2])
            calls.append((found[1], name[1] if name else ""))
    return calls


def shell_of(stage: Stage, name: str = "dash") -> list[str]:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return [found, str(stage.file)]


def deep(stage: Stage) -> Path:
    """A script eight directories deep with a common spec at the top."""
    stage.forget()
    stage.put(".vpython3", spec("one"))
    return stage.put("1/2/3/4/5/6/7/8/s.py", WHICH)


def of_system(path: str) -> bool:
    return path in ("", ".") or path.startswith(("/etc/ld.so", "/lib/", "/usr/lib/", "/lib64/"))


def after_exec(calls: Sequence[Call], number: int) -> list[Call]:
    """What the `number`th program (1 is the first) did before it became another."""
    found, now = [], 0
    for call in calls:
        if call[0] == "execve":
            now += 1
        elif now == number:
            found.append(call)
    return found


@pytest.mark.parametrize("words", [("s.py",), ("-u", "s.py"), ("-c", "pass"), ("-m", "s"), ("../work/s.py",)])
def test_the_head_makes_no_process(stage: Stage, words: tuple[str, ...]) -> None:
    stage.put("s.py", "")
    stage.warm(*words)
    calls = traced(stage, *shell_of(stage), *words)
    assert [name for name, _ in calls if name in PROCESSES] == []
    assert [os.path.basename(path) for name, path in calls if name == "execve"] == ["dash", "python"]


def test_the_files_that_the_head_looks_at(stage: Stage) -> None:
    """Whose root, record, environment and `bin` are; then the record, the stamp, and what could be gone."""
    script = deep(stage)
    stage.warm(script)
    (record,) = stage.records()
    calls = traced(stage, *shell_of(stage), script)
    python = next(path for name, path in calls if name == "execve" and path.endswith("/bin/python"))
    environment = os.path.dirname(os.path.dirname(python))
    landmark = record.read_bytes().split(b"\n")[1].decode()
    seen = [
        path
        for _, path in after_exec(calls, 1)
        if (path == landmark or not of_system(path))
        and path not in (str(stage.work), os.devnull, str(stage.file))
    ]
    assert seen == [
        str(stage.root),
        str(record),
        str(record),
        environment,
        f"{environment}/bin",
        f"{environment}/used",
        f"{environment}/complete",
        f"{environment}/pyvenv.cfg",
        landmark,
        f"{environment}/bin/python",
    ]


def hook_calls(stage: Stage, *words: str | Path) -> tuple[str, list[Call]]:
    """The environment, and what the hook did there: from its own code to the end of its line."""
    calls = traced(stage, *words)
    start = next(
        number for number, (_, path) in enumerate(calls) if "_vpython_start" in path and ".pyc" in path
    )
    end = max(number for number, (_, path) in enumerate(calls) if path.endswith("/00_vpython.pth"))
    environment = calls[start][1].partition("/lib/")[0]
    library = os.path.dirname(os.__file__)
    found = [call for call in calls[start + 1 : end] if not call[1].startswith(library)]
    return environment, [call for call in found if not of_system(call[1])]


def test_the_files_that_the_hook_looks_at(stage: Stage) -> None:
    """The lock, `complete`, the root, the record; then a look for each row, and one read of each copy."""
    script = deep(stage)
    stage.warm(script)
    (record,) = stage.records()
    environment, calls = hook_calls(stage, *shell_of(stage), script)
    site = f"{environment}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    assert [path for _, path in calls][:5] == [
        str(stage.root / "locks" / f"environment-{os.path.basename(environment)}"),
        f"{environment}/complete",
        *([f"{environment}/pyvenv.cfg"] if calls[2][1].endswith("pyvenv.cfg") else []),
        str(stage.root),
        str(record),
        str(script) + ".vpython3",
    ][:5]  # fmt: skip
    rows = [row.split(b"\0") for row in record.read_bytes().splitlines()[2:-1]]
    looks = sum(
        {b"content": 2, b"same": 2, b"variable": 0, b"unset": 0, b"until": 0, b"command": 3}.get(
            row[0], row[1].count(b"/") if row[0] == b"real" else 1
        )
        for row in rows
    )
    checked = [call for call in calls if not call[1].startswith(site)]
    assert len(checked) <= looks + 7
    opened = [path for name, path in calls if name.startswith("open") and not path.startswith(site)]
    contents = [os.fsdecode(field) for row in rows if row[0] == b"content" for field in row[1:]]
    assert sorted(opened[2:]) == sorted(contents)


def imported(stage: Stage, command: Sequence[str], words: Sequence[str]) -> list[str]:
    """The modules that a Python told to name them imports, in order."""
    ended = subprocess.run(
        [*command, *words],
        cwd=stage.work,
        env=stage.surroundings(),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [
        line.rpartition("|")[2].strip()
        for line in ended.stderr.splitlines()
        if line.startswith("import time:")
    ]
    return rows[1:]


def test_the_modules_of_a_warm_hook(stage: Stage) -> None:
    """Two of the library and one built in, and nothing stays; a plain venv's Python imports the rest too."""
    stage.put("s.py", "")
    for words in (["-X", "importtime", "s.py"], ["-X", "importtime", "-c", ""]):
        stage.see(*words)
        with stage.undecided():
            ours = imported(stage, [str(stage.file)], words)
        venv = stage.place / "venv"
        if not venv.exists():
            subprocess.run([str(BASE), "-m", "venv", "--without-pip", str(venv)], check=True)
        plain = imported(stage, [str(venv / "bin" / "python")], ["-s", *words])
        assert sorted(set(ours) - set(plain)) == ["atexit", "fcntl", "mmap"]
        assert len(ours) == len(set(ours)), "each once"


def test_the_modules_of_a_warm_python_door(stage: Stage) -> None:
    """The door's own six, from the archive, over what a bare interpreter imports for any archive."""
    stage.put("s.py", "")
    stage.warm("s.py", door="python")
    command = [str(BASE), "-X", "importtime"]
    with stage.undecided():
        ours = imported(stage, command, [str(stage.file), "s.py"])
    plain = stage.place / "plain.pyz"
    with zipfile.ZipFile(plain, "w") as made:
        made.writestr("__main__.py", "")
    bare = imported(stage, command, [str(plain)])
    extra = sorted(set(ours) - set(bare))
    names = ["command_line", "launch", "request", "root"]
    assert extra == ["__future__", "bootstrap", *(f"bootstrap.{name}" for name in names), "vpython"]


def test_nothing_is_written_but_the_stamp(stage: Stage) -> None:
    script = deep(stage)
    for door in DOORS:
        stage.warm(script, door=door)
        settled(stage.root)
        before = {path: path.stat().st_mtime_ns for path in stage.root.rglob("*") if not path.is_symlink()}
        assert stage.see(script, door=door)[0] == 0
        after = {path: path.stat().st_mtime_ns for path in stage.root.rglob("*") if not path.is_symlink()}
        changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        assert {path.name for path in changed} <= {"used"}
        assert len(changed) == 1
