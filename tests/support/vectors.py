"""Recorded answers of the original, in `tests/vectors`; what may lie beside the checkout is its client."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
PACKAGES = VECTORS / "packages"


@functools.cache
def _cases(name: str) -> tuple[Any, ...]:
    with (VECTORS / f"{name}.json").open(encoding="utf-8") as file:
        return tuple(json.load(file)["cases"])


def vectors(name: str) -> list[Any]:
    """Return the cases of one file; a leading comment case stays first."""
    cases = list(_cases(name))
    assert cases
    return cases
