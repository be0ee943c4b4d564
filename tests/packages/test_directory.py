"""The directory source: what it resolves, fetches, keeps and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.packages.shared import PACKAGES, vectors
from vpy.errors import ToolError, UserError
from vpy.model import Pin, Wanted
from vpy.packages import repository
from vpy.packages.cipd import instance_id
from vpy.packages.directory import DirectoryLoader, FolderReader, parse_versions
from vpy.packages.packagewriter import Member
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vpy.packages.loader import PackageLoader

NAME = "infra/python/wheels/demo-py3"
OTHER_ID = "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8C"


class Repository:
    """A repository with what the tests put there, and a root."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = place / "repo"
        self.layout = Layout(str(place / "root"))
        self.reader = FolderReader(str(self.path))

    @property
    def loader(self) -> PackageLoader:
        return DirectoryLoader(self.reader, self.layout, f"directory:{self.path}")

    def put(
        self,
        name: str = NAME,
        text: str = "one",
        tags: Sequence[str] = ("version:1.0",),
        refs: Sequence[str] = (),
    ) -> str:
        source = self.place / "source"
        source.write_text(text)
        members = [Member("demo.txt", str(source))]
        return repository.put(str(self.path), name, members, tags=tags, refs=refs, layout=self.layout)

    def file(self, name: str, instance: str) -> Path:
        return self.path / name / "+" / instance

    def pin(self, version: str = "version:1.0", name: str = NAME) -> Pin:
        (pin,) = self.loader.resolve([Wanted(name, name, version)])
        return pin


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_resolves_ids_refs_and_tags(repo: Repository) -> None:
    first = repo.put(refs=["latest", "stable"])
    second = repo.put(text="two", tags=["version:2.0", "git:abc"], refs=["latest"])
    told = {
        "version:1.0": first,
        "version:2.0": second,
        "git:abc": second,
        "latest": second,
        "stable": first,
        first: first,
    }
    wanted = [Wanted(NAME, NAME, version) for version in told]
    pins = repo.loader.resolve(wanted)
    assert [pin.instance_id for pin in pins] == list(told.values())
    assert {(pin.name, pin.origin, pin.note) for pin in pins} == {(NAME, f"directory:{repo.path}", "")}
    text = json.loads(repo.file(NAME, "versions.json").read_text())
    assert text == {
        "refs": {"latest": second, "stable": first},
        "tags": {"git:abc": [second], "version:1.0": [first], "version:2.0": [second]},
    }
    paths = repo.loader.fetch(pins)
    assert paths == tuple(repo.layout.package(pin.instance_id) for pin in pins)
    for path, pin in zip(paths, pins, strict=True):
        with open(path, "rb") as file:
            assert file.read() == repo.file(NAME, pin.instance_id).read_bytes()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o444
        assert os.stat(path).st_ino != repo.file(NAME, pin.instance_id).stat().st_ino


def test_all_failures_in_one_error(repo: Repository) -> None:
    repo.put(refs=["latest"])
    versions = repo.file(NAME, "versions.json")
    versions.write_text(json.dumps({"tags": {"version:1.0": [OTHER_ID, "0" * 40], "version:2.0": []}}))
    wanted = [
        Wanted(NAME, NAME, "version:1.0"), Wanted(NAME, NAME, "version:2.0"), Wanted(NAME, NAME, "latest"),
        Wanted("infra/gone", "infra/gone", "latest"), Wanted("../x", "../x", "latest"),
        Wanted("a", "a", "a b"),
        Wanted(NAME, NAME, OTHER_ID),
    ]  # fmt: skip
    with pytest.raises(UserError) as caught:
        repo.loader.resolve(wanted)
    origin = f"directory:{repo.path}"
    assert caught.value.message.splitlines() == [
        f"cannot get `{NAME}` at `version:1.0`: the tag is ambiguous: `{OTHER_ID}` and `{'0' * 40}` have it",
        f"cannot get `{NAME}` at `version:2.0`: `{origin}` has no such tag",
        f"cannot get `{NAME}` at `latest`: `{origin}` has no such ref",
        f"cannot get `infra/gone` at `latest`: `{origin}` has no such package",
        "cannot get `../x` at `latest`: not a package name: `../x` has a component of dots alone",
        "cannot get `a` at `a b`: not a version: `a b` is no instance id, no ref and no tag",
    ]


def test_one_bad_disk_among_mistakes_is_no_mistake_of_the_users(repo: Repository) -> None:
    repo.put()
    repo.file(NAME, "versions.json").write_text("{")
    with pytest.raises(ToolError, match=r"versions.json` is damaged"):
        repo.loader.resolve([Wanted(NAME, NAME, "version:1.0"), Wanted("gone", "gone", "latest")])


@pytest.mark.parametrize("text", [
    "", "[]", '{"refs": []}', '{"tags": {"a:b": "x"}}', '{"tags": {"a:b": ["../x"]}}', '{"refs": {"a": 1}}',
    '{"refs": {"a": "../../x"}}', "[" * 100_000, "\xff", '{"refs": null}', '{"refs": {"a": "\\ud800"}}',
])  # fmt: skip
def test_damaged_versions(text: str) -> None:
    with pytest.raises(ToolError, match=r"`a/\+/versions.json` is damaged") as caught:
        parse_versions(text.encode("latin-1"), "a/+/versions.json")
    assert caught.value.message.isprintable()


