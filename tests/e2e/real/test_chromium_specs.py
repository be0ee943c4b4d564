"""Real specs of Chromium projects: their environments come from the index, and all in them imports."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.harness import SHARED, Harness

SPECS = SHARED / "specs"

# What these specs name and a public index has no wheel of for the Python they ask for: it is built.
BUILT = {
    "luci+luci-py/.vpython3": {"markupsafe", "pyyaml"},
    "luci+recipes-py/.vpython3": {"psutil", "pympler", "future"},
    "signalapp+webrtc/.vpython3": {"psutil"},
}
# Modules that do not run on the Python they are for here, however they are installed.
TOO_OLD = {"luci+luci-py/.vpython3": {"flask", "jinja2"}}
WHOLE = ["chromium+pdfium/.vpython3", "rubuslab+depot_tools/.vpython3", "v8+v8/.vpython3"]

IMPORT_ALL = """
import importlib, importlib.metadata, json, sys, warnings
warnings.simplefilter("ignore")
names = set()
for distribution in importlib.metadata.distributions():
    for path in distribution.files or ():
        first = path.parts[0]
        if first.endswith((".dist-info", ".data", ".pth")) or first in ("..", "__pycache__"):
            continue
        module = first if len(path.parts) > 1 else first.split(".")[0]
        if module.isidentifier() and path.suffix in (".py", ".so"):
            names.add(module)
failed = {}
for name in sorted(names):
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
held = {each.metadata["Name"].lower().replace("_", "-") for each in importlib.metadata.distributions()}
print(json.dumps({"imported": sorted(names - set(failed)), "failed": failed, "held": sorted(held)}))
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("real"))


def spec_of(name: str) -> str:
    path = SPECS / name
    if not path.is_file():
        pytest.skip("the real specs are not beside this checkout")
    return path.read_text(encoding="utf-8")


def skip_without_python(said: str) -> None:
    if said.startswith("vpython: no Python here fits"):
        pytest.skip(said.splitlines()[0].removeprefix("vpython: ").rstrip(":"))


def run(machine: Harness, directory: str, spec: str) -> dict[str, object]:
    """Make the spec's environment from the index, import all in it, and again from the record."""
    place = machine.place / directory
    place.mkdir(parents=True, exist_ok=True)
    (place / ".vpython3").write_text(spec, encoding="utf-8")
    script = place / "import_all.py"
    script.write_text(IMPORT_ALL, encoding="utf-8")
    words = ("-vpython-source", "index", script)
    cold = machine.run(*words, door="python", timeout=400)
    skip_without_python(cold.stderr)
    assert cold.returncode == 0, cold.stderr
    warm = machine.run(*words, door="python")
    assert (warm.returncode, warm.stdout) == (0, cold.stdout)
    told: dict[str, object] = json.loads(cold.stdout)
    return told


@pytest.mark.index
@pytest.mark.parametrize("name", [*WHOLE, *(pytest.param(name, marks=pytest.mark.long) for name in BUILT)])
def test_every_top_level_module_imports(machine: Harness, name: str) -> None:
    if name in BUILT and not shutil.which("cc"):
        pytest.skip("no compiler is here")
    told = run(machine, name.partition("/")[0], spec_of(name))
    failed = told["failed"]
    assert isinstance(failed, dict)
    too_old = TOO_OLD.get(name, set()) if sys.version_info >= (3, 10) else set()
    assert set(failed) == too_old
    assert all("cannot import name 'Mapping' from 'collections'" in said for said in failed.values())
    assert told["imported"]


@pytest.mark.index
@pytest.mark.parametrize("name", BUILT)
def test_what_may_not_be_built_is_told_all_at_once(machine: Harness, name: str) -> None:
    place = machine.place / "lacking" / name.partition("/")[0]
    place.mkdir(parents=True)
    (place / ".vpython3").write_text(spec_of(name), encoding="utf-8")
    (place / "s.py").write_text("print('no')\n", encoding="utf-8")
    root = machine.place / "lacking" / "root"
    words = ("-vpython-no-build", "-vpython-root", root, "-vpython-source", "index", place / "s.py")
    done = machine.run(*words, timeout=400)
    assert (done.returncode, done.stdout) == (2, "")
    assert set(re.findall(r"no wheel of `([\w-]+)==", done.stderr)) == BUILT[name]
    assert list((root / "environments-1").glob("*")) == []


@pytest.mark.index
def test_a_real_tool_with_an_inline_spec_runs(machine: Harness) -> None:
    spec_of("rubuslab+depot_tools/black")
    place = machine.place / "tool"
    place.mkdir()
    shutil.copy(SPECS / "rubuslab+depot_tools" / "black", place / "black")
    (place / "ugly.py").write_text("x = {  'a':1 }\n", encoding="utf-8")
    done = machine.run("-vpython-source", "index", place / "black", "-q", place / "ugly.py", timeout=400)
    skip_without_python(done.stderr)
    assert done.returncode == 0, done.stderr
    assert (place / "ugly.py").read_text(encoding="utf-8") == 'x = {"a": 1}\n'
    done = machine.run("-vpython-source", "index", place / "black", "--version")
    assert "22.3.0" in done.stdout


@pytest.mark.index
def test_a_spec_for_another_platform_is_an_empty_environment(machine: Harness) -> None:
    text = spec_of("luci+luci-py/client/swarming.py")
    place = machine.place / "elsewhere"
    place.mkdir()
    block = text[: text.index("__version__")]
    (place / "client.py").write_text(block + "print('runs')\n", encoding="utf-8")
    done = machine.run("-vpython-source", "index", place / "client.py")
    assert (done.returncode, done.stdout) == (0, "runs\n"), done.stderr


def test_specs_are_read_from_where_they_lie() -> None:
    """The specs themselves are not part of the project."""
    assert not list(Path(__file__).parent.glob("*.vpython3"))
