"""Installed trees, once per wheel: what a stored wheel's directory holds, and whether it still does.

    wheels-1/<sha256>/<scheme>/manifest    one row per directory and file, written last
    wheels-1/<sha256>/<scheme>/tree/…      the files, as they lie under an environment's prefix

A row is `d PATH` for a directory, `f SIZE MTIME MODE PATH` for a file that is linked as it is,
`s SIZE MTIME MODE RECORDED PATH` for a script that names a placeholder (RECORDED: how RECORD puts
its hash and size), `r SIZE MTIME MODE PATH` for the RECORD that lists such scripts. Sizes are bytes,
times nanoseconds, modes octal; paths are relative to the prefix, with `/`, directories before what
they hold. The last row is `end RECORDED`, for RECORD itself, which has the hashes of all others.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import digest, files
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.model import Interpreter, StoredWheel

    StoredFile = tuple[str, int, int, int, str, str]

MANIFEST = "manifest"
TREE = "tree"
_HEAD = "wheel-tree 1"


@value
class Manifest:
    """What a tree holds: directories before what they hold, then files.

    A file is (kind, size, mtime, mode, path, recorded): a bare tuple, since there are thousands.
    `record_hash` is how a RECORD would put RECORD's own hash and size.
    """

    directories: tuple[str, ...]
    files: tuple[StoredFile, ...]
    record_hash: str


def scheme_id(interpreter: Interpreter) -> str:
    """A directory name for everything that decides how a wheel is laid out: `cp311-linux_x86_64`.

    A Python whose scheme is not the usual one of its system has a hash of it behind that.
    """
    implementation = {"cpython": "cp", "pypy": "pp"}.get(
        interpreter.implementation, interpreter.implementation
    )
    major, minor = interpreter.version[:2]
    platform = "".join(one if one.isalnum() else "_" for one in interpreter.platform)
    name = f"{implementation}{major}{minor}-{platform}"
    scheme = {key: os.path.normpath(path).replace(os.sep, "/") for key, path in interpreter.scheme}
    if scheme == _usual_scheme(f"python{major}.{minor}", platform.startswith("win")):
        return name
    return f"{name}-{digest.sha256(repr(sorted(scheme.items())).encode()).hexdigest()[:8]}"


def _usual_scheme(python: str, windows: bool) -> dict[str, str]:
    library = "Lib/site-packages" if windows else f"lib/{python}/site-packages"
    return {
        "purelib": library,
        "platlib": library,
        "headers": f"include/site/{python}",
        "scripts": "Scripts" if windows else "bin",
        "data": ".",
    }


def is_stored(stored: StoredWheel) -> bool:
    return files.is_file(os.path.join(stored.path, MANIFEST))


def read_manifest(stored: StoredWheel) -> Manifest:
    """What the tree held when it was made; ToolError where the manifest cannot be read."""
    path = os.path.join(stored.path, MANIFEST)
    damaged = ToolError(f"the stored wheel `{stored.path}` is damaged", hint="remove that directory")
    with files.disk_errors("read", path):
        head, *rows = files.read_bytes(path).decode("utf-8", "surrogateescape").split("\n")
    if head != _HEAD or not rows or not rows[-1].startswith("end "):
        raise damaged
    directories = tuple(row[2:] for row in rows if row.startswith("d "))
    try:
        return Manifest(
            directories=directories,
            files=tuple(map(_parse, rows[len(directories) : -1])),
            record_hash=rows[-1].removeprefix("end "),
        )
    except ValueError as error:
        raise damaged from error


def _parse(row: str) -> StoredFile:
    kind, size, mtime, mode, path = row.split(" ", 4)
    recorded = ""
    if kind == "s":
        recorded, _, path = path.partition(" ")
    return kind, int(size), int(mtime), int(mode, 8), path, recorded


def seal(directory: str, scripts: str) -> None:
    """Make the files of `directory`'s tree read-only and write its manifest.

    `scripts` is where, relative to the prefix, the scheme has scripts. Only the owner's x bit of a
    file's mode survives.
    """
    tree = os.path.join(directory, TREE)
    names = sorted(walk(tree))
    prefix = scripts.replace(os.sep, "/") + "/"
    rewritten = {name: _recorded(f"{tree}/{name}") for name in names if name.startswith(prefix)}
    rewritten = {name: text for name, text in rewritten.items() if text}
    holding = {name.rpartition("/")[0] for name in names}
    directories = sorted({above for name in holding for above in _parents(name)})
    rows = [_HEAD, *(f"d {name}" for name in directories)]
    for name in names:
        path = f"{tree}/{name}"
        found = os.stat(path)
        mode = 0o555 if found.st_mode & 0o100 else 0o444
        files.protect(path, mode)
        kind = "s" if name in rewritten else "r" if rewritten and is_record(name) else "f"
        recorded = f"{rewritten[name]} " if kind == "s" else ""
        rows.append(f"{kind} {found.st_size} {found.st_mtime_ns} {mode:o} {recorded}{name}")
    text = "\n".join([*rows, f"end {_hash_of_record(tree, names)}"])
    files.write_bytes(os.path.join(directory, MANIFEST), text.encode("utf-8", "surrogateescape"))


def walk(tree: str, below: str = "") -> Iterator[str]:
    """Every file under `tree`, relative to it, with `/`; a name that no manifest can hold is refused."""
    with os.scandir(tree) as entries:
        for entry in entries:
            name = below + entry.name
            if "\n" in name:
                raise ToolError(f"the wheel brings a file with a line end in its name: {name!r}")
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path, name + "/")
            else:
                yield name


def _parents(path: str) -> Iterator[str]:
    """The directory itself and those above it, but for the tree's own."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def is_record(path: str) -> bool:
    return path.endswith(".dist-info/RECORD")


def _hash_of_record(tree: str, names: Sequence[str]) -> str:
    for name in filter(is_record, names):
        return record_of(files.read_bytes(os.path.join(tree, name)))
    return ""


def _recorded(path: str) -> str:
    """What RECORD says of a script that names the placeholder; "" for any other file."""
    from vpy.wheels.script import names_placeholder

    if files.read_bytes(path, 2) not in (b"#!", b"MZ"):
        return ""
    data = files.read_bytes(path)
    return record_of(data) if names_placeholder(data) else ""


def record_of(data: bytes) -> str:
    """Hash and size of `data` as a RECORD row has them (PEP 376: base64url without padding)."""
    import binascii

    hashed = binascii.b2a_base64(digest.sha256(data).digest(), newline=False).decode("ascii")
    return f"sha256={hashed.rstrip('=').replace('+', '-').replace('/', '_')},{len(data)}"


def drop(stored: StoredWheel) -> None:
    """Take a stored wheel out of the store, so that the next one to need it makes it again."""
    aside = f"{stored.path}.dropped-{os.getpid()}"
    try:
        files.rename(stored.path, aside)
    except FileNotFoundError:
        return
    files.remove_tree(aside)
