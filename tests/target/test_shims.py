"""A shim stands for the Python that its manager's own files choose for everywhere; none is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vpy.target import shims

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.model import Observation

PYTHON = "python3"
PLACES = {
    "pyenv": ".pyenv/versions/{}/bin",
    "asdf": ".asdf/installs/python/{}/bin",
    "mise": ".local/share/mise/installs/python/{}/bin",
}


def behind(manager: str, home: Path, **variables: str) -> tuple[str | None, set[str]]:
    """What stands behind a shim, and the fields that the answer depends on."""
    seen: list[Observation] = []
    path = shims.behind(
        f"/shims/{PYTHON}",
        f"is a shim of {manager}",
        {"HOME": str(home), **variables},
        lambda *rows: seen.extend(rows),
    )
    return path, {row.fields[0] for row in seen}


def install(manager: str, home: Path, version: str) -> str:
    directory = home / PLACES[manager].format(version)
    directory.mkdir(parents=True)
    (directory / PYTHON).touch(mode=0o755)
    return str(directory / PYTHON)


@pytest.mark.parametrize(
    ("manager", "file", "text"),
    [
        ("pyenv", ".pyenv/version", "3.12.1\n3.11.7\n"),
        ("asdf", ".tool-versions", "# mine\nnodejs 20\npython 3.12.1 3.11.7 # why\n"),
        ("mise", ".config/mise/config.toml", '[tools]\npython = ["3.12.1", "3.11.7"]\n'),
        ("mise", ".config/mise/config.toml", '[tools]\npython = { version = "3.11.7" }\n'),
        ("mise", ".tool-versions", "python 3.11.7\n"),
    ],
)
def test_the_file_of_the_user_chooses(manager: str, file: str, text: str, tmp_path: Path) -> None:
    chosen = tmp_path / file
    chosen.parent.mkdir(parents=True, exist_ok=True)
    chosen.write_text(text)
    assert behind(manager, tmp_path)[0] is None, "nothing is installed yet"
    older = install(manager, tmp_path, "3.11.7")
    path, fields = behind(manager, tmp_path)
    assert path == older
    assert {str(chosen), "HOME"} <= fields
    if "3.12.1" in text:
        assert behind(manager, tmp_path)[0] != install(manager, tmp_path, "3.12.1") != older
        assert behind(manager, tmp_path)[0] != older


@pytest.mark.parametrize(
    ("manager", "variable"),
    [("pyenv", "PYENV_VERSION"), ("asdf", "ASDF_PYTHON_VERSION"), ("mise", "MISE_PYTHON_VERSION")],
)
def test_a_variable_comes_first(manager: str, variable: str, tmp_path: Path) -> None:
    path = install(manager, tmp_path, "3.9.18")
    found, fields = behind(manager, tmp_path, **{variable: "3.9.18"})
    assert (found, variable in fields) == (path, True)


@pytest.mark.parametrize("version", ["system", "../../x", "", ".."])
def test_what_is_no_version(version: str, tmp_path: Path) -> None:
    install("pyenv", tmp_path, "3.9.18")
    assert behind("pyenv", tmp_path, PYENV_VERSION=version)[0] is None


def test_a_shim_of_nobody(tmp_path: Path) -> None:
    assert behind("vpython", tmp_path)[0] is None
