"""Rules of a spec in the pip that makes a build environment: where build requirements come from.

A copy of this source lies in a pip of the build's own, which any Python from 3.7 on runs, and
`build_rules.json` beside it: {first, pinned, cutoff, retry_seconds}. The indexes `first` are asked before the
configured ones, and the first that has a project alone; a project that is `pinned` to an index is looked for
there alone; of an index's files those do not exist that were uploaded at `cutoff` (RFC 3339, UTC) or later.
A request that fails is tried again for `retry_seconds`, null for as often as pip does, and then ends the
build: pip would pass over that index, and look for the project in others. `UNANSWERED` begins its line.

pip starts itself for each build environment, with the addresses of its indexes as arguments: from here on
those have no user names and passwords. They go by a file, which its owner alone can read.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from urllib.parse import quote, unquote, urlsplit, urlunsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

PLACE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(PLACE, "build_rules.json")
UNANSWERED = "no answer from the index: "
_MANY = 1 << 30
_LONGEST_PAUSE = 8  # seconds
LOGINS = os.path.join(PLACE, "build_logins.json")


def attach(collector: Any) -> None:
    """Let the collector of pip's links, a module, and what it asks follow the rules."""
    rules = _read(RULES)
    sessions: list[Any] = []
    scope = sys.modules["pip._internal.models.search_scope"].SearchScope
    create, locations = scope.create.__func__, scope.get_index_urls_locations
    begin = collector.LinkCollector.__init__

    def create_plain(
        cls: Any, find_links: Iterable[str], index_urls: Iterable[str], *rest: Any, **named: Any
    ) -> Any:
        return create(cls, list(map(_plain, find_links)), list(map(_plain, index_urls)), *rest, **named)

    def get_index_urls_locations(self: Any, project_name: str) -> list[str]:
        configured = [_with_login(url) for url in locations(self, project_name)]
        return _pages(rules, configured, project_name, sessions)

    def begin_with_logins(self: Any, *words: Any, **named: Any) -> None:
        begin(self, *words, **named)
        sessions.append(self.session)
        logins = {_origin(url): login for url, login in _logins().items()}
        if hasattr(self.session.auth, "passwords"):
            self.session.auth.passwords.update({host: tuple(login) for host, login in logins.items()})

    scope.create = classmethod(create_plain)
    scope.get_index_urls_locations = get_index_urls_locations
    collector.LinkCollector.__init__ = begin_with_logins
    _attach_failures(sys.modules["pip._internal.network.session"].PipSession)
    if rules["retry_seconds"] is not None:
        _attach_retries(sys.modules["pip._vendor.urllib3"].Retry, rules["retry_seconds"])
    if rules["cutoff"]:
        _attach_cutoff(rules["cutoff"])


def _pages(rules: Any, configured: list[str], project: str, sessions: Sequence[Any]) -> list[str]:
    """Return the addresses of a project's pages: those of the first group of indexes that has it."""
    name = str(sys.modules["pip._vendor.packaging.utils"].canonicalize_name(project))
    if name in rules["pinned"]:
        return [_page(rules["pinned"][name], name)]
    for index in rules["first"]:
        if _has_page(sessions[-1], _page(index, name)):
            return [_page(index, name)]
    return configured


def _page(index: str, name: str) -> str:
    return f"{index.rstrip('/')}/{name}/"


def _has_page(session: Any, url: str) -> bool:
    """Return whether a page is there; raise where the index does not say."""
    if url.startswith("file:"):
        from urllib.request import url2pathname

        return os.path.isdir(url2pathname(urlsplit(url).path))
    response = session.get(url, headers={"Accept": "text/html"})
    if response.status_code in (404, 410):
        return False
    response.raise_for_status()
    return True


def _attach_cutoff(cutoff: str) -> None:
    """Pass over the files on a page that are too new, and those of which it does not say when they came."""
    link = sys.modules["pip._internal.models.link"].Link

    def tolerant(make: Callable[..., Any], is_dated: bool) -> Callable[..., Any]:
        def make_link(row: Any, *rest: Any, **named: Any) -> Any:
            uploaded = str(row.get("upload-time") or "") if is_dated else ""
            return make(row, *rest, **named) if "" < uploaded[:19] < cutoff[:19] else None

        return make_link

    for name, is_dated in (("from_json", True), ("from_element", False)):
        if hasattr(link, name):
            setattr(link, name, tolerant(getattr(link, name), is_dated))


def _attach_failures(session: Any) -> None:
    """Let a request that no server answers end pip."""
    exceptions = sys.modules["pip._internal.exceptions"]
    plain = session.request

    def request(self: Any, method: str, url: str, *words: Any, **named: Any) -> Any:
        try:
            response = plain(self, method, url, *words, **named)
        except Exception as error:
            if not _is_about_network(error):
                raise
            raise exceptions.InstallationError(f"{UNANSWERED}{_shown(url)}: {_reason(error)}") from error
        if response.status_code >= 500:
            raise exceptions.InstallationError(f"{UNANSWERED}{_shown(url)}: status {response.status_code}")
        return response

    session.request = request


def _is_about_network(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(
        names & {"ConnectionError", "Timeout", "RetryError", "ChunkedEncodingError"}
        or names & {"ConnectionFailedError", "ConnectionTimeoutError", "NetworkConnectionError"}
    )


def _reason(error: BaseException) -> str:
    """Return what the system says of a failed request, else the kind of the innermost error."""
    reason: BaseException | None = None
    inner: BaseException | None = error
    while inner is not None and inner is not reason:
        reason = inner
        near = [*reason.args, getattr(reason, "reason", None), reason.__cause__]
        inner = next((each for each in near if isinstance(each, BaseException)), None)
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return text.partition("\n")[0][:200] or type(reason).__name__


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _attach_retries(retry: Any, seconds: float) -> None:
    """Let requests that fail be tried again for so many seconds after the first failure."""
    increment, pause, asked = retry.increment, retry.get_backoff_time, retry.get_retry_after
    ends = "_end_of_retries"

    def left(self: Any) -> float:
        return max(0.0, getattr(self, ends, math.inf) - time.monotonic())

    def increment_in_time(self: Any, *words: Any, **named: Any) -> Any:
        end = min(getattr(self, ends, math.inf), time.monotonic() + seconds)
        following = increment(self.new(total=_MANY if time.monotonic() < end else 0), *words, **named)
        setattr(following, ends, end)
        return following

    def get_retry_after(self: Any, response: Any) -> Any:
        found = asked(self, response)
        return None if found is None else min(found, left(self))

    retry.increment = increment_in_time
    retry.get_backoff_time = lambda self: min(pause(self), _LONGEST_PAUSE, left(self))
    retry.get_retry_after = get_retry_after


def _plain(url: str) -> str:
    """Return an address without the user name and password in it, which are noted."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or "@" not in parts.netloc:
        return url
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    logins = _logins()
    logins[plain] = [unquote(parts.username or ""), unquote(parts.password or "")]
    with os.fdopen(os.open(LOGINS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(logins, file)
    return plain


def _with_login(url: str) -> str:
    """Return the address of a page with what was noted of its index."""
    found = [(index, login) for index, login in _logins().items() if url.startswith(index)]
    if not found:
        return url
    _, (user, password) = max(found, key=lambda row: len(row[0]))
    parts = urlsplit(url)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def _origin(url: str) -> str:
    return urlsplit(url).netloc


def _logins() -> dict[str, list[str]]:
    return _read(LOGINS) if os.path.exists(LOGINS) else {}


def _read(path: str) -> Any:
    with open(path) as file:
        return json.load(file)
