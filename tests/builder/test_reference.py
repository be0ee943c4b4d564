"""The reference and the manual page are those of the table, and a reader of manuals can show the page."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from builder import man_page, reference
from vpy import config
from vpy.commands import table


def test_the_reference_is_that_of_the_table() -> None:
    assert reference.PATH.read_text(encoding="utf-8") == reference.reference(config.load())


def test_the_page_is_that_of_the_table() -> None:
    assert man_page.PATH.read_text(encoding="utf-8") == man_page.man_page(config.load())


def test_the_page_names_everything() -> None:
    page = man_page.man_page(config.load()).replace("\\-", "-")
    for command in table.COMMANDS:
        assert f'.SS "{command.name}"' in page
        assert all(f"vpython-tool {example.argv}" in page for example in command.examples)
        assert all(option.name in page for option in command.options)
    assert all(option.name in page for option in table.GLOBAL_OPTIONS)


def test_no_line_of_text_is_taken_for_a_request() -> None:
    known = ("TH", "SH", "SS", "PP", "TP", "RS", "RE", "nf", "fi")
    for line in man_page.man_page(config.load()).splitlines():
        assert not line.startswith("'")
        assert not line.startswith(".") or line.startswith('.\\"') or line[1:3] in known


def test_a_reader_of_manuals_shows_it() -> None:
    """A line that man(7) does not know would be warned of."""
    reader = shutil.which("mandoc") or shutil.which("groff")
    if reader is None:
        pytest.skip("no reader of manuals on this machine")
    options = ["-T", "lint", "-W", "error"] if reader.endswith("mandoc") else ["-man", "-ww", "-T", "utf8"]
    done = subprocess.run([reader, *options, str(man_page.PATH)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_reference_has_every_key() -> None:
    from builder import keys
    from vpy.operations import settings
    from vpy.spec import tool_vpython

    assert sorted(name for name, _ in keys.VPYTHON) == sorted(tool_vpython.KEYS)
    assert sorted(name for name, _ in keys.USER) == sorted(settings.KEYS)
