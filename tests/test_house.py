"""Rules of the house, read off the sources: who imports whom, what is heavy, which words are used."""

from __future__ import annotations

import ast
import functools
import io
import re
import subprocess
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parents[1]
MODULES = sorted((TOP / "vpy").rglob("*.py"))
DOORS = [TOP / "vpython.py", *sorted((TOP / "bootstrap").glob("*.py"))]
BUILDERS = [TOP / "build_zipapp.py", *sorted((TOP / "builder").glob("*.py"))]
FIRST_PARTY = [*MODULES, *DOORS, *BUILDERS]

ROOMS = {"spec", "target", "packages", "wheels", "environment", "prune"}
ABOVE = {"operations", "commands"}
COMMON = {"vpy", "vpy.errors", "vpy.model", "vpy.config", "vpy._baked"}
# What the doors load before anything of `vpy` can be imported, and `vpy` uses again.
FLOOR = {"bootstrap", "bootstrap.lock_owner", "bootstrap.shown"}

HEAVY = {"dataclasses", "google", "logging", "packaging", "pip", "typing", "urllib3", "venv"}
HEAVY |= {"argparse", "filelock", "pathlib", "tomlkit", "truststore"}
ONLY_IN = {
    "argparse": {"commands/"},
    "filelock": {"system/locks.py"},
    "google": {"spec/textproto.py"},
    "tomlkit": {"spec/edit.py"},
    "subprocess": {"system/process.py", "system/foreground_child.py", "environment/hook.py"},
    "truststore": {"system/network/tls.py"},
    "urllib3": {"system/network/http.py"},
    "pip": {"wheels/pip_download.py", "wheels/pip_install.py"},
}
# They run as programs of their own, in a Python that has nothing but pip beside it.
PROGRAMS = {"wheels/pip_download.py", "wheels/pip_install.py"}
LONGEST_MODULE = 500
LONGEST_FUNCTION = 40
DRAWERS = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}

# The project's old dialect, and where a word stays: names of what lies in roots that exist already.
BANNED = {
    "anew", "begun", "crew", "haul", "leftovers", "obtain", "parcels", "patience", "pretended", "reaper",
    "skeleton", "skeletons", "story", "supply", "told", "twin", "unneeded", "way_out",
}  # fmt: skip
STORED_NAMES = {"skeleton", "skeleton-", "skeleton.json", "leftovers", "supply"}
NOUN_PHRASE = re.compile(r"(The|What|Whether|A|An|How|Where|Who|Which|Every|All)\b")


class Import:
    """One name imported: by which statement, at the top of the module or inside a function."""

    def __init__(self, name: str, line: int, top: bool) -> None:
        self.name = name
        self.line = line
        self.top = top


def name_of(path: Path) -> str:
    """Return the path below `vpy/`, or below the top of the project."""
    base = TOP / "vpy" if path.is_relative_to(TOP / "vpy") else TOP
    return path.relative_to(base).as_posix()


def module_of(path: Path) -> str:
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path), str(path))


def imports(path: Path) -> list[Import]:
    """Return what the module imports when it runs; what stands under `if TYPE_CHECKING:` never does."""
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
    """Return the module that `from MODULE import NAME` imports: a submodule, or MODULE itself."""
    as_module = TOP.joinpath(*module.split("."), f"{name}.py")
    as_package = TOP.joinpath(*module.split("."), name)
    return f"{module}.{name}" if as_module.exists() or as_package.is_dir() else module


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def room_of(name: str) -> str:
    """Return the directory under `vpy` that a module's path, or its dotted name, lies in; "" for none."""
    parts = name.removeprefix("vpy.").split("." if name.startswith("vpy.") else "/")
    return parts[0] if len(parts) > 1 else ""


def test_reads_the_sources() -> None:
    assert len(MODULES) > 40
    assert {room_of(name_of(path)) for path in MODULES} >= ROOMS | ABOVE | {"system", ""}


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


