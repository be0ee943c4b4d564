"""Runs of a prune by the command: what goes, what is reported, what is freed, what is left alone."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import DAY, Cache, age, counts, freed
from tests.support.harness import settled
from vpy.system import status_line

if TYPE_CHECKING:
    from pathlib import Path

BYTES = "`--max-size` takes a number of bytes, with K, M, G or T after it"


def test_age(cache: Cache) -> None:
    """The age limit is a week by default; `--older-than` sets another."""
    ages = [0.1, 6.9, 7.1, 30.0, 365.0]
    environments = [cache.make(f"s{n}.py", f"own{n}") for n in range(len(ages))]
    for environment, days in zip(environments, ages, strict=True):
        age(environment / "used", seconds=days * DAY)
    assert counts(cache.prune("--older-than", "100"))["environments"] == 1
    assert counts(cache.prune())["environments"] == 2
    assert cache.environments() == sorted(environments[:2])
    assert "environments" not in counts(cache.prune())
    assert counts(cache.prune("--older-than=0.05"))["environments"] == 2
    assert cache.environments() == []


def test_frees_what_it_says(cache: Cache) -> None:
    """Files that several environments share are counted when their last name goes."""
    environments = [cache.make(f"s{n}.py", f"own{n}", "shared") for n in range(3)]
    (cache.root / "trash").mkdir(exist_ok=True)
    cache.prune()
    for arguments in (("--dry-run",), ()):
        before, things = cache.disk_use(), cache.everything()
        age(environments[0] / "used", seconds=DAY * 9)
        output = cache.prune(*arguments)
        if arguments:
            promised = freed(output)
            assert cache.everything() == things
            assert cache.disk_use() == before
        else:
            assert freed(output) == promised == before - cache.disk_use()
            assert not environments[0].exists()
    freed_first = freed(output)
    before = cache.disk_use()
    output = cache.prune("--older-than", "0", "--dry-run")
    promised = freed(output)
    assert counts(output)["environments"] == 2
    assert freed(cache.prune("--older-than", "0")) == promised == before - cache.disk_use()
    assert promised > 2 * freed_first + 40 * 5000  # the files of `shared` too, now that they are unused
    assert list((cache.root / "wheels-1").iterdir()) == []
    assert list((cache.root / "packages-1").iterdir()) == []


def test_dry_run_lists(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    age(environment / "used")
    done = cache.run("-vpython-tool", "prune", "--dry-run")
    head, blank, *table = done.stdout.splitlines()
    assert (done.returncode, done.stderr, blank) == (0, "", "")
    assert head.startswith("would remove 1 environment, 1 record, ")
    assert re.fullmatch(r".*: \d+(\.\d)? [kM]B", head)
    (row,) = [row for row in table if row.startswith("environment ")]
    words = re.split(r"  +", row)
    assert words[1] == str(cache.work / "one.py")
    assert words[3] == "not used for 365 days"
    assert environment.is_dir()
    did = cache.run("-vpython-tool", "prune")
    assert did.stdout == done.stdout.replace("would remove", "removed")
    assert not environment.exists()


def test_dry_run_says_each_thing_once(cache: Cache) -> None:
    """Many rounds of a size limit, and of incomplete things that lie in one another."""
    for number in range(4):
        age(cache.make(f"s{number}.py", f"own{number}", "shared") / "used", seconds=DAY)
    cache.prune()  # makes the lock
    nested = cache.root / "interpreters-1" / ("a" * 32)
    (nested / ".new-1-2").mkdir(parents=True)
    (nested / ".new-1-2" / "half").write_bytes(b"x" * 9000)
    trash = cache.root / "trash"
    trash.mkdir(exist_ok=True)
    (trash / "old").write_bytes(b"x" * 9000)
    age(nested / ".new-1-2", nested)
    before = cache.disk_use()
    everything = cache.run("-vpython-tool", "prune", "--max-size", "0", "--dry-run", "--json")
    limit = str(before - freed(everything.stdout) * 4 // 5)
    would = json.loads(cache.prune("--max-size", limit, "--dry-run"))
    paths = [row["path"] for row in would["removed"]]
    assert len(paths) == len(set(paths))
    assert cache.disk_use() == before
    done = json.loads(cache.prune("--max-size", limit))
    assert sorted(row["path"] for row in done["removed"]) == sorted(paths)
    assert would["freed"] == done["freed"] == before - cache.disk_use()
    assert would["left"] == done["left"] == cache.disk_use()
    reasons = {row["kind"]: row["reason"] for row in done["removed"]}
    assert reasons["environments"] == "max-size"
    assert reasons["wheels"] == "unreferenced"
    assert reasons["incomplete"] == "incomplete"


def test_size(cache: Cache) -> None:
    """What is unreferenced goes first, then the least recently used, until the disk use fits."""
    environments = [cache.make(f"s{n}.py", f"own{n}", "shared") for n in range(4)]
    for number, days in ((2, 5), (0, 3), (3, 2), (1, 1)):
        age(environments[number] / "used", seconds=days * DAY)
    cache.prune("--max-size", "1T")
    assert cache.environments() == sorted(environments)
    before = cache.disk_use()
    assert counts(cache.prune("--max-size", str(before - 1))) == {"packages": 1}
    packages = sum(path.stat().st_blocks * 512 for path in (cache.root / "packages-1").iterdir())
    limit = cache.disk_use() - packages
    cache.prune("--max-size", str(limit))
    assert (cache.disk_use(), cache.environments()) == (limit, sorted(environments))
    cache.prune("--max-size", str(limit - 1))
    assert [n for n in range(4) if environments[n].exists()] == [0, 1, 3]
    assert cache.disk_use() < limit
    while environments[0].exists():
        cache.prune("--max-size", str(cache.disk_use() - 1))
    assert [n for n in range(4) if environments[n].exists()] == [1, 3]
    done = cache.run("-vpython-tool", "prune", "--max-size", "0")
    assert done.returncode == 0
    assert cache.environments() == []
    assert (
        done.stderr
        == f"vpython: {status_line.size(cache.disk_use())} remain: what is in use, and vpython's own\n"
    )


def test_size_suffix(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    for size in ("1G", "900m", "=1024M"):
        arguments = [f"--max-size{size}"] if size.startswith("=") else ["--max-size", size]
        assert freed(cache.prune(*arguments)) == 0
    assert environment.exists()


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["--older-than"], "option `--older-than` lacks its value"),
        (["--older-than", "week"], "`--older-than` takes a number of days, got `week`"),
        (["--older-than", "-1"], "`--older-than` takes a number of days, got `-1`"),
        (["--older-than=nan"], "`--older-than` takes a number of days, got `nan`"),
        (["--older-than", "inf"], "`--older-than` takes a number of days, got `inf`"),
        (["--max-size", "1.5"], f"{BYTES}, got `1.5`"),
        (["--max-size="], f"{BYTES}, got ``"),
        (["--max-size", "\u0661"], f"{BYTES}, got `\u0661`"),
        (["all"], "`prune` takes no arguments, got `all`"),
        (["--dry-run=1"], "option `--dry-run` takes no value, got `1`"),
        (["--dryrun"], "unknown option `--dryrun` of `prune`: did you mean `--dry-run`?"),
        (["--max-size", "1", "--max-size", "2"], "option `--max-size` of `prune` is given twice"),
    ],
)  # fmt: skip
def test_wrong_arguments(cache: Cache, arguments: list[str], fact: str) -> None:
    done = cache.run("-vpython-tool", "prune", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vpython: {fact}\n")


def test_nothing_there(cache: Cache) -> None:
    """A root that does not exist is no error."""
    settled(cache.root)
    shutil.rmtree(cache.root)
    done = cache.run("-vpython-tool", "prune")
    assert (done.returncode, done.stdout) == (0, "nothing to remove\n")


def test_no_mark(cache: Cache) -> None:
    """A root without our mark in its CACHEDIR.TAG is not touched."""
    environment = cache.make("one.py", "own0")
    age(environment / "used")
    for mark in (None, "Signature: 8a477f597d28d172789f06886806bc55\n# Made by another.\n"):
        (cache.root / "CACHEDIR.TAG").unlink(missing_ok=True)
        if mark is not None:
            (cache.root / "CACHEDIR.TAG").write_text(mark, encoding="utf-8")
        done = cache.run("-vpython-tool", "prune", "--older-than", "0")
        assert (done.returncode, done.stdout) == (0, "nothing to remove\n")
        assert done.stderr == f"vpython: the root `{cache.root}` is not vpython's: nothing is removed\n"
        assert environment.exists()


def test_foreign_things_stay(cache: Cache, tmp_path: Path) -> None:
    """Links are not followed; things with other names or shapes than ours stay."""
    environment = cache.make("one.py", "own0")
    home = tmp_path / "precious"
    (home / "letters").mkdir(parents=True)
    (home / "used").touch()
    (home / "complete").touch()
    key = "0" * 40
    root = cache.root
    foreign = [
        root / "notes.txt",
        root / "environments-1" / "notes",
        root / "environments-1" / ("1" * 40) / "notes",
        root / "wheels-1" / "notes" / "notes",
        root / "packages-1" / "notes",
        root / "records-1" / "notes",
        root / "copies-1" / "notes",
        root / "app-1" / "notes" / "notes",
        root / "interpreters-1" / "notes" / "notes",
        root / "resolutions-1" / "notes",
        root / "notes-1" / "notes",
        root / "environments-x" / "notes",
        root / "pythons-1" / "notes",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        age(path, path.parent)
    for room in ("environments-1", "wheels-1", "app-1", "interpreters-1", "records-1", "staging", "trash"):
        (root / room).mkdir(exist_ok=True)
        (root / room / key).symlink_to(home)
        age(root / room / key, root / room)
    (root / "environments-2").symlink_to(home)
    age(root / "environments-2", environment / "used", *home.rglob("*"))
    (environment / "home").symlink_to(home)
    cache.prune("--older-than", "0")
    assert not environment.exists()
    assert sorted(path.name for path in home.iterdir()) == ["complete", "letters", "used"]
    assert [path for path in foreign if not path.exists()] == []
    assert (root / "environments-1" / key).is_symlink()
    assert not (root / "trash" / key).is_symlink()


@pytest.mark.parametrize(
    "room", ["trash", "staging", "environments-1", "records-1", "copies-1", "packages-1"]
)
def test_linked_room(cache: Cache, tmp_path: Path, room: str) -> None:
    """A directory of the root that is a link is not pruned."""
    cache.make("one.py", "own0")
    home = tmp_path / "precious"
    inside = home / ("0" * 40 if room.startswith(("environments", "packages")) else "@script-x-3")
    inside.mkdir(parents=True)
    (inside / "used").touch()
    (home / ("0" * 64)).touch()
    age(*home.rglob("*"))
    settled(cache.root)
    shutil.rmtree(cache.root / room, ignore_errors=True)
    (cache.root / room).symlink_to(home)
    cache.run("-vpython-tool", "prune", "--older-than", "0")
    assert (inside / "used").exists()
    assert (home / ("0" * 64)).exists()


def test_planted_lock(cache: Cache, tmp_path: Path) -> None:
    """Where a lock is a link to another file, that is not written, and the environment stays."""
    environment = cache.make("one.py", "own0")
    victim = tmp_path / "victim"
    victim.touch()
    lock = cache.root / "locks" / f"environment-{environment.name}"
    lock.unlink()
    lock.symlink_to(victim)
    age(environment / "used")
    cache.prune()
    assert environment.exists()
    assert victim.read_bytes() == b""


def test_stubborn_directories(cache: Cache) -> None:
    """Unreadable directories are removed, and no mode of a shared file is changed."""
    environment = cache.make("one.py", "shared")
    other = cache.make("two.py", "shared", "own0")
    package = next(environment.glob("lib/python*/site-packages/shared"))
    mode = (package / "part1.py").stat().st_mode
    for directory in (package, environment / "bin", environment):
        directory.chmod(0o500)
    (environment / "lib" / "x" / "y").mkdir(parents=True)
    (environment / "lib" / "x").chmod(0)
    age(environment / "used")
    cache.prune()
    assert not environment.exists()
    assert os.listdir(cache.root / "trash") == []
    assert next(other.glob("lib/python*/site-packages/shared/part1.py")).stat().st_mode == mode
