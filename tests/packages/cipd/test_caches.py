"""Caches of the CIPD client: what is read from them and added to them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, package
from vpy.errors import UserError
from vpy.packages.cipd.caches import Caches, from_environ

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench


def test_caches_are_read_and_added_to(bench: Bench) -> None:
    data = package()
    found = bench.service.put(NAME, data, tags=("version:1.0",))
    here, there = bench.directory / "cache", bench.directory / "only"
    (there / "instances").mkdir(parents=True)
    (there / "instances" / found).write_bytes(data)
    bench.caches = from_environ({"CIPD_CACHE_DIR": str(here), "CIPD_READ_ONLY_CACHE_DIR": str(there)})
    assert bench.fetched() == data
    assert bench.service.count("download") == 0
    assert (here / "instances" / found).read_bytes() == data
    assert os.listdir(here / "instances") == [found]

    os.unlink(bench.layout.package(found))
    (there / "instances" / found).unlink()
    assert bench.fetched() == data
    assert bench.service.count("download") == 0
    assert os.listdir(there / "instances") == []


def test_a_damaged_cache_is_skipped(bench: Bench) -> None:
    data = package()
    found = bench.service.put(NAME, data, tags=("version:1.0",))
    instances = bench.directory / "cache" / "instances"
    instances.mkdir(parents=True)
    (instances / found).write_bytes(data[:-1])
    bench.caches = Caches((str(bench.directory / "cache"),), str(bench.directory / "cache"))
    assert bench.fetched() == data
    assert bench.service.count("download") == 1


def test_a_cache_that_cannot_be_written_is_no_error(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    (bench.directory / "file").write_text("")
    bench.caches = Caches((), str(bench.directory / "file"))
    assert bench.fetched() == package()


def test_caches_are_absolute() -> None:
    assert from_environ({"CIPD_CACHE_DIR": ""}) == Caches()
    for variable in ("CIPD_CACHE_DIR", "CIPD_READ_ONLY_CACHE_DIR"):
        with pytest.raises(UserError, match=f"`{variable}` is not an absolute path: `a/b`"):
            from_environ({variable: "a/b"})
