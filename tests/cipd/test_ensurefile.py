"""Ensure files and their `.versions` files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.packages.shared import vectors
from vpy.errors import UserError
from vpy.packages import ensurefile, versionsfile
from vpy.packages.cipd import id_from_reference
from vpy.packages.ensurefile import EnsureFile, Package
from vpy.target import template

if TYPE_CHECKING:
    from vpy.model import Wanted

VALUES = {"os": "linux", "arch": "amd64", "platform": "linux-amd64"}
ID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"


def parse(text: str) -> EnsureFile:
    return ensurefile.parse(text, "e", lambda each: template.validate(each, VALUES))


def expand(file: EnsureFile) -> tuple[tuple[str, Wanted], ...]:
    return ensurefile.expand(file, "e", lambda each: template.expand(each, VALUES))


def resolved(file: EnsureFile) -> dict[str, list[dict[str, str]]]:
    """As the recording resolver does: `nosuch` fails, an id is itself, else the hash of what is asked."""
    found: dict[str, list[dict[str, str]]] = {}
    for subdir, wanted in expand(file):
        if wanted.version == "nosuch":
            raise UserError("no such version")
        told = hashlib.sha256(f"{wanted.name}@{wanted.version}".encode()).hexdigest()
        known = versionsfile.look_up({}, wanted.name, wanted.version) or id_from_reference(2, told)
        found.setdefault(subdir, []).append({"instance_id": known, "package": wanted.name})
    return found


def test_recorded_ensure_files() -> None:
    cases = vectors("ensure_files")
    for case in cases:
        if "parse_error" in case:
            with pytest.raises(UserError):
                parse(case["in"])
            continue
        file = parse(case["in"])
        by_subdir: dict[str, list[dict[str, object]]] = {}
        for each in file.packages:
            row = {"line": each.line, "package": each.template, "version": each.version}
            by_subdir.setdefault(each.subdir, []).append(row)
        assert case["parsed"] == {
            "override_install_mode": file.override_install_mode,
            "packages_by_subdir": by_subdir,
            "paranoid_mode": file.paranoid_mode,
            "resolved_versions": file.resolved_versions,
            "service_url": file.service_url,
            "verify_platforms": list(file.verified_platforms) or None,
        }
        assert ensurefile.render(file) == case["serialized"]
        if "resolve_error" in case:
            with pytest.raises(UserError):
                resolved(file)
            continue
        assert resolved(file) == case["resolved"]["packages_by_subdir"]
        packages = tuple(
            Package(subdir, pin["package"], pin["instance_id"])
            for subdir, pins in resolved(file).items()
            for pin in pins
        )
        pinned = EnsureFile(
            service_url=file.service_url, paranoid_mode=file.paranoid_mode,
            override_install_mode=file.override_install_mode, packages=packages,
        )  # fmt: skip
        assert ensurefile.render(pinned) == case["resolved_serialized"]
    assert len(cases) >= 56


def test_recorded_versions_files() -> None:
    cases = vectors("resolved_versions_files")
    for case in cases:
        if case["error"] is None:
            assert versionsfile.render(versionsfile.parse(case["in"], "v")) == case["serialized"]
        else:
            with pytest.raises(UserError, match=r"^v"):
                versionsfile.parse(case["in"], "v")
    assert len(cases) >= 8


WHOLE = """\
# what a checkout needs
$ServiceURL https://packages.example
$ParanoidMode CheckIntegrity
$ResolvedVersions some.versions
$overrideinstallmode copy
$VERIFIEDPLATFORM linux-amd64 mac-arm64
$VerifiedPlatform windows-386

a/${platform}   latest
a/${os=mac}     latest
\\
b   \\
   version:1.2 3
