"""Pages of forges, and the files that they show."""

from __future__ import annotations

import pytest

from vpy.system.network import forges

RAW = {
    "https://github.com/o/r/blob/main/a/t.py": "https://raw.githubusercontent.com/o/r/main/a/t.py",
    "https://www.github.com/o/r/blob/v1/t.py?plain=1": "https://raw.githubusercontent.com/o/r/v1/t.py",
    "https://gist.github.com/o/0a1b": "https://gist.githubusercontent.com/o/0a1b/raw",
    "https://gitlab.com/g/s/r/-/blob/main/t.py": "https://gitlab.com/g/s/r/-/raw/main/t.py",
    "https://git.example.org/r/-/blob/main/t.py": "https://git.example.org/r/-/raw/main/t.py",
    "https://bitbucket.org/o/r/src/main/t.py": "https://bitbucket.org/o/r/raw/main/t.py",
    "https://codeberg.org/o/r/src/branch/main/t.py": "https://codeberg.org/o/r/raw/branch/main/t.py",
    "https://git.sr.ht/~o/r/tree/main/item/t.py": "https://git.sr.ht/~o/r/blob/main/t.py",
    "https://pastebin.com/abc": "https://pastebin.com/raw/abc",
}


@pytest.mark.parametrize("page", RAW)
def test_a_page_has_a_file(page: str) -> None:
    assert forges.raw(page) == RAW[page]


@pytest.mark.parametrize("page", ["https://github.com/o/r", "https://example.org/t.py", *RAW.values()])
def test_what_is_no_page(page: str) -> None:
    assert forges.raw(page) is None
