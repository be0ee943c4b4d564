"""Repository of an OCI registry that is asked for files by their hash, before their source is."""

from __future__ import annotations

import threading

from vpy.errors import VpythonError
from vpy.packages.cipd.names import instance_id
from vpy.packages.oci import blob_file
from vpy.system import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vpy.packages.oci.registry import Registry
    from vpy.system.layout import Layout

WORKERS = 8


class FileStore:
    """Files by their hash. A store that fails once is asked no more, and said so in one line by `warn`."""

    def __init__(self, registry: Registry, name: str, layout: Layout, warn: Callable[[str], None]) -> None:
        self._registry = registry
        self._name = name
        self._layout = layout
        self._warn = warn
        self._failure: VpythonError | None = None
        self._has_warned = False
        self._lock = threading.Lock()

    def bring(self, sizes: Mapping[str, int], came: Callable[[str, str], None]) -> None:
        """Put files of these sha256 and sizes (bytes, 0: not known) to their places in the root.

        `came` gets the sha256 and path of each, as soon as it is here, from any thread.
        """

        def bring(sha256: str) -> None:
            if self._failure is not None:
                return
            try:
                path = self._fetch(sha256, sizes[sha256])
            except VpythonError as error:
                with self._lock:
                    self._failure = self._failure or error
                self._registry.stop()
                return
            if path:
                came(sha256, path)

        outcomes = threads.map_concurrently(list(sizes), bring, workers=WORKERS, stop=self._registry.stop)
        for outcome in outcomes:
            outcome()
        if self._failure is not None:
            self._warn_once(self._failure)

    def _warn_once(self, failure: VpythonError) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._warn(f"the store `{self._name}` is left out: {failure.summary}")

    def _fetch(self, sha256: str, size: int) -> str | None:
        """Return the path of a file that the store has; None where it lacks it."""
        path = self._layout.package(instance_id(bytes.fromhex(sha256)))
        return path if blob_file.put(self._registry, sha256, size, path) else None
