"""What a script puts into its own environment: it does not stay, since the key says nothing of it."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.e2e.trust.test_repair import SITE, running
from tests.support.harness import TOP
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

INSTALLS = """
import runpy, sys
sys.path.append({vendor!r})
sys.argv = ["pip", "install", "--no-index", "--no-deps", "--quiet", "--no-cache-dir", *{wheels!r}]
runpy.run_module("pip", run_name="__main__")
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Ground:
    return Ground(tmp_path_factory.mktemp("foreign"), repository)


@pytest.fixture
def standing(shared: Ground) -> tuple[Ground, Path]:
    """A root whose environment is warm, without other records, and the environment."""
    shutil.rmtree(shared.root / "records-1", ignore_errors=True)
    shared.good()
    return shared, shared.good()


def install(ground: Ground, spec: str | None, *wheels: Path) -> None:
    """Run a script that installs wheels by pip into its own environment, which is that of `spec`."""
    script = ground.place / "installs.py"
    vendor = str(TOP / "build" / "vendor")
    script.write_text(INSTALLS.format(vendor=vendor, wheels=[str(wheel) for wheel in wheels]))
    if spec is not None:
        script.with_name("installs.py.vpython3").write_text(spec)
    code, out, err = ground.see(script)
    assert (code, out) == (0, ""), err


def records(ground: Ground) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in ground.records()}


def test_what_pip_installed_goes(standing: tuple[Ground, Path]) -> None:
    """With one line that names it, and where a dependency is declared; by every script of that key."""
    ground, environment = standing
    spec = ground.script.with_name("s.py.vpython3")
    wheels = [make_wheel(ground.place / "w", name) for name in ("extra", "more", "other", "rest")]
    install(ground, spec.read_text(), *wheels)
    assert (environment / SITE / "extra.py").exists()
    said = (
        f"vpython: the environment `{environment}` contains `extra`, `more`, `other` and 1 more, "
        f"to be declared in `{spec}`: making it again\n"
    )
    assert ground.good(said=said) == environment
    assert not (environment / SITE / "extra.py").exists()
    assert ground.good() == environment
    assert ground.doctor() == (0, [])
    assert ground.leftovers() == []


def test_a_bare_environment(standing: tuple[Ground, Path]) -> None:
    ground, _ = standing
    (ground.place / "installs.py.vpython3").unlink(missing_ok=True)
    install(ground, None, make_wheel(ground.place / "w", "extra"))
    bare = ground.place / "bare.py"
    bare.write_text("import importlib.util; print(importlib.util.find_spec('extra'))")
    code, out, err = ground.see(bare)
    assert (code, out) == (0, "None\n")
    assert err.endswith(
        " contains `extra`, to be declared in a spec, such as a `# /// script` block: making it again\n"
    )


@pytest.mark.parametrize("path", ["bin/tool", f"{SITE}/loose.py", f"{SITE}/empty"])
def test_what_somebody_put_there_goes(standing: tuple[Ground, Path], path: str) -> None:
    ground, environment = standing
    (environment / path).mkdir() if path.endswith("empty") else (environment / path).touch()
    spec = ground.script.with_name("s.py.vpython3")
    said = f"contains `{path}`, to be declared in `{spec}`: making it again\n"
    assert ground.good(said=f"vpython: the environment `{environment}` {said}") == environment
    assert not (environment / path).exists()
    ground.good()


def test_a_package_that_was_replaced_comes_back(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    wheel = make_wheel(ground.place / "w", "one", "2.0", files={"one/__init__.py": "NAME = 'two'\n"})
    install(ground, ground.script.with_name("s.py.vpython3").read_text(), wheel)
    code, out, err = ground.see()
    assert (code, out.split()) == (0, [str(environment), *WHEELS])
    assert err.startswith(f"vpython: the environment `{environment}` contains `one`, to be declared in `")
    assert ground.good() == environment


def test_it_stays_while_it_is_in_use(standing: tuple[Ground, Path]) -> None:
    """Nothing that it should have is missing, so the start goes on; but that is recorded nowhere."""
    ground, environment = standing
    with running(ground, environment):
        (environment / SITE / "loose.py").touch()
        for _ in range(2):
            code, out, err = ground.see()
            assert (code, out.split()) == (0, [str(environment), *WHEELS])
            assert err.endswith(", and is in use: starting it as it is\n")
        assert records(ground) == {}
    assert "making it again" in ground.see()[2]
    ground.good()


def test_times_alone_change_nothing(standing: tuple[Ground, Path]) -> None:
    """One look, then it is warm again."""
    ground, environment = standing
    before = environment.stat().st_ino
    for path in (SITE, "bin"):
        os.utime(environment / path, (time.time() - 5,) * 2)
    assert ground.good() == environment
    after = records(ground)
    assert len(after) == 1
    assert ground.good() == environment
    assert (records(ground), environment.stat().st_ino) == (after, before)
