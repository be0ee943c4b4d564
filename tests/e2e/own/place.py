"""Releases behind a real web server, made of the built file as other versions; it can be told to lie."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from builder.archive import archive
from builder.package import build_of
from builder.release import project
from tests.support.awkward_index import Server
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = project()["version"]
NEWER = "9" + OWN[1:]  # of the same length: it takes the other's place in compiled code
OLDER = "0" + OWN[1:]
MODULE = b"vpy/_baked.pyc\n"


def build_id(version: str) -> str:
    """The build that a version is here; that of this tree for its own."""
    return build_of(BUILT) if version == OWN else f"testbuild{version.replace('.', 'x')}".ljust(16, "y")[:16]


@functools.cache
def another(version: str) -> bytes:
    """The built file as another version, of another build, that runs; not deflated, which takes long."""
    data = BUILT.read_bytes()
    old, new = build_of(BUILT).encode(), build_id(version).encode()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {name: file.read(name) for name in file.namelist() if not name.endswith("/")}
    head, _, _ = members["app.bundle"].partition(b"\n\n")
    start = len(head) + 2
    for row in head.split(b"\n"):
        size, _, name = row.partition(b" ")
        if name + b"\n" == MODULE:
            end = start + int(size)
            body = members["app.bundle"][start:end]
            assert body.count(OWN.encode()) == 1
            body = body.replace(OWN.encode(), version.encode())
            members["app.bundle"] = members["app.bundle"][:start] + body + members["app.bundle"][end:]
            break
        start += int(size)
    else:
        raise AssertionError("the version is somewhere else now")
    changed = {name: body.replace(old, new) for name, body in members.items()}
    return archive(changed, head=data[: data.index(b"PK\3\4")].replace(old, new))


def row(version: str, data: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """A row of the list, for these bytes or for those of the version; `fields` are other values."""
    data = another(version) if data is None else data
    return {
        "version": version,
        "build": build_id(version),
        "file": f"{version}/vpython.pyz",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        **fields,
    }


class Place:
    """Answers by `answers`, path -> bytes or what sends an answer itself; `asked` are the paths."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.asked.append(self.path)
                answer = place.answers.get(self.path)
                if callable(answer):
                    answer(self)
                    return
                self.send_response(404 if answer is None else 200)
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.host}/releases/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def offer(self, *rows: dict[str, Any], data: bytes | None = None) -> None:
        """List these; each is answered by `data`, else by the bytes of its version."""
        self.answers = {"/releases/releases.json": json.dumps({"releases": rows}).encode()}
        for each in rows:
            body = another(each["version"]) if data is None else data
            self.answers[f"/releases/{each['file']}"] = body
