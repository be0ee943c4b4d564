"""pRPC: calls of the package service as JSON over HTTP, and the meaning of its replies.

`POST <service>/prpc/<service name>/<method>`; the outcome is in `X-Prpc-Grpc-Code`, not in the HTTP
status; a JSON body begins with `)]}'` and a newline, so that no page can read it as a script
(luci-go `grpc/prpc`).
"""

from __future__ import annotations

import json

from vpy.errors import MissingError, ToolError, UserError
from vpy.packages.cipd.names import SHA1, SHA256, id_from_reference, printable, reference_from_id
from vpy.system.network import http, urls
from vpy.system.network.retry import NetworkError, retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.errors import VpythonError

GUARD = b")]}'\n"
LARGEST_REPLY = 1 << 20
CODE_HEADER = "x-prpc-grpc-code"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
HASH_ALGORITHMS = {"SHA1": SHA1, "SHA256": SHA256}

# gRPC codes by what a user can do about them (https://grpc.io/docs/guides/status-codes/).
OK = 0
MISSING = 5
USER_ERRORS = {
    3: "the package service says that the request is malformed",
    5: "the package service does not have it",
    7: "the package service does not let everybody see it",
    9: "the package service cannot tell which one is meant",
    16: "the package service demands a login",
}
TRANSIENT_ERRORS = {
    2: "the package service failed for no known reason",
    4: "the package service ran out of time",
    8: "the package service is overloaded",
    13: "the package service failed",
    14: "the package service is not available",
}
OTHER_ERRORS = {
    1: "the package service cancelled the call",
    6: "the package service says that it exists already",
    10: "the package service aborted the call",
    11: "the package service finds a value out of range",
    12: "the package service does not know this call",
    15: "the package service has lost data",
}
HINTS = {
    7: "ask for it by a name that everybody may see, or use another -vpython-source",
    9: "name an instance id as the version",
    12: "check -vpython-source and CIPD_SERVICE_URL",
}


class Service:
    """Package service at `root` (`https://host`)."""

    def __init__(self, client: http.Client, root: str) -> None:
        self.root = root
        self._client = client

    def call(
        self,
        method: str,
        message: Mapping[str, object],
        *,
        hurried: bool = False,
        limit: int = LARGEST_REPLY,
    ) -> dict[str, Any]:
        """Call a method of `cipd.Repository` and return its reply, of at most `limit` bytes.

        A transient failure is retried, less often where the caller is `hurried`; one that remains is a
        NetworkError. UserError where the service says that what was asked for does not exist, ToolError
        for any other outcome.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        url = f"{self.root}/prpc/cipd.Repository/{method}"
        client = self._client.hurried() if hurried else self._client

        def post() -> dict[str, Any]:
            reply = client.ask("POST", url, body=body, headers=HEADERS, most=limit)
            return read(reply, self.root)

        return retry(post, client.policy, client.clock)


def read(reply: http.Reply, root: str) -> dict[str, Any]:
    """Return the message of a reply, or raise the error that it reports."""
    code = reply.headers.get(CODE_HEADER, "")
    if not (code.isascii() and code.isdigit() and len(code) < 4):
        if reply.status >= 400:
            raise http.refusal(root, reply.status, reply.headers)
        raise NetworkError(
            f"`{urls.shown(root)}` answers, but not as a package service does",
            hint="a proxy or a login page may stand between; check -vpython-source and CIPD_SERVICE_URL",
        )
    if int(code) != OK:
        raise failure(int(code), reply)

    if not reply.body.startswith(GUARD):
        raise NetworkError(f"`{urls.shown(root)}` sent a reply without the prefix of the protocol")
    try:
        message = json.loads(reply.body[len(GUARD) :])
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise NetworkError(f"`{urls.shown(root)}` sent a reply that is not a JSON object")
    return message


def failure(code: int, reply: http.Reply) -> VpythonError:
    """Return the error for a gRPC code that is not 0, with the service's own explanation."""
    explanation = printable(reply.body[:1000].decode("utf-8", "replace").strip())
    suffix = f": {explanation}" if explanation else ""
    if code == MISSING:
        return MissingError(f"{USER_ERRORS[code]}{suffix}")
    if code in USER_ERRORS:
        return UserError(f"{USER_ERRORS[code]}{suffix}", hint=HINTS.get(code))
    if code in TRANSIENT_ERRORS:
        return NetworkError(
            f"{TRANSIENT_ERRORS[code]}{suffix}",
            transient=True,
            wait=http.retry_after(reply.headers),
            status=reply.status,
        )
    fact = OTHER_ERRORS.get(code, f"the package service answers with the unknown code {code}")
    return ToolError(f"{fact}{suffix}", hint=HINTS.get(code))


def object_ref(instance_id: str) -> dict[str, str]:
    """Return an instance id as a `cipd.ObjectRef`."""
    algorithm, digest = reference_from_id(instance_id)
    names = {number: name for name, number in HASH_ALGORITHMS.items()}
    return {"hashAlgo": names[algorithm], "hexDigest": digest}


def id_from_object_ref(reference: Mapping[str, Any]) -> str:
    """Return the instance id of a `cipd.ObjectRef`; KeyError, TypeError or UserError for a damaged one."""
    return id_from_reference(HASH_ALGORITHMS[reference["hashAlgo"]], reference["hexDigest"])
