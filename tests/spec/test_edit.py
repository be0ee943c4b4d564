"""Edits of specs keep every other byte: comments, order, line ends, what stands around a block."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vpy.errors import ToolError, UserError
from vpy.spec import edit, edit_text, inline
from vpy.spec.edit import Edit
from vpy.spec.read import read

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """\
# the tools
requires-python = ">=3.11"
dependencies = [
  # for HTTP
  "requests==2.32.3", # pinned: see 1234
  "Six",
]

[tool.other]
x = 1 # kept
"""


def add(requirement: str, key: str = "dependencies") -> Edit:
    return Edit(key, edit.project(requirement), requirement)


def test_a_new_requirement_stands_in_its_place() -> None:
    text = edit.change_tables(TABLES, [add("rich>=13")])
    assert text == TABLES.replace('  "Six",', '  "rich>=13",\n  "Six",')
    text = edit.change_tables(TABLES, [add("zope-interface")])
    assert text == TABLES.replace('  "Six",\n', '  "Six",\n  "zope-interface",\n')


def test_a_list_out_of_order_is_added_to_at_its_end() -> None:
    text = 'dependencies = ["six", "attrs"]  # why\n'
    assert edit.change_tables(text, [add("click")]) == 'dependencies = ["six", "attrs", "click"]  # why\n'


def test_a_requirement_of_the_same_project_is_replaced() -> None:
    text = edit.change_tables(TABLES, [add("Requests>=3")])
    assert text == TABLES.replace("requests==2.32.3", "Requests>=3")


def test_one_is_taken_out() -> None:
    text = edit.change_tables(TABLES, [Edit("dependencies", "six", None)])
    assert text == TABLES.replace('  "Six",\n', "")


def test_a_list_that_is_not_there_is_made() -> None:
    text = edit.change_tables(TABLES, [add("pytest", "tool.vpython.dev-dependencies")])
    assert text.startswith(TABLES)
    assert text.endswith('[tool.vpython]\ndev-dependencies = ["pytest"]\n')


SCRIPT = """\
#!/usr/bin/env vpython3
# -*- coding: utf-8 -*-
'''Says what it does.'''
# /// script
# # the tools
# dependencies = ["six"] # why
# ///
print('x = ["six"]')
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_block_is_changed_alone(end: str) -> None:
    script = SCRIPT.replace("\n", end)
    changed = edit.change_block(script, [add("attrs")])
    assert changed == script.replace('dependencies = ["six"]', 'dependencies = ["attrs", "six"]')


def test_a_block_is_put_behind_the_first_comments() -> None:
    plain = SCRIPT[: SCRIPT.index("# ///")] + "print()\n"
    script = edit.with_block(plain, edit.new_block(">=3.11"), "s.py")
    lines = script.splitlines()
    assert lines[:3] == [*plain.splitlines()[:2], "# /// script"]
    assert script.endswith("# ///\n\n'''Says what it does.'''\nprint()\n")
    with pytest.raises(UserError, match=r"^`s.py` has a PEP 723 block already$"):
        edit.with_block(script, edit.new_block(">=3.11"), "s.py")


TEXT = """\
python_version: "3" # any

# the first
wheel: <
  name: "a/one-py3" # <
  version: "version:1"
>
wheel { name: 'a/two-py3' version: "version:2" }

wheel: < name: "a/three-py3" version: "version:3" match_tag: < platform: "x" > >
"""


def test_entries_of_a_text_spec() -> None:
    one = TEXT[TEXT.index("wheel: <") : TEXT.index("wheel {")]
    assert edit_text.without_entries(TEXT, {0}) == TEXT.replace(one, "")
    text = edit_text.without_entries(TEXT, {1, 2})
    assert text == TEXT[: TEXT.index("wheel {")]
    assert edit_text.with_version(TEXT, 1, "version:2", "version:9") == TEXT.replace("version:2", "version:9")
    text = edit_text.with_entry(TEXT, "a/four", "version:4")
    assert text == TEXT + '\nwheel: <\n  name: "a/four"\n  version: "version:4"\n>\n'


