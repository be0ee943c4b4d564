"""Seeds: pip, setuptools and wheel in environments of text specs, and in no others."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from tests.e2e.start.stage import BASE, Stage, spec
from tests.support.wheelmaker import make_wheel, spec_text

SEEDS = ["pip", "setuptools", "wheel"] if sys.version_info < (3, 12) else ["pip"]
TELL = """
import importlib.util, sys
print(*[name for name in ("pip", "setuptools", "wheel", "one") if importlib.util.find_spec(name)])
"""
BUNDLED = BASE.parents[1] / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "ensurepip"

PIPS = ["pip", "pip3", f"pip{sys.version_info[0]}.{sys.version_info[1]}"]

SCRIPTS = [*PIPS, *(name for name in SEEDS if name == "wheel")]

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
    """It is not linked: another environment has its scripts alone, and no start reads a file more."""
    run = stage.put("s.py", "import pip, sys; print(pip.__file__); print(sys.prefix)\n")
    places = []
    for names in (("one",), ("two",)):
        stage.put("s.py.vpython3", spec(*names))
        pip, prefix = stage.must(run).splitlines()
        places.append(pip)
        linked = {os.path.join(path, name) for path, _, found in os.walk(prefix) for name in found}
        beginnings = ("pip", "wheel")
        assert {path for path in linked if os.path.basename(path).startswith(beginnings)} == {
            os.path.join(prefix, "bin", name) for name in SCRIPTS
        }
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


@pytest.mark.parametrize(
    "name",
    ["a b", *(pytest.param(each, marks=pytest.mark.thorough) for each in ("plain", "it's", "x" * 120))],
)
def test_scripts_run_wherever_the_root_is(stage: Stage, tmp_path: Path, name: str) -> None:
    stage.root = stage.place / name
    stage.environ["VPYTHON_VIRTUALENV_ROOT"] = str(stage.root)
    run = stage.put("s.py", "import sys; print(sys.prefix)")
    stage.put("s.py.vpython3", spec("one"))
    prefix = stage.must(run).strip()
    for script in PIPS:
        done = stage.run_command(os.path.join(prefix, "bin", script), "list")
        assert done.returncode == 0, done.stderr
        assert {line.split()[0] for line in done.stdout.splitlines()[2:]} == {*SEEDS, "one"}
    (tmp_path / "pip").symlink_to(os.path.join(prefix, "bin", "pip"))
    done = stage.run_command(tmp_path / "pip", "--version")
    assert done.stdout.startswith("pip "), done.stderr


def test_scripts_of_the_spec_s_own_pip_win(stage: Stage, tmp_path: Path) -> None:
    code = {"pip/__init__.py": "def main():\n    print('its own')\n"}
    wheel = make_wheel(tmp_path, "pip", "99.0", files=code, scripts={"pip": "pip:main"})
    stage.must("-vpython-tool", "pack", "-repo", tmp_path / "repository", wheel)
    run = stage.put("s.py", "import sys; print(sys.prefix)")
    stage.put("s.py.vpython3", spec_text(("infra/python/wheels/pip-py3", "version:99.0")))
    source = ("-vpython-source", f"directory:{tmp_path / 'repository'}")
    prefix = stage.must(*source, run).strip()
    assert stage.run_command(os.path.join(prefix, "bin", "pip")).stdout == "its own\n"
    assert stage.see(*source, "-vpython-log-level", "debug", run)[2].count("(found)") == 1
    assert stage.see("-vpython-tool", "doctor")[0] == 0


def test_doctor_looks_at_them(stage: Stage) -> None:
    run = stage.put("s.py", "import pip; print(pip.__file__)")
    stage.put("s.py.vpython3", spec("one"))
    path = stage.must(run).strip()
    stage.must("-vpython-tool", "doctor")
    changed = Path(path).read_text() + "# changed\n"
    os.unlink(path)  # the file may be linked from another root
    Path(path).write_text(changed)
    Path(path).with_name("added.py").write_text("")
    code, out, _ = stage.see("-vpython-tool", "doctor")
    assert code == 1
    assert "seeds/pip/__init__.py: has changed since it was made\n" in out
    assert "seeds/pip/added.py: does not belong to a wheel\n" in out
    assert stage.see("-vpython-tool", "doctor", "--fix")[0] == 0
    stage.must("-vpython-tool", "doctor")
    assert stage.must(run).strip() == path
    assert "# changed" not in Path(path).read_text()


def test_a_script_that_is_gone_is_made_again(stage: Stage) -> None:
    run = stage.put("s.py", "import sys; print(sys.prefix)")
    stage.put("s.py.vpython3", spec("one"))
    prefix = stage.must(run).strip()
    os.unlink(os.path.join(prefix, "bin", "pip3"))
    code, out, _ = stage.see("-vpython-tool", "doctor")
    assert (code, "bin/pip3: is missing\n" in out) == (1, True)
    assert stage.see("-vpython-tool", "doctor", "--fix")[0] == 0
    assert os.path.exists(os.path.join(prefix, "bin", "pip3"))
