"""Freshness of what a source answered: one rule for refs of a service and for the answers of an index."""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REF_SECONDS = 24 * 3600  # for which a ref is taken to point where it did
OUTAGE_SECONDS = 15 * 60  # for which the last answer serves where a source cannot be asked


@value
class Freshness:
    """Rule by which an answer counts, by the time when it was asked for (seconds since the epoch).

    Answers from before `since` do not count, nor those older than `max_age` seconds, 0 for any age.
    """

    now: Callable[[], float]
    since: float = 0.0
    max_age: int = 0

    def holds(self, asked: float) -> bool:
        """Return whether an answer counts still; one from the future does not where ages count."""
        return asked >= self.since and (not self.max_age or 0 <= self.now() - asked < self.max_age)

    def until(self, asked: float) -> int:
        """Return the time from which an answer no longer counts, 0 for never."""
        return int(asked) + self.max_age if self.max_age else 0


def cutoff_at(exclude_newer: str, now: float) -> str:
    """Return the time (RFC 3339) that an age in seconds means at `now`; any other text as it is."""
    if not exclude_newer.isdecimal():
        return exclude_newer
    from datetime import UTC, datetime

    return datetime.fromtimestamp(max(now - int(exclude_newer), 0), UTC).isoformat()
