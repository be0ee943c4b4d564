"""What a package holds is asked once: another spec of packages that are known opens none of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.vpython import Vpython

ALL = ("import one", "import two")


@pytest.fixture
def repository(vpython: Vpython) -> Path:
    """Packages `p/one`, `p/two`, and `p/both` with the wheel of `p/one` and another."""
    place = vpython.place / "repository"
    wheels = {name: make_wheel(vpython.place / "wheels", name) for name in ("one", "two", "three")}
    for package, names in {"p/one": ["one"], "p/two": ["two"], "p/both": ["one", "three"]}.items():
        packed = [wheels[name] for name in names]
        tool = ("-vpython-tool", "pack", "-repo", place, "-name", package, "-tag", "version:1")
        made = vpython.run(*tool, *packed)
        assert made.returncode == 0, made.stderr
    vpython.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{place}"
    return place


def script(vpython: Vpython, name: str, packages: str, *code: str) -> Path:
    path = vpython.place / name
    path.with_name(f"{name}.vpython3").write_text(
        spec_text(*((each, "version:1") for each in packages.split()))
    )
    path.write_text("\n".join([*code, "print('ran')"]))
    return path


def ran(vpython: Vpython, path: Path) -> None:
    found = vpython.run(path)
    assert (found.stdout, found.returncode) == ("ran\n", 0), found.stderr


def lose_packages(vpython: Vpython, repository: Path) -> None:
    """No package can be opened any more; what tags mean can still be asked."""
    shutil.rmtree(vpython.root / "packages-1")
    for path in repository.rglob("*"):
        if path.is_file() and path.name != "versions.json":
            path.unlink()


def test_another_spec_opens_no_package(vpython: Vpython, repository: Path) -> None:
    ran(vpython, script(vpython, "first.py", "p/one p/two", *ALL))
    lose_packages(vpython, repository)
    ran(vpython, script(vpython, "second.py", "p/two", "import two"))
    assert len(vpython.environments()) == 2


def test_a_package_that_is_not_known_is_opened(vpython: Vpython, repository: Path) -> None:
    ran(vpython, script(vpython, "first.py", "p/one", "import one"))
    ran(vpython, script(vpython, "second.py", "p/one p/two", *ALL))
    lose_packages(vpython, repository)
    failed = vpython.run(script(vpython, "third.py", "p/both", "import three"))
    assert failed.returncode == 1
    assert "p/both" in failed.stderr


def test_a_wheel_that_left_the_store_is_got_again(vpython: Vpython, repository: Path) -> None:
    ran(vpython, script(vpython, "first.py", "p/one p/two", *ALL))
    shutil.rmtree(vpython.root / "wheels-1")
    ran(vpython, script(vpython, "second.py", "p/two", "import two"))


def test_the_same_wheel_in_two_packages(vpython: Vpython, repository: Path) -> None:
    first = script(vpython, "first.py", "p/one p/both", "import one, three")
    ran(vpython, first)
    ran(vpython, script(vpython, "second.py", "p/one p/both p/two", "import one, two, three"))
    ran(vpython, script(vpython, "third.py", "p/both", "import one, three"))
