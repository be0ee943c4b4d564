"""Bundles in the archive: compiled code for the Python that built it, sources for every other one.

`app.bundle` has all but pip, `pip.zip` the part of pip that installs wheels, `pip-more.zip` the rest:
modules as code of the Python that built the file, the few that no start imports as sources.
`app-source.bundle` and `pip-source.bundle` have the sources of that code. A bundle is a line `SIZE
NAME` for each file, an empty line, and the bytes of all: reading it needs no module.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Members = Iterator[tuple[str, bytes]]

CODE = ".pyc"


def put(archive: str, directory: str) -> None:
    """Unpack what this Python needs of `archive` into the empty `directory`.

    Two threads share the work, most of which is zlib's, and needs no interpreter lock.
    """
    import threading
    import zlib  # noqa: F401  (zipimport takes a thread that comes while another imports it for a fault)

    faults: list[BaseException] = []

    def put_pip() -> None:
        try:
            _put_all(_pip(archive), directory)
        except BaseException as fault:
            faults.append(fault)

    other = threading.Thread(target=put_pip)
    other.start()
    try:
        _put_all(_app(archive), directory)
    finally:
        other.join()
    if faults:
        raise faults[0]


def _put_all(members: Members, directory: str) -> None:
    result = set()
    for name, data in members:
        parent, _, _ = name.rpartition("/")
        if parent not in result:
            os.makedirs(os.path.join(directory, parent), exist_ok=True)
            result.add(parent)
        with open(os.path.join(directory, name), "xb", buffering=0) as file:
            file.write(data)


def holds_all(archive: str, app: str) -> bool:
    """Return whether the copy at `app` has every byte of the archive, and no compiled code that is damaged.

    True too where the archive cannot be read.
    """
    import marshal
    import zipfile

    known = set()
    try:
        for part in (_app, _pip):
            for name, data in part(archive):
                path = os.path.join(app, name)
                known.add(path)
                if _read(path) != data:
                    return False
        for parent, _, names in os.walk(app):
            for path in (os.path.join(parent, name) for name in names if name.endswith(CODE)):
                if path not in known:
                    marshal.loads(_read(path)[16:])  # noqa: S302  (what a start would load)
    except (ImportError, zipfile.BadZipFile):
        return True
    except (OSError, EOFError, ValueError, TypeError):
        return not os.access(archive, os.R_OK)
    return True


def _app(archive: str) -> Members:
    """Files of the copy, and their bytes; without pip."""
    get = _reader(archive)
    members = _members(get("app.bundle"))
    if _is_ours(get):
        yield from members
        return
    yield from (member for member in members if not member[0].endswith(CODE))
    yield from _members(get("app-source.bundle"))


def _pip(archive: str) -> Members:
    """pip: as two archives, or as a directory where the sources are compiled in, once."""
    get = _reader(archive)
    if _is_ours(get):
        yield from ((part, get(part)) for part in ("pip.zip", "pip-more.zip"))
        return
    for part in ("pip.zip", "pip-more.zip"):
        yield from ((f"pip/{name}", data) for name, data in _zipped(get(part)) if not name.endswith(CODE))
    yield from ((f"pip/{name}", data) for name, data in _members(get("pip-source.bundle")))


def _reader(archive: str) -> Callable[[str], bytes]:
    """Return what reads a file of the archive; for a wheel's launcher, of the one that it leads to."""
    import zipimport

    opened = zipimport.zipimporter(archive)
    if opened.find_spec("vpython") is None:
        opened = zipimport.zipimporter(os.path.join(os.path.dirname(os.path.realpath(archive)), "vpython"))
    return opened.get_data


def _is_ours(get: Callable[[str], bytes]) -> bool:
    """Return whether this Python can run the code that the archive's builder compiled."""
    from importlib.util import MAGIC_NUMBER

    return get("vpython.pyc")[:4] == MAGIC_NUMBER


def _members(bundle: bytes) -> Members:
    head, _, _ = bundle.partition(b"\n\n")
    at = len(head) + 2
    for line in head.split(b"\n"):
        size, _, name = line.partition(b" ")
        yield name.decode(), bundle[at : at + int(size)]
        at += int(size)


def _zipped(data: bytes) -> Members:
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(BytesIO(data)) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield member.filename, archive.read(member)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
