"""Ensure files: the grammar, mistakes with their places, and all recorded files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.packages.cipd import ensure_file, versions_file
from vpy.packages.cipd.ensure_file import EnsureFile, Package
from vpy.packages.cipd.names import id_from_reference
from vpy.target import template

if TYPE_CHECKING:
    from vpy.model import Wanted

VALUES = {"os": "linux", "arch": "amd64", "platform": "linux-amd64"}
ID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"


def parse(text: str) -> EnsureFile:
    return ensure_file.parse(text, "e", lambda each: template.validate(each, VALUES))


def expand(file: EnsureFile) -> tuple[tuple[str, Wanted], ...]:
    return ensure_file.expand(file, "e", lambda each: template.expand(each, VALUES))


def resolved(file: EnsureFile) -> dict[str, list[dict[str, str]]]:
    """As the recording resolver does: `nosuch` fails, an id is itself, else the hash of what is asked."""
    found: dict[str, list[dict[str, str]]] = {}
    for subdir, wanted in expand(file):
        if wanted.version == "nosuch":
            raise UserError("no such version")
        digest = hashlib.sha256(f"{wanted.name}@{wanted.version}".encode()).hexdigest()
        known = versions_file.look_up({}, wanted.name, wanted.version) or id_from_reference(2, digest)
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
            "override_install_mode": file.override_install_mode or "",
            "packages_by_subdir": by_subdir,
            "paranoid_mode": file.paranoid_mode or "",
            "resolved_versions": file.resolved_versions or "",
            "service_url": file.service_url or "",
            "verify_platforms": list(file.verified_platforms) or None,
        }
        assert ensure_file.render(file) == case["serialized"]
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
        assert ensure_file.render(pinned) == case["resolved_serialized"]
    assert len(cases) >= 56


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
    ("@x", "e:1:1: unknown directive `@x`: known are @Subdir"),
    ("\n\n$ServiceURL http://a:b", "e:3:13: not an address: `http://a:b`"),
    ("$ServiceURL a\n$ServiceURL a", "e:2:1: `$ServiceURL` is given twice"),
    ("a latest\n$ServiceURL a", "e:2:1: the setting `$ServiceURL` comes after a package or directive"),
    ("$ParanoidMode no",
     "e:1:15: `$ParanoidMode` is one of NotParanoid, CheckPresence, CheckIntegrity, not `no`"),
    ("$OverrideInstallMode link", "e:1:22: `$OverrideInstallMode` can only be `copy`, not `link`"),
    ("$VerifiedPlatform a-b-c", "e:1:19: a platform is <os>-<arch>, not `a-b-c`"),
    ("@Subdir ../x", "e:1:9: not a subdirectory: `../x` leads outside"),
    ("@Subdir a\\b", "e:1:9: not a subdirectory: `a\\b` has a backslash, a colon or a NUL"),
    ("@Subdir ${x}", "e:1:9: unknown variable `${x}` in `${x}`"),
    ("$x\n@y\n$z", "e:1:1: unknown setting `$x`: known are $ServiceURL, $ParanoidMode, $ResolvedVersions, "
     "$OverrideInstallMode, $VerifiedPlatform\ne:2:1: unknown directive `@y`: known are @Subdir\n"
     "e:3:1: the setting `$z` comes after a package or directive"),
    ("a " + "x" * 70_000, "e:1:3: a line has at most 65535 characters"),
])  # fmt: skip
def test_mistakes_with_their_places(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(("text", "message"), [
    ("Bad latest", "e:1:1: not a package name: `Bad`"),
    ("  a/../b latest", "e:1:3: not a package name: `a/../b` has a component of dots alone"),
    ("a", "e:1:2: not a version: `` is neither an instance id nor a ref nor a tag"),
    ("a x # why", "e:1:3: not a version: `x # why` is neither an instance id nor a ref nor a tag"),
    ("a/${x} x", "e:1:1: unknown variable `${x}` in `a/${x}`"),
    ("a x\na y", "e:2:1: `a` is already on line 1"),
    ("@Subdir s\na x\n\na x", "e:4:1: `a` is already on line 2 in `s`"),
    ("A x\na !\nb x",
     "e:1:1: not a package name: `A`\n"
     "e:2:3: not a version: `!` is neither an instance id nor a ref nor a tag"),
    ("\0 x", "e:1:1: not a package name: `\\x00`"),
])  # fmt: skip
def test_mistakes_that_show_when_expanded(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        expand(parse(text))
    assert caught.value.message == message


def test_too_much() -> None:
    with pytest.raises(UserError, match="has more than 1048576 characters"):
        parse("#" * (1 << 20) + "\n")


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
    again = parse(ensure_file.render(file))
    assert sorted((each.subdir, each.template, each.version) for each in again.packages) == sorted(
        (each.subdir, each.template, each.version) for each in file.packages
    )
