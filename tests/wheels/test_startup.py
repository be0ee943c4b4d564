"""Code that wheels make Python run at every start: listed, wherever it lies and whatever leads there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vpy.model import StoredWheel
from vpy.wheels import startup, store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpy.model import Interpreter

SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def stored(directory: Path, files: Mapping[str, bytes]) -> StoredWheel:
    """Seal a tree as pip would have left it in the store."""
    for path, data in files.items():
        file = directory / store.TREE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    store.seal(str(directory), "bin")
    return StoredWheel(f"{directory.name}-1.0-py3-none-any.whl", "0" * 64, str(directory))


def says(name: str) -> bytes:
    return f"import os; os.write(1, b'{name}\\n')\n".encode()


# By the name that the code writes: the files of a wheel, and the row that must tell of it.
KINDS: dict[str, tuple[dict[str, bytes], str]] = {
    "a line": ({f"{SITE}/a.pth": b"# import x\n\n" + says("a line")}, "a.pth: "),
    "by lib64": ({SITE.replace("lib", "lib64", 1) + "/b.pth": says("by lib64")}, "b.pth: "),
    "a mark": ({f"{SITE}/c.pth": b"\xef\xbb\xbf" + says("a mark")}, "c.pth: "),
    "a tab": ({f"{SITE}/d.pth": says("a tab").replace(b" ", b"\t", 1)}, "d.pth: "),
    "an old line end": ({f"{SITE}/e.pth": b"x\r" + says("an old line end")}, "e.pth: "),
    "sitecustomize": ({f"{SITE}/sitecustomize.py": says("sitecustomize")}, "sitecustomize.py: all of it"),
    "a package": (
        {f"{SITE}/sitecustomize/__init__.py": says("a package")},
        "sitecustomize/__init__.py: all of it",
    ),
    "by lib64 too": (
        {SITE.replace("lib", "lib64", 1) + "/sitecustomize.py": says("by lib64 too")},
        "sitecustomize.py: all of it",
    ),
    "where a line leads": (
        {f"{SITE}/f.pth": b"sub/../other\n", f"{SITE}/other/sitecustomize.py": says("where a line leads")},
        f"{SITE}/other/sitecustomize.py: all of it",
    ),
    "beside site-packages": (
        {f"{SITE}/g.pth": b"../../../share\n", "share/sitecustomize.py": says("beside site-packages")},
        "share/sitecustomize.py: all of it",
    ),
}


def files_of_sitecustomize(files: Mapping[str, bytes]) -> bool:
    return any("sitecustomize" in path for path in files)


def base_has_sitecustomize() -> bool:
    code = "import importlib.util as u; print(u.find_spec('sitecustomize') is not None)"
    base = os.path.realpath(sys.executable)
    return subprocess.check_output([base, "-I", "-S", "-c", code], text=True) == "True\n"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_is_listed(kind: str, python: Path, tmp_path: Path, current: Interpreter) -> None:
    """Each kind is put into a real environment, where it may run or, in another version, not."""
    files, row = KINDS[kind]
    (rows,) = startup.code_of([stored(tmp_path / "w", files)], current)
    assert [each for each in rows if each.startswith(row)] == rows
    assert len(rows) == 1
    made = [python / path for path in files]
    for file, data in zip(made, files.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    try:
        ran = subprocess.check_output([python / "bin/python", "-c", ""], text=True)
    finally:
        for file in made:
            file.unlink()
    # `site` reads the `.pth` files of an environment twice; before 3.13 it did not know such a mark.
    # A base Python may have a `sitecustomize` of its own, as Debian's: it comes first.
    taken = files_of_sitecustomize(files) and base_has_sitecustomize()
    runs = set() if taken or (kind == "a mark" and sys.version_info < (3, 13)) else {kind}
    assert set(ran.splitlines()) == runs


def test_what_another_wheel_leads_to(tmp_path: Path, current: Interpreter) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "usercustomize.py").touch()
    wheels = [
        stored(tmp_path / "one", {f"{SITE}/sub/sitecustomize.py": b"", f"{SITE}/usercustomize.pyc": b""}),
        stored(tmp_path / "two", {f"{SITE}/x.pth": f"sub\n{outside}\nall.zip\n".encode()}),
        stored(tmp_path / "three", {f"{SITE}/all.zip": b"PK", f"{SITE}/y.start": b"a:b\n"}),
    ]
    assert startup.code_of(wheels, current) == [
        [f"{SITE}/sub/sitecustomize.py: all of it", "usercustomize.pyc: all of it"],
        ["x.pth: all.zip", f"{outside}/usercustomize.py: all of it"],
        ["y.start: a:b"],
    ]


def test_what_does_not_run_is_not_listed(tmp_path: Path, current: Interpreter) -> None:
    files = {
        f"{SITE}/a.pth": b"# import os\nimportant\n import os\n\nimport\n",
        f"{SITE}/tool/bootstrap/sitecustomize.py": b"",
        f"{SITE}/sitecustomize/data.py": b"",
        f"{SITE}/sitecustomize.txt": b"",
        f"{SITE}/tool/x.pth": says("x"),
        "share/x.pth": says("x"),
    }
    assert startup.code_of([stored(tmp_path / "w", files)], current) == [[]]
    os.unlink(tmp_path / "w" / store.FILE_LIST)
    damaged = StoredWheel("w-1.0-py3-none-any.whl", "0" * 64, str(tmp_path / "w"))
    assert startup.code_of([damaged], current) == [[]]
