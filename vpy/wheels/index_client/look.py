"""Wheels that an index lists of projects, by the names of their files: pages read side by side, and kept."""

from __future__ import annotations

import importlib

from vpy.wheels.index_client import listing, pages
from vpy.wheels.index_client.cache import Cache
from vpy.wheels.index_client.errors import RefusedError, UncoveredError
from vpy.wheels.index_client.web import Web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.wheels.index_client.finder_log import FinderLog
    from vpy.wheels.index_client.rules import Rules


def wheels(
    session: Any, finder: Any, job: Mapping[str, Any], rules: Rules, log: FinderLog
) -> dict[str, list[str]]:
    """Return the names of wheels that are not yanked, by the text of a requirement that is a bare name.

    What pip's finder must see, or say why it is not there, is left out.
    """
    urls = [*rules.own_indexes, *finder.index_urls]
    is_covered = urls and all(url.startswith(("http://", "https://")) for url in urls)
    if not is_covered or log.ignored or finder.find_links or finder.uploaded_prior_to or job.get("offline"):
        return {}
    normalize = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
    projects = {row["text"]: normalize(row["text"]) for row in job["requirements"] if row["text"].isascii()}
    bare = {text: name for text, name in projects.items() if name.replace("-", "").isalnum()}
    web = Web(session, Cache(job.get("pages", ""), listing.EVERY_FILE))

    def read(project: str) -> list[str]:
        try:
            groups = rules.groups(finder.index_urls, project)
            found = pages.first_group(web, groups, project, listing.every_file)
        except (RefusedError, UncoveredError):
            return []
        files = (pages.File(*row[:-1]) for releases in found for release in releases for row in release.rows)
        return sorted({file.filename for file in files if listing.is_wheel(file) and not file.yanked})

    try:
        found = dict(zip(bare, web.workers.map(read, bare.values()), strict=True))
    finally:
        web.close()
    return {text: names for text, names in found.items() if names}
