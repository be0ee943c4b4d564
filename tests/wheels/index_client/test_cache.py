"""What an index said is kept in the root: a second resolution asks for what may have changed, no more."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.wheels.index_client.conftest import put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.awkward_index import AwkwardIndex
    from tests.wheels.index_client.conftest import Asker

    Look = Callable[..., dict[str, Any]]

LEFT = "left to pip's resolver: "
PAGES = ["/simple/a/", "/simple/b/"]


@pytest.fixture
def look(ask: Asker, index: AwkwardIndex, tmp_path: Path) -> Look:
    """Return a function that resolves `a`, which needs `b`, with the cache, and downloads nothing."""
    put(index, "a", "1.0", "b", "c; extra == 'x'")
    put(index, "b")

    def run(*wanted: str, **job: Any) -> dict[str, Any]:
        index.asked.clear()
        index.unchanged.clear()
        pages = str(tmp_path / "pages")
        return ask(*(wanted or ("a",)), **{"look": True, "pages": pages, **job})

    return run


def versions(answer: dict[str, Any]) -> dict[str, str]:
    assert answer["errors"] == []
    return {row["name"]: row["version"] for row in answer["wheels"]}


def paths(index: AwkwardIndex) -> list[str]:
    return sorted(path for path, _ in index.asked)


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified", ""])
def test_a_second_resolution(look: Look, index: AwkwardIndex, validator: str) -> None:
    """Pages are asked for under their conditions, METADATA is not; a new version is seen."""
    index.validator = validator
    first = look()
    assert versions(first) == {"a": "1.0", "b": "1.0"}
    assert len(index.asked) == 4
    assert look() == first
    assert paths(index) == PAGES
    assert sorted(index.unchanged) == (PAGES if validator else [])
    put(index, "b", "2.0")
    if validator != "Last-Modified":
        assert versions(look()) == {"a": "1.0", "b": "2.0"}
        assert sorted(set(paths(index))) == ["/files/b-2.0-py3-none-any.whl", *PAGES]


@pytest.mark.parametrize("offers", [True, False])
def test_offline(look: Look, index: AwkwardIndex, offers: bool) -> None:
    """What is kept serves as it is, without a request; what is missing is named."""
    index.offers = offers
    first = look()
    put(index, "b", "2.0")
    put(index, "d")
    assert look(offline=True) == first
    (row,) = look("d", offline=True)["errors"]
    assert (row["kind"], row["fact"]) == (
        "network",
        "not in the root, and network access is disabled by `-vpython-offline`: the page of `d`",
    )
    (row,) = look("b<2", offline=True, look=False)["errors"]
    assert row["kind"] == "network"
    assert row["fact"].startswith(
        "not in the root, and network access is disabled by `-vpython-offline`: `http://127.0.0.1:"
    )
    assert row["fact"].endswith("/files/b-1.0-py3-none-any.whl`")
    assert index.asked == []


def test_offline_without_metadata(look: Look, index: AwkwardIndex) -> None:
    put(index, "a", "0.9")
    look()
    (row,) = look("a<1", offline=True)["errors"]
    name = "a-0.9-py3-none-any.whl"
    assert (row["kind"], row["fact"]) == (
        "network",
        f"not in the root, and network access is disabled by `-vpython-offline`: METADATA of `{name}`",
    )


@pytest.mark.parametrize("wanted", ["a==7", "a==1.0+local", "a @ http://127.0.0.1:9/a-1.0-py3-none-any.whl"])
def test_what_is_left_to_pip_offline(look: Look, index: AwkwardIndex, wanted: str) -> None:
    """pip's resolver may ask nobody either."""
    look()
    (row,) = look(wanted, offline=True)["errors"]
    assert row["kind"] == "network"
    assert row["fact"].startswith(
        "not in the root, and network access is disabled by `-vpython-offline`: `http://127.0.0.1:"
    )
    assert index.asked == []


def test_another_target_has_pages_of_its_own(look: Look, index: AwkwardIndex) -> None:
    put(index, "a", "2.0", tag="cp27-none-any")
    assert versions(look()) == {"a": "1.0", "b": "1.0"}
    tags = [["cp27", "none", "any"], ["py3", "none", "any"]]
    assert versions(look(tags=tags)) == {"a": "2.0"}
    assert versions(look()) == {"a": "1.0", "b": "1.0"}


def test_an_index_among_several(look: Look, ask: Asker, index: AwkwardIndex) -> None:
    """A page that an index lacks is kept as well; releases of several are merged as at first."""
    put(index, "b", "2.0")
    index.lies["/simple/other/b/"] = index.page("b") or b""
    index.lies["/simple/b/"] = (index.page("b") or b"").replace(b"b-2.0-", b"b-0.5-")
    environ = {"PIP_INDEX_URL": index.url, "PIP_EXTRA_INDEX_URL": index.url + "other/"}
    first = look(index=None, environ=environ)
    assert versions(first) == {"a": "1.0", "b": "2.0"}
    assert LEFT not in ask.said
    assert look(index=None, environ=environ, offline=True) == first
    assert look(index=None, environ=environ) == first


