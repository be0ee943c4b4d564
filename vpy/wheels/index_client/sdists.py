"""Sdists of an index: the best one for a requirement that no wheel satisfies, fetched and hashed."""

from __future__ import annotations

import os
import shutil

from vpy.wheels.index_client.cache import Cache
from vpy.wheels.index_client.download import Wheels
from vpy.wheels.index_client.pages import File
from vpy.wheels.index_client.web import Web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vpy.wheels.index_client.rules import Rules


def fetch(
    session: Any, finder: Any, items: Sequence[Any], rules: Rules, directory: str
) -> list[dict[str, str]]:
    """Fetch the sdist that pip's finder prefers for each requirement into `directory`; return a row for each.

    A requirement without one has no row. Raises RefusedError for other bytes than the index says, and
    UncoveredError where they do not come.
    """
    found = []
    for item in items:
        # Of several sdists of one version that is meant which is locked.
        hashes = item.hashes(trust_internet=False) if item.hash_options else None
        wanted = rules.constrained(item.req)
        best = finder.find_best_candidate(item.req.name, wanted, hashes).best_candidate
        if best is not None:
            found.append((str(item.req), best))
    web = Web(session, Cache())
    try:
        wheels = Wheels(web, directory)
        remote = [_file(best.link) for _, best in found if not best.link.is_file]
        hashes = {file.filename: sha256 for file, sha256 in wheels.fetched(remote)}
        for _, best in found:
            if best.link.is_file:
                shutil.copyfile(best.link.file_path, os.path.join(directory, best.link.filename))
    finally:
        web.close()
    return [
        {
            "requirement": text,
            "name": best.name,
            "version": str(best.version),
            "filename": best.link.filename,
            "sha256": hashes.get(best.link.filename, ""),
        }
        for text, best in found
    ]


def _file(link: Any) -> File:
    sha256 = link.hash if link.hash_name == "sha256" else ""
    return File(link.filename, link.url_without_fragment, sha256 or "", None, 0, False)
