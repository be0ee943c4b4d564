"""Directories that change places."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vpy.system import files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["nothing", "directory", "link", "file"])
def test_exchange(tmp_path: Path, kind: str) -> None:
    built, final, aside = tmp_path / "built", tmp_path / "final", tmp_path / "aside"
    (built / "new").mkdir(parents=True)
    if kind == "directory":
        (final / "old").mkdir(parents=True)
    elif kind == "link":
        final.symlink_to("elsewhere")
    elif kind == "file":
        final.touch()
    files.exchange(str(built), str(final), str(aside))
    assert (final / "new").is_dir()
    assert os.path.lexists(built) == (kind != "nothing")
    assert not aside.exists()


def test_what_cannot_be_put_there_leaves_the_old(tmp_path: Path) -> None:
    (tmp_path / "final" / "old").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        files.exchange(*(str(tmp_path / name) for name in ("built", "final", "aside")))
    assert [path.name for path in (tmp_path / "final").iterdir()] == ["old"]
    assert not (tmp_path / "aside").exists()
