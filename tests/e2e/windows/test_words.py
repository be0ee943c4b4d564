"""Arguments reach a script to the letter, whichever way a start goes and whatever they hold."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.windows.desk import TELL, Told
from tests.e2e.windows.machine import windows_path

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk

AWKWARD = (
    "", " ", "a b", '"', 'a"b', '"a b"', '"a b', "\\", "\\\\", "a\\", "a b\\", "a b\\\\", '\\"', '\\\\"',
    'a\\\\\\"b', "a\\\\b", "C:\\Program Files\\x\\", "%PATH%", "%", "^", "&", "|", "<", ">", "(", ")", "!x!",
    "*", "?", "'", "`", "a\tb", "-c", "--", "-vpython-root", "/?", "/c", "=", "a=b c", ";", ",", "@x", "~",
    "é", "日本", "\U0001f600", "a" * 4000,
)  # fmt: skip


def test_words_arrive_as_given(desk: Desk) -> None:
    desk.put("s.py", TELL)
    for _ in ("cold", "warm"):
        code, out, err = desk.exactly("python", windows_path(desk.file), "s.py", *AWKWARD)
        assert (code, err) == (0, "")
        assert tuple(Told(json.loads(out)).words) == AWKWARD
    environment = Told(json.loads(out)).prefix
    assert environment.startswith(windows_path(desk.root))


def test_any_words_arrive(desk: Desk) -> None:
    """Many at once: a start for each would take minutes."""
    desk.put("s.py", TELL)

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.text(alphabet='\\" ' + string.ascii_letters[:3] + "%^&'\t", max_size=12), max_size=60))
    def arrive(words: list[str]) -> None:
        code, out, err = desk.exactly("python", windows_path(desk.file), "s.py", *words)
        assert (code, err) == (0, "")
        assert Told(json.loads(out)).words == words

    arrive()
