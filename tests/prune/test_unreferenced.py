"""Unreferenced things in the stores go when they are old; what environments reference stays."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.prune.cache import DAY, Cache, age, age_tree, counts


def stored(cache: Cache) -> set[str]:
    """Return the names of the stored wheels."""
    trees = (cache.root / "wheels-1").glob("*/*/tree")
    return {path.parent.name.split("-")[0] for tree in trees for path in tree.rglob("METADATA")}


def test_wheels(cache: Cache) -> None:
    """A wheel goes when no environment references it, and it is old itself."""
    first = cache.make("one.py", "own0", "shared")
    second = cache.make("two.py", "own1", "shared")
    age(first / "used")
    cache.prune()
    assert (first.exists(), stored(cache)) == (False, {"own0", "own1", "shared"})
    age_tree(cache.root / "wheels-1", seconds=8 * DAY)
    assert counts(cache.prune())["wheels"] == 1
    assert stored(cache) == {"own1", "shared"}
    age(second / "used")
    assert counts(cache.prune())["wheels"] == 2
    assert stored(cache) == set()
    assert cache.start(cache.work / "two.py") == str(second)


def test_wheels_of_another_python(cache: Cache) -> None:
    """The tree of a wheel for a Python that is not used any more goes, that for another stays."""
    cache.make("one.py", "shared")
    (tree,) = (cache.root / "wheels-1").glob("*/*")
    other = tree.with_name("cp36-linux_x86_64")
    (other / "tree").mkdir(parents=True)
    (other / "tree" / "file").touch()
    (other / "manifest").touch()
    age_tree(cache.root / "wheels-1")
    assert counts(cache.prune())["wheels"] == 1
    assert tree.exists()
    assert not other.exists()


def test_without_links(cache: Cache) -> None:
    """Where the filesystem has no links, `why.json` alone says what is referenced."""
    environment = cache.make("one.py", "own0")
    for path in (cache.root / "wheels-1").rglob("*"):
        if path.is_file() and path.stat().st_nlink > 1:
            copy = path.with_name("copy")
            copy.write_bytes(path.read_bytes())
            copy.replace(path)
    for path in (cache.root / "interpreters-1").rglob("*"):
        if path.is_file() and path.stat().st_nlink > 1:
            copy = path.with_name("copy")
            copy.write_bytes(path.read_bytes())
            copy.replace(path)
    age_tree(cache.root / "wheels-1")
    age_tree(cache.root / "interpreters-1", seconds=30 * DAY)
    assert counts(cache.prune()) == {}
    age(environment / "used")
    removed = counts(cache.prune())
    assert (removed["environments"], removed["wheels"], removed["interpreters"]) == (1, 1, 2)


def test_builder_at_work(cache: Cache) -> None:
    """Nothing stored goes while a builder holds the store's lock."""
    environment = cache.make("one.py", "own0")
    age(environment / "used")
    age_tree(cache.root / "wheels-1")
    age_tree(cache.root / "packages-1")
    stage = cache.root / "staging" / "environment-x"
    stage.mkdir()
    age(stage)
    with (cache.root / "locks" / "store-all").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert set(counts(cache.prune("--older-than", "0"))) <= {"environments", "records", "directories"}
        assert stored(cache) == {"own0"}
        assert stage.exists()
    removed = counts(cache.prune())
    assert (removed["wheels"], removed["packages"]) == (1, 1)
    assert not stage.exists()


def test_packages_and_probes(cache: Cache) -> None:
    """Package files go by their own age; a cached probe when no environment references its Python."""
    environment = cache.make("one.py", "own0")
    packages, interpreters = cache.root / "packages-1", cache.root / "interpreters-1"
    assert counts(cache.prune()) == {}
    age_tree(packages, seconds=8 * DAY)
    age_tree(interpreters, seconds=8 * DAY)
    assert counts(cache.prune()) == {"packages": 1}
    assert len(list(interpreters.iterdir())) == 2
    age(environment / "used")
    assert counts(cache.prune())["interpreters"] == 2
    assert list(interpreters.iterdir()) == []
    assert cache.start(cache.work / "one.py") == str(environment)


