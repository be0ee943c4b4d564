"""Direct references to git repositories: `git+https://HOST/REPOSITORY@REVISION#subdirectory=PATH` (PEP 440).

Only what git does over `https`, `ssh` and on this machine is meant: of its other protocols some run programs.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from vpy.system.lean.dataclasses import value

_PREFIX = "git+"
_PROTOCOLS = ("https", "ssh", "file")
_OTHERS = ("hg+", "svn+", "bzr+", "git:", "git+")
_REVISION = re.compile(r"[A-Za-z0-9_](?:[\w./+@#-]*[\w+#-])?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@value
class Reference:
    """Revision of a repository, and a directory in it; the `url` is without `git+`.

    A `revision` is a branch, a tag, a commit or a ref (`refs/…`), "" for HEAD.
    """

    url: str
    revision: str = ""
    subdirectory: str = ""

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a whole commit id, which never means anything else."""
        return is_commit(self.revision)

    @property
    def is_local(self) -> bool:
        """Whether the repository lies on this machine."""
        return self.url.startswith("file:")

    @property
    def plain_url(self) -> str:
        """Its URL without a password, and without the user name beside one."""
        parts = urlsplit(self.url)
        if parts.password is None:
            return self.url
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def login(self) -> tuple[str, str] | None:
        """User name and password in the URL; None where there is no password."""
        parts = urlsplit(self.url)
        return None if parts.password is None else (unquote(parts.username or ""), unquote(parts.password))

    def text(self, revision: str | None = None, *, with_login: bool = False) -> str:
        """Return the direct reference, of another revision where one is given."""
        revision = self.revision if revision is None else revision
        url = self.url if with_login else self.plain_url
        at = f"@{quote(revision, safe='/+')}" if revision else ""
        return f"{_PREFIX}{url}{at}" + (f"#subdirectory={self.subdirectory}" if self.subdirectory else "")


def is_commit(revision: str) -> bool:
    """Return whether a revision is a whole commit id, in lower case."""
    return _COMMIT.fullmatch(revision) is not None


def is_reference(url: str) -> bool:
    """Return whether a direct reference is meant to be one to a repository, whatever is wrong with it."""
    return url.startswith(_OTHERS)


def parse(url: str) -> Reference:
    """Read a direct reference; raise ValueError, which says why, for one that is not followed."""
    if not url.startswith(_PREFIX):
        raise ValueError("only git repositories are built from")
    parts = urlsplit(url.removeprefix(_PREFIX))
    if parts.scheme not in _PROTOCOLS:
        raise ValueError("only `git+https`, `git+ssh` and `git+file` repositories are built from")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("not a URL: after the host comes `/`, not `:`") from None
    path, _, revision = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    if parts.query or not path.strip("/"):
        raise ValueError("not the URL of a repository")
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError("a file URL must be absolute")
    if parts.scheme != "file" and (not parts.hostname or parts.hostname.startswith("-")):
        raise ValueError("not the URL of a repository")
    if (parts.username or "").startswith("-"):
        raise ValueError("not the URL of a repository")
    revision = unquote(revision)
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision or "@{" in revision):
        raise ValueError(f"not a branch, tag or commit: `{revision}`")
    if _COMMIT.fullmatch(revision.lower()):
        revision = revision.lower()
    plain = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return Reference(plain, revision, _subdirectory(parts.fragment))


def _subdirectory(fragment: str) -> str:
    found = parse_qs(fragment).get("subdirectory", [""])[-1].strip("/")
    if not found.isprintable() or "\\" in found or ".." in found.split("/") or found.startswith(("-", "~")):
        raise ValueError(f"not a directory in the repository: `{found}`")
    return found
