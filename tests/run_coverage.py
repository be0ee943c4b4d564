"""Measures which lines and branches of the built file the tests run.

    dist/vpython.pyz tests/run_coverage.py [arguments of pytest]

A copy of the built file starts coverage in each Python that runs vpython's own code, be it the host's, a
fork of it or the program that drives pip; the tests run that copy. Their own process is measured too.
What is measured is put together by room. The start hook and the shell head run in other programs and
are not counted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import coverage

# Tests of what a start imports, which files it opens and which variables it hands on: measuring changes that.
UNMEASURABLE = (
    "tests/system/test_lean_json.py",
    "tests/e2e/start/test_cost.py",
    "tests/e2e/start/test_surroundings.py",
    "tests/e2e/start/test_places.py",
)
TOP = Path(__file__).resolve().parents[1]
WORK = TOP / "build" / "coverage"
BUILT = TOP / "dist" / "vpython.pyz"
STARTS = b"import vpython\n"
BEGIN = """\
import sys
sys.path.append("{site}")
import coverage
coverage.process_startup()
"""
SETTINGS = """\
[run]
branch = true
parallel = true
data_file = {work}/data
include =
    */vpy/*
    */bootstrap/*
omit =
    */environment/hook.py
    */tests/*
    */_baked.py
    */build/*
patch =
    _exit
    execv
    fork
disable_warnings = no-data-collected,module-not-measured,couldnt-parse,already-imported
[paths]
vpy =
    {top}/vpy
    */vpy
bootstrap =
    {top}/bootstrap
    */bootstrap
[report]
exclude_also =
    if TYPE_CHECKING:
    if os.name == .nt.:
    raise NotImplementedError
"""


def instrumented(place: Path) -> Path:
    """A copy of the built file whose doors start coverage first, and whose code is its sources."""
    data = BUILT.read_bytes()
    start = data.index(b"PK\x03\x04")
    site = str(Path(coverage.__file__).parents[1])
    begin = BEGIN.format(site=site).encode()
    head = data[:start].replace(STARTS, begin.replace(b"\n", b"\n    ") + STARTS, 1)
    out = place / "vpython.pyz"
    with zipfile.ZipFile(BUILT) as old, out.open("wb") as file:
        file.write(head)
        with zipfile.ZipFile(file, "a") as new:
            for member in old.infolist():
                content = old.read(member)
                if member.filename == "__main__.py":
                    content = content.replace(STARTS, begin + STARTS, 1)
                if member.filename != "__main__.pyc":
                    new.writestr(member, content)
    out.chmod(0o755)
    return out


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    settings = WORK / "coveragerc"
    settings.write_text(SETTINGS.format(work=WORK, top=TOP), encoding="utf-8")
    file = instrumented(WORK)
    environ = {**os.environ, "VPYTHON_TEST_FILE": str(file), "COVERAGE_PROCESS_START": str(settings)}
    command = [
        *(sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q"),
        *(f"--deselect={path}" for path in UNMEASURABLE),
        *(sys.argv[1:] or ["-n", "2"]),
    ]
    code = subprocess.run(command, env=environ, cwd=TOP, check=False).returncode
    tool = [sys.executable, "-m", "coverage"]
    subprocess.run([*tool, "combine", f"--rcfile={settings}", "-q", str(WORK)], cwd=TOP, check=False)
    report = [*tool, "report", f"--rcfile={settings}", "--skip-covered", "--sort=cover"]
    subprocess.run(report, cwd=TOP, check=False)
    rooms = sorted({path.relative_to(TOP).parts[:2] for path in TOP.glob("vpy/*/*.py")})
    for room in [("bootstrap",), *rooms]:
        pattern = f"{TOP.joinpath(*room)}/*"
        done = subprocess.run(
            [*tool, "report", f"--rcfile={settings}", "--format=total", f"--include={pattern}"],
            cwd=TOP, capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(f"{'/'.join(room):<20} {done.stdout.strip():>4} %")
    return code


if __name__ == "__main__":
    sys.exit(main())
