"""What a person sees on terminals of 40 and 100 columns: kept in `tests/golden/screens.txt`, to be looked at.

To renew it: `RENEW_SCREENS=1 dist/vpython.pyz -m pytest -n 0 tests/e2e/start/test_screens.py`. What differs
from one run to the next is replaced: keys, ports, names of directories, sizes by `#.# kB`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.awkward_index import AwkwardIndex
from tests.support.harness import TOP, Harness
from tests.support.terminals import OnTerminal, drawings, wrapped
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = TOP / "tests" / "golden" / "screens.txt"
BLOCK = "# /// script\n# dependencies = [{}]\n# ///\n"
# Files of the desk: a first start, a project, a mistake in a spec, requirements that contradict each other.
FILES = {
    "a-report-of-all-sales.py": BLOCK.format('"colours", "tables[wide]>=1"') + 'print("started")\n',
    "mistake.py": BLOCK.format('"colours", "tables >> 1"'),
    "conflict.py": BLOCK.format('"shop", "colours>=2"'),
    "unknown.py": BLOCK.format('"tabels"'),
    "old.py": BLOCK.format('"colours<2"'),
    "app/.vpython3": 'python_version: "3"\nwheel { name: 7 }\n',
}
# What they do is said elsewhere; here it is how it looks.
NARROW = (
    ("mistake.py",),
    ("conflict.py",),
    ("unknown.py",),
    ("-vpython-spec", "app/.vpython3", "-c", "pass"),
    ("-vpython-ofline", "x.py"),
    ("-vpython-tool", "list"),
    ("-vpython-tool", "size"),
    ("-vpython-tool", "prune", "--dry-run", "--older-than", "0"),
    ("-vpython-tool", "explain", "a-report-of-all-sales.py"),
    ("-vpython-tool", "tree", "a-report-of-all-sales.py"),
    ("-vpython-tool", "outdated", "old.py"),
    ("-vpython-tool", "help"),
    ("-vpython-tool", "help", "add"),
    ("-help",),
    ("-vpython-tool", "doctor"),
    ("-vpython-tool", "config"),
)
COMMANDS = {
    40: NARROW,
    100: [words for words in NARROW if words[-1] not in ("x.py", "old.py", "help", "doctor", "pass")],
}


class Desk:
    """Directory whose path has always the same length, a root in it, an index, and terminals."""

    def __init__(self, place: Path, first: Path) -> None:
        self.place = place
        self.harness = Harness(place)
        self.harness.begin_with(first)
        self.harness.use_base_python()
        self.harness.use_loopback()
        wheels = place / "wheels"
        for version in ("1.0", "1.1", "2.0"):
            make_wheel(wheels, "colours", version)
        make_wheel(wheels, "tables", requires=('borders; extra == "wide"',), extras=("wide",))
        make_wheel(wheels, "borders", "3.1")
        make_wheel(wheels, "shop", requires=("colours<2",))
        self.index = AwkwardIndex(wheels)
        self.harness.environ |= {
            "VPYTHON_PACKAGE_SOURCE": f"index:{self.index.url}",
            "TERM": "xterm",
            "HOME": str(place),
            "LANG": "C.UTF-8",
        }
        for name, text in FILES.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text)

    def start(self, *words: str, columns: int, env: dict[str, str | None] | None = None) -> OnTerminal:
        environ = self.harness.surroundings({"COLUMNS": None, **(env or {})})
        return OnTerminal(self.harness.file, *words, environ=environ, columns=columns, cwd=self.place)

    def screen(self, title: str, terminal: OnTerminal) -> str:
        """Return what is on the screen when a program has ended, and its exit code."""
        code, text = terminal.end(), terminal.text
        assert not re.search(r"[^ \r] +\r\n", text), "blanks at the end of a line"
        rows = [row.rstrip() for row in wrapped(self.usual(title, text), terminal.columns)]
        assert rows.pop() == "", "the cursor is not at the beginning of a row"
        return (
            "\n".join(["=" * terminal.columns, f"$ {title}", *(f"|{row}" for row in rows), f"[{code}]"])
            + "\n"
        )

    def usual(self, title: str, text: str) -> str:
        """Return the text without what differs between runs and machines."""
        # Of the live line nothing is left: it never fills a row.
        text = "\n".join(row.rstrip() for row in wrapped(text, sys.maxsize))
        text = text.replace(str(self.place), "/tmp/desk-12345678")
        for pattern, usual in USUAL.items():
            text = re.sub(pattern, usual, text, flags=re.M)
        if title.startswith(("size", "prune")):  # by size, which depends on the disk
            head, blank, table = text.rpartition("\n\n")
            titles, *rows = table.splitlines()
            text = head + blank + "\n".join([titles, *sorted(rows), ""])
        return text


# What differs, and what is shown for it: as long, where that decides what fits.
USUAL = {
    r"(?<=127\.0\.0\.1:)\d+": "54321",
    r"\b[0-9a-f]{40}\b": "0" * 40,
    r"[\w-]{12}…": "############…",
    r"\b[0-9a-f]{8}\b(?<!12345678)": "########",
    r" *\b[\d.]+ (B|kB|MB|GB)\b": "  #.# kB",
    r"^ +size(?=  count)|  +size(?=  (why|last use))": "    size",
    r"^(  #.# kB) +\d+  ": r"\1     #  ",
    r"\b3\.\d+\.\d+ *(?=  )": "3.1x.y",
    r"\bpython *(?=  wheels)": "python",
    r"\d+-\d+-\d+T\d+:\d+:\d+Z": "2026-01-01T12:00:00Z",
    r"\b(used just now|not used for (a|\d+) (second|minute)s?)$": "used just now",
    # The Python, its tag and what follows from it are this machine's.
    r"^python  (.|\n)*(?=^source  )": "…\n",
    r"^  #.# kB .*\b(being made, or left by|cached answers|records|copies of specs|other)\b.*\n": "",
}


@pytest.fixture
def desk(first_root: Path) -> Iterator[Desk]:
    place = Path(tempfile.mkdtemp(prefix="desk-", dir="/tmp"))
    desk = Desk(place, first_root)
    yield desk
    desk.index.stop()
    shutil.rmtree(place)


def first_starts(desk: Desk) -> Iterator[str]:
    """A first start that is interrupted, the next, which goes on, and one that waits for that."""
    script = next(iter(FILES))
    desk.index.held = {"borders-3.1-py3-none-any.whl"}
    first = desk.start(script, columns=40)
    first.wait_for(lambda text: "2/3" in text)
    assert all(len(each) < 40 for each in drawings(first.text))
    first.press("\x03")
    yield desk.screen(f"{script} ^C", first)

    owner = desk.start(script, columns=100)
    owner.wait_for(lambda text: "fetching" in text)
    (desk.place / "same.py").write_text(FILES[script])
    waiting = desk.start("same.py", columns=100)
    waiting.wait_for(lambda text: "waiting for process" in text)
    drawn = drawings(waiting.text)[-1]
    assert drawn.startswith(
        f"vpython: waiting for process {owner.child.pid}, which makes an environment of the same"
    )
    assert len(drawn) < 100
    desk.index.held.clear()
    yield desk.screen(script, owner)
    yield desk.screen("same.py (which waited)", waiting)


def test_screens(desk: Desk) -> None:
    seen = list(first_starts(desk))
    for columns, commands in COMMANDS.items():
        for words in commands:
            title = " ".join(words).removeprefix("-vpython-tool ")
            seen.append(desk.screen(title, desk.start(*words, columns=columns)))
    text = "\n".join(seen)
    if os.environ.get("RENEW_SCREENS"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "look at the difference, then renew it: see above"


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1", "LANG": "C", "LC_ALL": "C"}])
def test_nothing_but_text(desk: Desk, env: dict[str, str | None]) -> None:
    """No escape code, no drawn characters, nothing left of the live line, whatever the terminal."""
    desk.index.pause = 0.3
    for words in ((next(iter(FILES)),), ("conflict.py",)):
        terminal = desk.start(*words, columns=40, env=env)
        screen = desk.screen(" ".join(words), terminal)
        assert screen.isascii()
        assert terminal.text.replace("\r", "").replace("\n", "").isprintable()
        assert "TERM" not in env or not re.search(r"\r(?!\n)", terminal.text)
