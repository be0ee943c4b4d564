"""`list` and `size` by the built file: what is shown is what is there, and nothing is changed by it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.builder.readonly import read_only
from tests.e2e.cache.people import WAITS, building, running
from tests.prune.cache import DAY, Cache, age
from tests.support.harness import settled
from tests.support.terminals import OnTerminal
from vpy.commands.support import fitted_table
from vpy.system import status_line

if TYPE_CHECKING:
    from pathlib import Path


def tool(cache: Cache, *words: str | Path, code: int = 0, said: str = "") -> str:
    done = cache.run("-vpython-tool", *words, cwd=cache.work)
    assert (done.returncode, done.stderr) == (code, said), done.stderr
    return done.stdout


def listed(cache: Cache) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(tool(cache, "list", "--json"))["environments"]
    return rows


def table(cache: Cache) -> list[list[str]]:
    """Return the rows behind the titles, split where two blanks are."""
    return [re.split(r" {2,}", line.strip()) for line in tool(cache, "list").splitlines()[1:]]


def test_what_is_there(cache: Cache) -> None:
    """Everything exact as JSON, the last used first; the same for people."""
    old = cache.make("old.py", "own0", "shared")
    new = cache.make("new.py", "own1")
    age(old / "used", seconds=9 * DAY + 60)
    age(new / "used", seconds=3 * 3600 + 60)
    rows = listed(cache)
    assert [row["key"] for row in rows] == [new.name, old.name]
    size = {path: du(path) for path in (new, old)}
    row = rows[1]
    assert row == {
        "key": old.name,
        "path": str(old),
        "state": "complete",
        "python": ".".join(map(str, sys.version_info[:3])),
        "wheels": 2,
        "size": size[old],
        "own": row["own"],
        "last_used": (old / "used").stat().st_mtime,
        "made_for": [{"kind": "script", "path": str(cache.work / "old.py"), "address": None, "exists": True}],
        "spec": f"{cache.work / 'old.py'}.vpython3",
        "held": False,
        "processes": [],
    }
    assert 0 < row["own"] < row["size"] - 40 * 5000
    for environment, words in zip((new, old), table(cache), strict=True):
        assert words[0] == str(cache.work / environment_script(rows, environment))
        assert words[3] == status_line.size(size[environment])
        assert words[5] == environment.name[:8]
    assert [words[4] for words in table(cache)] == ["3 hours ago", "9 days ago"]


def du(path: Path) -> int:
    done = subprocess.run(["du", "-s", "--block-size=1", path], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def environment_script(rows: list[dict[str, Any]], environment: Path) -> str:
    (row,) = [row for row in rows if row["key"] == environment.name]
    return os.path.basename(str(row["made_for"][0]["path"]))


def test_whose_it_is(cache: Cache) -> None:
    """Several scripts, a directory, one that has gone, and names that a terminal must not get as they are."""
    shared = cache.make("a.py", "own0")
    assert cache.make("b.py", "own0") == shared
    assert table(cache)[0][0] == f"{cache.work / 'a.py'} and 1 more"
    (row,) = listed(cache)
    assert [os.path.basename(origin["path"]) for origin in row["made_for"]] == ["a.py", "b.py"]
    (cache.work / "a.py").unlink()
    assert table(cache)[0][0] == f"{cache.work / 'a.py'} (gone) and 1 more"
    shutil.rmtree(cache.root / "environments-1")
    shutil.rmtree(cache.root / "records-1")

    # No record tells of it: what was written when it was made does.
    cache.make("\x1b[2J漢字.py", "own0")
    shutil.rmtree(cache.root / "records-1")
    assert table(cache)[0][0] == f"{cache.work}/\\x1b[2J漢字.py"
    shutil.rmtree(cache.root / "environments-1")

    done = cache.run("-c", "pass", cwd=cache.work)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = listed(cache)
    assert row["made_for"] == [
        {"kind": "directory", "path": str(cache.work), "address": None, "exists": True}
    ]
    assert table(cache)[0][0] == f"{cache.work}/"


def test_who_holds_it(cache: Cache) -> None:
    environment = cache.make("held.py", "own0")
    script = cache.script("held.py", "own0", text=WAITS)
    with running(cache, script) as pid:
        (row,) = listed(cache)
        assert row["held"] is True
        assert [each["pid"] for each in row["processes"]] == [pid]
        assert row["processes"][0]["command"][-2:] == [str(script), "a\x1bb"]
        assert table(cache)[0][-1] == f"{pid} python held.py a\\x1bb"
        assert "\x1b" not in tool(cache, "list")
    (row,) = listed(cache)
    assert (row["key"], row["held"], row["processes"]) == (environment.name, False, [])


def test_one_that_is_being_made(cache: Cache) -> None:
    cache.make("one.py", "own0")
    key = "ab" * 20
    with building(cache, key) as pid:
        done = cache.run("-vpython-tool", "list")
        assert done.returncode == 0
        assert done.stderr.startswith(f"vpython: environment {key[:8]} is being made by {pid} python")
        found = json.loads(cache.run("-vpython-tool", "list", "--json").stdout)["being_made"]
        assert [(row["key"], row["processes"][0]["pid"]) for row in found] == [(key, pid)]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\x00\xff", b"[]", b'{"ingredients": 1}', b"null", b'{"spec": ' + b"[" * 99999]
)
def test_garbage(cache: Cache, text: bytes) -> None:
    """One whose records are garbage is there all the same; its script's record still names it."""
    environment = cache.make("one.py", "own0")
    (environment / "why.json").unlink()
    (environment / "why.json").write_bytes(text)
    (environment / "complete").unlink()
    for record in cache.records():
        stray = record.with_name("@script-x-3")
        stray.write_bytes(b"\x00\xff/../..\n" * 3)
    (row,) = listed(cache)
    assert (row["key"], row["state"], row["wheels"]) == (environment.name, "unreadable", None)
    assert table(cache)[0][0] == f"{cache.work / 'one.py'} (unreadable)"


