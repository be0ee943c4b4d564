"""The client of an index in pip's process, against awkward indexes: its answers, and what it asks for."""

from __future__ import annotations

import hashlib
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.wheelmaker import make_wheel
from tests.wheels.index_client.conftest import put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.awkward_index import AwkwardIndex
    from tests.wheels.index_client.conftest import Asker

LEFT = "left to pip's resolver: "


@pytest.mark.parametrize("pages", ["json", "html"])
@pytest.mark.parametrize("ranges", ["yes", "ignored", "refused"])
@pytest.mark.parametrize("offers", [True, False], ids=["PEP 658", "no METADATA"])
def test_every_way_to_metadata(
    ask: Asker, index: AwkwardIndex, pages: str, ranges: str, offers: bool
) -> None:
    index.json, index.ranges, index.offers = pages == "json", ranges, offers
    put(index, "a", "1.0", "b>=1", "c; sys_platform == 'none'")
    put(index, "b", "1.0")
    put(index, "b", "2.0", "d[x]<2")
    put(index, "d", "1.5", "e; extra == 'x'", "never; extra == 'y'")
    put(index, "d", "2.0")
    put(index, "e", "3.0")
    assert ask.versions("a") == {"a": "1.0", "b": "2.0", "d": "1.5", "e": "3.0"}
    assert LEFT not in ask.said
    names = [f"{name}-{version}-py3-none-any.whl" for name, version in ask.versions("a").items()]
    assert sorted(os.listdir(ask.place / "downloads")) == sorted(names)
    assert index.fetched() == sorted(2 * names), "each once in each of the two runs"


def test_a_list_of_members_of_more_than_a_megabyte(ask: Asker, index: AwkwardIndex) -> None:
    """It begins before what is fetched first, and is read whole, as in wheels of 10,000 files."""
    members = {f"{'long' * 50}/{number}": "" for number in range(5500)}
    wheel = make_wheel(index.folder, "a", files=members, requires=("b",))
    put(index, "b")
    assert wheel.stat().st_size > 2 << 20
    assert ask.versions("a", look=True, directory="") == {"a": "1.0", "b": "1.0"}
    assert LEFT not in ask.said
    assert index.fetched() == []


def test_a_look_fetches_no_wheel(ask: Asker, index: AwkwardIndex) -> None:
    ask.loaded = None  # a process of its own, as in use
    put(index, "a", "1.0", "b")
    put(index, "b")
    assert ask.versions("a", look=True, directory="") == {"a": "1.0", "b": "1.0"}
    assert index.fetched() == []


def test_what_is_here_is_not_fetched(ask: Asker, index: AwkwardIndex) -> None:
    wheels = [put(index, "a", "1.0", "b"), put(index, "b")]
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    answer = ask("a", streamed=True, reply={"here": {wheels[1].name: ""}})
    assert [row["sha256"] for row in answer["wheels"]] == digests
    assert index.fetched() == ["a-1.0-py3-none-any.whl"]
    events = {row["event"]: row for row in ask.events}
    assert [row["sha256"] for row in events["decided"]["wheels"]] == digests
    assert events["fetched"]["wheel"] == answer["wheels"][0]
    assert events["fetching"]["filename"] == "a-1.0-py3-none-any.whl"
    assert sum(row["bytes"][wheels[0].name] for row in ask.events if row["event"] == "came") <= len(
        wheels[0].read_bytes()
    )


def test_a_job_goes_on_where_an_earlier_one_broke_off(ask: Asker, index: AwkwardIndex) -> None:
    wheel = put(index, "a")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    partial = ask.place / f"part-{digest}"
    for kept in (wheel.read_bytes()[:50], b"no part of it", wheel.read_bytes(), wheel.read_bytes() + b"more"):
        partial.write_bytes(kept)
        assert ask.versions("a", partial=str(ask.place / "part-")) == {"a": "1.0"}
        assert (ask.place / "downloads" / wheel.name).read_bytes() == wheel.read_bytes()
        assert not partial.exists()


