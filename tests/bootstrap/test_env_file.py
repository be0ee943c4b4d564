"""`-vpython-env-file`: what a line may say, and where a mistake is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootstrap import env_file
from bootstrap.command_line import CommandError

if TYPE_CHECKING:
    from pathlib import Path


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text(
        "# a comment\n\nA=1\nexport B = two words # why\nC='as $it \\n is' # why\n"
        'D="a\\tb\\n\\"c\\" # kept"\nE=\nF=a#b\r\nA=2\n'
    )
    assert env_file.read(str(path)) == {
        "A": "2",
        "B": "two words",
        "C": "as $it \\n is",
        "D": 'a\tb\n"c" # kept',
        "E": "",
        "F": "a#b",
    }


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("A=1\nB\n", ":2:1: expected NAME=VALUE"),
        ("1A=1\n", ":1:1: expected NAME=VALUE"),
        ("A-B=1\n", ":1:1: expected NAME=VALUE"),
        ("A='x\n", ":1:3: a quote is not closed"),
        ('A="x" y\n', ":1:3: text after the closing quote"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, fact: str) -> None:
    path = tmp_path / "env"
    path.write_text(text)
    with pytest.raises(CommandError) as caught:
        env_file.read(str(path))
    assert str(caught.value) == f"{path}{fact}"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        env_file.read(str(tmp_path / "none"))