def test_versions_pass_over_what_they_do_not_know() -> None:
    found = parse_versions(
        b'\xef\xbb\xbf{"metadata": 1, "tags": {"a:b": ["%s", "%s"]}}' % ((OTHER_ID.encode(),) * 2), "x"
    )
    assert found.tags == {"a:b": (OTHER_ID,)}
    assert found.refs == {}


def test_what_is_there_is_not_brought_again(repo: Repository) -> None:
    repo.put()
    pin = repo.pin()
    (path,) = repo.loader.fetch([pin])
    before = os.stat(path)
    assert repo.loader.fetch([pin]) == (path,)
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns
    repo.file(NAME, pin.instance_id).unlink()
    assert repo.loader.fetch([pin]) == (path,)


@pytest.mark.parametrize("harm", ["empty", "short", "writable", "link", "directory"])
def test_what_is_there_and_wrong_is_replaced(harm: str, repo: Repository, tmp_path: Path) -> None:
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
    place = repo.file(NAME, pin.instance_id)
    good = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(BAD[name](good))
    with pytest.raises(ToolError) as caught:
        repo.loader.fetch([pin])
    size = len(BAD[name](good))
    assert caught.value.message == (
        f"cannot get `{NAME}` at `version:1.0`: `{pin.instance_id}` from `directory:{repo.path}` is refused:"
        f" its {size} bytes have another hash; it was refused twice"
    )
    assert os.listdir(repo.layout.packages) == []
    place.write_bytes(good)
    repo.loader.fetch([pin])


def test_another_package_under_the_name(repo: Repository) -> None:
    instance = repo.put(name="infra/other")
    place = repo.file(NAME, instance)
    place.parent.mkdir(parents=True)
    place.write_bytes(repo.file("infra/other", instance).read_bytes())
    with pytest.raises(ToolError) as caught:
        repo.loader.fetch([repo.pin(instance)])
    assert "its manifest names `infra/other`, not `infra/python/wheels/demo-py3`" in caught.value.message
    assert repo.layout.packages not in caught.value.message
    assert os.listdir(repo.layout.packages) == []


def test_no_zip_with_the_right_hash(repo: Repository) -> None:
    data = b"not a zip"
    instance = instance_id(hashlib.sha256(data).digest())
    place = repo.file(NAME, instance)
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    with pytest.raises(ToolError, match="it is no zip archive"):
        repo.loader.fetch([repo.pin(instance)])
    assert os.listdir(repo.layout.packages) == []


def test_an_instance_that_is_gone(repo: Repository) -> None:
    repo.put()
    pin = repo.pin()
    repo.file(NAME, pin.instance_id).unlink()
    with pytest.raises(ToolError) as caught:
        repo.loader.fetch([pin, repo.pin(OTHER_ID)])
    lines = caught.value.message.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"cannot get `{NAME}` at `version:1.0`",
        f"cannot get `{NAME}` at `{OTHER_ID}`",
    ]
    assert os.listdir(repo.layout.packages) == []


class Flaky(FolderReader):
    """Brings damaged bytes the first time."""

    times = 0

    def stream(self, path: str) -> Iterable[bytes]:
        self.times += 1
        yield from [b"<html>"] if self.times == 1 else super().stream(path)


def test_a_bad_file_is_brought_once_more(repo: Repository) -> None:
    repo.put()
    repo.reader = flaky = Flaky(str(repo.path))
    repo.loader.fetch([repo.pin()])
    assert flaky.times == 2


def test_sha1_is_taken_with_a_note(repo: Repository) -> None:
    vectors("package_files")
    with open(os.path.join(PACKAGES, "sha1.cipd"), "rb") as file:
        data = file.read()
    instance = hashlib.sha1(data).hexdigest()
    place = repo.file("test/sha1", instance)
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    repo.file("test/sha1", "versions.json").write_text(json.dumps({"refs": {"latest": instance}}))
    pin = repo.pin("latest", "test/sha1")
    assert "SHA-1" in pin.note
    repo.loader.fetch([pin])
    place.write_bytes(data + b"x")
    os.unlink(repo.layout.package(instance))
    with pytest.raises(ToolError, match="another hash"):
        repo.loader.fetch([pin])


def test_recorded_packages_come_through(repo: Repository) -> None:
    cases = vectors("package_files")
    for case in cases:
        place = repo.file(case["package"], case["instance_id"])
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(os.path.join(PACKAGES, case["file"]), "rb") as file:
            place.write_bytes(file.read())
    pins = repo.loader.resolve(
        [Wanted(case["package"], case["package"], case["instance_id"]) for case in cases]
    )
    paths = repo.loader.fetch(pins)
    assert [os.path.getsize(path) for path in paths] == [case["size"] for case in cases]


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
