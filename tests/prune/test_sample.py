"""In a root with very many environments a build asks only some of them whether they have aged."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from vpy.environment import sweep
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DAY = 24 * 3600


def context_of(root: Path, number: int, aged: int) -> Any:
    """A root with `number` environments, the first `aged` of them unused for nine days."""
    layout = Layout(root=str(root))
    for one in range(number):
        used = root / "environments-1" / f"{one:040x}" / "used"
        used.parent.mkdir(parents=True)
        used.touch()
        os.utime(used, (0, 0) if one < aged else (9 * DAY, 9 * DAY))
    config = SimpleNamespace(prune_older_than_days=7)
    return SimpleNamespace(layout=layout, config=config, now=lambda: 9.0 * DAY)


def test_few_are_all_asked(tmp_path: Path) -> None:
    for aged, number in enumerate((7, sweep.MOST_ASKED - 1)):
        assert sweep._has_aged(context_of(tmp_path / str(number), number, aged)) == bool(aged)


def test_of_many_some_are_asked_and_others_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(tmp_path, 3 * sweep.MOST_ASKED - 1, 1)
    asked: list[str] = []
    used = sweep._used

    def ask(path: str) -> float:
        asked.append(path)
        return used(path)

    monkeypatch.setattr(sweep, "_used", ask)
    clock = iter(range(100))
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic_ns=lambda: next(clock)))
    seen = [sweep._has_aged(context) for _ in range(3)]
    assert sorted(seen) == [False, False, True]
    assert len(asked) <= 3 * sweep.MOST_ASKED
    assert len(set(asked)) == len(asked)
