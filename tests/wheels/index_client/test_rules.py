"""Rules of a job, as the client follows them and as pip's own resolver does: the answers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel
from tests.wheels.index_client.conftest import put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.wheels.index_client.conftest import Asker

LEFT = "left to pip's resolver: "


class Resolver:
    """Resolves by the client, or by pip: a direct reference to `here`, which is left to pip, is added."""

    def __init__(self, ask: Asker, place: Path, way: str) -> None:
        self.ask = ask
        self.more = () if way == "client" else (f"here @ {make_wheel(place, 'here').as_uri()}",)

    def __call__(self, *requirements: str, **rules: Any) -> dict[str, Any]:
        answer = self.ask(*requirements, *self.more, look=True, directory="", **rules)
        assert (LEFT in self.ask.said) == bool(self.more)
        return answer

    def versions(self, *requirements: str, **rules: Any) -> dict[str, str]:
        answer = self(*requirements, **rules)
        assert answer["errors"] == []
        return {row["name"]: row["version"] for row in answer["wheels"] if row["name"] != "here"}


@pytest.fixture(params=["client", "pip"])
def resolver(request: pytest.FixtureRequest, ask: Asker, tmp_path: Path) -> Resolver:
    return Resolver(ask, tmp_path / "here", request.param)


@pytest.fixture
def second(tmp_path: Path) -> Iterator[AwkwardIndex]:
    (tmp_path / "second").mkdir()
    index = AwkwardIndex(tmp_path / "second")
    yield index
    index.stop()


@pytest.fixture
def stocked(index: AwkwardIndex) -> AwkwardIndex:
    put(index, "a", "1.0", "b")
    requires = ("b>=2", "c; python_version < '3'", "d<2; extra == 'x'")
    make_wheel(index.folder, "a", "2.0", requires=requires, extras=("x",))
    put(index, "b", "1.0")
    put(index, "b", "2.0")
    put(index, "b", "3.0")
    put(index, "b", "4.0rc1")
    put(index, "c", "1.0")
    put(index, "d", "1.0")
    put(index, "d", "2.0")
    return index


@pytest.mark.usefixtures("stocked")
def test_a_constraint_narrows_what_is_needed_and_brings_nothing(resolver: Resolver) -> None:
    assert resolver.versions("a", constraints=["b<3", "d==1"]) == {"a": "2.0", "b": "2.0"}
    assert resolver.versions("a", constraints=["B[any]<2"]) == {"a": "1.0", "b": "1.0"}, (
        "its extras are nothing"
    )
    assert resolver.versions("a<2", "b", constraints=["b!=3.0"]) == {"a": "1.0", "b": "2.0"}
    assert resolver.versions("a", constraints=["b<3; python_version < '3'"]) == {"a": "2.0", "b": "3.0"}


@pytest.mark.usefixtures("stocked")
def test_a_constraint_may_ask_for_a_pre_release(resolver: Resolver) -> None:
    assert resolver.versions("b", constraints=["b>=4.0rc1"]) == {"b": "4.0rc1"}
    assert resolver.versions("b", constraints=["b>1"]) == {"b": "3.0"}


@pytest.mark.usefixtures("stocked")
def test_a_constraint_that_nothing_meets(resolver: Resolver) -> None:
    (row,) = resolver("a", constraints=["b>9"])["errors"]
    assert row["kind"] in ("conflict", "other")


@pytest.mark.usefixtures("stocked")
def test_an_override_replaces_each_requirement_of_its_project(resolver: Resolver) -> None:
    assert resolver.versions("a", overrides=["b==1.0"]) == {"a": "2.0", "b": "1.0"}
    assert resolver.versions("a", "b>=3", overrides=["b==1.0"]) == {"a": "2.0", "b": "1.0"}
    assert resolver.versions("a", overrides=["zzz==1"]) == {"a": "2.0", "b": "3.0"}


@pytest.mark.usefixtures("stocked")
def test_the_marker_is_the_override_s_own(resolver: Resolver) -> None:
    assert resolver.versions("a", overrides=["c"]) == {"a": "2.0", "b": "3.0", "c": "1.0"}
    assert resolver.versions("a", overrides=["b; python_version < '3'"]) == {"a": "2.0"}
    both = ["b==1.0; python_version >= '3'", "b==2.0; python_version < '3'"]
    assert resolver.versions("a", overrides=both) == {"a": "2.0", "b": "1.0"}


@pytest.mark.usefixtures("stocked")
def test_what_an_extra_brings_is_overridden_for_that_extra_alone(resolver: Resolver) -> None:
    assert resolver.versions("a", overrides=["d==2.0"]) == {"a": "2.0", "b": "3.0"}
    assert resolver.versions("a[x]", overrides=["d==2.0"]) == {"a": "2.0", "b": "3.0", "d": "2.0"}
    assert resolver.versions("a[x]") == {"a": "2.0", "b": "3.0", "d": "1.0"}


@pytest.mark.usefixtures("stocked")
def test_overrides_are_constrained(resolver: Resolver) -> None:
    assert resolver.versions("a", overrides=["b"], constraints=["b<2"]) == {"a": "2.0", "b": "1.0"}


def test_the_first_index_that_has_a_project_is_the_only_one_for_it(
    resolver: Resolver, stocked: AwkwardIndex, second: AwkwardIndex
) -> None:
    put(second, "b", "0.5")
    assert resolver.versions("b", indexes=[second.url]) == {"b": "0.5"}
    assert resolver("b>1", indexes=[second.url])["errors"][0]["kind"] == "version"
    assert resolver.versions("a", indexes=[second.url]) == {"a": "1.0", "b": "0.5"}
    assert not [path for path, _ in stocked.asked if path.startswith("/simple/b/")]


def test_an_index_that_has_nothing_that_fits_is_the_only_one_too(
    resolver: Resolver, stocked: AwkwardIndex, second: AwkwardIndex
) -> None:
    """Or whoever publishes the name elsewhere would be asked for it."""
    put(second, "b", "0.5", tag="cp27-none-win32")
    assert resolver("b", indexes=[second.url])["errors"][0]["kind"] == "wheel"
    assert not [path for path, _ in stocked.asked if path.startswith("/simple/b/")]


def test_a_pinned_project_comes_from_its_index_alone(
    resolver: Resolver, stocked: AwkwardIndex, second: AwkwardIndex
) -> None:
    put(second, "b", "0.5")
    put(second, "d", "9.0")
    assert resolver.versions("a", "d", pinned={"b": second.url}) == {"a": "1.0", "b": "0.5", "d": "2.0"}
    assert resolver("c", pinned={"c": second.url})["errors"][0]["kind"] == "project"
    assert not [path for path, _ in stocked.asked if path.startswith(("/simple/b/", "/simple/c/"))]


def test_what_was_uploaded_later_does_not_exist(resolver: Resolver, index: AwkwardIndex) -> None:
    for version, day in (("1.0", "01"), ("2.0", "02"), ("3.0", "03")):
        put(index, "a", version)
        index.uploaded[f"a-{version}-py3-none-any.whl"] = f"2024-01-{day}T10:00:00.5Z"
    assert resolver.versions("a", exclude_newer="2024-01-03T00:00:00Z") == {"a": "2.0"}
    assert resolver.versions("a", exclude_newer="2024-01-02T10:00:00.500000+00:00") == {"a": "1.0"}
    answer = resolver("a", exclude_newer="2023-01-01T00:00:00Z")
    assert {reason for row in answer["errors"] for _, reason in row["files"]} == {"upload_too_late"}
    assert answer["undated"] == []


@pytest.mark.parametrize("pages", ["json", "html"])
def test_a_file_without_an_upload_time_is_passed_over(
    resolver: Resolver, index: AwkwardIndex, pages: str
) -> None:
    put(index, "a", "1.0")
    put(index, "a", "2.0")
    index.uploaded["a-1.0-py3-none-any.whl"] = "2024-01-01T00:00:00Z"
    index.json = pages == "json"
    answer = resolver("a", exclude_newer="2025-01-01T00:00:00Z")
    assert answer["undated"] == ["a"]
    if pages == "json":
        assert [row["version"] for row in answer["wheels"] if row["name"] == "a"] == ["1.0"]
    else:
        assert {reason for row in answer["errors"] for _, reason in row["files"]} == {"upload_time_missing"}


def test_pip_s_own_cutoff_counts_as_well(ask: Asker, index: AwkwardIndex) -> None:
    for version, day in (("1.0", "01"), ("2.0", "02"), ("3.0", "03")):
        put(index, "a", version)
        index.uploaded[f"a-{version}-py3-none-any.whl"] = f"2024-01-{day}T00:00:00Z"
    environ = {"PIP_UPLOADED_PRIOR_TO": "2024-01-02T00:00:00Z"}
    assert ask.versions("a", environ=environ, exclude_newer="2024-01-03T00:00:00Z") == {"a": "1.0"}
    environ = {"PIP_UPLOADED_PRIOR_TO": "2024-01-09T00:00:00Z"}
    assert ask.versions("a", environ=environ, exclude_newer="2024-01-03T00:00:00Z") == {"a": "2.0"}


def test_a_kept_page_serves_every_cutoff(ask: Asker, index: AwkwardIndex, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        put(index, "a", version)
        index.uploaded[f"a-{version}-py3-none-any.whl"] = f"2024-0{version[0]}-01T00:00:00Z"
    look = {"pages": str(tmp_path / "pages"), "look": True, "directory": ""}
    for offline in (False, True):
        old = ask.versions("a", **look, offline=offline, exclude_newer="2024-01-15T00:00:00Z")
        assert old == {"a": "1.0"}
        assert ask.versions("a", **look, offline=offline) == {"a": "2.0"}


def test_a_page_that_is_not_there_is_kept_as_that(
    ask: Asker, stocked: AwkwardIndex, second: AwkwardIndex, tmp_path: Path
) -> None:
    look = {"pages": str(tmp_path / "pages"), "look": True, "directory": "", "indexes": [second.url]}
    assert ask.versions("b", **look) == {"b": "3.0"}
    stocked.asked.clear()
    assert ask.versions("b", **look, offline=True) == {"b": "3.0"}
    assert stocked.asked == []
    put(second, "b", "0.5")
    assert ask.versions("b", **look) == {"b": "0.5"}
