"""Incomplete things that killed processes left."""

from __future__ import annotations

from tests.prune.cache import DAY, Cache, age, counts


def test_incomplete(cache: Cache) -> None:
    """Incomplete things go after a day, the contents of the trash at once."""
    cache.make("one.py", "own0")
    root = cache.root
    directories = [
        root / "staging" / "wheels-x",
        root / "app-1" / ".new-x",
        root / "wheels-1" / ("0" * 64) / "cp311-linux_x86_64.dropped-1",
        root / "interpreters-1" / ("0" * 40),
    ]
    left = [
        root / "logs" / "build-x-1.0.log",
        root / ".new-x",
        root / "packages-1" / ".new-x",
        root / "resolutions-1" / ".new-x",
        root / "pages-2" / ".new-x",
        root / "copies-1" / ".new-x",
        root / "app-1" / ".python-1",
        root / "records-1" / "a" / ".new-x",
    ]
    for path in (*directories, root / "trash" / "x"):
        (path / "tree").mkdir(parents=True)
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert counts(cache.prune()) == {"incomplete": 1}
    assert all(path.exists() for path in (*left, *directories))
    age(*left, *directories, seconds=DAY * 1.1)
    assert counts(cache.prune())["incomplete"] == len(left) + len(directories)
    assert not any(path.exists() for path in (*left, *directories))
    assert not (root / "records-1" / "a").exists()
