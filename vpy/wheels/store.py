"""Store of wheels: each installed once per scheme into a tree of its own, whose files environments link.

    wheels-1/<sha256>/<scheme>/manifest    list of the tree's directories and files, written last
    wheels-1/<sha256>/<scheme>/tree/…      the files, as they are under an environment's prefix

A row of the list is `d PATH` for a directory, `f SIZE MTIME MODE PATH` for a file that is linked as it
is, `s SIZE MTIME MODE RECORDED PATH` for a script that names a placeholder (RECORDED: its hash and size
as RECORD has them), `r SIZE MTIME MODE PATH` for the RECORD that lists such scripts. Sizes are bytes,
times nanoseconds, modes octal; paths are relative to the prefix, with `/`, directories before what
they hold. The last row is `end RECORDED`, for RECORD itself, which has the hashes of all others.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import files
from vpy.system.lean import hashlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpy.model import Interpreter, StoredWheel

    StoredFile = tuple[str, int, int, int, str, str]

FILE_LIST = "manifest"  # the name in roots that exist
TREE = "tree"
_HEAD = "wheel-tree 1"


@value
class FileList:
    """Contents of a stored tree: directories before what they hold, then files.

    A file is (kind, size, mtime, mode, path, recorded): a bare tuple, since there are thousands.
    `record_hash` is RECORD's own hash and size, as a RECORD has them.
    """

    directories: tuple[str, ...]
    files: tuple[StoredFile, ...]
    record_hash: str


def scheme_id(interpreter: Interpreter) -> str:
    """Return a directory name for everything that decides a wheel's layout: `cp311-linux_x86_64`.

    It ends with a hash of the scheme where that is not the usual one of the system.
    """
    implementation = {"cpython": "cp", "pypy": "pp"}.get(
        interpreter.implementation, interpreter.implementation
    )
    major, minor = interpreter.version[:2]
    platform = "".join(character if character.isalnum() else "_" for character in interpreter.platform)
    name = f"{implementation}{major}{minor}-{platform}"

    scheme = {key: os.path.normpath(path).replace(os.sep, "/") for key, path in interpreter.scheme}
    if scheme == _usual_scheme(f"python{major}.{minor}", platform.startswith("win")):
        return name
    return f"{name}-{hashlib.sha256(repr(sorted(scheme.items())).encode()).hexdigest()[:8]}"


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
    """Return whether the wheel's tree is in the store, whole."""
    return files.is_file(os.path.join(stored.path, FILE_LIST))


def read_file_list(stored: StoredWheel) -> FileList:
    """Return the tree's contents as they were when it was sealed; raise ToolError for an unreadable list."""
    path = os.path.join(stored.path, FILE_LIST)
    damaged = ToolError(f"the stored wheel `{stored.path}` is damaged", hint="remove that directory")
    with files.disk_errors("read", path):
        head, *rows = files.read_bytes(path).decode("utf-8", "surrogateescape").split("\n")
    if head != _HEAD or not rows or not rows[-1].startswith("end "):
        raise damaged

    directories = tuple(row[2:] for row in rows if row.startswith("d "))
    try:
        listed = tuple(map(_parse, rows[len(directories) : -1]))
    except ValueError as error:
        raise damaged from error
    if not all(map(_is_inside, (*directories, *(file[4] for file in listed)))):
        raise damaged
    return FileList(directories, listed, record_hash=rows[-1].removeprefix("end "))


def _is_inside(path: str) -> bool:
    """Return whether a path of the list can be one below the prefix."""
    return not (path.startswith("/") or "\0" in path or ".." in path.split("/"))


def _parse(row: str) -> StoredFile:
    kind, size, mtime, mode, path = row.split(" ", 4)
    if kind not in ("f", "s", "r"):
        raise ValueError(kind)
    recorded = ""
    if kind == "s":
        recorded, _, path = path.partition(" ")
    return kind, int(size), int(mtime), int(mode, 8), path, recorded


