"""Everything that shapes an environment is in its key, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vpy.environment.build import FORMAT, ingredients, key_of
from vpy.model import Interpreter, Tag, Tags
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = Interpreter(
    executable="/usr/bin/python3.11",
    version=(3, 11, 2),
    version_text="3.11.2",
    implementation="cpython",
    platform="linux-x86_64",
    base_prefix="/usr",
    landmark="/usr/lib/python3.11/os.py",
    signature=(1, 2, 3),
    tags=Tags.of([Tag("py3", "none", "any")]),
    markers=(),
    scheme=(("purelib", "lib/python3.11/site-packages"),),
)
WHEELS = (("a-1-py3-none-any.whl", "0" * 64), ("b-2-py3-none-any.whl", "1" * 64))


def key(python: Interpreter = BASE, template: str = "s", wheels: tuple[tuple[str, str], ...] = WHEELS) -> str:
    return key_of(ingredients(python, template, wheels))


def test_golden_key() -> None:
    """A change of this value means that every environment is built again."""
    assert FORMAT == "1"
    assert key() == "eab98713a5b25b1d0e249b2b55b0f6fed891edad"


@pytest.mark.parametrize(
    "other",
    [
        lambda: key(replace(BASE, executable="/elsewhere/python3.11")),
        lambda: key(replace(BASE, version_text="3.11.9")),
        lambda: key(replace(BASE, platform="linux-aarch64")),
        lambda: key(template="t"),
        lambda: key(wheels=WHEELS[:1]),
        lambda: key(wheels=(WHEELS[0], (WHEELS[1][0], "2" * 64))),
        lambda: key(wheels=(WHEELS[0], ("c-2-py3-none-any.whl", WHEELS[1][1]))),
    ],
)
def test_another_ingredient_is_another_key(other: Callable[[], str]) -> None:
    assert other() != key()


def test_other_facts_are_not_in_the_key() -> None:
    assert key(wheels=WHEELS[::-1]) == key()
    assert key(replace(BASE, markers=(("platform_release", "6.1"),))) == key()
