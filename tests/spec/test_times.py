"""Durations and cutoffs of settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpy.packages.freshness import cutoff_at
from vpy.spec.times import parse_cutoff, parse_duration

DAY = 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", 7 * DAY),
        ("7 days", 7 * DAY),
        ("1 week", 7 * DAY),
        ("24 hours", DAY),
        ("90m", 5400),
        ("1d 12h", DAY + 43200),
        ("1 day, 12 hours", DAY + 43200),
        ("P7D", 7 * DAY),
        ("P1W", 7 * DAY),
        ("PT24H", DAY),
        ("p1dt1h1m1s", DAY + 3661),
        *(
            (text, None)
            for text in ("", "0d", "P", "PT", "7", "d", "1 month", "P1Y", "-1d", "1.5d", "٣d", "7dd")
        ),
    ],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "cutoff"),
    [
        ("2024-12-04", "2024-12-05T00:00:00Z"),
        ("2024-12-04T01:02:03Z", "2024-12-04T01:02:03Z"),
        ("2024-12-04t01:02:03z", "2024-12-04T01:02:03Z"),
        ("2024-12-04T01:02:03.5+02:00", "2024-12-03T23:02:03.500000Z"),
        ("7d", str(7 * DAY)),
        *(
            (text, None)
            for text in (
                "2024-12-04T01:02:03",
                "2024-13-01",
                "9999-12-31",
                "20241204",
                "yesterday",
                "",
                "0001-01-01T00:00:00+23:00",
            )
        ),
    ],
)
def test_cutoffs(text: str, cutoff: str | None) -> None:
    assert parse_cutoff(text) == cutoff


def test_an_age_becomes_a_time() -> None:
    assert cutoff_at(str(DAY), 2 * DAY + 5.0) == "1970-01-02T00:00:05+00:00"
    assert cutoff_at("99999999999", 5.0) == "1970-01-01T00:00:00+00:00"
    assert cutoff_at("2024-12-05T00:00:00Z", 5.0) == "2024-12-05T00:00:00Z"


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert parse_duration(text) != 0
    assert parse_cutoff(text) != ""
