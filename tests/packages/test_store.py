"""The store of package files: what is kept, written again, and refused."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.folder import NAME
from vpy.errors import ToolError
from vpy.packages.cipd.names import instance_id
from vpy.packages.directory import FolderReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.packages.folder import Repository


def test_a_sound_file_is_not_fetched_again(repo: Repository) -> None:
    repo.put()
    pin = repo.pin()
    (path,) = repo.loader.fetch([pin])
    before = os.stat(path)
    assert repo.loader.fetch([pin]) == (path,)
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns
    repo.file(NAME, pin.instance_id).unlink()
    assert repo.loader.fetch([pin]) == (path,)


@pytest.mark.parametrize("harm", ["empty", "short", "writable", "link", "directory"])
def test_a_wrong_file_is_replaced(harm: str, repo: Repository, tmp_path: Path) -> None:
    repo.put()
    pin = repo.pin()
    (path,) = repo.loader.fetch([pin])
    good = repo.file(NAME, pin.instance_id).read_bytes()
    os.unlink(path)
    if harm == "directory":
        os.mkdir(path)
        with pytest.raises(ToolError, match="cannot write"):
            repo.loader.fetch([pin])
        return
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    if harm == "link":
        os.symlink(victim, path)
    else:
        with open(path, "wb") as file:
            file.write({"empty": b"", "short": good[:-1], "writable": good[:-1] + b"x"}[harm])
        os.chmod(path, 0o644 if harm == "writable" else 0o444)
    repo.loader.fetch([pin])
    with open(path, "rb") as file:
        assert file.read() == good
    assert not os.path.islink(path)
    assert victim.read_bytes() == b"untouched"


BAD: dict[str, Callable[[bytes], bytes]] = {
    "other bytes": lambda data: data[:-1] + b"x",
    "truncated": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
    "more": lambda data: data + b"x",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_and_leave_nothing(name: str, repo: Repository) -> None:
    repo.put()
    pin = repo.pin()
    path = repo.file(NAME, pin.instance_id)
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(BAD[name](good))
    with pytest.raises(ToolError) as caught:
        repo.loader.fetch([pin])
    size = len(BAD[name](good))
    assert caught.value.message == (
        f"cannot get `{NAME}` at `version:1.0`: `{pin.instance_id}` from `directory:{repo.path}` is refused:"
        f" its {size} bytes have another hash; it was refused twice"
    )
    assert os.listdir(repo.layout.packages) == []
    path.write_bytes(good)
    repo.loader.fetch([pin])


def test_another_package_under_the_name(repo: Repository) -> None:
    instance = repo.put(name="infra/other")
    path = repo.file(NAME, instance)
    path.parent.mkdir(parents=True)
    path.write_bytes(repo.file("infra/other", instance).read_bytes())
    with pytest.raises(ToolError) as caught:
        repo.loader.fetch([repo.pin(instance)])
    assert "its manifest names `infra/other`, not `infra/python/wheels/demo-py3`" in caught.value.message
    assert repo.layout.packages not in caught.value.message
    assert os.listdir(repo.layout.packages) == []


def test_no_zip_with_the_right_hash(repo: Repository) -> None:
    data = b"not a zip"
    instance = instance_id(hashlib.sha256(data).digest())
    path = repo.file(NAME, instance)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(ToolError, match="it is not a zip archive"):
        repo.loader.fetch([repo.pin(instance)])
    assert os.listdir(repo.layout.packages) == []


class Flaky(FolderReader):
    """Yields damaged bytes the first time."""

    times = 0

    def stream(self, path: str) -> Iterable[bytes]:
        self.times += 1
        yield from [b"<html>"] if self.times == 1 else super().stream(path)


def test_a_bad_file_is_fetched_once_more(repo: Repository) -> None:
    repo.put()
    repo.reader = flaky = Flaky(str(repo.path))
    repo.loader.fetch([repo.pin()])
    assert flaky.times == 2
