"""Rules by which requirements are resolved: the settings of a spec, as a job of pip's process has them."""

from __future__ import annotations

import re

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.model import ResolutionSettings

_NAMED = {
    "constraints": "constraint-dependencies",
    "overrides": "override-dependencies",
    "exclude_newer": "exclude-newer",
}


@value
class Rules:
    """Settings of a spec for one target; `now` returns seconds since the epoch."""

    settings: ResolutionSettings
    now: Callable[[], float]

    def identity(self, *, dependencies: bool) -> list[object]:
        """Return what of the rules decides an answer: where no dependencies count, the indexes alone."""
        rows = self.settings.rows()
        names = rows if dependencies else rows.keys() & {"indexes", "sources"}
        return [[name, rows[name]] for name in sorted(names)]

    def job(self, *, dependencies: bool) -> dict[str, Any]:
        """Return the fields of a job (`vpy.wheels.pip_download`).

        What narrows the versions is for the resolution alone: what it came to is fetched as it is.
        """
        settings = self.settings
        fields: dict[str, Any] = {
            "indexes": list(settings.indexes),
            "pinned": {source.project: source.index for source in settings.sources if source.index},
        }
        if dependencies:
            fields["constraints"] = list(settings.constraints)
            fields["overrides"] = list(settings.overrides)
            fields["exclude_newer"] = self._cutoff()
        return {name: field for name, field in fields.items() if field}

    def _cutoff(self) -> str:
        cutoff = self.settings.exclude_newer
        if not cutoff.isdecimal():
            return cutoff
        from datetime import UTC, datetime

        return datetime.fromtimestamp(max(self.now() - int(cutoff), 0), UTC).isoformat()

    def hint(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return what of the spec narrows the projects that errors are about; "" for nothing."""
        from packaging.requirements import Requirement

        about = {word for row in rows for word in _words(row)}
        found = []
        for name, title in _NAMED.items():
            texts = [str(entry) for entry in self.settings.rows().get(name, ())]
            if name != "exclude_newer":
                texts = [text for text in texts if _normalized(Requirement(text).name) in about]
            if texts:
                found.append(f"`{title}` {', '.join(f'`{text}`' for text in texts)}")
        return f"the spec also says {' and '.join(found)}" if found else ""


def _words(row: object) -> Iterator[str]:
    """Yield the normalized names in the texts of an error."""
    if isinstance(row, str):
        yield from map(_normalized, re.findall(r"[A-Za-z0-9][\w.-]*", row, re.ASCII))
    elif isinstance(row, dict):
        for part in row.values():
            yield from _words(part)
    elif isinstance(row, list | tuple):
        for part in row:
            yield from _words(part)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
