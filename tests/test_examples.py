"""The examples do what they say as they stand, cold and then warm, by both doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.harness import TOP, Door, Harness

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = {
    "hello.py": "Hello from Python ",
    "inline.py": "inline spec: six 1.16.0\n",
    "toml/compare.py": "vpython.toml: True\n",
    "common/tools/escape.py": "common spec: &lt;b&gt;tags &amp; text&lt;/b&gt;\n",
    "partner/report.py": "partner spec: Point(x=3, y=4)\n",
}


def test_each_example_is_tried() -> None:
    scripts = {path.relative_to(TOP / "examples").as_posix() for path in (TOP / "examples").rglob("*.py")}
    assert scripts == set(EXAMPLES)


@pytest.mark.index
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(harness: Harness, name: str) -> None:
    doors: tuple[Door, ...] = ("head", "head", "python")
    for start, door in enumerate(doors):
        done = harness.run(TOP / "examples" / name, door=door)
        assert done.returncode == 0, done.stderr
        assert EXAMPLES[name] in done.stdout
        assert not start or done.stderr == ""
    assert len(harness.environments()) == 1


@pytest.mark.index
def test_the_greeting_lists_what_it_got(harness: Harness, tmp_path: Path) -> None:
    done = harness.run(TOP / "examples" / "hello.py", env={"COLUMNS": "80"})
    for word in ("rich", "15.0.0", "humanize", "4.17.0", "pygments", str(harness.environments()[0])[:40]):
        assert word.lower() in done.stdout.lower()
    assert max(map(len, done.stdout.splitlines())) <= 80
