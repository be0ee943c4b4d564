"""References of images: the grammar, and the address each stands for."""

from __future__ import annotations

import pytest

from vpy.errors import UserError
from vpy.packages.oci.reference import HINT, Reference, parse

SHA = "sha256:" + "0f" * 32
SHA512 = "sha512:" + "0f" * 64

GOOD = {
    "oci://registry.example/a": Reference("registry.example", "a"),
    "oci://registry.example:5000/a/b-c__d/e.f:1.0_x-Y": Reference(
        "registry.example:5000", "a/b-c__d/e.f", "1.0_x-Y"
    ),
    f"oci://r/a---b@{SHA}": Reference("r", "a---b", "", SHA),
    f"oci://r/a:t@{SHA512}": Reference("r", "a", "t", SHA512),
    "oci://[::1]:5000/a:t": Reference("[::1]:5000", "a", "t"),
    "oci://127.0.0.9/a": Reference("127.0.0.9", "a"),
    "oci://Registry.Example/a": Reference("Registry.Example", "a"),
}


@pytest.mark.parametrize("text", GOOD)
def test_read_and_written(text: str) -> None:
    assert parse(text) == GOOD[text]
    assert str(parse(text)) == text


URLS = {
    "localhost": "http://localhost", "localhost:5000": "http://localhost:5000", "127.0.0.9:1": "http://127.0.0.9:1",
    "[::1]:5": "http://[::1]:5", "127.1": "https://127.1", "localhost.example": "https://localhost.example",
    "[2001:db8::1]": "https://[2001:db8::1]", "r": "https://r", "10.0.0.1:80": "https://10.0.0.1:80",
    "docker.io": "https://registry-1.docker.io",
}  # fmt: skip


@pytest.mark.parametrize("host", URLS)
def test_plain_http_on_this_machine_alone(host: str) -> None:
    assert parse(f"oci://{host}/a").url == URLS[host]


BAD = {
    "registry.example/a": "not a reference of an image in a registry: `registry.example/a`",
    "oci:///a": "not a host of a registry: `` in `oci:///a`",
    "oci://r": "not a name of a repository: `` in `oci://r`",
    "oci://r/": "not a name of a repository: `` in `oci://r/`",
    "oci://r:x/a": "not a host of a registry: `r:x` in `oci://r:x/a`",
    "oci://r:0/a": "not a host of a registry: `r:0` in `oci://r:0/a`",
    "oci://r:65536/a": "not a host of a registry: `r:65536` in `oci://r:65536/a`",
    "oci://-r/a": "not a host of a registry: `-r` in `oci://-r/a`",
    "oci://[::1/a": "not a host of a registry: `[::1` in `oci://[::1/a`",
    "oci://[::x]/a": "not a host of a registry: `[::x]` in `oci://[::x]/a`",
    "oci://r/../a": "not a name of a repository: `../a` in `oci://r/../a`",
    "oci://r/a/": "not a name of a repository: `a/` in `oci://r/a/`",
    "oci://r/a//b": "not a name of a repository: `a//b` in `oci://r/a//b`",
    "oci://r/a..b": "not a name of a repository: `a..b` in `oci://r/a..b`",
    "oci://r/a?b": "not a name of a repository: `a?b` in `oci://r/a?b`",
    "oci://r/a#b": "not a name of a repository: `a#b` in `oci://r/a#b`",
    "oci://r/%61": "not a name of a repository: `%61` in `oci://r/%61`",
    "oci://r/a\n": "not a name of a repository: `a\\n` in `oci://r/a\\n`",
    "oci://r/A": "not a name of a repository: `A` in `oci://r/A`",
    "oci://r/a:": "not a tag: `` in `oci://r/a:`",
    "oci://r/a:.b": "not a tag: `.b` in `oci://r/a:.b`",
    "oci://r/a:b/c": "not a tag: `b/c` in `oci://r/a:b/c`",
    "oci://r/a@": "not a digest: `` in `oci://r/a@`",
    "oci://r/a@sha256:0F": "not a digest: `sha256:0F` in `oci://r/a@sha256:0F`",
    "oci://r/a@md5:0f": "not a digest: `md5:0f` in `oci://r/a@md5:0f`",
    **dict.fromkeys(
        (
            "oci://alice:secret@r/a",
            "oci://secret@r",
            "oci://alice:secret/s@r/a",
            "oci://a:s@secret@r/a:t",
            "alice:secret@r/a",
            "https://alice:secret@r/a",
        ),
        "a reference of an image in a registry cannot have a name or password in it",
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text)
    assert caught.value.message == BAD[text]
    assert caught.value.hint


def test_the_way_out() -> None:
    with pytest.raises(UserError) as caught:
        parse("oci://r/Some/Thing")
    assert caught.value.hint == "it is lower case: `some/thing`"
    with pytest.raises(UserError) as caught:
        parse("r/a")
    assert caught.value.hint == HINT
    with pytest.raises(UserError):
        parse(f"oci://r/{'a' * 256}")
    with pytest.raises(UserError):
        parse(f"oci://r/a:{'a' * 129}")
