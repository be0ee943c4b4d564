"""`tags`: a Python's tags best first, the one that names packages, the template values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.tools.conftest import minor_of, other_python, spec

if TYPE_CHECKING:
    from tests.support.vpython import Vpython


def tags(vpython: Vpython, *words: object) -> dict[str, Any]:
    done = vpython.run("-vpython-tool", "tags", "--json", *map(str, words))
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_tells_the_tags_of_a_python(vpython: Vpython) -> None:
    told = tags(vpython)
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


def test_tells_the_tags_of_a_version(vpython: Vpython) -> None:
    minor = minor_of(other_python())
    home = {"PYENV_ROOT": str(other_python()).split("/versions/")[0]}
    vpython.environ.update(home)
    told = tags(vpython, minor)
    assert told["python"]["version"].startswith(f"{minor}.")
    assert told["template"]["py_python"] == f"cp{minor.replace('.', '')}"
    assert tags(vpython, "3") == tags(vpython)


@pytest.mark.parametrize("words", [("s.py",), ("-m", "mod"), ("-c", "pass"), ()])
def test_tells_the_tags_of_what_a_spec_wants(vpython: Vpython, words: tuple[str, ...]) -> None:
    other = other_python()
    vpython.environ["PYENV_ROOT"] = other.split("/versions/")[0]
    (vpython.place / "s.py").write_text("")
    (vpython.place / ".vpython3").write_text(spec(python=minor_of(other)))
    assert tags(vpython, *words)["python"]["version"].startswith(f"{minor_of(other)}.")


def test_shows_them_on_a_page(vpython: Vpython) -> None:
    told = tags(vpython)
    done = vpython.run("-vpython-tool", "tags")
    lines = done.stdout.splitlines()
    assert lines[0] == f"python       {told['python']['version']}  {told['python']['executable']}"
    assert lines[1] == f"tag          {told['tag']}"
    assert f"             vpython_platform  {told['template']['vpython_platform']}" in lines
    first = lines.index(f"tags         {told['tags'][0]}")
    assert [line.strip() for line in lines[first + 1 :]] == told["tags"][1:]


@pytest.mark.parametrize("words", [("2.7",), ("3.99",), ("nothing.py",), ("-c",)])
def test_refuses_what_there_is_not(vpython: Vpython, words: tuple[str, ...]) -> None:
    done = vpython.run("-vpython-tool", "tags", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vpython: ")
