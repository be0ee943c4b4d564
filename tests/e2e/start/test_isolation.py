"""Environments of every Python here: a plain venv, compiled hook and all, that sees nothing of its base."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import Harness
from tests.support.wheelmaker import make_wheel, spec_text

LOOK = """
import importlib.metadata, importlib.util, json, os, site, subprocess, sys
import alpha
ran = subprocess.run(["alpha"], stdout=subprocess.PIPE, universal_newlines=True).stdout
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "prefix": sys.prefix,
    "executable": sys.executable,
    "path": sys.path[1:],
    "base": sys.base_prefix,
    "user": bool(site.ENABLE_USER_SITE),
    "seen": sorted(each.metadata["Name"] for each in importlib.metadata.distributions()),
    "pip": importlib.util.find_spec("pip") is not None,
    "setuptools": importlib.util.find_spec("setuptools") is not None,
    "activate_this": os.path.isfile(os.path.join(os.path.dirname(sys.executable), "activate_this.py")),
    "hook": [name for name in sys.modules if "vpython" in name],
    "alpha": alpha.VERSION,
    "ran": ran.strip(),
}))
"""


def real_pythons() -> dict[str, str]:
    """Each CPython from 3.8 up that is here: a name for it, and its executable."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for minor in range(8, 15):
        for path in sorted(glob.glob(f"{glob.escape(home)}/versions/3.{minor}.*/bin/python3.{minor}")):
            found[f"3.{minor} of pyenv"] = path
    if system := shutil.which("python3", path="/usr/bin"):
        found["the system's"] = os.path.realpath(system)
    return found


PYTHONS = real_pythons()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """A repository with one package, and its spec above the script."""
    made = Harness(tmp_path_factory.mktemp("isolation"))
    module = "VERSION = '1.0'\ndef main():\n    import sys\n    print(sys.executable)\n"
    wheel = make_wheel(
        made.place / "wheels", "alpha", files={"alpha.py": module}, scripts={"alpha": "alpha:main"}
    )
    repo = made.place / "repo"
    packed = made.run("-vpython-tool", "pack", "-repo", repo, wheel)
    assert packed.returncode == 0, packed.stderr
    (made.place / ".vpython3").write_text(spec_text(("infra/python/wheels/alpha-py3", "version:1.0")))
    (made.place / "look.py").write_text(LOOK)
    made.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{repo}"
    return made


@pytest.mark.parametrize("name", PYTHONS)
def test_an_environment_of_each_python(machine: Harness, name: str) -> None:
    python = PYTHONS[name]
    said = []
    for _ in ("cold", "warm"):
        done = machine.run("-vpython-interpreter", python, machine.place / "look.py")
        assert (done.returncode, done.stderr) == (0, "")
        said.append(done.stdout)
    assert said[0] == said[1]
    told = json.loads(said[0])
    prefix = Path(told["prefix"])
    assert prefix.parent == machine.root / "environments-1"
    assert told["executable"] == str(prefix / "bin" / "python") == told["ran"]
    assert told["version"].startswith(python.rpartition("python")[2] + ".")
    # The seeds of a text spec, as virtualenv has them: setuptools and wheel for older Pythons.
    has_setuptools = int(told["version"].split(".")[1]) < 12
    assert told["seen"] == ["alpha", "pip", *(["setuptools", "wheel"] if has_setuptools else [])]
    assert told["pip"]
    assert told["setuptools"] == has_setuptools
    assert not told["user"]
    assert told["activate_this"]
    assert told["hook"] == []
    assert [entry for entry in told["path"] if "site-packages" in entry] == [
        str(prefix / f"lib/python{told['version'].rpartition('.')[0]}/site-packages")
    ]
    assert not [entry for entry in told["path"] if "dist-packages" in entry]


def test_found_by_its_version_alone(machine: Harness) -> None:
    """A spec's `python_version` finds each of them, wherever it lies."""
    for name in PYTHONS:
        if not name.startswith("3."):
            continue
        version = name.partition(" ")[0]
        script = machine.place / f"v{version}.py"
        script.write_text("import sys; print('%d.%d' % sys.version_info[:2])\n")
        Path(f"{script}.vpython3").write_text(f'python_version: "{version}"\n')
        done = machine.run(script)
        assert (done.returncode, done.stdout) == (0, f"{version}\n"), done.stderr


def test_activate_this_brings_an_environment_into_another_python(machine: Harness) -> None:
    """As gn.py and others do it; and PATH entries that hold the file are told to be ours."""
    script = machine.place / "prefix.py"
    script.write_text("import sys; print(sys.prefix)\n")
    prefix = machine.run(script).stdout.strip()
    code = (
        f"path = {prefix!r} + '/bin/activate_this.py'\n"
        "exec(open(path).read(), {'__file__': path})\n"
        "import alpha, os, sys; print(alpha.VERSION, os.environ['VIRTUAL_ENV'] == sys.prefix)\n"
    )

    pyvenv = Path(prefix, "bin", "python").resolve()
    done = subprocess.run([pyvenv, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1.0 True\n", "")
