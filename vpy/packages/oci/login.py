"""Answers to a registry that asks who one is: by name and password, or by the token of a token server.

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/. A scope is what is to be done,
as `repository:NAME:pull,push`, or several of that with blanks between them.
"""

from __future__ import annotations

import threading
import urllib.parse

from vpy.errors import UserError
from vpy.packages.oci import challenge
from vpy.system.network import http, urls
from vpy.system.network.retry import NetworkError, retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.packages.oci.credentials import Credential, Credentials
    from vpy.packages.oci.reference import Reference
    from vpy.system.network.http import Client

CLIENT_ID = "vpython"
LARGEST_REPLY = 1 << 20
LONGEST_TOKEN = 64 << 10
SHORTEST_LIFE = 60  # seconds that a token holds where its server does not say
MARGIN = 5  # seconds before its end at which one is no longer sent
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Login:
    """Who one is to a registry; any number of threads may share it, of which one asks a token server."""

    def __init__(self, client: Client, reference: Reference, credentials: Credentials) -> None:
        self._client = client
        self._reference = reference
        self._credentials = credentials
        self._lock = threading.Lock()
        self._basic = ""
        self.known: Credential | None = None  # the caller's login, once the registry has asked for one
        self._tokens: dict[str, tuple[str, float]] = {}

    def authorization(self, scope: str) -> str:
        """Return what to send as `Authorization` for a scope; "" where nothing is known to serve."""
        for each in (scope, f"{scope},push"):  # who may write may read
            header, end = self._tokens.get(each, ("", 0.0))
            if header and self._client.clock.now() < end:
                return header
        return self._basic

    def answer(self, text: str, scope: str, used: str) -> None:
        """Find what answers a `WWW-Authenticate` that came though `used` had been sent.

        Nothing is asked where another thread has found it since. Raises NetworkError where there is none.
        """
        with self._lock:
            if self.authorization(scope) not in ("", used):
                return
            challenges = {each.scheme: each for each in reversed(challenge.parse(text))}
            credential = self.known = self._credentials.find(self._reference)
            bearer, basic = challenges.get("bearer"), challenges.get("basic")
            if bearer is not None and (bearer.parameters.get("realm") or _has_own_token(credential)):
                self._tokens[scope] = self._token(bearer, scope, credential)
            elif basic is None:
                kinds = ", ".join(f"`{kind}`" for kind in sorted(challenges)) or "nothing that is known"
                raise NetworkError(f"`{self._host}` wants a login by {kinds}, not by `Bearer` or `Basic`")
            elif credential is not None and credential.user:
                self._basic = credential.basic

    def hide(self, text: str) -> str:
        """Return a text of the server's without anything secret that it may have repeated."""
        credential = self.known
        tokens = [header.partition(" ")[2] for header, _ in list(self._tokens.values())]
        for secret in (*(credential.secrets if credential else ()), *tokens):
            text = text.replace(secret, "…")
        return text

    @property
    def _host(self) -> str:
        return self._reference.host

    def _token(
        self, bearer: challenge.Challenge, scope: str, credential: Credential | None
    ) -> tuple[str, float]:
        """Return the header of a token for a scope, and the time of its end."""
        if credential is not None and credential.registry_token:
            return f"Bearer {credential.registry_token}", float("inf")
        realm = self._checked_realm(bearer.parameters["realm"])
        service = bearer.parameters.get("service", "")
        scopes = merged(scope, bearer.parameters.get("scope", ""))

        def ask() -> tuple[str, float]:
            # From before it is asked: a token's time begins when it is made.
            began = self._client.clock.now()
            token, seconds = self._read(self._request(realm, service, scopes, credential), realm, credential)
            return f"Bearer {token}", began + max(seconds, SHORTEST_LIFE) - MARGIN

        return retry(ask, self._client.policy, self._client.clock)

    def _checked_realm(self, realm: str) -> str:
        """Return the address of a token server: https, or this very machine's where the registry is on it."""
        fact = f"`{self._host}` names a token server that is refused: `{urls.shown(realm)}`"
        try:
            urls.check(realm)
        except UserError:
            raise NetworkError(fact) from None
        if http.is_downgrade(self._reference.url, realm):
            raise NetworkError(fact)
        return realm.partition("#")[0]

    def _request(
        self, realm: str, service: str, scopes: tuple[str, ...], credential: Credential | None
    ) -> http.Reply:
        if credential is not None and credential.identity_token:
            form = {
                "grant_type": "refresh_token", "refresh_token": credential.identity_token,
                "service": service, "client_id": CLIENT_ID, "scope": " ".join(scopes),
            }  # fmt: skip
            body = urllib.parse.urlencode(form).encode("ascii")
            return self._client.ask("POST", realm, body=body, headers=FORM, most=LARGEST_REPLY)

        asked = [("service", service)] if service else []
        query = urllib.parse.urlencode([*asked, *(("scope", each) for each in scopes)])
        headers = {"Accept": "application/json"}
        if credential is not None and credential.user:
            headers["Authorization"] = credential.basic
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        return self._client.ask("GET", url, headers=headers, most=LARGEST_REPLY)

    def _read(self, reply: http.Reply, realm: str, credential: Credential | None) -> tuple[str, int]:
        """Return the token of a reply, and the seconds it holds."""
        import json

        server = urls.shown(realm)
        if reply.status in (
            400,
            401,
            403,
        ):  # OAuth2 has 400 for a token that is no longer valid (RFC 6749, 5.2)
            who = credential.who if credential else "somebody without a login"
            raise NetworkError(
                f"the token server `{server}` of `{self._host}` refuses {who}: status {reply.status}",
                status=reply.status,
                hint=f"log in again with `docker login {self._host}`",
            )
        if reply.status != 200:
            raise http.refusal(realm, reply.status, reply.headers)
        try:
            answer = json.loads(reply.body)
            token = answer.get("token") or answer.get("access_token")
            seconds = answer.get("expires_in") or 0
        except (ValueError, RecursionError, AttributeError):
            token, seconds = None, 0
        if not isinstance(token, str) or not _is_token(token):
            raise NetworkError(f"the token server `{server}` of `{self._host}` sent no token")
        is_number = isinstance(seconds, int | float) and 0 < seconds < 1 << 31
        return token, int(seconds) if is_number else 0


def _has_own_token(credential: Credential | None) -> bool:
    return credential is not None and bool(credential.registry_token)


def _is_token(text: str) -> bool:
    """Return whether a token fits into a header: visible ASCII, and not endless."""
    return 0 < len(text) <= LONGEST_TOKEN and all("!" <= character <= "~" for character in text)


def merged(*scopes: str) -> tuple[str, ...]:
    """Return the scopes of several texts, the actions on the same thing in one."""
    actions: dict[str, dict[str, None]] = {}
    for scope in " ".join(scopes).split():
        thing, separator, words = scope.rpartition(":")
        if separator:
            actions.setdefault(thing, {}).update(dict.fromkeys(words.split(",")))
        else:
            actions.setdefault(scope, {})
    return tuple(f"{thing}:{','.join(words)}" if words else thing for thing, words in actions.items())
