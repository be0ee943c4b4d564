"""Rules by which requirements are resolved: the settings of a spec, as a job of pip's process has them."""

from __future__ import annotations

import re
import time

from vpy.model import ResolutionSettings
from vpy.packages.freshness import Freshness, cutoff_at
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any


@value
class Rules:
    """Settings of a spec for one target, and which cached answers count; `warn` shows a line."""

    settings: ResolutionSettings = ResolutionSettings()
    freshness: Freshness = Freshness(time.time)
    warn: Callable[[str], None] = lambda _: None

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
            fields["exclude_newer"] = cutoff_at(settings.exclude_newer, self.freshness.now())
        return {name: field for name, field in fields.items() if field}

    def checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer; warn of files that were passed over since nobody says when they were uploaded."""
        if undated := answer.get("undated"):
            listed = ", ".join(f"`{name}`" for name in undated)
            self.warn(f"`exclude-newer`: files without an upload time are passed over: those of {listed}")
        return answer

    def hint(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return what of the spec narrows the projects that errors are about; "" for nothing."""
        from packaging.requirements import Requirement

        about = {word for row in rows for word in _words(row)}
        is_unknown = any(row["kind"] == "other" for row in rows)

        def is_about(text: str) -> bool:
            return is_unknown or _normalized(Requirement(text).name) in about

        cutoff = self.settings.exclude_newer
        narrowing = {
            "constraint-dependencies": list(filter(is_about, self.settings.constraints)),
            "override-dependencies": list(filter(is_about, self.settings.overrides)),
            "exclude-newer": [f"{cutoff} seconds" if cutoff.isdecimal() else cutoff] if cutoff else [],
        }
        found = [
            f"`{key}` {', '.join(f'`{text}`' for text in texts)}" for key, texts in narrowing.items() if texts
        ]
        return f"{' and '.join(found)} of the spec may stand in the way" if found else ""


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
