"""What is needed to see a failure again, added to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def noting(text: str) -> Iterator[None]:
    """Add `text` to whatever is raised inside."""
    try:
        yield
    except BaseException as error:
        error.add_note(text)
        raise