def arrows(path: Path) -> set[str]:
    """Return every first-party module that a module imports, lazily or for types alone too."""
    known = {module_of(other) for other in FIRST_PARTY}
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    empty = {module_of(other) for other in FIRST_PARTY if text_of(other).count("\n") < 3}
    return (found & known) - {module_of(path)} - empty


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or not (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_finds_a_cycle() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert cycles(graph) == [["b", "c"]]


def test_no_import_cycle_of_any_kind() -> None:
    """Lazy imports and imports for types alone count too."""
    assert cycles({module_of(path): arrows(path) for path in FIRST_PARTY}) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_its_own_and_what_all_may(path: Path) -> None:
    """Imports for types alone count too."""
    room = room_of(name_of(path))
    allowed = {"system"} if room == "system" else {"system", room}
    if room not in ROOMS | {"system"}:
        return
    common = COMMON - {"vpy.model", "vpy.config"} if room == "system" else COMMON
    strange = {
        name
        for name in arrows(path)
        if name not in common | FLOOR and room_of(name) not in allowed and name != "vpy.system"
    }
    assert not strange


@pytest.mark.parametrize("path", [*MODULES, *DOORS], ids=name_of)
def test_nobody_climbs(path: Path) -> None:
    """Commands are known to the command line alone, operations to it, the commands and the builder."""
    room = room_of(name_of(path))
    name = name_of(path)
    above = {"commands"} if room == "operations" else ABOVE
    if room == "commands" or name == "cli.py":
        return
    assert not {other for other in arrows(path) if room_of(other) in above}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_heavy_is_imported_at_the_top(path: Path) -> None:
    heavy = {each.name for each in imports(path) if each.top and each.name.split(".")[0] in HEAVY}
    if name_of(path).startswith("commands/"):
        heavy -= {"argparse"}
    assert not heavy


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_each_resource_has_one_door(package: str) -> None:
    users = {
        name_of(path)
        for path in MODULES
        if name_of(path) not in PROGRAMS
        if any(each.name.split(".")[0] == package for each in imports(path))
    }
    rooms = {user for user in users if any(user.startswith(room) for room in ONLY_IN[package])}
    assert users == rooms
    assert package == "pip" or users, "nobody uses it: is it named otherwise?"


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
    from bootstrap import app, kept_script, request
    from vpy.prune import unreferenced
    from vpy.system import layout

    doors = (request.RECORDS, app.APP, kept_script.SCRIPTS)
    assert doors == (layout.RECORDS, layout.APP, layout.SCRIPTS)
    assert kept_script.ADDRESS_DIGITS == unreferenced.ADDRESS_DIGITS


@pytest.mark.parametrize("path", DOORS, ids=name_of)
def test_the_doors_need_the_standard_library_alone(path: Path) -> None:
    for each in imports(path):
        package = each.name.split(".")[0]
        assert not each.top or package in {"bootstrap", "__future__", "os", "sys"}, each.name
        assert package == "vpy" or package not in HEAVY, each.name


@pytest.mark.parametrize("path", FIRST_PARTY, ids=name_of)
def test_a_module_and_a_function_stay_short(path: Path) -> None:
    assert path.name not in DRAWERS
    assert text_of(path).count("\n") <= LONGEST_MODULE
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    long = [f"{node.name}: {_length(node)} lines" for node in functions if _length(node) > LONGEST_FUNCTION]
    assert not long


def _length(function: ast.FunctionDef) -> int:
    """Return its lines, without those of functions right inside it."""
    inner = [node for node in function.body if isinstance(node, ast.FunctionDef)]
    return _lines(function) - sum(_lines(node) for node in inner)


def _lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_environment_variables_come_in_as_arguments(path: Path) -> None:
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
    own = {"cli.py", "environment/hook.py", "system/foreground_child.py", "system/fork.py"}
    own |= {"system/worker_pool.py"}
    if name_of(path) in PROGRAMS | own:
        return
    ends = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in {("sys", "exit"), ("os", "_exit"), ("os", "abort")}
    ]
    assert not ends


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and each word of identifiers, comments and texts, less the names of stored things."""
    for token in tokenize.generate_tokens(io.StringIO(text_of(path)).readline):
        if token.type == tokenize.STRING and token.string.strip("rbfRBF\"'") in STORED_NAMES:
            continue
        if token.type in (tokenize.NAME, tokenize.COMMENT, tokenize.STRING):
            yield from ((token.start[0], word) for word in re.findall(r"[A-Za-z_]+", token.string))


@pytest.mark.parametrize("path", FIRST_PARTY, ids=name_of)
def test_the_old_dialect_is_gone(path: Path) -> None:
    found = [
        f"line {line}: {word}"
        for line, word in words_of(path)
        if BANNED & {word.lower(), *word.lower().strip("_").split("_")}
    ]
    assert not found


def test_docstrings_say_what_to_do() -> None:
    """Few open with a noun phrase; ruff's D rules check that those of functions are imperative."""
    docstrings = [
        docstring
        for path in FIRST_PARTY
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        if (docstring := ast.get_docstring(node))
    ]
    assert len(docstrings) > 500
    nouns = [docstring for docstring in docstrings if NOUN_PHRASE.match(docstring)]
    assert len(nouns) <= len(docstrings) // 20


def test_the_top_level_is_small() -> None:
    """A stranger sees what the project is at one look."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:  # no checkout: an archive of the sources
        names = [path.name for path in TOP.iterdir() if path.is_file()]
    else:
        names = [name for name in listed.stdout.splitlines() if "/" not in name]
    assert len([name for name in names if not name.startswith(".")]) <= 14
    assert sorted(name for name in names if name.endswith(".py")) == ["build_zipapp.py", "vpython.py"]
