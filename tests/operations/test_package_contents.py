"""What a package holds is asked once: another spec of packages that are known opens none of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Harness

ALL = ("import one", "import two")


@pytest.fixture
def repository(harness: Harness) -> Path:
    """Packages `p/one`, `p/two`, and `p/both` with the wheel of `p/one` and another."""
    place = harness.place / "repository"
    wheels = {name: make_wheel(harness.place / "wheels", name) for name in ("one", "two", "three")}
    for package, names in {"p/one": ["one"], "p/two": ["two"], "p/both": ["one", "three"]}.items():
        packed = [wheels[name] for name in names]
        tool = ("-vpython-tool", "pack", "-repo", place, "-name", package, "-tag", "version:1")
        made = harness.run(*tool, *packed)
        assert made.returncode == 0, made.stderr
    harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{place}"
    return place


def script(harness: Harness, name: str, packages: str, *code: str) -> Path:
    path = harness.place / name
    path.with_name(f"{name}.vpython3").write_text(
        spec_text(*((each, "version:1") for each in packages.split()))
    )
    path.write_text("\n".join([*code, "print('ran')"]))
    return path


def ran(harness: Harness, path: Path) -> None:
    found = harness.run(path)
    assert (found.stdout, found.returncode) == ("ran\n", 0), found.stderr


def lose_packages(harness: Harness, repository: Path) -> None:
    """No package can be opened any more; what tags mean can still be asked."""
    shutil.rmtree(harness.root / "packages-1")
    for path in repository.rglob("*"):
        if path.is_file() and path.name != "versions.json":
            path.unlink()


def test_another_spec_opens_no_package(harness: Harness, repository: Path) -> None:
    ran(harness, script(harness, "first.py", "p/one p/two", *ALL))
    lose_packages(harness, repository)
    ran(harness, script(harness, "second.py", "p/two", "import two"))
    assert len(harness.environments()) == 2


def test_a_package_that_is_not_known_is_opened(harness: Harness, repository: Path) -> None:
    ran(harness, script(harness, "first.py", "p/one", "import one"))
    ran(harness, script(harness, "second.py", "p/one p/two", *ALL))
    lose_packages(harness, repository)
    failed = harness.run(script(harness, "third.py", "p/both", "import three"))
    assert failed.returncode == 1
    assert "p/both" in failed.stderr


def test_a_wheel_that_left_the_store_is_got_again(harness: Harness, repository: Path) -> None:
    ran(harness, script(harness, "first.py", "p/one p/two", *ALL))
    shutil.rmtree(harness.root / "wheels-1")
    ran(harness, script(harness, "second.py", "p/two", "import two"))


def test_the_same_wheel_in_two_packages(harness: Harness, repository: Path) -> None:
    first = script(harness, "first.py", "p/one p/both", "import one, three")
    ran(harness, first)
    ran(harness, script(harness, "second.py", "p/one p/both p/two", "import one, two, three"))
    ran(harness, script(harness, "third.py", "p/both", "import one, three"))
