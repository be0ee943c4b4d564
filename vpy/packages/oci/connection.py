"""Requests to a registry: with a login where it wants one, retried, and with its own words in an error."""

from __future__ import annotations

import contextlib
import urllib.parse

from bootstrap import shown
from vpy.errors import UserError
from vpy.packages.oci.login import Login
from vpy.system.network import http, urls
from vpy.system.network.retry import NetworkError, retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpy.packages.oci.credentials import Credentials
    from vpy.packages.oci.reference import Reference
    from vpy.system.network.http import Answer, Client, FilePart

LARGEST_ERROR = 64 << 10
MOST_ERRORS = 3
LONGEST_MESSAGE = 200


class Connection:
    """Way to one repository of a registry; any number of threads may share it."""

    def __init__(self, client: Client, reference: Reference, credentials: Credentials) -> None:
        self.client = client
        self.reference = reference
        self._login = Login(client, reference, credentials)
        self._root = reference.url

    def url(self, path: str) -> str:
        """Return the address of something of the repository."""
        return f"{self._root}/v2/{self.reference.repository}/{path}"

    def scope(self, actions: str, repository: str = "") -> str:
        """Return the scope of actions on this repository, or on another."""
        return f"repository:{repository or self.reference.repository}:{actions}"

    @contextlib.contextmanager
    def opened(
        self,
        method: str,
        url: str,
        scope: str,
        headers: Mapping[str, str],
        body: bytes | FilePart | None = None,
        client: Client | None = None,
    ) -> Iterator[Answer]:
        """Send a request and yield the answer, whatever its status. The registry alone gets a login."""
        client = client or self.client
        is_own = urls.same_origin(self._root, url)
        for is_last in (False, True):
            used = self._login.authorization(scope) if is_own else ""
            sent = {**headers, "Authorization": used} if used else headers
            with client.exchange(method, url, sent, body=body, elsewhere=True) as answer:
                text = answer.headers.get("www-authenticate", "")
                is_asked = answer.status == 401 and text and urls.same_origin(self._root, answer.url)
                if is_last or not is_own or not is_asked:
                    yield answer
                    return
                reason = self._reason(answer)
            self._login.answer(text, scope, used)
            if self._login.authorization(scope) in ("", used):
                raise self._denied(401, reason)

    def ask(
        self,
        method: str,
        url: str,
        scope: str,
        expected: Sequence[int],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | FilePart | None = None,
        most: int = LARGEST_ERROR,
        again: bool = True,
        client: Client | None = None,
    ) -> http.Reply:
        """Send a request and return the reply, whose status is one of the expected; NetworkError for another.

        A body of more than `most` bytes is refused where the status is 200, and not kept elsewhere. What is
        transient is retried, unless `again` is false.
        """

        def once() -> http.Reply:
            with self.opened(method, url, scope, headers or {}, body, client) as answer:
                if answer.status not in expected:
                    raise self.failure(answer)
                data = b""
                if answer.status == 200 and method != "HEAD":
                    data = answer.small(most)
                elif (answer.length or 0) <= LARGEST_ERROR:  # read, so that the connection serves again
                    with contextlib.suppress(NetworkError):
                        answer.small(LARGEST_ERROR)
                return http.Reply(answer.status, answer.headers, data, answer.url)

        return retry(once, self.client.policy, self.client.clock) if again else once()

    def failure(self, answer: Answer) -> NetworkError:
        """Return the error of an answer, whose body has not been read."""
        reason = self._reason(answer)
        if answer.status in (401, 403) and urls.same_origin(self._root, answer.url):
            return self._denied(answer.status, reason)
        error = http.refusal(answer.url, answer.status, answer.headers)
        error.add(f" for `{self.reference.repository}`{reason}")
        return error

    def place(self, url: str, text: str) -> str:
        """Return the address that a `Location` in the answer of another one names."""
        location = urllib.parse.urljoin(url, text).partition("#")[0]
        fact = f"`{self.reference.host}` names an address that is refused: `{urls.shown(location)}`"
        path = urllib.parse.unquote(urllib.parse.urlsplit(text).path)
        if not text or ".." in path.split("/") or http.is_downgrade(url, location):
            raise NetworkError(fact if text else f"`{self.reference.host}` names no address to go on at")
        try:
            return urls.check(location)
        except UserError:
            raise NetworkError(fact) from None

    def _denied(self, status: int, reason: str) -> NetworkError:
        reference, credential = self.reference, self._login.known
        if credential is None:
            fact = f"`{reference.host}` wants a login for `{reference.repository}`"
            hint = f"log in with `docker login {reference.host}`"
        else:
            fact = f"`{reference.host}` refuses `{reference.repository}` to {credential.who}"
            hint = f"log in as somebody who may with `docker login {reference.host}`"
        return NetworkError(f"{fact}{reason}", status=status, hint=hint)

    def _reason(self, answer: Answer) -> str:
        """Return what a registry says of an error, made fit to be shown; "" for nothing."""
        import json

        try:
            errors = json.loads(answer.small(LARGEST_ERROR))["errors"][:MOST_ERRORS]
            texts = [": ".join(filter(None, (each.get("code"), each.get("message")))) for each in errors]
        except (NetworkError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return ""
        rows = [shown.line(self._login.hide(text), LONGEST_MESSAGE) for text in texts if text]
        return f": {'; '.join(rows)}" if rows else ""
