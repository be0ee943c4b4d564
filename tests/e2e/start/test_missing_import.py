"""An import that fails ends with the way to declare it, where a known distribution brings the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Harness
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

HINT = (
    "\nhint: `{name}` comes with {project}, which is not in this environment: "
    "`vpython-tool add {script} {project}`\n"
)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory, first_root: Path) -> Harness:
    """One root for all scripts: they have one environment."""
    place = tmp_path_factory.mktemp("missing")
    harness = Harness(place)
    harness.begin_with(first_root)
    harness.use_base_python()
    harness.use_packages(harness.pack(place / "repository", make_wheel(place / "wheels", "one")))
    return harness


@pytest.fixture
def script(harness: Harness, tmp_path: Path) -> Path:
    path = tmp_path / "s.py"
    (tmp_path / "s.py.vpython3").write_text(spec_text(("infra/python/wheels/one-py3", "version:1.0")))
    return path


@pytest.mark.parametrize(
    ("code", "name", "project"),
    [
        ("import yaml", "yaml", "pyyaml"),
        ("import requests.adapters", "requests", "requests"),
        ("from PIL import Image", "PIL", "pillow"),
        ("def f():\n    import cv2\nf()", "cv2", "opencv-python"),
    ],
)
def test_what_brings_it_is_named(harness: Harness, script: Path, code: str, name: str, project: str) -> None:
    script.write_text(f"import one\n{code}\n")
    for _ in ("cold", "warm"):
        done = harness.run(script)
        assert done.returncode == 1
        assert done.stderr.endswith(
            f"ModuleNotFoundError: No module named '{name}'\n"
            + HINT.format(name=name, project=project, script=script)
        )
        assert done.stderr.count("hint") == 1
    done = harness.run("-c", f"import one, {name}", env={"VPYTHON_DEFAULT_SPEC": f"{script}.vpython3"})
    assert done.stderr.endswith(HINT.format(name=name, project=project, script="SCRIPT"))


IN_DEV = "\nhint: pytest is in the `dev-dependencies` of `{spec}`"
NO_PYTEST = "\nhint: `pytest` comes with pytest, which is not in this environment: "


def test_a_program_that_dev_requirements_have(harness: Harness, tmp_path: Path) -> None:
    spec = tmp_path / "vpython.toml"
    spec.write_text("[tool.vpython]\ndev-dependencies = [\n  'PyTest[x]>=7; python_version>\"3\"',\n]\n")
    for _ in ("cold", "warm"):
        done = harness.run("-m", "pytest.sub", cwd=tmp_path)
        assert done.returncode == 1
        assert "No module named" in done.stderr
        assert done.stderr.endswith(IN_DEV.format(spec=spec) + ": `vpython -vpython-dev -m pytest.sub`\n")
    done = harness.run("-c", "import pytest", cwd=tmp_path)
    assert done.stderr.endswith(IN_DEV.format(spec=spec) + ", which -vpython-dev adds\n")


def test_a_program_that_nobody_declared(harness: Harness, script: Path, tmp_path: Path) -> None:
    assert harness.run("-m", "pytest", cwd=tmp_path).stderr.endswith(
        f"{NO_PYTEST}`vpython -vpython-with pytest -m pytest`\n"
    )
    done = harness.run("-m", "pytest", cwd=tmp_path, env={"VPYTHON_DEFAULT_SPEC": f"{script}.vpython3"})
    assert done.stderr.endswith(f"{NO_PYTEST}`vpython-tool add {script}.vpython3 pytest`\n")
    (tmp_path / "vpython.toml").write_text("")
    done = harness.run("-um", "pytest", cwd=tmp_path)
    assert done.stderr.endswith(
        f"{NO_PYTEST}`vpython-tool add --dev pytest`, then `vpython -vpython-dev -m pytest`\n"
    )
    for module in ("no_such_module_at_all", "json.no_such_module"):
        assert "hint" not in harness.run("-m", module, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("import no_such_module_at_all", 1),
        ("import one.sub", 1),
        ("import one\ntry:\n    import yaml\nexcept ImportError:\n    pass", 0),
        ("try:\n    import yaml\nexcept ImportError:\n    raise SystemExit(3)", 3),
        ("try:\n    import yaml\nexcept ImportError:\n    raise ValueError('x')", 1),
        ("import threading\nt = threading.Thread(target=__import__, args=('yaml',))\nt.start()\nt.join()", 0),
        ("import os\nif os.fork() == 0:\n    os._exit(0)\nos.wait()", 0),
        ("import sys\nsys.modules['yaml'] = sys\nimport yaml.sub", 1),
    ],
)
def test_anything_else_ends_as_ever(harness: Harness, script: Path, code: str, ends: int) -> None:
    script.write_text(code + "\n")
    done = harness.run(script)
    assert done.returncode == ends
    assert "hint" not in done.stderr