def seal(directory: str, scripts: str) -> None:
    """Make the files of `directory`'s tree read-only and write its list of files.

    `scripts` is the scheme's directory for scripts, relative to the prefix. Only the owner's x bit of a
    file's mode survives.
    """
    tree = os.path.join(directory, TREE)
    names = sorted(walk(tree))
    prefix = scripts.replace(os.sep, "/") + "/"
    recorded = {name: _recorded(f"{tree}/{name}") for name in names if name.startswith(prefix)}
    recorded = {name: text for name, text in recorded.items() if text}

    rows = [_HEAD, *(f"d {name}" for name in _directories_of(names))]
    record = own_record(names)
    rows += [_seal_file(tree, name, recorded, record) for name in names]
    rows.append(f"end {_hash_of_record(tree, record)}")
    path = os.path.join(directory, FILE_LIST)
    files.write_bytes(path, "\n".join(rows).encode("utf-8", "surrogateescape"))


def _seal_file(tree: str, name: str, recorded: dict[str, str], record: str | None) -> str:
    """Make one file read-only and return its row; `recorded` has the scripts that name the placeholder."""
    path = f"{tree}/{name}"
    found = os.stat(path)
    mode = 0o555 if found.st_mode & 0o100 else 0o444
    if found.st_mode & 0o7777 != mode:
        files.protect(path, mode)

    stamp = f"{found.st_size} {found.st_mtime_ns} {mode:o}"
    if name in recorded:
        return f"s {stamp} {recorded[name]} {name}"
    kind = "r" if recorded and name == record else "f"
    return f"{kind} {stamp} {name}"


def walk(tree: str, below: str = "") -> Iterator[str]:
    """Yield every file under `tree`, relative, with `/`; raise ToolError for a name with a line end."""
    with os.scandir(tree) as entries:
        for entry in entries:
            name = below + entry.name
            if "\n" in name:
                raise ToolError(f"the wheel has a file with a line end in its name: `{name}`")
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path, name + "/")
            else:
                yield name


def _directories_of(names: Sequence[str]) -> list[str]:
    """Return every directory that the files need, parents first."""
    parents = {name.rpartition("/")[0] for name in names}
    return sorted({directory for parent in parents for directory in _with_parents(parent)})


def _with_parents(directory: str) -> Iterator[str]:
    while directory:
        yield directory
        directory = directory.rpartition("/")[0]


def own_record(paths: Iterable[str]) -> str | None:
    """Return the path of a wheel's own RECORD among those of its files; None where there is none.

    One that lies deeper is that of a distribution which the wheel has vendored: a file like any other.
    """
    records = (path for path in paths if path.endswith(".dist-info/RECORD"))
    return min(records, key=lambda path: (path.count("/"), path), default=None)


def _hash_of_record(tree: str, record: str | None) -> str:
    return "" if record is None else record_of(files.read_bytes(os.path.join(tree, record)))


def _recorded(path: str) -> str:
    """Return the RECORD entry of a script that names the placeholder; "" for any other file."""
    from vpy.wheels.script import names_placeholder

    if files.read_bytes(path, 2) not in (b"#!", b"MZ"):
        return ""
    data = files.read_bytes(path)
    return record_of(data) if names_placeholder(data) else ""


def record_of(data: bytes) -> str:
    """Return the hash and size of `data` as a RECORD row has them (PEP 376: base64url without padding)."""
    import binascii

    hashed = binascii.b2a_base64(hashlib.sha256(data).digest(), newline=False).decode("ascii")
    return f"sha256={hashed.rstrip('=').replace('+', '-').replace('/', '_')},{len(data)}"


def check_name(stored: StoredWheel) -> None:
    """Raise ToolError where a stored tree is of another wheel than `stored.filename` names.

    Its hash came from an index page or a lockfile, and either may name one wheel with another's hash;
    a wheel that is fetched is compared with its name before it is stored.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    from vpy.wheels import filename

    name = filename.parse(stored.filename)
    record = own_record(file[4] for file in read_file_list(stored).files)
    directories = [os.path.dirname(record)] if record else []
    stems = [os.path.basename(each).removesuffix(".dist-info") for each in directories]
    for stem in stems:
        project, _, version = stem.partition("-")
        try:
            if canonicalize_name(project) == name.name and Version(version) == Version(name.version):
                return
        except InvalidVersion:
            continue
    shown = ", ".join(f"`{stem}`" for stem in stems)
    raise ToolError(f"`{stored.filename}` has the hash of another wheel: {shown}")


def drop(stored: StoredWheel) -> None:
    """Remove a wheel from the store, so that the next start that needs it installs it again."""
    dropped = f"{stored.path}.dropped-{os.getpid()}"
    try:
        files.rename(stored.path, dropped)
    except FileNotFoundError:
        return
    files.remove_tree(dropped)
