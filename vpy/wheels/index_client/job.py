"""Job of `pip_download`, answered by this client."""

from __future__ import annotations

import hashlib
import importlib
import tempfile

from vpy.wheels.index_client import download, errors, metadata, pages
from vpy.wheels.index_client.cache import Cache
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
    from vpy.wheels.index_client.conversation import Conversation
    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.rules import Rules


def run(
    session: Any,
    indexes: Sequence[str],
    find_links: Sequence[str],
    job: dict[str, Any],
    rules: Rules,
    conversation: Conversation,
) -> list[dict[str, str]]:
    """Resolve a job's requirements and fetch the wheels that are not here; return a row for each.

    Raises UncoveredError for what pip's resolver must answer, RefusedError for a final error.
    """
    web = Web(session, Cache.of(job))
    target = Target(job)
    try:
        with tempfile.TemporaryDirectory(prefix="index-client-") as scratch:
            wheels = download.Wheels(
                web, job["directory"] or scratch, partial=job.get("partial", ""), conversation=conversation
            )
            elsewhere = pages.found_elsewhere(find_links)
            catalogue = Catalogue(web, indexes, target, wheels, elsewhere, rules)
            candidates = resolve(catalogue, _wanted(job, target), dependencies=job["dependencies"])
            rows = {candidate.file.filename: _row(candidate) for candidate in candidates}
            if job.get("fetching", not job.get("look")):
                _fetch(web, catalogue, candidates, rows, conversation)
    except errors.NetworkError:
        web.stop_retrying()
        raise
    finally:
        web.close()
    return list(rows.values())


def _row(candidate: Candidate) -> dict[str, str]:
    return {
        "name": candidate.name,
        "version": str(candidate.version),
        "url": "",
        "filename": candidate.file.filename,
        "sha256": candidate.file.sha256,
        "missing_extras": " ".join(candidate.missing_extras),
    }


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


def _fetch(
    web: Web,
    catalogue: Catalogue,
    candidates: Sequence[Candidate],
    rows: dict[str, dict[str, str]],
    conversation: Conversation,
) -> None:
    """Fetch the wheels that are not here, and tell of each as it is; complete its row."""
    all_files = [candidate.file for candidate in candidates]
    sizes = {file.filename: file.size for file in all_files if not catalogue.wheels.is_asked(file)}
    here = conversation.decided(list(rows.values()), sizes)
    for file in all_files:
        if path := here.get(file.filename):
            _check_metadata(web, file, path, catalogue)
    files = [file for file in all_files if file.filename not in here]
    for file, sha256 in catalogue.wheels.fetched(files):
        _check_metadata(web, file, catalogue.wheels.path(file), catalogue)
        rows[file.filename]["sha256"] = sha256
        conversation.fetched(rows[file.filename])


def _check_metadata(web: Web, file: File, path: str, catalogue: Catalogue) -> None:
    """Raise RefusedError where a wheel's own METADATA is not the one that it was resolved by."""
    known = catalogue.known_metadata(file)
    if known is None:
        return
    try:
        data = metadata.bytes_of_wheel(path)
    except FileNotFoundError:
        fact = f"`{file.filename}` was removed while it was read"
        raise errors.RefusedError({"kind": "other", "fact": fact, "url": ""}) from None
    except (errors.UncoveredError, OSError):
        return  # the strict reader of archives refuses it, and says why
    if hashlib.sha256(data).hexdigest() != known.sha256:
        metadata.drop(web, file)
        fact = f"`{file.filename}` has other METADATA than the index gave for it"
        raise errors.RefusedError({"kind": "other", "fact": fact, "url": ""})
