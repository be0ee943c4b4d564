"""A directory of packages, written: tags, modes, disks that cannot be written."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.packages.folder import NAME
from vpy.errors import ToolError, UserError

if TYPE_CHECKING:
    from tests.packages.folder import Repository


def test_a_tag_stays_where_it_is(repo: Repository) -> None:
    first = repo.put()
    assert repo.put() == first
    before = sorted(os.listdir(repo.file(NAME, "")))
    assert before == sorted([first, "versions.json"])
    with pytest.raises(UserError) as caught:
        repo.put(text="two")
    assert caught.value.message.startswith(
        f"tag `version:1.0` of `{NAME}` is on `{first}`, and cannot be on `"
    )
    assert sorted(os.listdir(repo.file(NAME, ""))) == before


def test_modes_of_a_repository_let_a_web_server_read(repo: Repository) -> None:
    before = os.umask(0o022)
    try:
        instance = repo.put()
    finally:
        os.umask(before)
    assert stat.S_IMODE(repo.file(NAME, instance).stat().st_mode) == 0o444
    assert stat.S_IMODE(repo.file(NAME, "versions.json").stat().st_mode) == 0o644
    assert stat.S_IMODE(repo.file(NAME, "").stat().st_mode) == 0o755


def test_a_repository_that_cannot_be_written(repo: Repository) -> None:
    repo.path.write_text("a file")
    with pytest.raises(ToolError, match="cannot write"):
        repo.put()
    with pytest.raises(UserError, match="no such package"):
        repo.pin()
