"""Records of starts, and their copies, that no start will use again."""

from __future__ import annotations

from tests.prune.cache import DAY, Cache, age, age_tree, counts


def test_records(cache: Cache) -> None:
    """Records go with their environments and, when they are old, with their scripts; copies follow."""
    for name in ("one", "two"):
        cache.make(f"{name}.py", "own0")
        cache.start(cache.work / f"{name}.py")
    other = cache.make("three.py", "own1")
    cache.start(cache.work / "three.py")
    records, copies = cache.records(), cache.root / "copies-1"
    assert len(records) == 3
    age_tree(copies, seconds=2 * DAY)
    assert counts(cache.prune()) == {}
    (cache.work / "two.py").unlink()
    assert counts(cache.prune()) == {}
    age(*records)
    removed = counts(cache.prune())
    assert removed["records"] == 1
    assert sorted(path.parent.name for path in cache.records()) == ["one.py", "three.py"]
    age(other / "used")
    removed = counts(cache.prune())
    assert (removed["environments"], removed["records"]) == (1, 1)
    assert [path.parent.name for path in cache.records()] == ["one.py"]
    named = cache.records()[0].read_bytes()
    assert all(path.name.encode() in named for path in copies.iterdir())
    assert cache.start(cache.work / "one.py")


def test_records_of_other_builds(cache: Cache) -> None:
    """Records of other builds of vpython are kept for 90 days: another build may be in use."""
    cache.make("one.py", "own0")
    cache.start(cache.work / "one.py")
    (record,) = cache.records()
    build = record.name.split("-")[1]
    other = record.with_name(record.name.replace(build, "otherbuildotherb"))
    record.rename(other)
    age(other, seconds=89 * DAY)
    cache.prune()
    assert other.exists()
    age(other, seconds=91 * DAY)
    cache.prune()
    assert not other.exists()
