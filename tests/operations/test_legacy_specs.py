"""Files with text specs, converted one by one: what they become, and every other byte as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vpy import config
from vpy.errors import ToolError, UserError
from vpy.operations.legacy_specs import Converter
from vpy.spec import edit

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "infra/python/wheels/"
SPEC = f'python_version: "3.11"\n# why\nwheel <\n  name: "{PREFIX}six-py3"\n  version: "version:1.16.0"\n>\n'
TABLES = """\
requires-python = ">=3.11,<3.12"
dependencies = [
  # why
  "six==1.16.0",
]
"""
BLOCK = "# /// script\n" + "".join(f"# {line}\n" for line in TABLES.splitlines()) + "# ///\n"
GUARDED = "# [VPYTHON:BEGIN]\n" + "".join(f"# {line}\n" for line in SPEC.splitlines()) + "# [VPYTHON:END]\n"
SHEBANG = "#!/usr/bin/env vpython3\n"


def convert(path: Path, *, keeps: bool = False) -> bool:
    """Convert a file; return whether anything was to be done."""
    converter = Converter(config.load(), keeps=keeps)
    conversion = converter.convert(str(path))
    if conversion is not None:
        converter.apply(conversion)
    return conversion is not None


def contents(directory: Path) -> dict[str, str]:
    """The texts of all files, their line ends as they are."""
    return {
        str(path.relative_to(directory)): path.read_bytes().decode("utf-8", "surrogateescape")
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def fill(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


# What is there, the file that is converted, what is there then.
CONVERSIONS: list[tuple[dict[str, str], str, dict[str, str]]] = [
    ({".vpython3": SPEC}, ".vpython3", {"vpython.toml": TABLES}),
    ({".vpython": SPEC}, ".vpython", {"vpython.toml": TABLES}),
    ({"x.vpython3": SPEC}, "x.vpython3", {"x.vpython.toml": TABLES}),
    ({"gone.py.vpython3": SPEC}, "gone.py.vpython3", {"gone.py.vpython.toml": TABLES}),
    (
        {"s.py": f"{SHEBANG}pass\n", "s.py.vpython3": SPEC},
        "s.py.vpython3",
        {"s.py": f"{SHEBANG}{BLOCK}\npass\n"},
    ),
    ({"s.py": "a = 1\nb", "s.py.vpython": SPEC}, "s.py.vpython", {"s.py": f"{BLOCK}\na = 1\nb"}),
    ({"s": f"{SHEBANG}pass\n", "s.vpython3": SPEC}, "s.vpython3", {"s": f"{SHEBANG}{BLOCK}\npass\n"}),
    (
        {"s.py": f"import a\n{GUARDED.replace('six', 'old')}import b", "s.py.vpython3": SPEC},
        "s.py.vpython3",
        {"s.py": f"import a\n{BLOCK}import b"},
    ),
    ({"s.py": f"import a\n{GUARDED}import b"}, "s.py", {"s.py": f"import a\n{BLOCK}import b"}),
    ({"s.py": GUARDED.removesuffix("\n")}, "s.py", {"s.py": BLOCK.removesuffix("\n")}),
    (
        {"s.py": f"# coding: latin-1\nname = '\udce4'\n{GUARDED}"},
        "s.py",
        {"s.py": f"# coding: latin-1\nname = '\udce4'\n{BLOCK}"},
    ),
    ({"s.py": f"\ufeff{GUARDED}"}, "s.py", {"s.py": f"\ufeff{BLOCK}"}),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "name", "after"), CONVERSIONS, ids=lambda item: str(item)[:20])
def test_a_conversion(
    tmp_path: Path, before: dict[str, str], name: str, after: dict[str, str], end: str
) -> None:
    fill(tmp_path, {path: text.replace("\n", end) for path, text in before.items()})
    assert convert(tmp_path / name)
    assert contents(tmp_path) == {path: text.replace("\n", end) for path, text in after.items()}
    for path in after:
        assert not convert(tmp_path / path)


@pytest.mark.parametrize(("before", "name", "after"), CONVERSIONS[:8], ids=lambda item: str(item)[:20])
def test_what_is_kept_may_go_later(
    tmp_path: Path, before: dict[str, str], name: str, after: dict[str, str]
) -> None:
    """After a crash between the two steps it looks the same, so the next run ends what that one began."""
    fill(tmp_path, before)
    assert convert(tmp_path / name, keeps=True)
    assert contents(tmp_path) == after | {name: before[name]}
    assert not convert(tmp_path / name, keeps=True)
    assert convert(tmp_path / name)
    assert contents(tmp_path) == after


# What is there, the file that stays, why.
LEFT: list[tuple[dict[str, str], str, str]] = [
    ({".vpython3": SPEC, "vpython.toml": "dependencies = []\n"}, ".vpython3",
     "`{0}/vpython.toml` already has tables, which say something else"),
    ({".vpython3": SPEC, "vpython.toml/x": ""}, ".vpython3",
     "cannot read `{0}/vpython.toml`: Is a directory"),
    ({".vpython3": SPEC, "vpython.toml": "x = 1\n"}, ".vpython3", "{0}/vpython.toml:1:1: unknown key `x`"),
    ({".vpython": SPEC, ".vpython3": SPEC}, ".vpython",
     "`{0}/.vpython3` comes before it"),
    ({"s.py": BLOCK.replace("1.16", "1.15"), "s.py.vpython3": SPEC}, "s.py.vpython3",
     "`{0}/s.py` already has tables, which say something else"),
    ({"s.py": f"{BLOCK}\n{GUARDED}"}, "s.py", "its text spec is not used: its PEP 723 block comes first"),
    ({"p/s.py": "", "p.vpython3": SPEC}, "p.vpython3",
     "it is the spec of everything in `{0}/p`, which a block cannot be"),
    ({"s": "data\n", "s.vpython3": SPEC}, "s.vpython3",
     "`{0}/s` cannot hold a block: it is a link, or not a text of Python"),
    ({"s.py": "x\0", "s.py.vpython3": SPEC}, "s.py.vpython3",
     "`{0}/s.py` cannot hold a block: it is a link, or not a text of Python"),
    ({"s.py": "# coding: latin-1\n", "s.py.vpython3": SPEC.replace("why", "wärum")}, "s.py.vpython3",
     "the spec is not in ASCII, and `{0}/s.py` is in iso-8859-1, not in UTF-8"),
    ({"s.py": '"""\n' + GUARDED.replace("\n# ", "\n")[2:] + '"""\n'}, "s.py",
     "its text spec is not in a comment"),
    ({"s.py": f"{GUARDED}# ///\n"}, "s.py",
     "the comments around its text spec would become part of a block"),
    ({"s.py": "# [VPYTHON:BEGIN]\n# x\n"}, "s.py", "{0}/s.py:1:3: `[VPYTHON:BEGIN]` without `[VPYTHON:END]`"),
    ({".vpython3": "wheel: <\n"}, ".vpython3", "{0}/.vpython3:1:8: expected `>`, found the end"),
    ({".vpython3": "# \udce4\n"}, ".vpython3", "{0}/.vpython3:1:3: not UTF-8: byte `0xe4`"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "name", "reason"), LEFT, ids=lambda item: str(item)[-24:])
def test_what_stays_as_it_is(tmp_path: Path, files: dict[str, str], name: str, reason: str) -> None:
    fill(tmp_path, files)
    with pytest.raises(UserError) as caught:
        convert(tmp_path / name)
    assert caught.value.message == reason.format(tmp_path)
    assert contents(tmp_path) == files


@pytest.mark.parametrize(
    "files",
    [
        {"s.py": "x = '[VPYTHON:BEGIN]'\n"},
        {"s.py": BLOCK},
        {"s.py": f"{BLOCK}x = '[VPYTHON:BEGIN]'\n"},
        {"s.py": GUARDED, "s.py.vpython3": SPEC},
        {"s.py": "# [VPYTHON:BEGIN]\n# [VPYTHON:END]\n"},
    ],
)
def test_what_has_nothing_to_convert(tmp_path: Path, files: dict[str, str]) -> None:
    fill(tmp_path, files)
    assert not convert(tmp_path / "s.py")
    assert contents(tmp_path) == files


def test_an_older_spec_that_says_the_same_goes_too(tmp_path: Path) -> None:
    fill(tmp_path, {".vpython3": SPEC, ".vpython": SPEC + "# another comment\n"})
    assert convert(tmp_path / ".vpython3")
    assert convert(tmp_path / ".vpython")
    assert contents(tmp_path) == {"vpython.toml": TABLES}


def test_modes_stay(tmp_path: Path) -> None:
    fill(tmp_path, {".vpython3": SPEC, "s.py": GUARDED})
    (tmp_path / ".vpython3").chmod(0o640)
    (tmp_path / "s.py").chmod(0o750)
    assert convert(tmp_path / ".vpython3")
    assert convert(tmp_path / "s.py")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"vpython.toml": 0o640, "s.py": 0o750}


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    fill(tmp_path, {"real.py": "pass\n", "s.py.vpython3": SPEC})
    (tmp_path / "s.py").symlink_to("real.py")
    with pytest.raises(UserError, match="cannot hold a block"):
        convert(tmp_path / "s.py.vpython3")


def test_what_cannot_be_removed_is_written_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second step fails, both files are whole, and declare the same."""

    def refuse(path: str) -> None:
        raise ToolError(f"cannot remove `{path}`")

    fill(tmp_path, {".vpython3": SPEC})
    with monkeypatch.context() as patch:
        patch.setattr(edit, "remove", refuse)
        with pytest.raises(ToolError):
            convert(tmp_path / ".vpython3")
    assert contents(tmp_path) == {".vpython3": SPEC, "vpython.toml": TABLES}
    assert convert(tmp_path / ".vpython3")
    assert contents(tmp_path) == {"vpython.toml": TABLES}
