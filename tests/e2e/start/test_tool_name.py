"""Called as `vpython-tool`, a link to the file, vpython takes its first word for the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import Stage, spec
from tests.support.harness import DOORS

if TYPE_CHECKING:
    from tests.support.harness import Door


@pytest.fixture
def tool(stage: Stage) -> Stage:
    """A stage whose file is called `vpython-tool`."""
    link = stage.place / "vpython-tool"
    link.symlink_to(stage.file)
    stage.file = link
    return stage


@pytest.mark.parametrize("door", DOORS)
def test_the_first_word_is_the_command(tool: Stage, door: Door) -> None:
    script = tool.put("s.py", "print('it ran')")
    tool.put("s.py.vpython3", spec("one"))
    short = tool.see("explain", script, door=door)
    assert short == tool.see("-vpython-tool", "explain", script, door=door)
    assert (short[0], "s.py.vpython3" in short[1], "one-py3" in short[1]) == (0, True, True)
    assert "it ran" not in short[1]
    code, out, _ = tool.see("--version", door=door)
    assert (code, out.partition(" ")[0]) == (0, "vpython")


@pytest.mark.parametrize("door", DOORS)
def test_a_script_of_that_name_is_not_run(tool: Stage, door: Door) -> None:
    """Not even where a warm start of it would need no more than its record."""
    tool.put("version", "print('it ran')")
    named = tool.place / "vpython3"
    named.symlink_to(tool.file)
    tool.file = named
    assert tool.warm("version")[1] == "it ran\n"
    tool.file = tool.place / "vpython-tool"
    assert "it ran" not in tool.must("version", door=door)


@pytest.mark.parametrize("door", DOORS)
def test_help(tool: Stage, door: Door) -> None:
    screens = {tool.see(*words, door=door) for words in ((), ("--help",), ("-h",), ("help",))}
    ((code, out, err),) = screens
    assert (code, err) == (0, "")
    assert "\n  prune  " in out
    assert tool.must("help", "prune", door=door) == tool.must("prune", "--help", door=door)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("instal",), "unknown command `instal`: did you mean `install`?"),
        (
            ("--jsn",),
            "unknown option `--jsn`: the command comes first, `vpython-tool --help` lists them",
        ),
        (("-vpython-ofline", "list"), "unknown option `-vpython-ofline`: did you mean `-vpython-offline`?"),
    ],
)
def test_a_mistake(tool: Stage, words: tuple[str, ...], message: str) -> None:
    assert tool.see(*words) == (2, "", f"vpython: {message}\n")