def test_half_written(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    (environment / "complete").unlink()
    (environment / "used").unlink()
    (row,) = listed(cache)
    assert (row["state"], row["wheels"]) == ("incomplete", 1)


def test_launchers(cache: Cache) -> None:
    cache.environ["PATH"] += f"{os.pathsep}{cache.place}/home/.local/bin"
    script = cache.script("one.py", "own0")
    tool(cache, "link", script, "--name", "uno")
    launcher = cache.place / "home" / ".local" / "bin" / "uno"
    assert table(cache)[-1] == [f"~/{launcher.relative_to(cache.place / 'home')}", str(script)]
    script.unlink()
    assert table(cache)[-1][1] == f"{script} (gone)"
    found = json.loads(tool(cache, "list", "--json"))["launchers"]
    assert found == [{"path": str(launcher), "script": str(script), "exists": False}]
    assert json.loads(tool(cache, "list", "--json", "--directory", "."))["launchers"] == []


def test_it_fits_a_terminal(cache: Cache) -> None:
    """A narrow terminal shows fewer columns, never a broken line; the end of a path and the key stay."""
    (cache.work / "a long name of a directory, 漢字漢字").mkdir()
    cache.make("a long name of a directory, 漢字漢字/tool.py", "own0", text=WAITS)
    script = cache.work / "a long name of a directory, 漢字漢字" / "tool.py"
    (key,) = [path.name for path in cache.environments()]
    seen = {}
    with running(cache, script) as pid:
        for columns in (200, 80, 40, 24):
            terminal = OnTerminal(
                cache.file, "-vpython-tool", "list", environ=cache.surroundings(), columns=columns
            )
            assert terminal.end() == 0
            rows = [line for line in terminal.text.replace("\r", "").split("\n") if line]
            assert all(status_line.width(row) <= columns for row in rows), rows
            assert "tool.py" in rows[1]
            assert key[:8] in rows[1]
            seen[columns] = rows[0]
            if columns == 80:
                assert f"  {pid} python" in rows[1]
    assert "held by" in seen[200]
    assert "last use" in seen[80]
    assert "held by" in seen[80]
    assert seen[24].split() == ["made", "for", "key"]
    assert len(seen[40]) < len(seen[80]) <= 80


def test_nothing_there(cache: Cache) -> None:
    settled(cache.root)
    shutil.rmtree(cache.root)
    said = f"vpython: there are no environments in `{cache.root}`\n"
    assert tool(cache, "list", said=said) == ""
    parts = json.loads(tool(cache, "size", "--json"))["parts"]
    # In memory (tmpfs) a directory or a lock takes no blocks.
    assert {"apps"} <= {part["kind"] for part in parts if part["size"]} <= {"apps", "locks", "other"}
    assert tool(cache, "clean", "--all").startswith("nothing to remove\n")
    assert sorted(os.listdir(cache.root)) == ["app-1", "locks"]


def test_a_root_that_cannot_be_written(cache: Cache) -> None:
    """All that only looks works there; what would remove says why it cannot."""
    environment = cache.make("one.py", "own0")
    cache.prune()
    with read_only(cache.root):
        (row,) = listed(cache)
        assert row["key"] == environment.name
        assert tool(cache, "size")
        assert tool(cache, "clean", "one.py", "--dry-run").startswith("would remove 1 environment")
        for words in (("clean", "one.py"), ("clean", "--all"), ("prune",)):
            done = cache.run("-vpython-tool", *words, cwd=cache.work)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                f"vpython: nothing can be removed from the root `{cache.root}`: it is not writable\n\n"
                "hint: make it writable, or run this as the user to whom it belongs\n"
            )
    assert environment.is_dir()


