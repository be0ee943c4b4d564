"""Venv template: an empty environment per base Python, made once by its own `venv`, then cloned."""

from __future__ import annotations

import errno
import os

from vpy.environment import seeds as seed_wheels
from vpy.errors import ToolError
from vpy.system import files, process, sealed
from vpy.system.layout import HOOK_PTH, KEY
from vpy.system.lean import contextlib, hashlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from vpy.model import Interpreter
    from vpy.system.layout import Layout

SEEDS = "seeds"  # beside the tree: unpacked wheels
_DESCRIPTION = "skeleton.json"  # the name in roots that exist

# The next four texts are part of every template's identity, and so of every key, to the letter.

# `site` runs a venv's `.pth` files twice. A mark in its set of known paths, which it drops afterwards, makes
# the second run do nothing. The hook is found beside the file with this line, never by its name: on
# PYTHONPATH there may be another one, of another environment.
START_LINE = (
    "import os, sys; seen = locals().get('known_paths', set()); "
    "here = locals().get('sitedir') or os.path.dirname(filename); "
    "hook = {'__name__': '_vpython_start', '__file__': os.path.join(here, '_vpython_start.py')}; "
    "'_vpython_start' in seen or (seen.add('_vpython_start'), exec("
    "sys.modules['_frozen_importlib_external'].SourceFileLoader('_vpython_start', hook['__file__'])"
    ".get_code('_vpython_start'), hook), hook['start']())\n"
)

# ASCII alone: what encoding `site` reads these lines in depends on the locale.
SEEDS_LINE = "import sys; {path} in sys.path or sys.path.append({path})\n"

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

BUILD_PROGRAM = """
import gc
gc.disable()
import os, sys, importlib.util, marshal, venv
place, site_packages, start, line, name, seeds, *wheels = sys.argv[1:]
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
for wheel in wheels:
    import zipfile
    try:
        archive = zipfile.ZipFile(wheel)
        longest = len(seeds) + 1 + max(map(len, archive.namelist()))
        if os.name != "nt" or longest < 220:  # MAX_PATH is 260, and the final name is longer
            archive.extractall(seeds)
    except LookupError:  # a Python without the encoding of names in archives has no seeds
        os.makedirs(seeds, exist_ok=True)
"""


@value
class VenvTemplate:
    """Venv template in the root: `path` is its tree; the other paths are relative to it, with `/`.

    `directories` come parents first; `links` are (path, what it points to). `plain` files are linked into
    environments; `relocated` files contain `built_at`, the tree's path while it was built, and are written
    for each environment. `offered` files are linked where no wheel brings one of their name. `stamps` are
    (size, mtime in ns, sha256 as hex) of each file.
    """

    path: str
    built_at: str
    directories: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    plain: tuple[str, ...]
    relocated: tuple[str, ...]
    offered: tuple[str, ...]
    stamps: Mapping[str, tuple[int, int, str]]

    def relocated_data(self, relative: str, environment: str) -> bytes:
        """Return the contents of a relocated file in the environment at the path `environment`."""
        data = files.read_bytes(os.path.join(self.path, relative))
        return data.replace(os.fsencode(self.built_at), os.fsencode(environment))


def identity(interpreter: Interpreter, seeds: Sequence[str] = ()) -> str:
    """Return a digest of everything that shapes a template: the base Python, the hook, how it is built.

    `seeds` are the paths of wheels that its environments find behind their own packages.
    """
    size, mtime, _ = interpreter.signature
    ingredients = (
        interpreter.executable,
        interpreter.version_text,
        size,
        mtime,
        interpreter.scheme,
        BUILD_PROGRAM,
        ACTIVATE_THIS,
        START_LINE,
        SEEDS_LINE,
        [(seed_wheels.name_of(path), seed_wheels.SCRIPT) for path in seeds],
    )
    digest = hashlib.sha256(repr(ingredients).encode("utf-8", "surrogateescape"))
    digest.update(files.read_bytes(hook_source()))
    return digest.hexdigest()[: min(KEY, 32)]


