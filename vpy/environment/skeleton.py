"""An empty environment per base Python: made once by its own `venv`, then cloned."""

from __future__ import annotations

import errno
import os

from vpy.errors import ToolError
from vpy.system import digest, files, jsontext, process, scope
from vpy.system.layout import KEY
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

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

LINE = "00_vpython.pth"

MAKE = """
import gc
gc.disable()
import os, sys, importlib.util, marshal, venv
place, site_packages, start, line, name = sys.argv[1:]
venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt", prompt="vpython").create(place)
site_packages = os.path.join(place, *site_packages.split("/"))
module = os.path.join(site_packages, "_vpython_start.py")
with open(start, "rb") as file:
    source = file.read()
with open(module, "wb") as file:
    file.write(source)
with open(os.path.join(site_packages, name), "w") as file:
    file.write(line)
code = marshal.dumps(compile(source, "_vpython_start.py", "exec", dont_inherit=True))
cache = importlib.util.cache_from_source(module)
os.makedirs(os.path.dirname(cache), exist_ok=True)
with open(cache, "wb") as file:  # PEP 552: an unchecked hash; `py_compile` loads a third of what venv does
    file.write(importlib.util.MAGIC_NUMBER + b"\\1\\0\\0\\0" + importlib.util.source_hash(source) + code)
"""


@value
class Skeleton:
    """A skeleton's tree: `path` holds it; the rest are paths in it, relative, with `/`.

    `directories` come parents first; `links` are (path, what it points to); `plain` files can be
    linked; `placed` files contain `written`, the path the skeleton was made at. `stamps` are (size,
    mtime in ns, sha256 as hex) of each file.
    """

    path: str
    written: str
    directories: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    plain: tuple[str, ...]
    placed: tuple[str, ...]
    stamps: Mapping[str, tuple[int, int, str]]

    def placed_data(self, relative: str, final: str) -> bytes:
        """What a placed file holds in the environment at `final`."""
        data = files.read_bytes(os.path.join(self.path, relative))
        return data.replace(os.fsencode(self.written), os.fsencode(final))


def identity(interpreter: Interpreter) -> str:
    """A digest of what shapes a skeleton: the base Python, the hook, and how it is made."""
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
    made = digest.sha256(repr(told).encode("utf-8", "surrogateescape"))
    made.update(files.read_bytes(hook_source()))
    return made.hexdigest()[: min(KEY, 32)]


def hook_source() -> str:
    """The hook's source file, beside this module."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "hook.py")


def ensure(interpreter: Interpreter, name: str, layout: Layout, environ: Mapping[str, str]) -> Skeleton:
    """Return the base Python's skeleton, made where it is missing or bad; ToolError where it cannot be."""
    place = layout.interpreter(name)
    known = _sound(place)
    if known is not None:
        return known
    with staging(layout) as stage:
        make(interpreter, stage, place, environ)
    known = _sound(place)
    if known is None:
        raise ToolError(f"cannot keep a venv of `{interpreter.executable}` in `{place}`")
    return known


def staging(layout: Layout) -> AbstractContextManager[str]:
    """A directory to make a skeleton in."""
    return files.staging_directory(layout.staging, "skeleton-")


def make(interpreter: Interpreter, stage: str, place: str, environ: Mapping[str, str]) -> None:
    """Make the base Python's skeleton in the directory `stage` and rename it to `place`."""
    made = os.path.join(stage, "made")
    os.mkdir(made)
    _make(interpreter, made, environ)
    if os.path.lexists(place) and _sound(place) is None:  # not what somebody puts there just now
        with scope.suppress(FileNotFoundError):
            files.rename(place, os.path.join(stage, "damaged"))
    files.move_into_place(made, place)


def _sound(place: str) -> Skeleton | None:
    known = recall(place)
    return None if known is None or touched(known) else known


def is_kept(place: str) -> bool:
    """Whether a skeleton lies at `place`, sound or not."""
    return os.path.exists(os.path.join(place, "skeleton.json"))


def recall(place: str) -> Skeleton | None:
    """The skeleton at `place`; None where there is none, or none that can be read."""
    try:
        told = jsontext.loads(files.read_bytes(os.path.join(place, "skeleton.json")))
        return Skeleton(
            path=os.path.join(place, "tree"),
            written=told["written"],
            directories=tuple(told["directories"]),
            links=tuple((path, target) for path, target in told["links"]),
            plain=tuple(told["plain"]),
            placed=tuple(told["placed"]),
            stamps={path: (size, mtime, sha256) for path, (size, mtime, sha256) in told["stamps"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def touched(skeleton: Skeleton) -> str:
    """The first file of the skeleton that is not as it was left, by size and time; "" for none."""
    for path, (size, mtime, _) in skeleton.stamps.items():
        try:
            found = os.lstat(os.path.join(skeleton.path, path))
        except OSError:
            return path
        if (found.st_size, found.st_mtime_ns) != (size, mtime):
            return path
    return ""


def _make(interpreter: Interpreter, stage: str, environ: Mapping[str, str]) -> None:
    tree = os.path.join(stage, "tree")
    scheme = dict(interpreter.scheme)
    finished = process.run(
        [
            *(interpreter.executable, "-I", "-S", "-c", MAKE),
            *(tree, scheme["purelib"], hook_source(), START_LINE, LINE),
        ],
        environ=process.clean_environ(environ),
    )
    if finished.code:
        said = finished.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ToolError(f"`{interpreter.executable}` cannot make a venv: {said[-1]}", hint=_way_out(said[-1]))
    activate = os.path.join(tree, scheme["scripts"], "activate_this.py")
    files.write_bytes(
        activate, ACTIVATE_THIS.replace("@PURELIB@", repr(scheme["purelib"])).encode(), mode=0o644
    )
    files.write_bytes(os.path.join(stage, "skeleton.json"), jsontext.dumps(_survey(tree)).encode())


def _way_out(said: str) -> str | None:
    if os.strerror(errno.ENOSPC) in said:
        return files.way_out(OSError(errno.ENOSPC, said))
    return "install its venv module (Debian: python3-venv)" if "venv" in said else None


def _survey(tree: str) -> dict[str, object]:
    """What the tree holds; its files are made read-only, since environments share them."""
    directories, links, stamps = [], [], {}
    plain: list[str] = []
    placed: list[str] = []
    written = os.fsencode(tree)
    for parent, names, leaves in os.walk(tree):
        for name in sorted(names + leaves):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, tree).replace(os.sep, "/")
            if os.path.islink(path):
                links.append((relative, os.readlink(path)))
            elif os.path.isdir(path):
                directories.append(relative)
            else:
                data = files.read_bytes(path)
                (placed if written in data else plain).append(relative)
                files.protect(path, 0o555 if os.stat(path).st_mode & 0o100 else 0o444)
                size, mtime, _ = files.signature(path)
                stamps[relative] = (size, mtime, digest.sha256(data).hexdigest())
    return {
        "written": tree, "directories": directories, "links": links,
        "plain": plain, "placed": placed, "stamps": stamps,
    }  # fmt: skip


def clone(skeleton: Skeleton, into: str, final: str) -> None:
    """Make the empty environment at `into` that will be renamed to `final`."""
    for relative in skeleton.directories:
        os.mkdir(os.path.join(into, relative))
    for relative, target in skeleton.links:
        os.symlink(target, os.path.join(into, relative))
    for relative in skeleton.plain:
        files.link_or_copy(os.path.join(skeleton.path, relative), os.path.join(into, relative))
    for relative in skeleton.placed:
        data = skeleton.placed_data(relative, final)
        with open(os.path.join(into, relative), "xb") as file:
            file.write(data)
