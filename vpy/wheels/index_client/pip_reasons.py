"""Reasons why pip's own resolver has no answer, as rows of errors (`pip_download`)."""

from __future__ import annotations

import importlib

from vpy.wheels.index_client import names
from vpy.wheels.index_client.finder_log import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from vpy.wheels.index_client.finder_log import FinderLog

# pip's exceptions for a failed network; another attempt may succeed.
TRANSIENT = (
    "ConnectionFailedError",
    "ConnectionTimeoutError",
    "IncompleteDownloadError",
    "NetworkConnectionError",
    "ProxyConnectionError",
    "SSLMissingError",
    "SSLVerificationError",
)


def explain(error: Exception, wanted: list[Any], finder: Any, log: FinderLog) -> list[dict[str, Any]]:
    """Return why there is no resolution: every requirement without a candidate, else pip's own reason."""
    kinds = importlib.import_module("pip._internal.exceptions")
    problems = error.errors if isinstance(error, kinds.HashErrors) else [error]
    if mismatches := [problem for problem in problems if isinstance(problem, kinds.HashMismatch)]:
        return [hash_error(mismatch) for mismatch in mismatches]

    causes = getattr(error.__cause__, "causes", [])
    asked = [(item.req, "") for item in wanted if item.req and not item.link and item.match_markers()]
    asked += asked_by_others(causes)
    if rows := [row for req, parent in asked if (row := no_candidate(req, parent, finder, log))]:
        return log.network_errors() or [row for at, row in enumerate(rows) if row not in rows[:at]]

    if len(causes) > 1:
        sides = [(cause.requirement.format_for_error(), cause.parent) for cause in causes]
        lines = [(f"{parent.name} {parent.version}" if parent else "", side) for side, parent in sides]
        return [{"kind": "conflict", "sides": sorted(set(lines))}]

    context = error.__context__
    error = context if isinstance(context, kinds.NetworkConnectionError) else error
    is_transient = isinstance(error, (*(getattr(kinds, name) for name in TRANSIENT), OSError))
    return [{"kind": "network" if is_transient else "other", "fact": one_line(error), "url": ""}]


def asked_by_others(causes: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Yield the dependencies among the causes of a conflict, each with the package that asks for it."""
    for cause in causes:
        item = cause.requirement.get_candidate_lookup()[1]
        if cause.parent is not None and item is not None and item.req:
            yield item.req, f"{cause.parent.name} {cause.parent.version}"


def hash_error(problem: Any) -> dict[str, Any]:
    """Return the error for a file that has another hash than the pinned one."""
    got = {name: digest.hexdigest() for name, digest in problem.gots.items()}
    name = str(problem.req.req) if problem.req else ""
    return {"kind": "hash", "requirement": name, "allowed": problem.allowed, "got": got}


def no_candidate(wanted: Any, parent: str, finder: Any, log: FinderLog) -> dict[str, Any] | None:
    """Return the error for a requirement without a project, a version or a wheel; None where a wheel fits."""
    if finder.find_best_candidate(wanted.name, wanted.specifier).best_candidate is not None:
        return None

    passed = [row for row in log.passed_over(wanted.name) if version_of(row[0], wanted.name)]
    fitting = sorted({candidate.version for candidate in finder.find_all_candidates(wanted.name)})
    row = {"requirement": str(wanted), "project": wanted.name, "parent": parent}
    near = {name: reason for name, reason in passed if allows(wanted, name)}
    if near:
        more = log.other_pythons(wanted.name, near, finder, fitting)
        return {**row, "kind": "wheel", "files": sorted(near.items()), **more}
    if not passed and not fitting:
        return {**row, "kind": "project", **(log.unread(wanted.name) or {})}

    by_version = importlib.import_module("pip._vendor.packaging.version").Version
    others = sorted({version_of(name, wanted.name) for name, _ in passed}, key=by_version)
    return {**row, "kind": "version", "fitting": [str(version) for version in fitting], "others": others}


def version_of(filename: str, project: str) -> str:
    """Return the version in the file name of a project's distribution, or ""."""
    return str(names.version_of(filename, project) or "")


def allows(wanted: Any, filename: str) -> bool:
    """Return whether a requirement allows the version in a file name."""
    version = version_of(filename, wanted.name)
    return bool(version) and bool(wanted.specifier.contains(version))