def hook_source() -> str:
    """Return the path of the hook's source, beside this module."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "hook.py")


def ensure(
    interpreter: Interpreter,
    name: str,
    layout: Layout,
    environ: Mapping[str, str],
    seeds: Sequence[str] = (),
) -> VenvTemplate:
    """Return the template of a base Python, built where it is missing or damaged.

    `name` is its identity, with these `seeds`. Raises ToolError where it cannot be built.
    """
    path = layout.interpreter(name)
    template = _load_intact(path)
    if template is not None:
        return template

    with staging(layout) as stage:
        build(interpreter, stage, path, environ, seeds)
    template = _load_intact(path)
    if template is None:
        raise ToolError(f"cannot keep a venv of `{interpreter.executable}` in `{path}`")
    return template


def staging(layout: Layout) -> AbstractContextManager[str]:
    """Return a temporary directory to build a template in."""
    return files.staging_directory(layout.staging, "template-")


def build(
    interpreter: Interpreter, stage: str, path: str, environ: Mapping[str, str], seeds: Sequence[str] = ()
) -> None:
    """Build the template of a base Python in the directory `stage` and rename it to `path`.

    A damaged template makes way; one that another process has just renamed there stays.
    """
    built = os.path.join(stage, "built")
    os.mkdir(built)
    _build(interpreter, built, environ, os.path.join(path, SEEDS), seeds)
    if os.path.lexists(path) and _load_intact(path) is None:
        with contextlib.suppress(FileNotFoundError):
            files.rename(path, os.path.join(stage, "damaged"))
    files.move_into_place(built, path)


def exists(path: str) -> bool:
    """Return whether a template is at `path`, damaged or not."""
    return os.path.exists(os.path.join(path, _DESCRIPTION))


def load(path: str) -> VenvTemplate | None:
    """Return the template at `path`; None where there is none, or none that can be read."""
    try:
        data = sealed.read(os.path.join(path, _DESCRIPTION))
        return VenvTemplate(
            path=os.path.join(path, "tree"),
            built_at=data["written"],
            directories=tuple(data["directories"]),
            links=tuple((link, target) for link, target in data["links"]),
            plain=tuple(data["plain"]),
            relocated=tuple(data["placed"]),
            offered=tuple(data.get("offered", ())),
            stamps={name: (size, mtime, sha256) for name, (size, mtime, sha256) in data["stamps"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _load_intact(path: str) -> VenvTemplate | None:
    template = load(path)
    return None if template is None or modified_file(template) else template


def modified_file(template: VenvTemplate) -> str | None:
    """Return the first file that is not as it was when the template was built; None for none.

    They are few and small: so their bytes are compared, which a write through a link may have changed.
    """
    for path, (size, mtime, sha256) in template.stamps.items():
        file_path = os.path.join(template.path, path)
        try:
            found = os.lstat(file_path)
            if (found.st_size, found.st_mtime_ns) != (size, mtime):
                return path
            if hashlib.sha256(files.read_bytes(file_path)).hexdigest() != sha256:
                return path
        except OSError:
            return path
    return None


def _build(
    interpreter: Interpreter,
    directory: str,
    environ: Mapping[str, str],
    seeds_path: str,
    seeds: Sequence[str],
) -> None:
    """Build a template in `directory`; the seeds will be found at `seeds_path`, where it is renamed to."""
    tree = os.path.join(directory, "tree")
    line = START_LINE + (SEEDS_LINE.format(path=ascii(seeds_path)) if seeds else "")
    scheme = dict(interpreter.scheme)
    finished = process.run(
        [
            *(interpreter.executable, "-I", "-S", "-c", BUILD_PROGRAM),
            *(tree, scheme["purelib"], hook_source(), line, HOOK_PTH),
            *(os.path.join(directory, SEEDS), *seeds),
        ],
        environ=process.clean_environ(environ),
    )
    if finished.code:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ToolError(f"`{interpreter.executable}` cannot make a venv: {lines[-1]}", hint=_hint(lines[-1]))

    activate = os.path.join(tree, scheme["scripts"], "activate_this.py")
    text = ACTIVATE_THIS.replace("@PURELIB@", repr(scheme["purelib"]))
    files.write_bytes(activate, text.encode(), mode=0o644)
    offered = seed_wheels.write_scripts(tree, interpreter, seeds)
    if seeds:
        seed_wheels.write_list(directory, os.path.join(directory, SEEDS), interpreter.executable)
    description = sealed.dump(_describe(tree, offered))
    files.write_bytes(os.path.join(directory, _DESCRIPTION), description)


def _hint(line: str) -> str | None:
    if os.strerror(errno.ENOSPC) in line:
        return files.disk_hint(OSError(errno.ENOSPC, line))
    if " -> " in line and any(os.strerror(code) in line for code in (errno.ENOSYS, errno.EPERM)):
        return "name a root on a filesystem with symbolic links with -vpython-root DIR"
    return "install its venv module (Debian: python3-venv)" if "venv" in line else None


def _describe(tree: str, offered: Sequence[str]) -> dict[str, object]:
    """Return the description of a tree as JSON; make its files read-only, since environments share them."""
    directories, links, stamps = [], [], {}
    plain: list[str] = []
    relocated: list[str] = []
    built_at = os.fsencode(tree)

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
                if relative not in offered:
                    (relocated if built_at in data else plain).append(relative)
                files.protect(path, 0o555 if os.stat(path).st_mode & 0o100 else 0o444)
                size, mtime, _ = files.signature(path)
                stamps[relative] = (size, mtime, hashlib.sha256(data).hexdigest())

    return {
        "written": tree, "directories": directories, "links": links,
        "plain": plain, "placed": relocated, "offered": list(offered), "stamps": stamps,
    }  # fmt: skip


def clone(template: VenvTemplate, into: str, environment: str) -> None:
    """Make an empty environment in the directory `into`, which will be renamed to `environment`."""
    for relative in template.directories:
        os.mkdir(os.path.join(into, relative))
    for relative, target in template.links:
        os.symlink(target, os.path.join(into, relative))
    for relative in template.plain:
        files.link_or_copy(os.path.join(template.path, relative), os.path.join(into, relative))
    for relative in template.relocated:
        data = template.relocated_data(relative, environment)
        with open(os.path.join(into, relative), "xb") as file:
            file.write(data)


def offer(template: VenvTemplate, into: str) -> None:
    """Link the files that a template offers into an environment whose wheels are linked already."""
    for relative in template.offered:
        with contextlib.suppress(FileExistsError):
            files.link_or_copy(os.path.join(template.path, relative), os.path.join(into, relative))
