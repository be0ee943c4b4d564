"""Small file trees for searches, and a second reading of the observations' vocabulary."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from vpy.config import Config, load
from vpy.spec.discover import Invocation, discover

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpy.model import Discovery, Observation

CONFIG: Config = load()


def plant(top: str, files: Mapping[str, str]) -> None:
    """Make the files; a name that ends in `/` or a content "/" is a directory, "->x" a link to x."""
    for name, content in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if content == "/":
            os.makedirs(path, exist_ok=True)
        elif content.startswith("->"):
            os.symlink(content[2:], path)
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(content)


def clear(top: str) -> None:
    for entry in os.scandir(top):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def search(
    target: str = "",
    *,
    cwd: str | None,
    kind: str = "script",
    spec: str | None = None,
    legacy: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Discovery:
    invocation = Invocation(kind=kind, target=target, cwd=cwd, spec=spec, legacy=legacy)  # type: ignore[arg-type]
    return discover(invocation, environ=environ or {}, config=CONFIG)


def hold(rows: Iterable[Observation], environ: Mapping[str, str]) -> bool:
    """Whether every observation is so now, as `vpy.model.Observation` defines them."""
    return all(_holds(row.kind, row.fields, environ) for row in rows)


def _holds(kind: str, fields: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    name = fields[0]
    if kind == "no-file":
        return not os.path.isfile(name)
    if kind == "absent":
        return not os.path.exists(name)
    if kind == "exists":
        return os.path.exists(name)
    if kind == "content":
        if not os.path.isfile(name):
            return False
        with open(name, "rb") as file:
            return file.read() == fields[1].encode("latin-1")
    if kind == "same":
        return os.path.exists(name) and os.path.exists(fields[1]) and os.path.samefile(name, fields[1])
    if kind == "real":
        return os.path.realpath(name) == fields[1]
    if kind == "variable":
        return environ.get(name) == fields[1]
    if kind == "unset":
        return name not in environ
    if kind == "signature":
        found = os.stat(name)
        return fields[1:] == tuple(
            map(str, (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns))
        )
    raise AssertionError(f"no such observation here: {kind}")