@pytest.mark.parametrize("damage", ["cut", "other", "foreign", "empty", "directory"])
def test_damaged_entries_are_ignored(look: Look, index: AwkwardIndex, tmp_path: Path, damage: str) -> None:
    index.validator = "ETag"
    first = look()
    entries = sorted((tmp_path / "pages").iterdir())
    assert len(entries) == 4
    contents = [entry.read_bytes() for entry in entries]
    for entry, data in zip(entries, [*contents[1:], contents[0]], strict=True):
        mine = entry.read_bytes()
        entry.unlink()
        if damage == "directory":
            entry.mkdir()
        else:
            other = {"cut": mine[:-9], "other": mine.replace(b"a", b"b", 1), "foreign": data, "empty": b""}
            entry.write_bytes(other[damage])
    assert look() == first
    assert len(index.asked) == 4
    assert index.unchanged == []


def test_what_may_not_be_stored(look: Look, index: AwkwardIndex, tmp_path: Path) -> None:
    """`no-store` is respected, by what was stored before, too."""
    look()
    assert len(os.listdir(tmp_path / "pages")) == 4
    index.headers["Cache-Control"] = "private, No-Store"
    look()
    assert len(os.listdir(tmp_path / "pages")) == 2, "METADATA alone"
    for path in (tmp_path / "pages").iterdir():
        path.unlink()
    look()
    assert os.listdir(tmp_path / "pages") == []


def test_hashless_files_are_asked_again(look: Look, index: AwkwardIndex) -> None:
    """Another file may have the same name there; offline it is taken for the same."""
    index.hashes = False
    first = look()
    assert look() == first
    assert len(index.asked) == 4
    assert look(offline=True) == first


def test_metadata_of_another_hash_is_asked_again(look: Look, index: AwkwardIndex) -> None:
    """METADATA that came without a hash is taken as it is nowhere but offline."""
    index.offers = True
    assert versions(look()) == {"a": "1.0", "b": "1.0"}
    text = index.metadata("a-1.0-py3-none-any.whl")
    index.lies["/files/a-1.0-py3-none-any.whl.metadata"] = text.replace(b"Requires-Dist: b\n", b"")
    assert versions(look()) == {"a": "1.0"}


def test_private_pages(look: Look, index: AwkwardIndex, tmp_path: Path) -> None:
    """The user alone may read what is kept, and no name or password is in it, nor a page of such links."""
    index.login = "somebody:secret"
    put(index, "e")
    page = json.loads(index.page("e") or b"")
    url = index.url.replace("//", "//somebody:secret@")
    page["files"][0]["url"] = url.replace("/simple/", page["files"][0]["url"])
    index.lies["/simple/e/"] = json.dumps(page).encode()
    assert versions(look(index=url)) == {"a": "1.0", "b": "1.0"}
    entries = list((tmp_path / "pages").iterdir())
    assert len(entries) == 4
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in entries} == {0o600}
    assert stat.S_IMODE((tmp_path / "pages").stat().st_mode) == 0o700
    assert versions(look("e", index=url)) == {"e": "1.0"}
    assert len(list((tmp_path / "pages").iterdir())) == 5, "METADATA alone"
    assert not [entry for entry in (tmp_path / "pages").iterdir() if b"secret" in entry.read_bytes()]
    (row,) = look()["errors"]
    assert row["kind"] == "denied", "who does not say who they are gets nothing of it"


def test_pips_own_cache_is_left_alone(look: Look, tmp_path: Path) -> None:
    environ = {"PIP_NO_CACHE_DIR": "0", "PIP_CACHE_DIR": str(tmp_path / "pip")}
    assert versions(look(look=False, environ=environ)) == {"a": "1.0", "b": "1.0"}
    assert not [path for path in (tmp_path / "pip").rglob("*") if path.is_file()]


def test_use_renews_an_entry(look: Look, tmp_path: Path) -> None:
    """A prune goes by the mtime, which is set once a day."""
    look()
    entries = sorted((tmp_path / "pages").iterdir())
    old, recent = entries[0].stat().st_mtime - 2 * 24 * 3600, entries[0].stat().st_mtime - 3600
    for entry in entries:
        os.utime(entry, (old, old))
    os.utime(entries[0], (recent, recent))
    look(offline=True)
    assert [entry.stat().st_mtime <= recent for entry in entries] == [True, False, False, False]
