"""The rules of the house, read off the sources: who imports whom, what is heavy, how long a thing may be."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parents[1]
MODULES = sorted((TOP / "vpy").rglob("*.py"))
DOORS = sorted(TOP.glob("vpython*.py"))
ROOMS = {"spec", "target", "packages", "wheels", "environment"}
COMMON = {"vpy", "vpy.errors", "vpy.model", "vpy.value", "vpy.config", "vpy._baked"}

HEAVY = {"dataclasses", "google", "logging", "packaging", "pip", "typing", "urllib3", "venv"}
HEAVY |= {"argparse", "pathlib", "platformdirs", "tqdm", "truststore"}
ONLY_IN = {
    "google": {"spec/textproto.py"},
    "subprocess": {"system/process.py", "system/child.py", "environment/hook.py"},
    "truststore": {"system/trust.py"},
    "urllib3": {"system/http.py", "system/httpfault.py"},
    "pip": {"wheels/pipdownload.py", "wheels/pipinstall.py"},
    "tqdm": {"system/terminal.py", "system/progress.py"},
}
# They run as programs of their own, in a Python that has nothing but pip beside it.
PROGRAMS = {"wheels/pipdownload.py", "wheels/pipinstall.py"}
LONGEST_MODULE = 300
LONGEST_PROGRAM = 320  # it cannot be split: it is handed to Python as one file
LONGEST_FUNCTION = 40
DRAWERS = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


class Import:
    """One name imported: by which statement, at the top of the module or inside a function."""

    def __init__(self, name: str, line: int, top: bool) -> None:
        self.name = name
        self.line = line
        self.top = top


def name_of(path: Path) -> str:
    return path.relative_to(TOP / "vpy").as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> list[Import]:
    """What the module imports when it runs; what stands under `if TYPE_CHECKING:` never does."""
    return list(_imports(tree_of(path).body, top=True))


def _imports(body: list[ast.stmt], *, top: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _imports(node.orelse, top=top)
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (
                Import(_whole(node.module or "", alias.name), node.lineno, top) for alias in node.names
            )
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from _imports(getattr(node, field, []), top=top and not inside)


def _whole(module: str, name: str) -> str:
    """`from vpy.system import files` imports a module; `from vpy.errors import UserError` a name of one."""
    as_module = TOP.joinpath(*module.split("."), f"{name}.py")
    as_package = TOP.joinpath(*module.split("."), name)
    return f"{module}.{name}" if as_module.exists() or as_package.is_dir() else module


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def room_of(name: str) -> str:
    """The directory under `vpy` that a module's path, or its dotted name, lies in; "" for none."""
    parts = name.removeprefix("vpy.").split("." if name.startswith("vpy.") else "/")
    return parts[0] if len(parts) > 1 else ""


def test_reads_the_sources() -> None:
    assert len(MODULES) > 40
    assert {room_of(name_of(path)) for path in MODULES} >= ROOMS | {"system", "tools", ""}


def test_sees_imports_where_they_stand() -> None:
    text = """
import one.two
from vpy.system import files
from vpy.errors import UserError
if TYPE_CHECKING:
    import never
try:
    import top
except ImportError:
    def f():
        with x:
            match y:
                case 1:
                    import deep
"""
    seen = [(each.name, each.line, each.top) for each in _imports(ast.parse(text).body, top=True)]
    assert seen == [
        ("one.two", 2, True),
        ("vpy.system.files", 3, True),
        ("vpy.errors", 4, True),
        ("top", 8, True),
        ("deep", 14, False),
    ]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_its_own_and_what_all_may(path: Path) -> None:
    room = room_of(name_of(path))
    allowed = {"system"} if room == "system" else {"system", room}
    if room not in ROOMS | {"system"}:
        return
    strange = [
        f"line {each.line}: {each.name}"
        for each in imports(path)
        if each.name.split(".")[0] in ("vpy", "vpython") and each.name not in COMMON
        if room_of(each.name) not in allowed and each.name != f"vpy.{room}" and each.name != "vpy.system"
    ]
    assert not strange


def test_nobody_but_the_story_and_the_tools_knows_several_rooms() -> None:
    knowing = {
        name_of(path)
        for path in MODULES
        if len({room_of(each.name) for each in imports(path)} & ROOMS) > 1
        if room_of(name_of(path)) != "tools"
    }
    assert knowing <= {
        "cli.py",
        "decision.py",
        "manifest.py",
        "offered.py",
        "sources.py",
        "story.py",
        "supply.py",
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_heavy_is_imported_at_the_top(path: Path) -> None:
    heavy = [each.name for each in imports(path) if each.top and each.name.split(".")[0] in HEAVY]
    assert not heavy


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_each_resource_has_one_door(package: str) -> None:
    users = {
        name_of(path)
        for path in MODULES
        if name_of(path) not in PROGRAMS
        if any(each.name.split(".")[0] == package for each in imports(path))
    }
    assert users <= ONLY_IN[package]
    assert package in ("pip", "tqdm") or users, "nobody uses it: is it named otherwise?"


def test_only_the_layout_names_what_lies_in_the_root() -> None:
    from vpy.system import layout

    names = {
        value
        for key, value in vars(layout).items()
        if key.isupper() and isinstance(value, str) and value[-2:] == "-1"
    }
    assert len(names) > 5
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        if name_of(path) != "system/layout.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if any(part in names for part in node.value.split("/"))
        if not _is_docstring(node, tree_of(path))
    }
    assert not found


def _is_docstring(constant: ast.Constant, tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and node.body[0].value is constant
        for node in ast.walk(tree)
    )


def test_the_doors_and_the_layout_agree() -> None:
    import vpython
    from vpy.system import layout

    assert (vpython.RECORDS, vpython.APP) == (layout.RECORDS, layout.APP)


@pytest.mark.parametrize("path", DOORS, ids=lambda path: path.name)
def test_the_doors_need_the_standard_library_alone(path: Path) -> None:
    own = {door.stem for door in DOORS}
    for each in imports(path):
        package = each.name.split(".")[0]
        assert not each.top or package in own | {"__future__", "os", "sys"}, each.name
        assert package == "vpy" or package not in HEAVY, each.name


@pytest.mark.parametrize("path", [*MODULES, *DOORS], ids=lambda path: path.name)
def test_a_module_and_a_function_stay_short(path: Path) -> None:
    assert path.name not in DRAWERS
    program = path in MODULES and name_of(path) in PROGRAMS
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (LONGEST_PROGRAM if program else LONGEST_MODULE)
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    long = [f"{node.name}: {_length(node)} lines" for node in functions if _length(node) > LONGEST_FUNCTION]
    assert not long


def _length(function: ast.FunctionDef) -> int:
    """Its lines, without those of functions right inside it."""
    inner = [node for node in function.body if isinstance(node, ast.FunctionDef)]
    return _lines(function) - sum(_lines(node) for node in inner)


def _lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_surroundings_come_in_as_arguments(path: Path) -> None:
    """Nobody reads the process's own variables but the hook, and the program that pip runs in."""
    if name_of(path) in PROGRAMS | {"environment/hook.py"}:
        return
    reads = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    ]
    assert not reads


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_ends_the_process(path: Path) -> None:
    """A process of ours that was forked, or stands for its child, ends itself."""
    own = {"cli.py", "environment/hook.py", "system/background.py", "system/child.py", "system/twin.py"}
    if name_of(path) in PROGRAMS | own:
        return
    ends = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in {("sys", "exit"), ("os", "_exit"), ("os", "abort")}
    ]
    assert not ends
