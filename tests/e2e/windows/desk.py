"""A place for one test on the Windows machine: a root, a working directory, starts cold and warm."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.e2e.windows.machine import PYTHON, windows_path
from tests.support.harness import BUILT
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.e2e.windows.machine import Machine

# A Windows program that starts another one and tells its whole exit code.
DRIVER = """
import json, os, subprocess, sys
job = json.load(sys.stdin)
env = {**os.environ, **job["changed"]}
ended = subprocess.run(job["words"], input=job["stdin"].encode(), capture_output=True, env=env)
print(json.dumps([ended.returncode, ended.stdout.decode(), ended.stderr.decode()]))
"""

# Says where it runs and what it was told.
TELL = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv, "prefix": sys.prefix, "base": sys.base_prefix, "executable": sys.executable,
    "cwd": os.getcwd(), "ours": sorted(name for name in os.environ if name.startswith("VPYTHON_RECORD")),
    "env": os.environ.get("VIRTUAL_ENV"), "path": os.environ["PATH"].split(os.pathsep)[0],
}))
"""

PLATFORM = "windows-amd64"


class Shelf:
    """Packages made on this side by `pack`: for any platform, and for Windows alone."""

    def __init__(self, place: Path, pack: Sequence[str], environ: Mapping[str, str]) -> None:
        self.place = place
        tool = {
            "tool/__init__.py": "",
            "tool/__main__.py": TELL,
            "tool/main.py": (
                f"def main():\n    exec({TELL!r})\n"
                "    return int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 0\n"
            ).replace("def main", "import sys\ndef main"),
        }
        wheels = [
            make_wheel(place / "wheels", "tool", files=tool, scripts={"tool": "tool.main:main"}),
            make_wheel(place / "wheels", "one"),
            make_wheel(
                place / "wheels",
                "native",
                tag="cp311-cp311-win_amd64",
                files={"native.py": "KIND = 'windows'\n"},
            ),
        ]
        subprocess.run(
            [*pack, "-vpython-tool", "pack", "-repo", str(place / "repository"), *map(str, wheels)],
            env=dict(environ),
            check=True,
            capture_output=True,
        )

    @property
    def source(self) -> str:
        return "directory:" + windows_path(self.place / "repository")


def spec(*names: str) -> str:
    rows = []
    for name in names:
        package = "native/${vpython_platform}" if name == "native" else f"{name}-py3"
        rows.append((f"infra/python/wheels/{package}", "version:1.0"))
    return spec_text(*rows)


class Desk:
    """Starts the built file by the machine's Python; `root` is this desk's own unless it is given."""

    def __init__(self, machine: Machine, shelf: Shelf, place: Path, *, root: Path | None = None) -> None:
        self.machine = machine
        self.place = place
        self.work = place / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.root = root or place / "root"
        self.file = place / "vpython3.pyz"
        if not self.file.exists():
            shutil.copyfile(BUILT, self.file)
        self.environ = {
            "WINEPATH": "C:\\Python311",
            "VPYTHON_VIRTUALENV_ROOT": windows_path(self.root),
            "VPYTHON_PACKAGE_SOURCE": shelf.source,
        }

    def put(self, name: str, text: str) -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def see(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> subprocess.CompletedProcess[str]:
        """One start, as `python vpython3.pyz WORDS`."""
        return self.python(windows_path(self.file), *words, cwd=cwd, env=env, stdin=stdin)

    def python(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> subprocess.CompletedProcess[str]:
        """The machine's Python, with the surroundings of this desk."""
        surroundings = {**self.environ, **(env or {})}
        return self.machine.run(PYTHON, *words, cwd=cwd or self.work, env=surroundings, stdin=stdin)

    def must(self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        ended = self.see(*words, cwd=cwd, env=env)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def told(self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Told:
        """What a script of `TELL` said."""
        return Told(json.loads(self.must(*words, cwd=cwd, env=env)))

    def exactly(
        self, *words: str, stdin: str = "", changed: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of any Windows program, as another Windows program sees them."""
        job = {"words": words, "stdin": stdin, "changed": changed or {}}
        self.put("driver.py", DRIVER)
        ended = self.python("driver.py", stdin=json.dumps(job).encode())
        assert ended.returncode == 0, ended.stderr
        code, out, err = json.loads(ended.stdout)
        return code, out.replace("\r\n", "\n"), err.replace("\r\n", "\n")

    def environments(self) -> list[Path]:
        return sorted((self.root / "environments-1").glob("*"))

    def records(self) -> dict[Path, tuple[int, int]]:
        """Every record, and what changes when it is written anew."""
        found = [path for path in (self.root / "records-1").rglob("@*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


class Told:
    """What `TELL` printed."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self.facts = facts
        self.prefix = str(facts["prefix"])
        self.executable = str(facts["executable"])
        argv = facts["argv"]
        assert isinstance(argv, list)
        self.words: list[str] = argv[1:]
        self.name: str = argv[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Told) and self.facts == other.facts

    __hash__ = None  # type: ignore[assignment]
