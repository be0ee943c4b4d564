"""Real spec of Chromium's tools, from the index: only where its file is at hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from builds import against
from chapter import Chapter, Goal, series_table
from contestants import Uv, Vpython
from shelf import Package, Selection
from timing import BenchError, Contestant, interleave

if TYPE_CHECKING:
    from yard import Effort, Yard

SPEC = Path("rubuslab+depot_tools") / ".vpython3"
WHAT = "the real spec of depot_tools: new environment"
BAR = 1.0
OURS, UV = "vpython", "uv"
TEXT = """\
The text spec of depot_tools, {count} wheels with {files} files, its packages mapped to projects of the
index. uv installs the same wheels from a folder, its cache warm. Environments are removed ahead of each
round.
"""
SKIPPED = (
    "Not measured: the file of the spec is not at hand; `--specs DIRECTORY` says where such files lie.\n"
)
TITLE = "A real spec from the index"


def measure(yard: Yard, effort: Effort) -> Chapter:
    spec = yard.specs / SPEC
    if not spec.is_file():
        bar = f"{BAR:g} x uv or less"
        return Chapter(title=TITLE, text=SKIPPED, goals=(Goal(what=WHAT, ours="-", bar=bar, met=None),))
    home = yard.place / "chromium"
    ours = Vpython(yard, home / "vpython", yard.shelf.take(1))
    (home / "vpython" / "checkout" / ".vpython3").write_bytes(spec.read_bytes())
    ours.environ = yard.outer | {
        "VPYTHON_PACKAGE_SOURCE": "index",
        "VPYTHON_VIRTUALENV_ROOT": str(ours.root),
    }
    environment = ours.environment()
    selection = _same(environment, home / "wheels")
    uv = Uv(yard, home / "uv", selection, python=_python_of(environment))
    series = interleave(
        (
            Contestant(name=OURS, jobs=(ours.start(),), before=ours.forget_environments),
            Contestant(name=UV, jobs=uv.make(), before=uv.forget_environments),
        ),
        effort.rounds(40, 6),
    )
    return Chapter(
        title=TITLE,
        text=TEXT.format(count=len(selection.packages), files=f"{selection.files:,}"),
        goals=(against(WHAT, series[OURS], series[UV], BAR),),
        tables=(series_table(series.values()),),
    )


def _same(environment: Path, folder: Path) -> Selection:
    """Return the wheels that the environment was made of, as files."""
    told = json.loads((environment / "why.json").read_text())["ingredients"]
    names = [name for name, _ in told["wheels"]]
    python = told["python"][1].split(".")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--python-version", ".".join(python[:2]), "-d", str(folder)]
    requirements = ["==".join(name.split("-")[:2]) for name in names]
    if subprocess.run([*command, *requirements], check=False).returncode:
        raise BenchError("cannot get the wheels of the real spec from the index")
    packages = tuple(Package(wheel=folder / name, name="") for name in names)
    return Selection(packages=packages, repository=folder, folder=folder)


def _python_of(environment: Path) -> str:
    told = json.loads((environment / "why.json").read_text())
    return str(told["ingredients"]["python"][0])
