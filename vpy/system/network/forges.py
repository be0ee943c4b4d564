"""Well-known forges: the address of a file itself, where a page about it was named."""

from __future__ import annotations

import re
import urllib.parse

# Path of a page, and the host and path of the file; where the host is None it is the same one.
_GITHUB = "https://raw.githubusercontent.com"
_PAGES: tuple[tuple[str | None, str, str], ...] = (
    ("github.com", r"/([^/]+/[^/]+)/(?:blob|raw)/(.+)", rf"{_GITHUB}/\1/\2"),
    ("gist.github.com", r"/([^/]+/[0-9a-f]+)/?", r"https://gist.githubusercontent.com/\1/raw"),
    ("bitbucket.org", r"/([^/]+/[^/]+)/src/(.+)", r"/\1/raw/\2"),
    ("git.sr.ht", r"/(~[^/]+/[^/]+)/tree/([^/]+)/item/(.+)", r"/\1/blob/\2/\3"),
    ("pastebin.com", r"/(\w+)", r"/raw/\1"),
    (None, r"/(.+)/-/blob/(.+)", r"/\1/-/raw/\2"),  # GitLab
    (None, r"/([^/]+/[^/]+)/src/(branch|tag|commit)/(.+)", r"/\1/raw/\2/\3"),  # Forgejo, Gitea
)


def raw(address: str) -> str | None:
    """Return the address of the file that a page of a forge shows; None where it is no such page."""
    parts = urllib.parse.urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.")
    for known, page, file in _PAGES:
        if known in (None, host) and (found := re.fullmatch(page, parts.path)):
            result = found.expand(file)
            return result if "://" in result else f"{parts.scheme}://{parts.netloc}{result}"
    return None