GUARDED = """\
import os
    # [VPYTHON:BEGIN]
    # python_version: "3"
    # wheel: < name: "a/one" version: "version:1" >
    # [VPYTHON:END]
print(os)
"""


def test_a_guarded_block_keeps_its_prefix() -> None:
    source = inline.find(GUARDED.encode(), "s.py")
    assert source is not None
    text = edit_text.put_back(GUARDED, source, edit_text.with_entry(source.text, "a/two", "version:2"))
    assert text.startswith(GUARDED[: GUARDED.index("    # [VPYTHON:END]")])
    assert text.endswith('    # wheel: <\n    #   name: "a/two"\n    #   version: "version:2"\n'
                         "    # >\n    # [VPYTHON:END]\nprint(os)\n")  # fmt: skip
    found = inline.find(text.encode(), "s.py")
    assert found is not None
    assert [wheel.name for wheel in read(found).wheels] == ["a/one", "a/two"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    """What a link leads to is written, its mode stays, and nothing is left beside it."""
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_text("old")
    real.chmod(0o750)
    link.symlink_to(real)
    edit.write(str(link), "new\r\n")
    assert (real.read_bytes(), real.stat().st_mode & 0o777, link.is_symlink()) == (b"new\r\n", 0o750, True)
    assert sorted(os.listdir(tmp_path)) == ["link.py", "real.py"]


def test_what_the_interpreter_reads_first_stays_first() -> None:
    """The mark of UTF-8 (BOM), the `#!` line, and the encoding on the second line, behind any comment."""
    block = edit.new_block(">=3.11")
    for head in ("", "\ufeff", "#!/bin/x\n", "# a\n# vim: set fileencoding=latin-1 :\n", "# coding: utf-8\n"):
        assert edit.with_block(f"{head}pass\n", block, "s.py") == f"{head}{block}\npass\n"
    assert edit.with_block("# a\n# b\n", block, "s.py") == f"{block}\n# a\n# b\n"
    assert edit.with_block("#!/bin/x", block, "s.py") == f"#!/bin/x\n{block}"
    assert edit.with_block("", block, "s.py") == block


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\x0c\n"])
@pytest.mark.parametrize("more", ["", "\nprint(os)", "\nprint(os)\n"])
def test_guards_give_way_to_a_block(end: str, mark: str, more: str) -> None:
    script = f"{mark}  #[VPYTHON:BEGIN]\n  #python_version: '3'\n\n  #[VPYTHON:END]{more}".replace("\n", end)
    source = inline.find(script.encode(), "s.py")
    assert source is not None
    assert edit_text.are_comments(script, source)
    block = edit.new_block(">=3")
    changed = edit_text.replace_guards(script, source, block)
    assert changed == f"{mark}{block.removesuffix(chr(10))}{more}".replace("\n", end)


def test_guards_in_a_docstring_are_no_comments() -> None:
    script = '"""\n[VPYTHON:BEGIN]\npython_version: "3"\n[VPYTHON:END]\n"""\n'
    source = inline.find(script.encode(), "s.py")
    assert source is not None
    assert not edit_text.are_comments(script, source)


def test_a_block_must_be_text_of_the_script_s_encoding() -> None:
    edit.check_encoding("# coding: latin-1\n", "# plain\n", "s.py")
    edit.check_encoding("# coding: utf8\n", "# ü\n", "s.py")
    edit.check_encoding("\ufeffpass\n", "# ü\n", "s.py")
    with pytest.raises(
        UserError, match=r"^the spec is not in ASCII, and `s.py` is in iso-8859-1, not in UTF-8$"
    ):
        edit.check_encoding("# coding: latin-1\n", "# ü\n", "s.py")
    with pytest.raises(UserError, match=r"^`s.py` is not a text of Python: unknown encoding: none$"):
        edit.check_encoding("# coding: none\n", "# ü\n", "s.py")


def test_a_new_file_gets_the_mode_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "vpython.toml"
    edit.write(str(path), "one", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    edit.write(str(path), "two", mode=0o644)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    edit.remove(str(path))
    with pytest.raises(ToolError, match=r"^cannot remove `.*vpython.toml`: No such file or directory$"):
        edit.remove(str(path))
