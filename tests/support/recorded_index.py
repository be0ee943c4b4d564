"""Index over real HTTP that serves recorded pages and METADATA; of the wheels there are only the names."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import lzma
import threading
from typing import Any

from tests.support.vectors import VECTORS

RECORDING = VECTORS / "same_answers.json.xz"
JSON = "application/vnd.pypi.simple.v1+json"


@functools.cache
def recording() -> Any:
    """Return what `bench/answers.py --record` wrote."""
    return json.loads(lzma.decompress(RECORDING.read_bytes()))


class RecordedIndex:
    """Index of all recorded pages; `missing` has the wheels whose METADATA was asked for and not recorded."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self._pages = recording()["pages"]
        self._metadata: dict[str, list[str]] = recording()["metadata"]
        self._made: dict[str, bytes] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple/"

    def page(self, project: str) -> bytes | None:
        """Return a page; one that was not recorded, and one that the index did not have, is None."""
        if self._pages.get(project) is None:
            return None
        if project not in self._made:
            files = [self._file(*row) for row in self._pages[project]]
            whole = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
            self._made[project] = json.dumps(whole).encode()
        return self._made[project]

    def metadata(self, filename: str) -> bytes | None:
        lines = self._metadata.get(filename)
        return None if lines is None else "\n".join(["Metadata-Version: 2.1", *lines, "", ""]).encode()

    def _file(self, filename: str, requires_python: str = "", yanked: bool = False) -> dict[str, Any]:
        known = self.metadata(filename)
        return {
            "filename": filename,
            "url": f"/files/{filename}",
            "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
            "requires-python": requires_python or None,
            "yanked": yanked,
            "core-metadata": known is None or {"sha256": hashlib.sha256(known).hexdigest()},
        }

    def _found(self, path: str) -> bytes | None:
        _, room, name, *_ = [*path.split("/"), ""]
        if room == "simple":
            return self.page(name)
        if not name.endswith(".metadata"):
            return None
        name = name.removesuffix(".metadata")
        found = self.metadata(name)
        if found is None:
            self.missing.add(name)
        return found

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: without it each answer waits for the client's acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = index._found(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", JSON if self.path.startswith("/simple/") else "text/plain")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
