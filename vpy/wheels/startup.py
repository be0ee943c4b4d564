"""Code of wheels that Python runs at every start, before a script's first line.

`site` executes the lines of `.pth` files in site-packages that begin with `import`, runs what `.start`
files name (PEP 829), and imports `sitecustomize` and `usercustomize` from wherever its path then leads,
to which the other lines of `.pth` files add.
"""

from __future__ import annotations

import os
import posixpath

from vpy.errors import VpythonError
from vpy.system import files
from vpy.system.lean.dataclasses import value
from vpy.wheels import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.model import Interpreter, StoredWheel

_CUSTOMIZE = ("sitecustomize", "usercustomize")
_MODULES = (".py", ".pyc", ".so", ".pyd")
_WHOLE = "all of it"


@value
class _Tree:
    """Files of a stored wheel: where each leads in an environment, and its place in the store."""

    files: dict[str, str]
    folds: bool


def code_of(wheels: Sequence[StoredWheel], interpreter: Interpreter) -> list[list[str]]:
    """Return `FILE: LINE` for each line of each wheel that runs at every start; none of a damaged tree.

    FILE is relative to site-packages where it lies there. What a wheel brings may run by a path that
    another one adds: so all wheels of an environment are looked at together.
    """
    scheme = dict(interpreter.scheme)
    folds = interpreter.platform.startswith(("win", "macosx"))
    sites = [_led(scheme[key].replace(os.sep, "/"), folds) for key in ("purelib", "platlib")]
    trees = [_tree(wheel, folds) for wheel in wheels]
    added = [path for tree in trees for _, _, path in _path_lines(tree, sites)]
    known = {path for tree in trees for path in tree.files}
    return [
        [row for path in sorted(tree.files) for row in _rows(tree, path, sites, added)]
        + [f"{name}: {line}" for name, line, path in _path_lines(tree, sites) if path in known]
        + _customized_outside(tree, sites)
        for tree in trees
    ]


def _led(path: str, folds: bool) -> str:
    """Return where a path of an environment leads: `lib64` is a link to `lib`; case may not count."""
    path = f"lib{path[5:]}" if path.startswith("lib64/") else path
    return path.casefold() if folds else path


def _tree(wheel: StoredWheel, folds: bool) -> _Tree:
    try:
        listed = store.read_file_list(wheel).files
    except VpythonError:
        return _Tree({}, folds)
    top = os.path.join(wheel.path, store.TREE)
    return _Tree({_led(file[4], folds): os.path.join(top, *file[4].split("/")) for file in listed}, folds)


def _lines(tree: _Tree, path: str) -> list[str]:
    """Return the lines of a file; a byte order mark counts as nothing, as it does to `site`."""
    try:
        return files.read_bytes(tree.files[path]).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []


def _is_code(line: str) -> bool:
    return line.startswith(("import ", "import\t"))


def _path_lines(tree: _Tree, sites: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the name of a `.pth` file, its line, and where the path that this line adds leads."""
    for path in sorted(tree.files):
        directory, _, name = path.rpartition("/")
        for line in _lines(tree, path) if directory in sites and name.endswith(".pth") else ():
            if line.strip() and not line.startswith("#") and not _is_code(line):
                joined = os.path.join(directory, line.rstrip()).replace(os.sep, "/")
                yield name, line, _led(posixpath.normpath(joined), tree.folds)


def _rows(tree: _Tree, path: str, sites: Sequence[str], added: Sequence[str]) -> Iterator[str]:
    """Yield a row for each line of the file at `path` that runs at every start."""
    directory, _, name = path.rpartition("/")
    if directory in sites and name.endswith((".pth", ".start")):
        for line in _lines(tree, path):
            if _is_code(line) if name.endswith(".pth") else line.strip():
                yield f"{name}: {line}"
    package, _, stem = directory.rpartition("/")
    is_package = stem in _CUSTOMIZE and name.startswith("__init__.")
    where = package if is_package else directory
    module = stem if is_package else name.partition(".")[0]
    if where in (*sites, *added) and module in _CUSTOMIZE and name.endswith(_MODULES):
        shown = f"{stem}/{name}" if is_package else name
        yield f"{shown if where in sites else f'{where}/{shown}'}: {_WHOLE}"


def _customized_outside(tree: _Tree, sites: Sequence[str]) -> list[str]:
    """Return the modules that run at every start and lie where a line leads out of the environment."""
    found = []
    for _, _, path in _path_lines(tree, sites):
        for name in _CUSTOMIZE if os.path.isabs(path) else ():
            found += [f"{module}: {_WHOLE}" for module in _modules(path, name) if os.path.exists(module)]
    return found


def _modules(directory: str, name: str) -> Iterator[str]:
    for suffix in _MODULES:
        yield os.path.join(directory, name + suffix)
        yield os.path.join(directory, name, "__init__" + suffix)
