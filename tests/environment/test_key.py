"""Everything that shapes an environment is in its key, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.environment.shared import interpreter
from vpy.environment.build import FORMAT, ingredients, key_of
from vpy.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.model import Interpreter

BASE = interpreter()
WHEELS = (("a-1-py3-none-any.whl", "0" * 64), ("b-2-py3-none-any.whl", "1" * 64))


def key(python: Interpreter = BASE, skeleton: str = "s", wheels: tuple[tuple[str, str], ...] = WHEELS) -> str:
    return key_of(ingredients(python, skeleton, wheels))


def test_today_s_key() -> None:
    """A golden value: whoever changes it makes every environment anew, and must mean to."""
    assert FORMAT == "1"
    assert key() == "eab98713a5b25b1d0e249b2b55b0f6fed891edad"


@pytest.mark.parametrize(
    "other",
    [
        lambda: key(replace(BASE, executable="/elsewhere/python3.11")),
        lambda: key(replace(BASE, version_text="3.11.9")),
        lambda: key(replace(BASE, platform="linux-aarch64")),
        lambda: key(skeleton="t"),
        lambda: key(wheels=WHEELS[:1]),
        lambda: key(wheels=(WHEELS[0], (WHEELS[1][0], "2" * 64))),
        lambda: key(wheels=(WHEELS[0], ("c-2-py3-none-any.whl", WHEELS[1][1]))),
    ],
)
def test_another_ingredient_is_another_key(other: Callable[[], str]) -> None:
    assert other() != key()


def test_what_does_not_shape_it_does_not_count() -> None:
    assert key(wheels=WHEELS[::-1]) == key()
    assert key(replace(BASE, markers=(("platform_release", "6.1"),))) == key()
