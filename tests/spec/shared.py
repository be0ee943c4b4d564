"""The real specs that may lie beside the checkout, and the mistakes of a spec."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from vpy.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "shared")
ABSENT = pytest.param(
    {}, marks=pytest.mark.skip("the collection of real specs does not lie beside this checkout"), id="absent"
)


def real_specs(kind: str) -> list[Any]:
    """The entries of the collection that are of `kind`, each with its path."""
    top = os.path.join(SHARED, "specs")
    if not os.path.exists(top):
        return [ABSENT]
    with open(os.path.join(top, "INDEX.json"), encoding="utf-8") as file:
        entries = json.load(file)
    return [{**entry, "path": os.path.join(top, entry["file"])} for entry in entries if entry["kind"] == kind]


def mistakes(call: Callable[[], object]) -> list[str]:
    """The lines of the UserError that `call` raises; none where it does not."""
    try:
        call()
    except UserError as error:
        return error.message.split("\n")
    return []
