"""The picture of a session shows what the recording has, which is what a terminal got."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

from builder import cast

if TYPE_CHECKING:
    from pathlib import Path


def test_the_picture_is_that_of_the_recording() -> None:
    drawn = cast.draw(cast.recording())
    assert drawn == cast.PICTURE.read_text(encoding="utf-8"), "run `python3 -m builder.cast`"
    assert drawn == cast.draw(cast.recording())
    texts = [text for _, text, _, until in cast.spans(cast.recording()) if until is None]
    assert [text for text in texts if text.startswith(cast.PROMPT)] == [
        cast.PROMPT + command for command in cast.COMMANDS
    ]
    assert not [text for text in texts if text.startswith("vpython: ")]


def test_a_row_has_each_text_for_its_time() -> None:
    events = [
        (0.0, "$ "),
        (0.5, "ls\r\n"),
        (1.0, "\rbusy 1\r"),
        (1.5, "\rbusy 2\r"),
        (2.0, "\r      \rdone\r\n"),
    ]
    assert cast.spans(events) == [
        (0, "$", 0.0, 0.5),
        (0, "$ ls", 0.5, None),
        (1, "busy 1", 1.0, 1.5),
        (1, "busy 2", 1.5, 2.0),
        (1, "done", 2.0, None),
    ]


def test_what_passes_is_hidden_where_nothing_moves() -> None:
    root = ElementTree.fromstring(cast.draw([(0.0, "a<b\r"), (1.0, "c&d\n"), (2.0, "e")]))
    texts = {each.text: each.get("class") for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert texts == {"a<b": "passing", "c&d": "", "e": ""}


def test_a_command_is_recorded_on_a_terminal(tmp_path: Path) -> None:
    command = "test -t 1 && test -t 2 && pwd && stty size"
    events = list(cast._run(command, tmp_path, {"PATH": "/usr/bin:/bin"}))
    assert "".join(text for _, text in events) == f"{tmp_path}\r\n{cast.ROWS} {cast.COLUMNS}\r\n"
    assert [seconds for seconds, _ in events] == sorted(seconds for seconds, _ in events)