def test_it_changes_nothing(cache: Cache) -> None:
    cache.make("one.py", "own0")
    before = cache.everything()
    for words in (["list"], ["list", "--json"], ["size"], ["clean", "--all", "--dry-run"]):
        tool(cache, *words)
    assert cache.everything() == before


def test_sizes_add_up(cache: Cache) -> None:
    """The sum is what `du` says: a linked file counts once, where it is stored; what is not ours, too."""
    environments = [cache.make(f"s{n}.py", f"own{n}", "shared") for n in range(3)]
    (cache.root / "trash" / "dead").mkdir(parents=True, exist_ok=True)
    (cache.root / "trash" / "dead" / "file").write_bytes(b"x" * 70000)
    (cache.root / "mine.txt").write_bytes(b"x" * 9000)
    os.link(cache.root / "mine.txt", cache.root / "trash" / "again")
    (cache.root / "wheels-9").mkdir()
    found = json.loads(tool(cache, "size", "--json"))
    parts = {part["kind"]: part for part in found["parts"]}
    assert found["size"] == sum(part["size"] for part in parts.values()) == cache.disk_use()
    assert parts["environments"]["count"] == 3
    assert parts["wheels"]["count"] == 4
    assert parts["wheels"]["size"] > 40 * 5000
    own = sum(row["own"] for row in listed(cache))
    directory = (cache.root / "environments-1").stat().st_blocks * 512
    assert parts["environments"]["size"] == own + directory
    assert parts["trash"]["size"] >= 70000
    assert parts["formats"]["count"] == 0
    assert environments
    rows = [re.split(r" {2,}", line.strip()) for line in tool(cache, "size").splitlines()]
    assert rows[-1] == [status_line.size(found["size"]), f"all in {cache.root}"]
    largest = max(parts.values(), key=lambda part: part["size"])
    assert rows[1][:2] == [status_line.size(largest["size"]), str(largest["count"])]


def test_words_for_times() -> None:
    texts = {
        0: "a moment",
        59: "a moment",
        60: "1 minute",
        7199: "1 hour",
        86400: "1 day",
        9.9 * 86400: "9 days",
    }
    assert {seconds: fitted_table.duration(seconds) for seconds in texts} == texts
    assert [fitted_table.ago(each) for each in (-5.0, 61.0)] == ["just now", "1 minute ago"]
