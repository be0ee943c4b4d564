"""Outcomes that are no answer: a case that is left to pip's resolver, and errors that are final."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class UncoveredError(Exception):
    """Case that is left to pip's own resolver: a direct reference, a malformed page, no answer."""


class NetworkError(UncoveredError):
    """Request that failed after all retries, which pip's resolver need not repeat: it finds the words."""


class RefusedError(Exception):
    """Final error: what pip would do is no better. `row` is an error as `pip_download` answers it."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row.get("fact", ""))
        self.row = row


class NoResolutionError(Exception):
    """Requirements that cannot be met, which is final.

    `lacking` are those that no candidate fits, each with the text of who wants it: pip's finder says what
    there is instead. `row` is the error that explains it.
    """

    def __init__(self, row: dict[str, Any], lacking: list[tuple[Any, str]]) -> None:
        super().__init__(row["kind"])
        self.row = row
        self.lacking = lacking

    def rows(self, find: Callable[[Any, str], dict[str, Any] | None]) -> list[dict[str, Any]]:
        """Return the errors; `find` returns that of a requirement without a candidate.

        They are those of what is lacking where that is to blame alone, or where it could be built.
        """
        found = _distinct(row for each, parent in self.lacking if (row := find(each, parent)))
        if not found or (self.row.get("is_clash") and not any(map(_has_source, found))):
            return [{**self.row, "lacking": found}]
        because = self.row.get("because", [])
        return [*found[:-1], {**found[-1], "because": because if len(because) > 1 else []}]


def _distinct(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the errors, of those about a project that dependencies name only the first of its kind."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        is_alike = row["parent"] and not _has_source(row)
        found.setdefault((row["kind"], row["project"]) if is_alike else id(row), row)
    return list(found.values())


def _has_source(row: dict[str, Any]) -> bool:
    """Return whether an error lists a source for this Python."""
    return any(
        not name.endswith(".whl") and reason != "requires_python_mismatch"
        for name, reason in row.get("files", ())
    )


def network(fact: str, url: str) -> RefusedError:
    """Return the error of a network that fails, or breaks a bound."""
    return RefusedError({"kind": "network", "fact": fact, "url": url})
