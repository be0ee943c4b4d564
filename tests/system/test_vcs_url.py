"""References to git repositories: what they say, and those that would let git run something else."""

from __future__ import annotations

import pytest

from vpy.system import vcs_url
from vpy.system.vcs_url import Reference

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("url", "reference"),
    [
        ("git+https://h/r", Reference("https://h/r")),
        ("git+https://h:8443/r.git@v1.2", Reference("https://h:8443/r.git", "v1.2")),
        (f"git+https://h/r@{COMMIT.upper()}", Reference("https://h/r", COMMIT)),
        ("git+ssh://git@h/r@refs/pull/1/head", Reference("ssh://git@h/r", "refs/pull/1/head")),
        ("git+https://h/a@b@c#subdirectory=x/y", Reference("https://h/a@b", "c", "x/y")),
        ("git+file:///r@feature/x#egg=a&subdirectory=/z/", Reference("file:///r", "feature/x", "z")),
        ("git+https://h/r@a%23b", Reference("https://h/r", "a#b")),
    ],
)
def test_what_is_said(url: str, reference: Reference) -> None:
    assert vcs_url.parse(url) == reference
    assert vcs_url.parse(reference.text()) == reference


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("git+ext::sh -c touch% x", "only `git+https`, `git+ssh` and `git+file` repositories are built from"),
        ("git+http://h/r", "only `git+https`, `git+ssh` and `git+file` repositories are built from"),
        ("git+git://h/r", "only `git+https`, `git+ssh` and `git+file` repositories are built from"),
        ("git+-c/x", "only `git+https`, `git+ssh` and `git+file` repositories are built from"),
        ("hg+https://h/r", "only git repositories are built from"),
        ("git+ssh://-oProxyCommand=x/r", "not the URL of a repository"),
        ("git+ssh://-x@h/r", "not the URL of a repository"),
        ("git+https:///r", "not the URL of a repository"),
        ("git+https://h/", "not the URL of a repository"),
        ("git+ssh://git@h:o/r", "not a URL: after the host comes `/`, not `:`"),
        ("git+file://h/r", "a file URL must be absolute"),
        ("git+https://h/r@--upload-pack=x", "not a branch, tag or commit: `--upload-pack=x`"),
        ("git+https://h/r@a..b", "not a branch, tag or commit: `a..b`"),
        ("git+https://h/r@a*", "not a branch, tag or commit: `a*`"),
        ("git+https://h/r@a:b", "not a branch, tag or commit: `a:b`"),
        ("git+https://h/r#subdirectory=../x", "not a directory in the repository: `../x`"),
        ("git+https://h/r#subdirectory=-x", "not a directory in the repository: `-x`"),
    ],
)
def test_what_is_refused(url: str, fact: str) -> None:
    assert vcs_url.is_reference(url)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        vcs_url.parse(url)
    assert str(caught.value) == fact


def test_passwords_are_in_no_text() -> None:
    reference = vcs_url.parse("git+https://me:s%40crt@h/r@v1")
    assert (reference.text(), reference.login) == ("git+https://h/r@v1", ("me", "s@crt"))
    assert reference.text(with_login=True) == "git+https://me:s%40crt@h/r@v1"
