"""References of images in a registry: `oci://HOST/REPOSITORY[:TAG][@DIGEST]`.

The grammar is that of the OCI distribution specification; hosts are spelt as the reference grammar of
docker's `distribution/reference` has them. There is no default host.
"""

from __future__ import annotations

import re

from vpy.errors import UserError
from vpy.system.lean.dataclasses import value
from vpy.system.network import urls

SCHEME = "oci://"
HINT = "it is spelt oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST"
# The hash algorithms that the OCI image specification registers, and how many hex digits each has.
ALGORITHMS = {"sha256": 64, "sha512": 128}
LONGEST_REPOSITORY = 255

# Docker Hub: people write the first, its login is kept under the second, the third answers.
HUB, HUB_LOGIN, HUB_SERVER = "docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"
HUB_NAMES = (HUB, "index.docker.io", HUB_SERVER)

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


@value
class Reference:
    """Image in a registry. `host` has the port, as it is written; "" stands for no tag, no digest."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{SCHEME}{self.host}/{self.repository}{tag}{digest}"

    @property
    def url(self) -> str:
        """Address of the registry, without a path: plain http on this very machine, https elsewhere."""
        if self.host.lower() in HUB_NAMES:
            return f"https://{HUB_SERVER}"
        name = host_name(self.host)
        return f"{'http' if urls.is_loopback(name) else 'https'}://{self.host}"

    @property
    def name(self) -> str:
        """What a registry is asked for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"


def parse(text: str) -> Reference:
    """Parse a reference; UserError says what is wrong with it."""
    host, _, rest = text.removeprefix(SCHEME).partition("/")
    _, at, last = rest.rpartition("@")
    if "@" in host or (at and "/" in last):
        # Nothing of it is shown: what stands before the `@` may be a password, or the end of one.
        raise UserError(
            "a reference of an image in a registry cannot have a name or password in it",
            hint="log in with `docker login HOST`",
        )
    if not text.startswith(SCHEME):
        raise UserError(f"not a reference of an image in a registry: `{text}`", hint=HINT)

    rest, at, digest = rest.partition("@")
    repository, colon, tag = rest.partition(":")

    _check_host(host, text)
    check_repository(repository, text)
    if colon:
        check_tag(tag, text)
    if at:
        check_digest(digest, text)
    return Reference(host, repository, tag, digest)


def host_name(host: str) -> str:
    """Return a host without its port, and without the brackets of an IPv6 address."""
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]


def _check_host(host: str, text: str) -> None:
    if not _HOST.fullmatch(host):
        raise UserError(f"not a host of a registry: `{host}` in `{text}`", hint=HINT)
    try:
        urls.check(f"https://{host}")
    except UserError:
        raise UserError(f"not a host of a registry: `{host}` in `{text}`", hint=HINT) from None


def check_repository(name: str, text: str = "") -> str:
    """Return the name of a repository; UserError for what is none, and names the reference it is in."""
    if _REPOSITORY.fullmatch(name) and len(name) <= LONGEST_REPOSITORY:
        return name
    within = f" in `{text}`" if text else ""
    if name != name.lower() and _REPOSITORY.fullmatch(name.lower()):
        raise UserError(
            f"not a name of a repository: `{name}`{within}", hint=f"it is lower case: `{name.lower()}`"
        )
    raise UserError(
        f"not a name of a repository: `{name}`{within}",
        hint=f"words of a-z and 0-9 with `.`, `_`, `-` or `/` between them; {HINT}",
    )


def check_tag(tag: str, text: str = "") -> str:
    """Return a tag; UserError for what is none, and names the reference it is in."""
    if _TAG.fullmatch(tag):
        return tag
    within = f" in `{text}`" if text else ""
    raise UserError(
        f"not a tag: `{tag}`{within}",
        hint="a tag is at most 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two",
    )


def check_digest(digest: str, text: str = "") -> str:
    """Return a digest; UserError for what is none, and names the reference it is in."""
    if is_digest(digest):
        return digest
    within = f" in `{text}`" if text else ""
    raise UserError(
        f"not a digest: `{digest}`{within}",
        hint="a digest is `sha256:` and 64 hex digits, or `sha512:` and 128, in lower case",
    )


def is_tag(text: str) -> bool:
    """Return whether the text is a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Return whether the text is a digest by an algorithm that is known here."""
    algorithm, _, digits = text.partition(":")
    return len(digits) == ALGORITHMS.get(algorithm) and re.fullmatch("[0-9a-f]+", digits) is not None


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of bytes."""
    import hashlib

    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
