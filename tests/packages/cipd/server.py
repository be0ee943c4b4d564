"""A package service and its storage, on loopback: the protocol as recorded, and faults on demand."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

from tests.packages.cipd import listing
from vpy.packages.cipd.names import id_from_reference, parse_package_name, parse_version, reference_from_id

if TYPE_CHECKING:
    from collections.abc import Callable

from vpy.errors import UserError

JSON = "application/json"
BINARY = "application/prpc; encoding=binary"
GUARD = b")]}'\n"
STATUS = {0: 200, 3: 400, 5: 404, 7: 403, 9: 400, 12: 501, 16: 401, 8: 429, 4: 503, 13: 500, 14: 503, 2: 500}
HASHES = {"SHA1": 1, "SHA256": 2}
NAMES = {1: "SHA1", 2: "SHA256"}


class Handler(http.server.BaseHTTPRequestHandler):
    """One request: noted, then a planned fault, else the proper answer."""

    protocol_version = "HTTP/1.1"
    service: Service
    server: http.server.ThreadingHTTPServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.service.note(self, body)
        if not self.service.fault(self):
            self.service.rpc(self, body)

    def do_GET(self) -> None:
        self.service.note(self, b"")
        if not self.service.fault(self):
            self.service.download(self)

    def answer(self, status: int, headers: dict[str, str], body: bytes, *, length: int | None = None) -> None:
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body) if length is None else length), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Answer with an error as the service does: plain text whatever was asked for."""
        all_headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "X-Prpc-Grpc-Code": str(code),
            **(headers or {}),
        }
        self.answer(STATUS.get(code, 500), all_headers, text.encode() + b"\n")

    def hang_up(self) -> None:
        """Reset the connection, as a broken one is."""
        import socket
        import struct

        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


class Quiet(http.server.ThreadingHTTPServer):
    """A server whose threads end with it, and which keeps silent about broken connections."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        pass


class Service:
    """Packages that are there, what was asked for, and what goes wrong next.

    `rpc_url` and `storage_url` are two ports, as the real ones are two hosts. `faults` is a list of
    functions that take the handler and answer in their own way; each serves once, in order, for the
    kind of request (`POST`, `GET`) it is planned for.
    """

    def __init__(self, certificate: str | None = None) -> None:
        self.instances: dict[str, dict[str, bytes]] = {}
        self.refs: dict[tuple[str, str], str] = {}
        self.tags: dict[tuple[str, str], list[str]] = {}
        self.private: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.faults: dict[str, list[Callable[[Handler], None]]] = {"POST": [], "GET": []}
        self.always: dict[str, Callable[[Handler], None]] = {}
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.threads: list[threading.Thread] = []
        self.servers = [self._serve(certificate), self._serve(certificate)]
        scheme = "https" if certificate else "http"
        self.rpc_url, self.storage_url = (
            f"{scheme}://{'localhost' if certificate else '127.0.0.1'}:{server.server_address[1]}"
            for server in self.servers
        )

    def _serve(self, certificate: str | None) -> Quiet:
        handler = type("BoundHandler", (Handler,), {"service": self})
        server = Quiet(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.threads.append(thread)
        return server

    def stop(self) -> None:
        self.ended.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for thread in self.threads:
            thread.join()

    def put(self, name: str, data: bytes, *, tags: tuple[str, ...] = (), refs: tuple[str, ...] = ()) -> str:
        """Add a package file and return its instance id."""
        found = id_from_reference(2, hashlib.sha256(data).hexdigest())
        return self.put_as(name, found, data, tags=tags, refs=refs)

    def put_as(
        self, name: str, found: str, data: bytes, *, tags: tuple[str, ...] = (), refs: tuple[str, ...] = ()
    ) -> str:
        """Add bytes under an id that may not be theirs."""
        self.instances.setdefault(name, {})[found] = data
        for tag in tags:
            self.tags.setdefault((name, tag), []).append(found)
        for ref in refs:
            self.refs[name, ref] = found
        return found

    def plan(self, kind: str, *faults: Callable[[Handler], None]) -> None:
        self.faults[kind] += faults

    def note(self, handler: Handler, body: bytes) -> None:
        with self.lock:
            method = handler.path.rpartition("/")[2] if handler.command == "POST" else "download"
            self.requests.append((handler.command, handler.path, dict(handler.headers.items()), body))
            self.asked.append((method, _version_in(body)))

    def fault(self, handler: Handler) -> bool:
        with self.lock:
            planned = self.faults[handler.command]
            chosen = planned.pop(0) if planned else self.always.get(handler.command)
        if chosen is not None:
            chosen(handler)
        return chosen is not None

    def count(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)

    def rpc(self, handler: Handler, body: bytes) -> None:
        """Answer a call in JSON or in binary, as it was asked."""
        method = handler.path.removeprefix("/prpc/cipd.Repository/")
        binary = handler.headers.get("Content-Type") == BINARY
        try:
            message = _decoded(method, body) if binary else json.loads(body)
            answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                "ResolveVersion": self._resolve,
                "GetInstanceURL": self._locate,
                "DescribeInstance": self._describe,
                "ListPrefix": lambda asked: listing.prefix(self, asked),
                "ListInstances": lambda asked: listing.instances(self, self._package(asked), asked),
                "SearchInstances": lambda asked: listing.search(self, self._package(asked), asked),
                "ListRefs": lambda asked: listing.filled(refs=listing.refs(self, self._package(asked))),
            }
            reply = answers[method](message)
        except KeyError:
            handler.refuse(12, "API method not implemented by the server")
            return
        except LookupFailed as failed:
            handler.refuse(failed.code, str(failed))
            return
        except listing.BadRequest as bad:
            handler.refuse(3, str(bad))
            return
        except ValueError:
            handler.refuse(3, "could not decode body")
            return
        wanted = JSON if handler.headers.get("Accept") == JSON else BINARY
        data = GUARD + json.dumps(reply, separators=(",", ":")).encode() + b"\n"
        if wanted == BINARY:
            data = _encoded(method, reply)
        handler.answer(
            200, {"Content-Type": wanted, "X-Content-Type-Options": "nosniff", "X-Prpc-Grpc-Code": "0"}, data
        )

    def _package(self, message: dict[str, Any]) -> str:
        name: str = message.get("package", "")
        try:
            parse_package_name(name)
        except UserError:
            raise LookupFailed(3, f"bad 'package': invalid package name \"{name}\"") from None
        if name in self.private:
            raise LookupFailed(7, f'prefix "{name}" doesn\'t exist or not visible to unauthenticated callers')
        if name not in self.instances:
            raise LookupFailed(5, f"no such package: {name}")
        return name

    def _resolve(self, message: dict[str, Any]) -> dict[str, Any]:
        version = message.get("version", "")
        try:
            kind = parse_version(version).kind
        except UserError:
            raise LookupFailed(3, f"bad 'version': bad version \"{version}\"") from None
        name = self._package(message)
        found = version if kind == "id" else self._named(name, kind, version)
        if found not in self.instances[name]:
            raise LookupFailed(5, "no such instance")
        algorithm, digest = reference_from_id(found)
        return {
            "package": name,
            "instance": {"hashAlgo": NAMES[algorithm], "hexDigest": digest},
            "registeredBy": "user:admin@example.com",
            "registeredTs": "2026-11-21T04:14:42.244383Z",
        }

    def _named(self, name: str, kind: str, version: str) -> str:
        found = [self.refs[name, version]] if (name, version) in self.refs else []
        if kind == "tag":
            found = self.tags.get((name, version), [])
        if not found:
            raise LookupFailed(5, f"no such {kind}")
        if len(found) > 1:
            raise LookupFailed(9, "ambiguity when resolving the tag, more than one instance has it")
        return found[0]

    def _locate(self, message: dict[str, Any]) -> dict[str, Any]:
        name = self._package(message)
        reference = message["instance"]
        try:
            found = id_from_reference(HASHES[reference["hashAlgo"]], reference["hexDigest"])
        except (UserError, KeyError):
            raise LookupFailed(3, "bad 'instance': invalid hex digest") from None
        if found not in self.instances[name]:
            raise LookupFailed(5, "no such instance")
        path = urllib.parse.quote(f"{name}/{found}")
        return {"signedUrl": f"{self.storage_url}/store/{path}?Signature=s3cr3t-{len(self.asked)}"}

    def _describe(self, message: dict[str, Any]) -> dict[str, Any]:
        """All about an instance, as far as it was asked for."""
        self._locate(message)
        name, reference = message["package"], message["instance"]
        found = id_from_reference(HASHES[reference["hashAlgo"]], reference["hexDigest"])
        return listing.filled(
            instance=listing.instance(name, found),
            refs=listing.refs(self, name, found) if message.get("describeRefs") else [],
            tags=listing.tags(self, name, found) if message.get("describeTags") else [],
        )

    def download(self, handler: Handler) -> None:
        """A signed address: the bytes, or the rest of them."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(handler.path).path).removeprefix("/store/")
        name, _, found = path.rpartition("/")
        data = self.instances.get(name, {}).get(found)
        if data is None:
            handler.answer(404, {"Content-Type": "text/plain"}, b"no such object\n")
            return
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{found}"', "Content-Type": "application/octet-stream"}
        span = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if span is None or handler.headers.get("If-Range") not in (None, headers["ETag"]):
            handler.answer(200, headers, data)
            return
        first = int(span[1])
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        handler.answer(206, headers, data[first:])