def test_pages(cache: Cache) -> None:
    """What an index said goes when no resolution has used it for a week; other names stay."""
    cache.make("one.py", "own0")
    pages = cache.root / "pages-2"
    pages.mkdir()
    old, used, foreign = pages / ("0" * 64), pages / ("1" * 64), pages / "notes"
    for path in (old, used, foreign):
        path.touch()
    age(old, foreign, seconds=8 * DAY)
    age(used, seconds=6 * DAY)
    assert counts(cache.prune()) == {"pages": 1}
    assert sorted(pages.iterdir()) == [used, foreign]


def test_resolutions(cache: Cache) -> None:
    """Cached answers are kept for 90 days; the resolution of an environment as long as that is there."""
    environment = cache.make("one.py", "own0")
    resolutions = cache.root / "resolutions-1"
    before = len(list(resolutions.iterdir()))
    age_tree(resolutions, seconds=89 * DAY)
    cache.prune("--older-than", "1")
    assert len(list(resolutions.iterdir())) == before
    age_tree(resolutions)
    cache.prune()
    kept = [path for path in resolutions.iterdir() if b'"wheels": [["own0-' in path.read_bytes()]
    assert len(kept) == 1
    age(environment / "used")
    age_tree(resolutions)
    cache.prune()
    assert list(resolutions.iterdir()) == []


def test_apps(cache: Cache) -> None:
    """Unpacked code of other builds goes when no cold start of theirs has renewed it; ours never."""
    cache.make("one.py", "own0")
    apps = cache.root / "app-1"
    (ours,) = (path for path in apps.iterdir() if path.is_dir())
    other = apps / "otherbuildotherb-cpython-311"
    (other / "vpy").mkdir(parents=True)
    (other / "complete").touch()
    age(ours / "complete")
    assert counts(cache.prune("--older-than", "0")).get("apps") is None
    age(other / "complete")
    assert counts(cache.prune())["apps"] == 1
    assert not other.exists()
    assert (ours / "complete").exists()


def test_own_app_is_renewed(cache: Cache) -> None:
    cache.make("one.py", "own0")
    (mark,) = (cache.root / "app-1").glob("*/complete")
    age(mark, seconds=3 * DAY)
    stamp = mark.stat().st_mtime_ns
    cache.start(cache.script("two.py", "own0"))
    assert mark.stat().st_mtime_ns > stamp
    stamp = mark.stat().st_mtime_ns
    cache.start(cache.script("three.py", "own0"))
    assert mark.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("room", ["environments-2", "wheels-0", "records-17", "app-3"])
def test_other_formats(cache: Cache, room: str) -> None:
    cache.make("one.py", "own0")
    directory = cache.root / room
    (directory / "x" / "y").mkdir(parents=True)
    assert counts(cache.prune()) == {}
    age(directory)
    assert counts(cache.prune()) == {"formats": 1}
    assert not directory.exists()


def test_other_formats_in_use(cache: Cache) -> None:
    """Environments of a newer format stay while their stamps or their locks say that they are used."""
    environment = cache.make("one.py", "own0")
    newer = cache.root / "environments-2" / "key"
    store = cache.root / "wheels-2"
    store.mkdir()
    newer.mkdir(parents=True)
    (newer / "used").touch()
    age(newer.parent, store)
    assert counts(cache.prune()) == {}
    age(newer / "used")
    lock = cache.root / "locks" / "environment-key"
    lock.write_bytes(b"\n")
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert counts(cache.prune()) == {}
    assert counts(cache.prune()) == {"formats": 2}
    assert environment.exists()


def test_locks_stay(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    before = set(os.listdir(cache.root / "locks"))
    age_tree(cache.root / "locks")
    age(environment / "used")
    cache.prune("--older-than", "0")
    assert set(os.listdir(cache.root / "locks")) >= before


def test_damaged_things(cache: Cache) -> None:
    """Files that cannot be read are passed over or go; they never make a prune fail."""
    environment = cache.make("one.py", "own0")
    other = cache.make("two.py", "own1")
    (environment / "why.json").write_bytes(b"\xff[" * 100)
    (other / "used").unlink()
    for room in ("resolutions-1", "interpreters-1"):
        for path in (cache.root / room).rglob("*.json" if room.startswith("i") else "*"):
            if path.is_file():
                Path(path).chmod(0o644)
                path.write_bytes(b"{")
    age_tree(cache.root / "wheels-1")
    age_tree(cache.root / "resolutions-1")
    age_tree(cache.root / "interpreters-1")
    cache.prune()
    assert environment.exists()
    assert other.exists()
    age(environment / "used", other / "why.json")
    assert counts(cache.prune())["environments"] == 2
