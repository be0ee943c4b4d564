"""Where the package source of a start is named, which place comes first, and that `config` says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import Explainer, spec

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def unset(explainer: Explainer) -> Explainer:
    """No variable names a source."""
    del explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"]
    return explainer


def source(explainer: Explainer, *words: str | Path) -> tuple[str, str]:
    done = explainer.run(*words)
    assert done.returncode == 0, done.stderr
    (row,) = (row for row in json.loads(done.stdout)["settings"] if row["name"] == "source")
    return row["value"], row["from"]


def test_the_nearest_place_counts(unset: Explainer) -> None:
    ask = ("-vpython-tool", "config", "--json", "s.py")
    script = unset.write("s.py", "")
    assert source(unset, *ask) == ("cipd", "built in")
    user = unset.write("home/.config/vpython/config.toml", 'source = "index:https://user.test/simple"\n')
    assert source(unset, *ask) == ("index:https://user.test/simple", str(user))
    project = unset.write("vpython.toml", 'source = "index"\n')
    assert source(unset, *ask) == ("index", str(project))
    unset.write("s.py", '# /// script\n# [tool.vpython]\n# source = "directory:packages"\n# ///\n')
    assert source(unset, *ask) == ("directory:packages", str(script))
    unset.harness.environ["VPYTHON_PACKAGE_SOURCE"] = "index:https://variable.test/"
    assert source(unset, *ask) == ("index:https://variable.test/", "VPYTHON_PACKAGE_SOURCE")
    option = ("-vpython-source", "directory:here")
    assert source(unset, *option, *ask) == ("directory:here", "-vpython-source")


def starts(explainer: Explainer) -> None:
    """The script runs cold and warm from where the source is named."""
    for _ in range(2):
        done = explainer.run("s.py")
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")


def test_a_text_spec_names_its_source(unset: Explainer, packed: tuple[Path, dict[str, str]]) -> None:
    unset.write("s.py", "import one; print(one.VERSION)")
    unset.write("s.py.vpython3", f"# vpython-source: directory:{packed[0]}\n{spec('one-py3')}")
    starts(unset)


def test_a_record_knows_the_user_s_file(unset: Explainer, packed: tuple[Path, dict[str, str]]) -> None:
    """A relative directory is one beside the file; another file is another plan."""
    unset.write("s.py", "import one; print(one.VERSION)")
    unset.write("s.py.vpython3", spec("one-py3"))
    user = unset.write("home/.config/vpython/config.toml", 'source = "directory:packages"\n')
    (user.parent / "packages").symlink_to(packed[0])
    starts(unset)
    user.write_text('source = "directory:nowhere"\n')
    done = unset.run("s.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the directory of packages `{user.parent}/nowhere` does not exist" in done.stderr


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("source = 1", "config.toml:1:1: `source` is not a text, or is empty"),
        ("sauce = 'index'", "config.toml:1:1: unknown key `sauce`"),
        ("source = 'pigeon'", "config.toml: unknown package source `pigeon`"),
        ("source = ", "config.toml:1:10: not TOML: expected a value"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_user_s_file(unset: Explainer, text: str, fact: str) -> None:
    unset.write("s.py", "")
    unset.write("s.py.vpython3", spec("one-py3"))
    unset.write("home/.config/vpython/config.toml", text)
    done = unset.run("s.py")
    assert done.returncode == 2
    assert fact in done.stderr
