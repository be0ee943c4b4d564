"""Times and durations in settings: dates and times of RFC 3339, `7d`, `2 weeks`, ISO 8601's `P7D`."""

from __future__ import annotations

import re

_UNITS = {
    "s": 1, "sec": 1, "second": 1,
    "m": 60, "min": 60, "minute": 60,
    "h": 3600, "hour": 3600,
    "d": 86400, "day": 86400,
    "w": 604800, "week": 604800,
}  # fmt: skip
_FRIENDLY = re.compile(r"(\d{1,9})\s*([a-z]+)", re.ASCII)
_ISO = re.compile(
    r"P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII
)
_ISO_UNITS = (604800, 86400, 3600, 60, 1)


def parse_duration(text: str) -> int | None:
    """Return the seconds of a duration; None for what is none, and for one of nothing.

    A month or a year has no fixed length, so neither is a unit.
    """
    if match := _ISO.fullmatch(text.strip().upper()):
        parts = zip(match.groups(), _ISO_UNITS, strict=True)
        return sum(int(number) * unit for number, unit in parts if number) or None
    total, rest = 0, text.strip().lower()
    while rest:
        match = _FRIENDLY.match(rest)
        unit = _UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")) if match else None
        if match is None or unit is None:
            return None
        total += int(match[1]) * unit
        rest = rest[match.end() :].lstrip(" ,")
    return total or None


def parse_cutoff(text: str) -> str | None:
    """Return a time in UTC (RFC 3339) or an age in seconds; None for what is neither.

    A date counts to its end, in UTC whatever the machine's time zone is, so that all come to the same.
    """
    from datetime import UTC, datetime, timedelta

    if (seconds := parse_duration(text)) is not None:
        return str(seconds)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
        elif re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", text, re.ASCII):
            moment = datetime.fromisoformat(text.upper())
        else:
            return None
        if moment.tzinfo is None:
            return None
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None
