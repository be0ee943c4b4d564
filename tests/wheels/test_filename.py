"""Wheel file names: parsed as PEP 427 has them, refused where they are none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.vectors import vectors
from vpy.errors import ToolError
from vpy.model import Tag
from vpy.wheels import filename


@pytest.mark.parametrize("case", [
    ("six-1.16.0-py2.py3-none-any.whl", ("six", "1.16.0", "", ("py2", "py3"), ("none",), ("any",))),
    ("A_B-1.0+local-1-cp38-abi3-win32.win_amd64.whl",
     ("a-b", "1.0+local", "1", ("cp38",), ("abi3",), ("win32", "win_amd64"))),
])  # fmt: skip
def test_file_names(case: tuple[str, tuple[Any, ...]]) -> None:
    found = filename.parse(case[0])
    assert (found.name, found.version, found.build, found.pythons, found.abis, found.platforms) == case[1]


def test_file_names_give_tags() -> None:
    found = filename.parse("six-1.16.0-py2.py3-none-any.whl")
    assert found.tags == (Tag("py2", "none", "any"), Tag("py3", "none", "any"))


@pytest.mark.parametrize("name", [
    "a.whl", "a-b-c-d.whl", "a-1-py3-none-any.zip", "a-1-py3-none-any.WHL", "a-1-py3-none-x y.whl",
    "../a-1-py3-none-any.whl", "a-1-py3-none-any.whl\n", "a-1-py3--any.whl", "a-x-py3-none-any.whl",
    "", ".whl",
])  # fmt: skip
def test_no_file_names(name: str) -> None:
    with pytest.raises(ToolError, match="not a wheel's file name"):
        filename.parse(name)


def test_recorded_file_names() -> None:
    for case in vectors("wheel_names"):
        if case["error"]:
            with pytest.raises(ToolError):
                filename.parse(case["in"])
            continue
        found = filename.parse(case["in"])
        parts = {
            "Distribution": found.distribution, "Version": found.version_text, "BuildTag": found.build,
            "PythonTag": ".".join(found.pythons), "ABITag": ".".join(found.abis),
            "PlatformTag": ".".join(found.platforms),
        }  # fmt: skip
        assert parts == case["name"]
