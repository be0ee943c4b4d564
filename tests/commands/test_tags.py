"""`tags`: a Python's tags best first, the one that names packages, the template values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import minor_of, other_python, spec

if TYPE_CHECKING:
    from tests.support.harness import Harness


def tags(harness: Harness, *words: object) -> dict[str, Any]:
    done = harness.run("-vpython-tool", "tags", "--json", *map(str, words))
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_tells_the_tags_of_a_python(harness: Harness) -> None:
    told = tags(harness)
    minor = minor_of("python3")
    assert sorted(told) == ["assumed", "python", "tag", "tags", "template"]
    assert told["python"]["version"].startswith(f"{minor}.")
    exact = f"cp{minor.replace('.', '')}"
    assert told["tags"][0].startswith(f"{exact}-{exact}-")
    assert told["tag"] in told["tags"]
    assert told["tags"][-1] == "py30-none-any"
    assert len(set(told["tags"])) == len(told["tags"])
    assert told["template"]["py_tag"] == told["tag"]
    assert told["template"]["vpython_platform"] == f"{told['template']['platform']}_{exact}_{exact}"


def test_tells_the_tags_of_a_version(harness: Harness) -> None:
    minor = minor_of(other_python())
    home = {"PYENV_ROOT": str(other_python()).split("/versions/")[0]}
    harness.environ.update(home)
    told = tags(harness, minor)
    assert told["python"]["version"].startswith(f"{minor}.")
    assert told["template"]["py_python"] == f"cp{minor.replace('.', '')}"
    assert tags(harness, "3") == tags(harness)


@pytest.mark.parametrize("words", [("s.py",), ("-m", "mod"), ("-c", "pass"), ()])
def test_tells_the_tags_of_what_a_spec_wants(harness: Harness, words: tuple[str, ...]) -> None:
    other = other_python()
    harness.environ["PYENV_ROOT"] = other.split("/versions/")[0]
    (harness.place / "s.py").write_text("")
    (harness.place / ".vpython3").write_text(spec(python=minor_of(other)))
    assert tags(harness, *words)["python"]["version"].startswith(f"{minor_of(other)}.")


def test_shows_them_on_a_page(harness: Harness) -> None:
    told = tags(harness)
    done = harness.run("-vpython-tool", "tags")
    lines = done.stdout.splitlines()
    assert lines[0] == f"python       {told['python']['version']}  {told['python']['executable']}"
    assert lines[1] == f"tag          {told['tag']}"
    assert f"             vpython_platform  {told['template']['vpython_platform']}" in lines
    first = lines.index(f"tags         {told['tags'][0]}")
    assert [line.strip() for line in lines[first + 1 :]] == told["tags"][1:]


@pytest.mark.parametrize("words", [("2.7",), ("3.99",), ("nothing.py",), ("-c",)])
def test_refuses_what_there_is_not(harness: Harness, words: tuple[str, ...]) -> None:
    done = harness.run("-vpython-tool", "tags", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vpython: ")
