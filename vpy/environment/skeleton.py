"""An empty environment per base Python: made once by its own `venv`, then cloned."""

from __future__ import annotations

import json
import os

from vpy.errors import ToolError
from vpy.system import files, process
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Interpreter
    from vpy.system.layout import Layout

# `site` runs a venv's lines twice; the set of known paths, which it throws away, tells it the second time.
START_LINE = (
    "import sys; seen = locals().get('known_paths', set()); '_vpython_start' in seen or "
    "(seen.add('_vpython_start'), __import__('_vpython_start'), sys.modules.pop('_vpython_start').start())\n"
)

ACTIVATE_THIS = '''"""Activate this environment in a running Python: exec this file, `__file__` set to it."""
import os
import site
import sys

_bin = os.path.dirname(os.path.abspath(__file__))
_base = os.path.dirname(_bin)
os.environ["PATH"] = os.pathsep.join([_bin] + os.environ.get("PATH", "").split(os.pathsep))
os.environ["VIRTUAL_ENV"] = _base
_before = len(sys.path)
site.addsitedir(os.path.join(_base, *@PURELIB@.split("/")))
sys.path[:] = sys.path[_before:] + sys.path[:_before]
sys.prefix = _base
'''

MAKE = """
import os, py_compile, sys, importlib.util, venv
place, site_packages, start, line = sys.argv[1:]
venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt", prompt="vpython").create(place)
site_packages = os.path.join(place, *site_packages.split("/"))
module = os.path.join(site_packages, "_vpython_start.py")
with open(start, "rb") as source, open(module, "wb") as target:
    target.write(source.read())
with open(os.path.join(site_packages, "00_vpython.pth"), "w") as file:
    file.write(line)
py_compile.compile(module, importlib.util.cache_from_source(module), "_vpython_start.py", True,
                   invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


@value
class Skeleton:
    """A skeleton's tree: `path` holds it; the rest are paths in it, relative.

    `directories` come parents first; `links` are (path, what it points to); `plain` files can be
    linked; `placed` files contain `written`, the path the skeleton was made at.
    """

    path: str
    written: str
    directories: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    plain: tuple[str, ...]
    placed: tuple[str, ...]


def identity(interpreter: Interpreter) -> str:
    """A digest of what shapes a skeleton: the base Python, the hook, and how it is made."""
    import hashlib

    size, mtime, _ = interpreter.signature
    told = (
        interpreter.executable,
        interpreter.version_text,
        size,
        mtime,
        interpreter.scheme,
        MAKE,
        ACTIVATE_THIS,
        START_LINE,
    )
    digest = hashlib.sha256(repr(told).encode("utf-8", "surrogateescape"))
    digest.update(files.read_bytes(hook_source()))
    return digest.hexdigest()[:32]


def hook_source() -> str:
    """The hook's source file, beside this module."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "hook.py")


def ensure(interpreter: Interpreter, digest: str, layout: Layout, environ: Mapping[str, str]) -> Skeleton:
    """Return the base Python's skeleton, made where it is missing; ToolError where it cannot be."""
    place = layout.interpreter(digest)
    listing = os.path.join(place, "skeleton.json")
    try:
        told = json.loads(files.read_bytes(listing))
    except (OSError, ValueError):
        with files.staging_directory(layout.staging, "skeleton-") as stage:
            told = _make(interpreter, stage, environ)
            files.move_into_place(stage, place)
    return Skeleton(
        path=os.path.join(place, "tree"),
        written=told["written"],
        directories=tuple(told["directories"]),
        links=tuple((path, target) for path, target in told["links"]),
        plain=tuple(told["plain"]),
        placed=tuple(told["placed"]),
    )


def _make(interpreter: Interpreter, stage: str, environ: Mapping[str, str]) -> dict[str, object]:
    tree = os.path.join(stage, "tree")
    scheme = dict(interpreter.scheme)
    finished = process.run(
        [interpreter.executable, "-I", "-S", "-c", MAKE, tree, scheme["purelib"], hook_source(), START_LINE],
        environ=process.clean_environ(environ),
    )
    if finished.code:
        said = finished.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ToolError(
            f"`{interpreter.executable}` cannot make a venv: {said[-1]}", hint=_missing_venv(said[-1])
        )
    activate = os.path.join(tree, scheme["scripts"], "activate_this.py")
    files.write_bytes(
        activate, ACTIVATE_THIS.replace("@PURELIB@", repr(scheme["purelib"])).encode(), mode=0o644
    )
    told = _survey(tree)
    files.write_bytes(os.path.join(stage, "skeleton.json"), json.dumps(told).encode())
    return told


def _missing_venv(said: str) -> str | None:
    return "install its venv module (Debian: python3-venv)" if "venv" in said else None


def _survey(tree: str) -> dict[str, object]:
    directories, links, plain, placed = [], [], [], []
    written = os.fsencode(tree)
    for parent, names, leaves in os.walk(tree):
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, tree)
            if os.path.islink(path):
                links.append((relative, os.readlink(path)))
            else:
                directories.append(relative)
        for name in sorted(leaves):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, tree)
            if os.path.islink(path):
                links.append((relative, os.readlink(path)))
            elif written in files.read_bytes(path):
                placed.append(relative)
            else:
                plain.append(relative)
    return {"written": tree, "directories": directories, "links": links, "plain": plain, "placed": placed}


def clone(skeleton: Skeleton, into: str, final: str) -> None:
    """Make the empty environment at `into` that will be renamed to `final`."""
    for relative in skeleton.directories:
        os.mkdir(os.path.join(into, relative))
    for relative, target in skeleton.links:
        os.symlink(target, os.path.join(into, relative))
    for relative in skeleton.plain:
        files.link_or_copy(os.path.join(skeleton.path, relative), os.path.join(into, relative))
    written, wanted = os.fsencode(skeleton.written), os.fsencode(final)
    for relative in skeleton.placed:
        data = files.read_bytes(os.path.join(skeleton.path, relative)).replace(written, wanted)
        target = os.path.join(into, relative)
        with open(target, "xb") as file:
            file.write(data)
