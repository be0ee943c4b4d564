"""Job of `pip_download`, answered by this client."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile

from vpy.system.layout import DIGEST
from vpy.wheels.index_client import download, errors, metadata, pages
from vpy.wheels.index_client.candidates import Wanted
from vpy.wheels.index_client.errors import UncoveredError
from vpy.wheels.index_client.pages import Target
from vpy.wheels.index_client.resolution import Catalogue, resolve
from vpy.wheels.index_client.web import Web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vpy.wheels.index_client.candidates import Candidate
    from vpy.wheels.index_client.metadata import Metadata
    from vpy.wheels.index_client.pages import File


def run(
    session: Any, indexes: Sequence[str], find_links: Sequence[str], job: dict[str, Any]
) -> list[dict[str, str]]:
    """Resolve a job's requirements and fetch the wheels that are not stored; return a row for each.

    Raises UncoveredError for what pip's resolver must answer, RefusedError for a final error.
    """
    web = Web(session)
    target = Target(job)
    try:
        with tempfile.TemporaryDirectory(prefix="index-client-") as scratch:
            wheels = download.Wheels(web, job["directory"] or scratch)
            elsewhere = pages.found_elsewhere(find_links)
            catalogue = Catalogue(web, indexes, target, wheels, elsewhere)
            candidates = resolve(catalogue, _wanted(job, target), dependencies=job["dependencies"])
            hashes = {} if job.get("look") else _fetch(catalogue, candidates, job.get("stored", ""))
    except errors.NetworkError:
        web.stop_retrying()
        raise
    finally:
        web.close()
    return [
        {
            "name": candidate.name,
            "version": str(candidate.version),
            "url": "",
            "filename": candidate.file.filename,
            "sha256": hashes.get(candidate.file.filename) or candidate.file.sha256,
            "missing_extras": " ".join(candidate.missing_extras),
        }
        for candidate in candidates
    ]


def _wanted(job: dict[str, Any], target: Target) -> list[Wanted]:
    """Return the requirements that are for the target."""
    requirements = importlib.import_module("pip._vendor.packaging.requirements")
    wanted = []
    for row in job["requirements"]:
        requirement = requirements.Requirement(row["text"])
        if requirement.marker is not None and not requirement.marker.evaluate(target.markers):
            continue
        if any("+" in part.version for part in requirement.specifier):
            raise UncoveredError("a local version, which may stand for the public one")
        wanted.append(Wanted(requirement, row["hashes"]))
    return wanted


def _fetch(catalogue: Catalogue, candidates: Sequence[Candidate], stored: str) -> dict[str, str]:
    """Fetch the wheels that are not stored; return the hash of each that was fetched."""
    files = [
        candidate.file
        for candidate in candidates
        if not (
            stored
            and candidate.file.sha256
            and os.path.isfile(stored.replace("{sha256}", candidate.file.sha256[:DIGEST]))
        )
    ]
    hashes = catalogue.wheels.fetch_all(files)
    for file in files:
        _check_metadata(file, catalogue.wheels.path(file), catalogue.known_metadata(file))
    return hashes


def _check_metadata(file: File, path: str, known: Metadata | None) -> None:
    """Raise RefusedError where a wheel's own METADATA is not the one that it was resolved by."""
    if known is None:
        return
    try:
        data = metadata.bytes_of_wheel(path)
    except (errors.UncoveredError, OSError):
        return  # the strict reader of archives refuses it, and says why
    if hashlib.sha256(data).hexdigest() != known.sha256:
        fact = f"`{file.filename}` has other METADATA than the index gave for it"
        raise errors.RefusedError({"kind": "other", "fact": fact, "url": ""})
