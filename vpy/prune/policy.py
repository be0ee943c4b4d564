"""Policy of a prune: age limits, size limits, and how much one run may do.

An age limit is compared with the time of the last use, or of the last write where no use is noted.
"""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config

HOUR = 3600.0
DAY = 24 * HOUR

# Age limits that are the same for every policy, in seconds.
INCOMPLETE_AGE = DAY  # half-made files: no build takes that long
CACHED_AGE = 90 * DAY  # cached answers, and records of other builds of vpython
ANY_AGE = float("-inf")  # what was written by a clock that runs ahead is old enough, too
NO_AGE = float("inf")
APP_AGE = 2 * DAY  # unpacked code of other builds: each build that is used says so once a day

# Limits of a run in the background, beside those of the configuration.
MOST_ITEMS = 2000
MOST_RECORDS = 50_000


@value
class Policy:
    """Limits of a prune.

    `older_than` is the age limit in seconds; at most `max_environments` go in one run, the least
    recently used first. With `max_size` (bytes of disk) more go until the root is that small.
    `max_items` limits how many things go in one run, `max_records` how many entries of the directory of
    records are looked at. With `dry_run` nothing goes, but it is reported. With `everything` cached answers
    and what is half made go whatever their age. Environments whose key is in `keep` stay, however old.
    """

    older_than: float
    max_environments: int | None = None
    max_size: int | None = None
    dry_run: bool = False
    max_items: int | None = None
    max_records: int | None = None
    everything: bool = False
    keep: frozenset[str] = frozenset()

    def is_old(self, seconds: float) -> bool:
        """Return whether an age in seconds is over the limit."""
        return seconds >= self.older_than

    @property
    def cached_age(self) -> float:
        """Age limit of cached answers, in seconds."""
        return ANY_AGE if self.everything else CACHED_AGE

    @property
    def incomplete_age(self) -> float:
        """Age limit of what is half made, in seconds."""
        return ANY_AGE if self.everything else INCOMPLETE_AGE


def whole_root(*, dry_run: bool) -> Policy:
    """Return the policy by which everything goes that no process holds."""
    return Policy(older_than=ANY_AGE, max_size=0, dry_run=dry_run, everything=True)


def age_limit(config: Config) -> float:
    """Return the age limit of the configuration, in seconds."""
    return config.prune_older_than_days * DAY


def interval(config: Config) -> float:
    """Return the time between two prunes in the background, in seconds."""
    return config.prune_interval_hours * HOUR


def background_policy(config: Config, *, max_environments: int) -> Policy:
    """Return the policy of a prune that nobody asked for."""
    return Policy(
        older_than=age_limit(config),
        max_environments=max_environments,
        max_items=MOST_ITEMS,
        max_records=MOST_RECORDS,
    )