def test_a_download_goes_on_where_it_broke_off(ask: Asker, index: AwkwardIndex) -> None:
    wheel = put(index, "a")
    index.breaks = 1
    assert ask.versions("a", dependencies=False) == {"a": "1.0"}
    spans = [span for path, span in index.asked if path.endswith(".whl")]
    assert spans == ["", f"bytes={wheel.stat().st_size // 2}-"]
    assert (ask.place / "downloads" / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("ranges", ["ignored", "refused"])
def test_a_download_starts_over(ask: Asker, index: AwkwardIndex, ranges: str) -> None:
    wheel = put(index, "a")
    index.breaks, index.ranges = 1, ranges
    assert ask.versions("a", dependencies=False) == {"a": "1.0"}
    assert (ask.place / "downloads" / wheel.name).read_bytes() == wheel.read_bytes()


def test_other_bytes_than_the_page_says(ask: Asker, index: AwkwardIndex) -> None:
    wheel = put(index, "a")
    index.lies[f"/files/{wheel.name}"] = wheel.read_bytes() + b"more"
    (row,) = ask("a", dependencies=False)["errors"]
    assert (row["kind"], row["requirement"]) == ("hash", wheel.name)


@pytest.mark.parametrize("requires", ["Requires-Dist: b\n", ""])
def test_other_metadata_than_the_wheel_has(ask: Asker, index: AwkwardIndex, requires: str) -> None:
    wheel = put(index, "a", "1.0", *([] if requires else ["b"]))
    put(index, "b")
    index.offers = True
    index.lies[f"/files/{wheel.name}.metadata"] = (
        f"Metadata-Version: 2.1\nName: a\nVersion: 1.0\n{requires}".encode()
    )
    (row,) = ask("a")["errors"]
    assert row["fact"] == f"`{wheel.name}` has other METADATA than the index gave for it"


def test_wrong_metadata_is_not_kept(ask: Asker, index: AwkwardIndex) -> None:
    wheel = put(index, "a")
    index.offers = True
    pages = str(ask.place / "pages")
    index.lies[f"/files/{wheel.name}.metadata"] = index.metadata(wheel.name) + b"Requires-Dist: b\n"
    put(index, "b")
    assert [row["kind"] for row in ask("a", pages=pages)["errors"]] == ["other"]
    index.lies.clear()
    assert ask.versions("a", pages=pages) == {"a": "1.0"}


def test_no_program_off_path_is_run(ask: Asker, index: AwkwardIndex) -> None:
    """pip's user agent would name the version of `rustc`, and ask two for that of the system."""
    put(index, "a")
    for name in ("rustc", "lsb_release", "uname"):
        program = ask.place / name
        program.write_text(f"#!/bin/sh\ntouch {ask.place}/ran\n")
        program.chmod(0o755)
    assert ask.versions("a", environ={"PATH": f"{ask.place}:{os.environ['PATH']}"}) == {"a": "1.0"}
    assert not (ask.place / "ran").exists()


def test_garbled_ranges_are_left_to_pip(ask: Asker, index: AwkwardIndex) -> None:
    put(index, "a", "1.0", "b")
    put(index, "b")
    index.ranges = "garbled"
    assert ask.versions("a") == {"a": "1.0", "b": "1.0"}
    assert LEFT in ask.said


@pytest.mark.parametrize("kind", ["endless", "bomb"])
@pytest.mark.parametrize("look", [True, False])
def test_pages_have_a_bound(ask: Asker, index: AwkwardIndex, kind: str, look: bool) -> None:
    """Both end at 128 MiB, the compressed one by its unpacked bytes; pip's own reading is bound, too."""
    put(index, "a")
    setattr(index, kind, "/a/")
    (row,) = ask("a", look=look, dependencies=not look)["errors"]
    assert row["kind"] == "network"
    assert row["fact"].endswith("the answer has more than 128 MiB")


def test_an_index_that_is_not_trusted(ask: Asker) -> None:
    """Plain HTTP to another machine is refused as pip refuses it, before anything is sent."""
    answer = ask("a", index="http://192.0.2.1/simple/")
    assert [row["kind"] for row in answer["errors"]] == ["ignored"]
    assert "is not a trusted or secure host" in ask.said


def test_yanked(ask: Asker, index: AwkwardIndex) -> None:
    put(index, "a", "1.0")
    index.yanked.add(put(index, "a", "2.0").name)
    assert ask.versions("a") == {"a": "1.0"}
    assert ask.versions("a==2.0") == {"a": "2.0"}


def test_hashes(ask: Asker, index: AwkwardIndex) -> None:
    old, _ = put(index, "a", "1.0"), put(index, "a", "2.0")
    digest = hashlib.sha256(old.read_bytes()).hexdigest()
    assert ask.versions("a", hashes=(digest,), dependencies=False) == {"a": "1.0"}


def test_a_page_of_20000_files(ask: Asker, index: AwkwardIndex) -> None:
    wheel = put(index, "a")
    (row,) = json.loads(index.page("a") or b"")["files"]
    rows = [{**row, "filename": f"a-0.{number}-cp27-none-any.whl"} for number in range(20_000)]
    index.lies["/simple/a/"] = json.dumps({"meta": {"api-version": "1.0"}, "files": [*rows, row]}).encode()
    assert ask.versions("a") == {"a": "1.0"}
    assert wheel.name in os.listdir(ask.place / "downloads")


UNIVERSES = [pytest.param(seed, marks=[pytest.mark.long] if seed >= 6 else []) for seed in range(150)]


@pytest.mark.parametrize("seed", UNIVERSES)
def test_the_same_versions_as_pip(ask: Asker, index: AwkwardIndex, tmp_path: Path, seed: int) -> None:
    """Random universes with conflicts: the answer is the one of pip's resolver, or none where it has none.

    Then what pip misses is named here too, and the requirements that are blamed fail by themselves.
    """
    randomly = random.Random(seed)
    names = "abcdefg"
    versions = ["0.9", "1.0", "1.1", "2.0rc1", "2.0", "3.0.dev1"]
    for name in names:
        for version in randomly.sample(versions, randomly.randint(1, 5)):
            others = randomly.sample(names, randomly.randint(0, 3))
            put(index, name, version, *(bounded(randomly, other) for other in others if other != name))
    requirements = [bounded(randomly, name) for name in randomly.sample(names, 3)]
    ours = ask(*requirements)
    index_page = tmp_path / "links.html"
    index_page.write_text("<html></html>")
    environ = {"PIP_FIND_LINKS": str(index_page), "PIP_INDEX_URL": index.url}
    pips = ask(*requirements, environ=environ, index=None)
    assert LEFT in ask.said
    assert [(row["name"], row["version"]) for row in by_name(ours)] == [
        (row["name"], row["version"]) for row in by_name(pips)
    ]
    assert bool(ours["errors"]) == bool(pips["errors"])
    assert missing(pips) <= missing(ours)
    for row in ours["errors"]:
        if "asked" in row:
            assert ask(*row["asked"], environ=environ, index=None)["errors"]


def missing(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Projects that a requirement finds no version of, each with the kind of the error."""
    rows = [each for row in answer["errors"] for each in (row, *row.get("lacking", ()))]
    return {(row["kind"], row["project"]) for row in rows if "project" in row}


def by_name(answer: dict[str, Any]) -> list[dict[str, str]]:
    return sorted(answer["wheels"], key=lambda row: str(row["name"]))


def bounded(randomly: random.Random, name: str) -> str:
    return name + randomly.choice(["", "", ">=1.0", "<2", "==1.*", "!=1.1", "~=1.0", ">=2.0rc1", "==1.0"])
