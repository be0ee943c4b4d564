"""What to do where a base Python cannot make a venv."""

from __future__ import annotations

import pytest

from vpy.environment import venv_template


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("ModuleNotFoundError: No module named 'venv'", "install its venv module (Debian: python3-venv)"),
        (
            "OSError: [Errno 38] Function not implemented: 'lib' -> '/r/staging/x/tree/lib64'",  # exFAT
            "name a root on a filesystem with symbolic links with -vpython-root DIR",
        ),
        (
            "PermissionError: [Errno 1] Operation not permitted: 'lib' -> '/r/staging/x/tree/lib64'",
            "name a root on a filesystem with symbolic links with -vpython-root DIR",
        ),
        (
            "OSError: [Errno 28] No space left on device",
            "free some space, or name another root with -vpython-root DIR",
        ),
        ("PermissionError: [Errno 1] Operation not permitted: '/x'", None),
    ],
)
def test_the_way_out(line: str, hint: str | None) -> None:
    assert venv_template._hint(line) == hint
