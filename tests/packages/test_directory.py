"""The directory source: what it resolves, fetches and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.packages.folder import NAME, OTHER_ID
from tests.support.vectors import PACKAGES, vectors
from vpy.errors import ToolError, UserError
from vpy.model import Wanted
from vpy.packages.directory import parse_versions

if TYPE_CHECKING:
    from tests.packages.folder import Repository


def test_resolves_ids_refs_and_tags(repo: Repository) -> None:
    first = repo.put(refs=["latest", "stable"])
    second = repo.put(text="two", tags=["version:2.0", "git:abc"], refs=["latest"])
    expected = {
        "version:1.0": first,
        "version:2.0": second,
        "git:abc": second,
        "latest": second,
        "stable": first,
        first: first,
    }
    wanted = [Wanted(NAME, NAME, version) for version in expected]
    pins = repo.loader.resolve(wanted).pins
    assert [pin.instance_id for pin in pins] == list(expected.values())
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
        "cannot get `a` at `a b`: not a version: `a b` is neither an instance id nor a ref nor a tag",
    ]


def test_a_damaged_file_among_mistakes_is_a_tool_error(repo: Repository) -> None:
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


def test_unknown_keys_of_versions_are_ignored() -> None:
    found = parse_versions(
        b'\xef\xbb\xbf{"metadata": 1, "tags": {"a:b": ["%s", "%s"]}}' % ((OTHER_ID.encode(),) * 2), "x"
    )
    assert found.tags == {"a:b": (OTHER_ID,)}
    assert found.refs == {}


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


def test_sha1_is_taken_with_a_note(repo: Repository) -> None:
    vectors("package_files")
    with open(os.path.join(PACKAGES, "sha1.cipd"), "rb") as file:
        data = file.read()
    instance = hashlib.sha1(data).hexdigest()
    path = repo.file("test/sha1", instance)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    repo.file("test/sha1", "versions.json").write_text(json.dumps({"refs": {"latest": instance}}))
    pin = repo.pin("latest", "test/sha1")
    assert "SHA-1" in pin.note
    repo.loader.fetch([pin])
    path.write_bytes(data + b"x")
    os.unlink(repo.layout.package(instance))
    with pytest.raises(ToolError, match="another hash"):
        repo.loader.fetch([pin])


def test_recorded_packages_come_through(repo: Repository) -> None:
    cases = vectors("package_files")
    for case in cases:
        path = repo.file(case["package"], case["instance_id"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.path.join(PACKAGES, case["file"]), "rb") as file:
            path.write_bytes(file.read())
    pins = repo.loader.resolve(
        [Wanted(case["package"], case["package"], case["instance_id"]) for case in cases]
    ).pins
    paths = repo.loader.fetch(pins)
    assert [os.path.getsize(path) for path in paths] == [case["size"] for case in cases]
