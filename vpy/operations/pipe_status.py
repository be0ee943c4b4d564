"""Live status of a start's pipe: what is resolved, how much has come, how many wheels are installed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.operations.plan import Plan
    from vpy.system.status import Status


class PipeStatus:
    """Reporter of one pipe to the live status; its `text` is that of the stage."""

    def __init__(self, plan: Plan, status: Status) -> None:
        count = len(plan.spec.dependencies or plan.packages)
        noun = "requirement" if plan.spec.dependencies else "package"
        self._text = f"resolving {count} {noun}{'' if count == 1 else 's'}"
        self._status = status
        self._missing = 0
        self._installed = 0

    def text(self) -> str:
        """Return what is done now."""
        return self._text

    def fetching(self) -> None:
        """Note that all is resolved."""
        self._text = "fetching and installing"

    def watch(self, event: Mapping[str, Any]) -> None:
        """Report an event of an index (`vpy.wheels.index_client.conversation`)."""
        kind = event["event"]
        if kind == "decided":
            self.fetching()
            self._missing = event["missing"]
            self._status.count(0, self._missing, "wheels")
        elif kind == "fetching":
            self._status.begin(_distribution(event["filename"]))
            self._status.expect(event["size"])
        elif kind == "came":
            self._status.advance(sum(event["bytes"].values()))
        elif kind == "fetched":
            self._status.end(_distribution(event["wheel"]["filename"]))

    def added(self, count: int) -> None:
        """Note that so many wheels have been given to pip."""
        self._missing = max(self._missing, count)

    def installed(self) -> None:
        """Note that one more wheel is through."""
        self._installed += 1
        self._status.count(self._installed, self._missing, "wheels")


def _distribution(filename: str) -> str:
    return filename.partition("-")[0]
