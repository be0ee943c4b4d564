"""Seeds: the pip and setuptools of the base Python in environments of text specs, and in no others."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import BASE, Stage, spec
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = ["pip", "setuptools"] if sys.version_info < (3, 12) else ["pip"]
TELL = """
import importlib.util, sys
print(*[name for name in ("pip", "setuptools", "one") if importlib.util.find_spec(name)])
"""
BUNDLED = BASE.parents[1] / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "ensurepip"

pytestmark = pytest.mark.skipif(
    not (BUNDLED / "_bundled").is_dir(), reason="this Python brings no bundle of ensurepip"
)


def test_text_specs_have_them(stage: Stage) -> None:
    run = stage.put("s.py", TELL)
    stage.put("s.py.vpython3", spec("one"))
    for _ in ("cold", "warm"):
        assert stage.see(run) == (0, " ".join([*SEEDS, "one"]) + "\n", "")
    code, out, err = stage.see("-vpython-spec", stage.work / "s.py.vpython3", "-m", "pip", "list")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()[2:]} == {*SEEDS, "one"}


def test_no_other_spec_has_them(stage: Stage) -> None:
    assert stage.see(stage.put("s.py", TELL)) == (0, "\n", "")
    block = "# /// script\n# dependencies = []\n# ///\n"
    assert stage.see(stage.put("t.py", block + TELL)) == (0, "\n", "")
    stage.put("below/vpython.toml", "dependencies = []\n")
    assert stage.see(stage.put("below/u.py", TELL)) == (0, "\n", "")


def test_version_of_the_spec_wins(stage: Stage, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "pip", "99.0", files={"pip/__init__.py": "__version__ = '99.0'\n"})
    stage.must("-vpython-tool", "pack", "-repo", tmp_path / "repository", wheel)
    run = stage.put("s.py", "import importlib.metadata as m, pip; print(pip.__version__, m.version('pip'))\n")
    stage.put("s.py.vpython3", spec_text(("infra/python/wheels/pip-py3", "version:99.0")))
    source = f"directory:{tmp_path / 'repository'}"
    assert stage.see("-vpython-source", source, run) == (0, "99.0 99.0\n", "")


def test_one_copy_for_all_that_costs_an_environment_nothing(stage: Stage) -> None:
    """It is not linked: another environment has no more files by it, and no start reads a file more."""
    run = stage.put("s.py", "import pip, sys; print(pip.__file__); print(sys.prefix)\n")
    places = []
    for names in (("one",), ("two",)):
        stage.put("s.py.vpython3", spec(*names))
        pip, prefix = stage.must(run).splitlines()
        places.append(pip)
        assert not os.path.exists(os.path.join(prefix, "bin", "pip"))
        assert not any("pip" in name for _, found, _ in os.walk(prefix) for name in found)
    assert places[0] == places[1]
    assert "/interpreters-1/" in places[0]
    assert importlib.metadata.version("pip")


@pytest.mark.parametrize("name", ["caf\u00e9", "a b", "it's"])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_root_with_any_name(stage: Stage, name: str, locale: str) -> None:
    stage.root = stage.place / name
    stage.environ["VPYTHON_VIRTUALENV_ROOT"] = str(stage.root)
    stage.seed()
    run = stage.put("s.py", TELL)
    stage.put("s.py.vpython3", spec())
    env = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert stage.see(run, env=env) == (0, " ".join(SEEDS) + "\n", "")
