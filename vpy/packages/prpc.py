"""pRPC: calls of the package service as JSON over HTTP, and what its answers mean.

`POST <service>/prpc/<service name>/<method>`; the outcome stands in `X-Prpc-Grpc-Code`, not in the HTTP
status; a JSON body begins with `)]}'` and a newline, so that no page can read it as a script.
"""

from __future__ import annotations

import json

from vpy.errors import ToolError, UserError
from vpy.packages.cipd import printable
from vpy.system import address, http
from vpy.system.patience import NetworkError, persist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.errors import VpythonError

GUARD = b")]}'\n"
LARGEST_REPLY = 1 << 20
CODE = "x-prpc-grpc-code"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

OK = 0
MENDABLE = {
    3: "the package service takes it for malformed",
    5: "the package service does not have it",
    7: "the package service does not show it to the public",
    9: "the package service cannot tell which one is meant",
    16: "the package service wants to know who asks",
}
PASSING = {
    2: "the package service failed for no known reason",
    4: "the package service ran out of time",
    8: "the package service has too much to do",
    13: "the package service failed",
    14: "the package service is not available",
}
OTHER = {
    1: "the package service cancelled the call",
    6: "the package service says that it exists already",
    10: "the package service gave up because of others",
    11: "the package service finds a value out of range",
    12: "this is no package service that knows such a call",
    15: "the package service has lost data",
}
HINTS = {
    7: "ask for it by a name that anybody may see, or use another -vpython-source",
    9: "name an instance id as the version",
    12: "check -vpython-source and CIPD_SERVICE_URL",
}


class Service:
    """The package service at `root` (`https://host`)."""

    def __init__(self, client: http.Client, root: str) -> None:
        self.root = root
        self._client = client

    def call(
        self,
        method: str,
        message: Mapping[str, object],
        *,
        hurried: bool = False,
        most: int = LARGEST_REPLY,
    ) -> dict[str, Any]:
        """The reply of at most `most` bytes to a call of `cipd.Repository`; `hurried` by who can do without.

        A passing failure is tried again; one that remains is a NetworkError. UserError where the
        service says that what was asked for cannot be had, ToolError for any other outcome.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        url = f"{self.root}/prpc/cipd.Repository/{method}"

        client = self._client.hurried() if hurried else self._client

        def once() -> dict[str, Any]:
            reply = client.ask("POST", url, body=body, headers=HEADERS, most=most)
            return read(reply, self.root)

        return persist(once, client.patience, client.clockwork)


def read(reply: http.Reply, root: str) -> dict[str, Any]:
    """The message of a reply, or the error that it tells."""
    code = reply.headers.get(CODE, "")
    if not (code.isascii() and code.isdigit() and len(code) < 4):
        if reply.status >= 400:
            raise http.refusal(root, reply.status, reply.headers)
        raise NetworkError(
            f"`{address.shown(root)}` answers, but not as a package service does",
            hint="a proxy or a login page may stand between; check -vpython-source and CIPD_SERVICE_URL",
        )
    if int(code) != OK:
        raise failure(int(code), reply)
    if not reply.body.startswith(GUARD):
        raise NetworkError(f"`{address.shown(root)}` sent a reply without the mark that begins each")
    try:
        message = json.loads(reply.body[len(GUARD) :])
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise NetworkError(f"`{address.shown(root)}` sent a reply that is no JSON object")
    return message


def failure(code: int, reply: http.Reply) -> VpythonError:
    """The error for a gRPC code that is not 0, with what the service says of it."""
    said = printable(reply.body[:1000].decode("utf-8", "replace").strip())
    because = f": {said}" if said else ""
    if code in MENDABLE:
        return UserError(f"{MENDABLE[code]}{because}", hint=HINTS.get(code))
    if code in PASSING:
        wait = http.retry_after(reply.headers)
        return NetworkError(f"{PASSING[code]}{because}", passing=True, wait=wait, status=reply.status)
    told = OTHER.get(code, f"the package service answers with the unknown code {code}")
    return ToolError(f"{told}{because}", hint=HINTS.get(code))
