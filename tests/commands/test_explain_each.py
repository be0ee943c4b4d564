"""Every mistake at once: each package by itself in `explain`, each line of an error with its way out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import PREFIX, Explainer, spec
from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.sdistmaker import make_sdist
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["simple_index"]

OTHER = "py3-none-win_arm64"


@pytest.fixture
def index(explainer: Explainer, simple_index: Callable[[str], SimpleIndex], tmp_path: Path) -> SimpleIndex:
    """An index with a project of each kind: good, of other versions, of other platforms, without a wheel."""
    explainer.harness.use_loopback()
    make_wheel(tmp_path / "indexed", "good")
    make_wheel(tmp_path / "indexed", "newer", "2.0")
    make_wheel(tmp_path / "indexed", "elsewhere", "1.0", tag=OTHER)
    make_wheel(tmp_path / "indexed", "elsewhere", "1.1")
    make_wheel(tmp_path / "indexed", "elsewhere", "2.0rc1")
    make_sdist(tmp_path / "indexed", "source")
    index = simple_index("indexed")
    explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"index:{index.url}"
    return index


def test_of_packages_each_by_itself(explainer: Explainer, index: SimpleIndex) -> None:
    explainer.write("s.py", "")
    names = ("good-py3", "newer-py3", "absent-py3", "elsewhere-py3", "source-py3")
    outside = 'wheel: < name: "infra/tools/thing" version: "version:1.0" >\n'
    explainer.write(".vpython3", spec(*names) + outside)
    rows = {row["name"].removeprefix(PREFIX): row for row in explainer.json("s.py")["packages"]}
    assert rows["good-py3"]["state"] == "resolved"
    assert {row["state"] for name, row in rows.items() if name != "good-py3"} == {"unresolved"}
    assert rows["newer-py3"]["reason"] == "no version fits `newer==1.0`: there is 2.0"
    assert rows["absent-py3"]["reason"] == "the index has no project `absent`"
    assert rows["elsewhere-py3"]["reason"].startswith("no wheel of `elsewhere==1.0` fits ")
    assert rows["elsewhere-py3"]["reason"].endswith("; take `elsewhere==1.1`, which has a wheel")
    assert rows["source-py3"]["reason"].endswith("there is `source-1.0.tar.gz`, which a start builds")
    assert rows["infra/tools/thing"]["reason"] == "not a package of an index: `infra/tools/thing`"


def test_of_dependencies_each_by_itself(explainer: Explainer, index: SimpleIndex, tmp_path: Path) -> None:
    make_wheel(tmp_path / "indexed", "needy", requires=("good",))
    names = ("needy", "newer==1.0", "absent", "elsewhere==1.0", "source")
    explainer.write("s.py", f"# /// script\n# dependencies = {list(names)}\n# ///\n")
    rows = {row["expanded"]: row for row in explainer.json("s.py")["packages"]}
    assert {name for name, row in rows.items() if row["state"] == "resolved"} == {"needy", "good"}
    assert rows["newer"]["reason"] == "no version fits `newer==1.0`: there is 2.0"
    assert rows["absent"]["reason"] == "the index has no project `absent`"
    assert rows["elsewhere"]["reason"].endswith("; take `elsewhere==1.1`, which has a wheel")
    assert rows["source"]["reason"].endswith("there is `source-1.0.tar.gz`, which a start builds")


def test_a_start_says_all_but_what_it_could_build(explainer: Explainer, index: SimpleIndex) -> None:
    explainer.write("s.py", "")
    outside = 'wheel: < name: "infra/tools/thing" version: "version:1.0" >\n'
    explainer.write(".vpython3", spec("good-py3", "absent-py3", "elsewhere-py3", "source-py3") + outside)
    done = explainer.run("s.py")
    assert done.returncode == 2
    outside_line, absent, elsewhere, empty, hint = done.stderr.splitlines()
    assert outside_line == "vpython: not a package of an index: `infra/tools/thing`"
    assert absent == "the index has no project `absent`"
    assert elsewhere.endswith(
        "`elsewhere-1.0-py3-none-win_arm64.whl`; take `elsewhere==1.1`, which has a wheel"
    )
    assert (empty, hint) == ("", "hint: name another source with -vpython-source")
    done = explainer.run("-vpython-no-build", "s.py")
    assert "no wheel of `source==1.0` fits" in done.stderr


def test_the_python_that_has_a_wheel(explainer: Explainer, index: SimpleIndex, tmp_path: Path) -> None:
    explainer.write("s.py", "")
    tag = explainer.json("s.py")["template"]["py_platform"]
    other = 8 if sys.version_info[1] != 8 else 9
    make_wheel(tmp_path / "indexed", "old", tag=f"cp3{other}-cp3{other}-{tag}")
    make_wheel(tmp_path / "indexed", "older", tag=f"cp36-cp36m-{tag}")
    explainer.write(".vpython3", spec("old-py3", "older-py3"))
    done = explainer.run("s.py")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()[:2]
    assert first.endswith(f"; let the script ask for another Python: there are wheels for 3.{other} here")
    assert second.endswith(f"`older-1.0-cp36-cp36m-{tag}.whl`")