@Subdir sub/${os}
c\tgit_revision:abc
@subdir only/${os=windows}
d  latest
@Subdir
e  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC
"""


def test_the_whole_grammar() -> None:
    file = parse(WHOLE)
    assert (file.service_url, file.paranoid_mode) == ("https://packages.example", "CheckIntegrity")
    assert (file.resolved_versions, file.override_install_mode) == ("some.versions", "copy")
    assert file.verified_platforms == ("linux-amd64", "mac-arm64", "windows-386")
    assert [(each.line, each.subdir, each.template, each.version) for each in file.packages] == [
        (9, "", "a/${platform}", "latest"), (10, "", "a/${os=mac}", "latest"), (11, "", "b", "version:1.2 3"),
        (15, "sub/${os}", "c", "git_revision:abc"), (17, "only/${os=windows}", "d", "latest"),
        (19, "", "e", ID),
    ]  # fmt: skip
    assert [(subdir, wanted.name) for subdir, wanted in expand(file)] == [
        ("", "a/linux-amd64"), ("", "b"), ("sub/linux", "c"), ("", "e"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [
    ("$ServiceUrll https://a", "e:1:1: unknown setting `$ServiceUrll`; did you mean `$ServiceURL`?"),
    ("$Paranoid_Mode x", "e:1:1: unknown setting `$Paranoid_Mode`; did you mean `$ParanoidMode`?"),
    ("$ResolvedVersion x", "e:1:1: unknown setting `$ResolvedVersion`; did you mean `$ResolvedVersions`?"),
    ("$VerifyPlatform x", "e:1:1: unknown setting `$VerifyPlatform`; did you mean `$VerifiedPlatform`?"),
    ("$OverideInstallMode copy",
     "e:1:1: unknown setting `$OverideInstallMode`; did you mean `$OverrideInstallMode`?"),
    ("  @SubDirs x", "e:1:3: unknown directive `@SubDirs`; did you mean `@Subdir`?"),
    ("@x", "e:1:1: unknown directive `@x`: there is @Subdir"),
    ("\n\n$ServiceURL http://a:b", "e:3:13: not an address: `http://a:b`"),
    ("$ServiceURL a\n$ServiceURL a", "e:2:1: `$ServiceURL` stands twice"),
    ("a latest\n$ServiceURL a", "e:2:1: the setting `$ServiceURL` stands behind a package or directive"),
    ("$ParanoidMode no",
     "e:1:15: `$ParanoidMode` is one of NotParanoid, CheckPresence, CheckIntegrity, not `no`"),
    ("$OverrideInstallMode link", "e:1:22: `$OverrideInstallMode` can only be `copy`, not `link`"),
    ("$VerifiedPlatform a-b-c", "e:1:19: a platform is <os>-<arch>, not `a-b-c`"),
    ("@Subdir ../x", "e:1:9: not a subdirectory: `../x` leads outside"),
    ("@Subdir a\\b", "e:1:9: not a subdirectory: `a\\b` has a backslash, a colon or a NUL"),
    ("@Subdir ${x}", "e:1:9: unknown variable `${x}` in `${x}`"),
    ("$x\n@y\n$z", "e:1:1: unknown setting `$x`: there is $ServiceURL, $ParanoidMode, $ResolvedVersions, "
     "$OverrideInstallMode, $VerifiedPlatform\ne:2:1: unknown directive `@y`: there is @Subdir\n"
     "e:3:1: the setting `$z` stands behind a package or directive"),
    ("a " + "x" * 70_000, "e:1:3: a line has at most 65535 characters"),
])  # fmt: skip
def test_mistakes_with_their_places(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(("text", "message"), [
    ("Bad latest", "e:1:1: not a package name: `Bad`"),
    ("  a/../b latest", "e:1:3: not a package name: `a/../b` has a component of dots alone"),
    ("a", "e:1:2: not a version: `` is no instance id, no ref and no tag"),
    ("a x # why", "e:1:3: not a version: `x # why` is no instance id, no ref and no tag"),
    ("a/${x} x", "e:1:1: unknown variable `${x}` in `a/${x}`"),
    ("a x\na y", "e:2:1: `a` stands in line 1 already"),
    ("@Subdir s\na x\n\na x", "e:4:1: `a` stands in line 2 already in `s`"),
    ("A x\na !\nb x",
     "e:1:1: not a package name: `A`\ne:2:3: not a version: `!` is no instance id, no ref and no tag"),
    ("\0 x", "e:1:1: not a package name: `\\x00`"),
])  # fmt: skip
def test_mistakes_that_show_when_expanded(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        expand(parse(text))
    assert caught.value.message == message


def test_too_much() -> None:
    with pytest.raises(UserError, match="has more than 1048576 characters"):
        parse("#" * (1 << 20) + "\n")
    with pytest.raises(UserError, match="has more than 16777216 characters"):
        versionsfile.parse("#" * (16 << 20) + "\n", "v")


@given(st.text(alphabet="$@#ab/ \t\n\\:{}=.VerifiedPlatformSubdirServiceURL-\0\ufeffé", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        file = parse(text)
        expand(file)
    except UserError as error:
        refused = error.message.split("\n")
    else:
        refused = []
    assert all(line.startswith("e:") for line in refused)
    if refused:
        return
    again = parse(ensurefile.render(file))
    assert sorted((each.subdir, each.template, each.version) for each in again.packages) == sorted(
        (each.subdir, each.template, each.version) for each in file.packages
    )


NAMES = st.from_regex(r"[a-z0-9_-]{1,8}(/[a-z0-9_.-]{1,8}x){0,2}", fullmatch=True)
VERSIONS = st.one_of(
    st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    st.from_regex(r"[a-z]{1,5}:[A-Za-z0-9.]{1,9}", fullmatch=True),
)


@given(st.dictionaries(st.tuples(NAMES, VERSIONS), st.just(ID), max_size=6))
def test_versions_files_come_back(versions: dict[tuple[str, str], str]) -> None:
    assert versionsfile.parse(versionsfile.render(versions), "v") == versions


@pytest.mark.parametrize(("text", "message"), [
    ("a\nlatest\n", "v: it ends where an instance id belongs"),
    ("a\n\nlatest\n", "v:2: an empty line where a version belongs"),
    (f"a\nlatest\n{ID}\nb", "v:4: no empty line between two packages"),
    ("a\nlatest\nx", "v:3: not an instance id: `x`: too short"),
    (f"a\n{'b' * 40}\n{ID}", f"v:3: `a`: the instance id `{'b' * 40}` cannot mean `{ID}`"),
    ("A", "v:1: not a package name: `A`"),
    ("a\nb c", "v:2: not a version: `b c` is no instance id, no ref and no tag"),
])  # fmt: skip
def test_damaged_versions_files(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        versionsfile.parse(text, "v")
    assert caught.value.message == message


def test_what_a_versions_file_knows() -> None:
    known = {("a", "latest"): ID}
    assert versionsfile.look_up(known, "a", "latest") == ID
    assert versionsfile.look_up(known, "b", "latest") is None
    assert versionsfile.look_up(known, "b", ID) == ID
