"""What an installed wheel makes every start of Python run, before the script is."""

from __future__ import annotations

import os

from vpy.errors import VpythonError
from vpy.system import files
from vpy.wheels import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import StoredWheel


def lines(stored: StoredWheel, scheme: Mapping[str, str]) -> list[str]:
    """`FILE: LINE` for each line that Python would run at every start; nothing for a damaged tree.

    A `.pth` file counts in site-packages alone, and of it the lines that begin with `import`.
    """
    places = {scheme[key].replace(os.sep, "/") for key in ("purelib", "platlib")}
    found = []
    try:
        listed = store.read_manifest(stored).files
    except VpythonError:
        return []
    for _, _, _, _, path, _ in listed:
        directory, _, name = path.rpartition("/")
        if directory not in places or not name.endswith((".pth", ".start")):
            continue
        try:
            data = files.read_bytes(os.path.join(stored.path, store.TREE, *path.split("/")))
        except OSError:
            continue
        rows = data.decode("utf-8", "replace").splitlines()
        if name.endswith(".pth"):
            rows = [row for row in rows if row.startswith(("import ", "import\t"))]
        found += [f"{name}: {row}" for row in rows if row.strip()]
    return found
