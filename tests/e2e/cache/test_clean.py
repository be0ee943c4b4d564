"""`clean` by the built file: what is named goes whole, what a process holds stays, and it says so."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bootstrap import request
from tests.e2e.cache.people import WAITS, building, running
from tests.prune.cache import DAY, Cache, age, counts
from vpy.model import Origin
from vpy.prune import records
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path


def clean(cache: Cache, *words: str | Path, code: int = 0, said: str = "") -> dict[str, Any]:
    """Clean and return the report; the environments are old enough not to be waited for."""
    age(*(path / "used" for path in cache.environments() if (path / "used").exists()), seconds=DAY)
    done = cache.run("-vpython-tool", "clean", "--json", *words, cwd=cache.work)
    assert (done.returncode, done.stderr) == (code, said), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def fails(cache: Cache, *words: str | Path) -> str:
    done = cache.run("-vpython-tool", "clean", *words, cwd=cache.work)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def make_ready(cache: Cache) -> None:
    """Let what a prune makes in the root be there already."""
    cache.prune()
    (cache.root / "trash").mkdir(exist_ok=True)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    return {**report, "removed": [{**row, "last_used": None} for row in report["removed"]]}


def kinds(report: dict[str, Any]) -> dict[str, int]:
    return counts(json.dumps(report))


def test_a_script(cache: Cache) -> None:
    """Its environment and what only that needed goes; what another needs stays; the sum is what `du` says."""
    mine = cache.make("mine.py", "own0", "shared")
    other = cache.make("other.py", "own1", "shared")
    make_ready(cache)
    before, everything = cache.disk_use(), cache.everything()
    would = clean(cache, "mine.py", "--dry-run")
    assert (cache.disk_use(), cache.everything()) == (before, everything)
    did = clean(cache, "mine.py")
    assert without_times(did) == {**without_times(would), "dry_run": False}
    assert did["freed"] == before - cache.disk_use() > 0
    assert (kinds(did)["environments"], kinds(did)["wheels"], kinds(did)["records"]) == (1, 1, 1)
    names = {row["kind"]: row["name"] for row in did["removed"]}
    assert (names["environments"], names["wheels"]) == (str(cache.work / "mine.py"), "own0 1.0")
    assert (mine.exists(), other.exists()) == (False, True)
    assert list((cache.root / "trash").iterdir()) == []
    assert cache.start(cache.work / "other.py") == str(other)
    assert cache.start(cache.work / "mine.py") == str(mine)
    assert cache.run("-vpython-tool", "doctor").returncode == 0


def test_for_people(cache: Cache) -> None:
    cache.make("one.py", "own0")
    age(cache.environments()[0] / "used", seconds=9 * DAY)
    done = cache.run("-vpython-tool", "clean", "one.py", cwd=cache.work)
    assert (done.returncode, done.stderr) == (0, "")
    head, blank, _, first, *_ = done.stdout.splitlines()
    assert head.startswith("removed 1 environment, 1 stored wheel, 1 record, ")
    assert blank == ""
    assert first.startswith(f"environment        {cache.work / 'one.py'}  ")
    assert first.endswith("  last used 9 days ago")
    again = cache.run("-vpython-tool", "clean", "one.py", cwd=cache.work)
    assert (again.returncode, again.stdout, again.stderr) == (0, "nothing to remove\n", "")


@pytest.mark.parametrize("how", ["path", "spec", "name", "stem", "key", "launcher", "link", "gone"])
def test_what_it_is_called(cache: Cache, how: str) -> None:
    script = cache.work / "mine.py"
    environment = cache.make("mine.py", "own0")
    kept = cache.make("mine2.py", "own1")
    (cache.place / "link.py").symlink_to(script)
    if how == "launcher":
        cache.environ["PATH"] += f"{os.pathsep}{cache.place}/home/.local/bin"
        assert cache.run("-vpython-tool", "link", script, "--name", "uno").returncode == 0
    words: dict[str, str | Path] = {
        "path": script,
        "spec": f"{script}.vpython3",
        "name": "mine.py",
        "stem": "mine",
        "key": environment.name[:8],
        "launcher": "uno",
        "link": cache.place / "link.py",
        "gone": "mine.py",
    }
    if how == "gone":
        script.rename(cache.place / "moved.py")
    assert kinds(clean(cache, words[how]))["environments"] == 1
    assert cache.environments() == [kept]


def test_a_directory_of_starts_without_a_script(cache: Cache) -> None:
    assert cache.run("-c", "pass", cwd=cache.work).returncode == 0
    assert kinds(clean(cache, "."))["environments"] == 1


def test_older_environments_of_a_script(cache: Cache) -> None:
    """What a script had before its spec changed is its own, too; so is what no record tells of any more."""
    first = cache.make("one.py", "own0")
    second = cache.make("one.py", "own1")
    assert first != second
    for record in cache.records():
        record.unlink()
    assert kinds(clean(cache, "one.py"))["environments"] == 2
    assert cache.environments() == []


def test_two_scripts_of_one_environment(cache: Cache) -> None:
    """It goes, with a line; both scripts start as before."""
    environment = cache.make("a.py", "own0")
    assert cache.make("b.py", "own0") == environment
    said = (
        f"vpython: environment {environment.name[:8]} is shared by `{cache.work}/a.py`, `{cache.work}/b.py`\n"
    )
    assert kinds(clean(cache, "b.py", said=said))["records"] == 2
    assert cache.start(cache.work / "a.py") == str(environment)
    assert cache.start(cache.work / "b.py") == str(environment)


def test_nothing_of_that_name(cache: Cache) -> None:
    environment = cache.make("report.py", "own0")
    (cache.work / "deep").mkdir()
    cache.make("deep/report.py", "own1")
    assert fails(cache, "reprot.py") == (
        "vpython: no environment belongs to `reprot.py`: did you mean `report.py`?\n"
    )
    assert fails(cache, "zzz\x1b") == (
        "vpython: no environment belongs to `zzz\\x1b`\n\nhint: `vpython-tool list` shows the environments\n"
    )
    (cache.work / "deep" / "x").mkdir()
    done = cache.run("-vpython-tool", "clean", "report", cwd=cache.work / "deep" / "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"vpython: `report` may mean `{cache.work}/deep/report.py`, `{cache.work}/report.py`\n\n"
        "hint: say which by its path, or by more of its key\n"
    )
    neither = "vpython: `clean` needs either SCRIPT, NAME or KEY, or `--all`\n"
    assert fails(cache) == fails(cache, "report.py", "--all") == neither
    assert fails(cache, "report.py", "reprot.py").endswith("did you mean `report.py`?\n")
    assert environment.is_dir()  # of several words all mean something, or nothing goes


def test_what_is_held_stays(cache: Cache) -> None:
    environment = cache.make("held.py", "own0")
    script = cache.script("held.py", "own0", text=WAITS)
    free = cache.make("free.py", "own1")
    with running(cache, script) as pid:
        said = (
            f"vpython: the environment {environment.name[:8]} of {script} is held by "
            f"{pid} python held.py a\\x1bb: it is not removed\n"
        )
        done = cache.run("-vpython-tool", "clean", "held.py", cwd=cache.work)
        assert (done.returncode, done.stdout) == (1, "nothing to remove\n")
        assert done.stderr == said
        done = cache.run("-vpython-tool", "clean", "--all", "--json", cwd=cache.work)
        assert (done.returncode, done.stderr) == (0, said)
        report = json.loads(done.stdout)
        assert [(row["key"], row["processes"][0]["pid"]) for row in report["kept"]] == [
            (environment.name, pid)
        ]
        assert cache.environments() == [environment]
        assert (environment / "complete").exists()
    assert not free.exists()
    assert kinds(clean(cache, "held.py"))["environments"] == 1


def test_everything(cache: Cache) -> None:
    """The root is empty but for the code that is running, locks and the mark; then it works again."""
    for number in range(3):
        cache.make(f"s{number}.py", f"own{number}", "shared")
    (cache.root / "staging").mkdir(exist_ok=True)
    (cache.root / "staging" / "environment-7fffffff-1-2").mkdir()
    (cache.root / "logs").mkdir(exist_ok=True)
    (cache.root / "logs" / "failed").write_text("x")
    make_ready(cache)
    before = cache.disk_use()
    report = clean(cache, "--all")
    assert report["freed"] == before - cache.disk_use()
    assert report["left"] == cache.disk_use()
    assert {row["reason"] for row in report["removed"]} <= {"asked", "unreferenced", "incomplete", "empty"}
    left = {path.name: sorted(os.listdir(path)) for path in cache.root.iterdir() if path.is_dir()}
    assert {name for name, entries in left.items() if entries} == {"app-1", "locks"}
    assert cache.start(cache.work / "s0.py")
    assert cache.run("-vpython-tool", "doctor").returncode == 0


def test_everything_while_another_is_being_made(cache: Cache) -> None:
    """A builder keeps what it may have found in the store, and what it has half made."""
    environment = cache.make("one.py", "own0")
    half = cache.root / "staging" / f"environment-{os.getpid():x}-1-2"
    half.mkdir(parents=True)
    key = "ab" * 20
    with building(cache, key) as pid:
        done = cache.run("-vpython-tool", "clean", "--all", "--json", cwd=cache.work)
        assert done.returncode == 0
        assert done.stderr.startswith(f"vpython: environment {key[:8]} is being made by {pid} python")
        assert done.stderr.endswith(": what it may need is not removed\n")
        assert set(kinds(json.loads(done.stdout))) <= {"environments", "records", "copies", "directories"}
    assert not environment.exists()
    assert "wheels" in kinds(clean(cache, "--all"))
    assert half.is_dir()  # its process, this one, is there


def test_half_written(cache: Cache) -> None:
    """One without its mark, and one whose record is garbage, go by key as any other."""
    first, second = cache.make("a.py", "own0"), cache.make("b.py", "own1")
    (first / "complete").unlink()
    (second / "why.json").write_bytes(b"\x00{")
    for environment in (first, second):
        assert kinds(clean(cache, environment.name[:10]))["environments"] == 1
        assert not environment.exists()


def test_a_root_of_somebody_else(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    (cache.root / "CACHEDIR.TAG").unlink()
    said = f"vpython: the root `{cache.root}` is not vpython's: nothing is removed\n"
    assert clean(cache, "--all", said=said)["removed"] == []
    assert environment.is_dir()


def test_a_link_in_the_place_of_an_environment(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    precious = cache.place / "precious"
    shutil.copytree(environment, precious, symlinks=True)
    link = cache.root / "environments-1" / ("c" * 40)
    link.symlink_to(precious)
    clean(cache, "--all")
    assert (precious / "why.json").is_file()
    assert link.is_symlink()


def test_records_with_hashed_names(tmp_path: Path) -> None:
    """Where records have hashed names (Windows), those of a script are found by the same hash."""
    path = str(tmp_path / "s.py")
    record = tmp_path / "root" / request.RECORDS / request._short(os.path.normcase(path)) / "@script-x-3"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"C:\\root\\environments-1/" + b"a" * 26 + b"\nlandmark\nend\n")
    layout = Layout(root=str(tmp_path / "root"))
    assert list(records.keys_of_hashed(layout, path)) == ["a" * 26]
    assert list(records.keys_of_hashed(layout, path + "x")) == []


def test_the_origins_of_records(tmp_path: Path) -> None:
    layout = Layout(root=str(tmp_path))
    for name, text in (
        ("a/s.py/@script-x-3", "/r/environments-1/k1\n"),
        ("a/@cwd-x-3", "/r/environments-1/k2"),
        ("@cwd-x-3", "/r/environments-1/k3\n"),
        ("a/other", "/r/environments-1/k4\n"),
    ):
        path = tmp_path / request.RECORDS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert dict(records.origins(layout)) == {
        "k1": Origin("script", "/a/s.py"),
        "k2": Origin("directory", "/a"),
        "k3": Origin("directory", "/"),
    }


def test_prune_keeps_what_scripts_use(cache: Cache) -> None:
    """The last environment of each stays, with its wheels; all others go, of whatever age."""
    cache.make("mine.py", "own0", "shared")
    old = set(cache.environments())
    mine = cache.make("mine.py", "own2", "shared")
    cache.make("other.py", "own1", "shared")
    age(*(path / "used" for path in old), seconds=DAY)
    done = cache.run("-vpython-tool", "prune", "--json", "--keep-used-by", "mine.py", cwd=cache.work)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in cache.environments()] == [mine.name]
    assert kinds(json.loads(done.stdout))["environments"] == 2

    done = cache.run("-vpython-tool", "prune", "--keep-used-by", "other.py", cwd=cache.work)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "vpython: no environment of `other.py` is here\n\nhint: start it first, or `install` it\n"
    )