class LookupFailed(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def _version_in(body: bytes) -> str:
    try:
        return str(json.loads(body).get("version", ""))
    except (ValueError, AttributeError):
        return ""


def _fields(data: bytes) -> dict[int, bytes | int]:
    """The fields of a binary message (protocol buffers' wire format; small numbers and strings)."""
    found: dict[int, bytes | int] = {}
    at = 0
    while at < len(data):
        number, kind = data[at] >> 3, data[at] & 7
        size, at = _varint(data, at + 1)
        if kind == 0:
            found[number] = size
        else:
            found[number] = data[at : at + size]
            at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        result |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return result, at


def _text(item: bytes | int) -> str:
    assert isinstance(item, bytes)
    return item.decode()


def _decoded(method: str, data: bytes) -> dict[str, Any]:
    fields = _fields(data)
    message: dict[str, Any] = {"package": _text(fields.get(1, b""))}
    if method == "ResolveVersion":
        message["version"] = _text(fields.get(2, b""))
    elif isinstance(inner := fields.get(2, b""), bytes):
        reference = _fields(inner)
        algorithm = reference[1]
        assert isinstance(algorithm, int)
        message["instance"] = {"hashAlgo": NAMES[algorithm], "hexDigest": _text(reference[2])}
    return message


def _field(number: int, data: bytes) -> bytes:
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + data


def _encoded(method: str, reply: dict[str, Any]) -> bytes:
    if method == "GetInstanceURL":
        return _field(1, reply["signedUrl"].encode())
    if method == "DescribeInstance":
        return _field(1, _encoded("", reply["instance"]))
    reference = reply["instance"]
    inner = bytes([8, HASHES[reference["hashAlgo"]]]) + _field(2, reference["hexDigest"].encode())
    return _field(1, reply["package"].encode()) + _field(2, inner)


def stall(handler: Handler) -> None:
    """Say nothing until the test is over."""
    handler.service.ended.wait(60)
    handler.close_connection = True
