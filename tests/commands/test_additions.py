"""Starts with more than the spec says: requirements, another Python, variables of a file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import PREFIX, Explainer, minor_of, other_python, spec

if TYPE_CHECKING:
    from pathlib import Path

SAYS = """
import importlib.util, os, sys
print(*[name for name in ("one", "two") if importlib.util.find_spec(name)], "%d.%d" % sys.version_info[:2],
      *(os.environ[name] for name in ("A", "B") if name in os.environ))
"""


def says(explainer: Explainer, *words: str | Path, **how: object) -> str:
    """What a script prints, cold and warm."""
    printed = set()
    for _ in range(2):
        done = explainer.run(*words, **how)
        assert (done.returncode, done.stderr) == (0, "")
        printed.add(done.stdout.strip())
    (line,) = printed
    return line


@pytest.fixture
def script(explainer: Explainer) -> Path:
    explainer.write("s.py.vpython3", spec("one-py3"))
    return explainer.write("s.py", SAYS)


def test_a_requirement_for_one_start(explainer: Explainer, script: Path) -> None:
    minor = says(explainer, script).split()[-1]
    more = ("-vpython-with", f"{PREFIX}two-py3@version:1.0")
    assert says(explainer, *more, script) == f"one two {minor}"
    assert says(explainer, script) == f"one {minor}"
    done = explainer.run("-vpython-with", "two", script)
    assert (done.returncode, done.stderr.partition("\n")[0]) == (
        2,
        "vpython: a text spec takes packages, which `two` is not",
    )


def test_variables_of_a_file(explainer: Explainer, script: Path) -> None:
    explainer.write("env", "A=1\nB='of the file'\n")
    minor = says(explainer, script).split()[-1]
    option = ("-vpython-env-file", "env")
    assert says(explainer, *option, script, env={"B": "own"}) == f"one {minor} 1 own"
    explainer.write("env", "A=2\n")
    assert says(explainer, *option, script) == f"one {minor} 2"
    explainer.write("env", "A\n")
    done = explainer.run(*option, script)
    assert (done.returncode, done.stderr) == (2, f"vpython: {explainer.place}/env:1:1: expected NAME=VALUE\n")


def test_another_python(explainer: Explainer, script: Path) -> None:
    other = other_python()
    minor = minor_of(other)
    home = other.split("/versions/")[0]
    known = {"PYENV_ROOT": home}
    assert says(explainer, "-vpython-python", other, script, env=known) == f"one {minor}"
    assert says(explainer, "-vpython-python", minor, script, env=known) == f"one {minor}"
    assert says(explainer, "-vpython-python", f"=={minor}.*", script, env=known) == f"one {minor}"
    done = explainer.run("-vpython-python", "pigeon", script)
    assert (done.returncode, done.stderr.partition("\n")[0]) == (2, "vpython: there is no `pigeon` on PATH")
    done = explainer.run("-vpython-python", "3.99", script)
    assert (done.returncode, "`-vpython-python` asks for it" in done.stderr) == (2, True)


def test_a_free_threaded_python_by_its_version(explainer: Explainer, script: Path, tmp_path: Path) -> None:
    """Its command has a `t` at the end; any other Python stands for it here."""
    other = other_python()
    done = explainer.run("-vpython-python", "3.99t", script)
    assert (done.returncode, done.stderr.partition("\n")[0]) == (
        2,
        "vpython: there is no `python3.99t` on PATH",
    )
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "python3.99t").symlink_to(other)
    path = os.pathsep.join((str(tmp_path / "commands"), explainer.harness.environ["PATH"]))
    said = says(explainer, "-vpython-python", "3.99t", script, env={"PATH": path})
    assert said == f"one {minor_of(other)}"


def test_a_version_file_beside_a_block(explainer: Explainer) -> None:
    """It counts where the block leaves the version open, and a change of it is seen by a warm start."""
    minor = minor_of(other_python())
    known = {"PYENV_ROOT": other_python().split("/versions/")[0]}
    block = "# /// script\n# dependencies = []\n# ///\n"
    script = explainer.write("deep/s.py", block + SAYS)
    default = says(explainer, script, env=known)
    explainer.write(".python-version", f"# pinned\n{minor}\n")
    assert says(explainer, script, env=known) == minor != default
    closed = explainer.write("closed.py", block.replace("# dep", '# requires-python = ">=3"\n# dep') + SAYS)
    assert says(explainer, closed, env=known) == default
    explainer.write(".python-version", "my-venv\n")
    done = explainer.run(script, env=known)
    assert done.stdout.strip() == default
    assert f"`{explainer.place}/.python-version` names no version of Python" in done.stderr


def test_explain_says_which_pythons_were_passed_over(explainer: Explainer, script: Path) -> None:
    shim = explainer.write("shims/python3", '#!/bin/sh\nexec pyenv exec "$program" "$@"\n')
    shim.chmod(0o755)
    path = f"{shim.parent}:{explainer.harness.environ['PATH']}"
    home = explainer.place / "pyenv"
    known = {"PATH": path, "PYENV_ROOT": str(home), "PYENV_VERSION": None}
    text = explainer.text(script, env=known)
    assert f"passed over {shim}: is a shim of pyenv" in text
    assert explainer.json(script, env=known)["python"]["passed_over"][0]["path"] == str(shim)
    # Where the manager has chosen a version, that one runs.
    program = home / "versions" / "3.1" / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.symlink_to(os.path.realpath(sys.executable))
    (home / "version").write_text("3.1\n")
    text = explainer.text(script, env=known)
    assert f"found as {shim}" in text
    assert "passed over" not in text
