"""Program that installs wheels into the store by pip's own code, side by side, as they come.

Run it as `python -I -S pip_install.py LIBRARY REST [ASKER]` on the host's Python: LIBRARY is the directory or
the zip that holds pip; REST is the archive with the rest of pip (see `pip_archives`), which may be missing.
ASKER are three descriptors, with commas: a fork does the job of `pip_download` on them, and what both need of
pip is loaded once.

stdin has lines of JSON: first {placeholder, version, workers}, then a row for each wheel (`tree.make`); an
empty line is the end. Scripts name `placeholder` as their interpreter; `version` is that of the Python
which the wheels are for. stdout gets a line of JSON for each row as it is done: the answer of `tree.make`.
pip's own output goes to stderr.

pip decides what is installed where; the files are written by our own reader of archives, which checks each
as it unpacks it. Only this module and `pip_download` touch the internals of the pinned pip. Tests compare
what it installs with what plain pip installs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.wheels.contents import OpenWheel

INSTALLER = "pip._internal.operations.install.wheel"
# The wrapper that pip writes uses `str.removesuffix`, which Python 3.8 lacks. A Python that the pinned
# pip no longer runs on gets the wrapper of the pips that do.
OLD_SCRIPT = """\
# -*- coding: utf-8 -*-
import re
import sys
from %(module)s import %(import_name)s
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(%(func)s())
"""


def prepare(installer: Any, placeholder: str, version: tuple[int, ...]) -> None:
    """Make pip install for the Python of `version`, reproducibly, with `placeholder` in scripts."""
    # Both shape the names of the scripts of pip and setuptools.
    installer.get_major_minor_version = lambda: f"{version[0]}.{version[1]}"
    os.environ.pop("ENSUREPIP_OPTIONS", None)
    # pip sees two small files of each wheel to disk, and with them all that was written meanwhile. vpython
    # sees all to disk at once, behind the start (`bootstrap.unsettled`).
    os.fsync = lambda fd: None
    # The clock would otherwise get into the launchers of Windows.
    os.environ["SOURCE_DATE_EPOCH"] = "315532800"
    if version < (3, 10):
        installer.PipScriptMaker.script_template = OLD_SCRIPT
    sys.executable = placeholder
    save_path_work(installer)


def save_path_work(installer: Any) -> None:
    """Let pip see from the text of a path whether it is inside a directory, as nearly each one is.

    It asks `relpath` and `abspath` for each file, a tenth of the time that installing takes.
    """
    relative, is_within = installer._fs_to_record_path, installer.is_within_directory  # noqa: SLF001

    def inside(directory: str, path: str) -> bool:
        return path.startswith(f"{directory}{os.sep}") and ".." not in path

    def record_path(path: str, directory: str) -> Any:
        if inside(directory, path):
            return path[len(directory) + 1 :].replace(os.sep, "/")
        return relative(path, directory)

    installer._fs_to_record_path = record_path  # noqa: SLF001
    installer.is_within_directory = lambda directory, path: (
        inside(directory, path) or is_within(directory, path)
    )


def owner_may_run(member: Any) -> bool:
    """Return whether a zip's member is a program: pip counts any x bit, the store keeps the owner's alone."""
    mode: int = member.external_attr >> 16
    return mode & 0o170000 == 0o100000 and mode & 0o100 != 0


def mode_of(member: Any) -> int:
    """Return the mode that a zip's member is written with: its last one, unless pip rewrites it in place."""
    parts = member.filename.split("/", 2)
    is_script = len(parts) > 2 and parts[0].endswith(".data") and parts[1] == "scripts"
    writable = 0o200 if is_script or os.name == "nt" else 0
    return writable | (0o555 if owner_may_run(member) else 0o444)


def install(installer: Any, row: Mapping[str, Any], wheel: OpenWheel) -> str:
    """Install one wheel; return what went wrong in one line, "" for nothing."""
    errors = importlib.import_module("vpy.errors")

    def save(file: Any) -> None:
        mode = mode_of(file._getinfo())  # noqa: SLF001  (pip has no public interface)
        try:
            wheel.write(file.src_record_path, file.dest_path, mode)
        except FileExistsError:  # two members that have one place: the later one counts, for pip too
            os.unlink(file.dest_path)
            wheel.write(file.src_record_path, file.dest_path, mode)
        file.written = True

    installer.ZipBackedFile.save = save
    try:
        installer.install_wheel(
            row["name"],
            row["path"],
            scheme=installer.Scheme(**row["scheme"]),
            req_description=row["name"],
            pycompile=False,
            warn_script_location=False,
            requested=True,
        )
    except errors.VpythonError:
        raise
    except Exception as error:
        text = str(getattr(error, "strerror", None) or error)
        return " ".join(text.split()) or type(error).__name__
    return ""


def work(installer: Any, tree: Any, line: bytes) -> bytes:
    """Do a row; return its answer."""
    answer = tree.make(json.loads(line), partial(install, installer))
    return json.dumps(answer).encode()


def fork_asker(descriptors: str) -> None:
    """Fork a process that asks an index, with the descriptors as its stdin, stdout and stderr."""
    numbers = [int(number) for number in descriptors.split(",")]
    asker = importlib.import_module("vpy.wheels.pip_download")
    importlib.import_module("vpy.wheels.index_client.serving").load()
    if not os.fork():
        for standard, number in enumerate(numbers):
            os.dup2(number, standard)
            os.close(number)
        asker.answer_one()
    for number in numbers:
        os.close(number)


def main() -> None:
    """Install the wheels that stdin names; write a line for each to stdout."""
    # vpython's own code is behind pip: its names are not pip's.
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.append(top)
    importlib.import_module("vpy.wheels.pip_process").prepare(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 3:
        fork_asker(sys.argv[3])
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.path += [os.path.join(top, "vendor"), os.path.join(top, "build", "vendor")]
    # Before the first wheel is known.
    installer = importlib.import_module(INSTALLER)
    tree = importlib.import_module("vpy.wheels.tree")
    pool = importlib.import_module("vpy.system.worker_pool")

    lines = pool.Lines(0)
    try:
        settings = json.loads(next(iter(lines), b"{}"))
        prepare(installer, settings["placeholder"], tuple(settings["version"]))
        gc.freeze()
        pool.serve(lines, answers, partial(work, installer, tree), settings["workers"])
    except (EOFError, KeyError):
        end_all()
    except ChildProcessError as error:
        sys.stderr.write(str(error))  # empty where the worker could say why itself
        end_all()
    sys.stderr.flush()
    os._exit(0)  # Python's own way out takes long to free pip's modules


def end_all() -> None:
    """End this process and its workers, which are in a process group of their own (POSIX)."""
    sys.stderr.flush()
    if os.name == "posix" and os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
    os._exit(1)


if __name__ == "__main__":
    main()
