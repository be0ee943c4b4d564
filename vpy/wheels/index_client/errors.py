"""Outcomes that are no answer: a case that is left to pip's resolver, and errors that are final."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def network(fact: str, url: str) -> RefusedError:
    """Return the error of a network that fails, or breaks a bound."""
    return RefusedError({"kind": "network", "fact": fact, "url": url})
