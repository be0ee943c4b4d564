"""The harness of tests that run the built file: a child process with root, home and PATH of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOP = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("VPYTHON_TEST_FILE") or TOP / "dist" / "vpython.pyz").absolute()
SHARED = (TOP.parent / "shared").resolve()
# Of a bot's variables too: a start that takes long writes lines there, and these tests are a person's.
DROPPED = ("VPYTHON_", "CI", "CIPD_", "PYTHON", "SWARMING_", "VIRTUAL_ENV", "XDG_")

# Made by the first starts in a root, the same in each: the code, what Pythons report, the venv templates.
FIRST_ROOMS = ("app-1", "interpreters-1")
SEEDS = "seeds"  # of a venv template: a thousand files

BASE = Path(os.path.realpath(sys.executable))

Door = Literal["head", "python"]
DOORS: tuple[Door, ...] = ("head", "python")
Seen = tuple[int, str, str]  # exit code, stdout, stderr


class Harness:
    """Runs `dist/vpython.pyz` as a user would, through the head or through Python, in a root of its own.

    `place` holds what the test makes: root, home, packages. What a theme needs beyond that is in its class.
    """

    def __init__(self, place: Path, *, file: Path = BUILT, root: Path | None = None) -> None:
        self.place = place
        self.file = file
        self.root = root or place / "root"
        self.environ = {
            name: text for name, text in os.environ.items() if not name.startswith(DROPPED)
        } | {
            "HOME": str(place / "home"),
            "PATH": base_path(),
            "VPYTHON_VIRTUALENV_ROOT": str(self.root),
        }  # fmt: skip
        (place / "home").mkdir(parents=True, exist_ok=True)

    def begin_with(self, first: Path) -> None:
        """Let the root, which is empty, have what first starts made in `first`: see `FIRST_ROOMS`.

        Files are linked, so no test may change one in place; the seeds of a venv template are `first`'s own.
        """
        self.root.mkdir(mode=0o700, parents=True)
        for room in FIRST_ROOMS:
            link_tree(first / room, self.root / room)
        # Where the code lies is in it.
        kept = self.root / "app-1" / "python"
        text = kept.read_text().replace(str(first), str(self.root))
        kept.unlink()
        kept.write_text(text)

    def use_base_python(self, commands: Path | None = None) -> Path:
        """Let PATH be `commands`, where `python3` is these tests' base interpreter, and the system's."""
        commands = commands or self.place / "commands"
        commands.mkdir(exist_ok=True)
        if not (commands / "python3").is_symlink():
            (commands / "python3").symlink_to(BASE)
        self.environ["PATH"] = os.pathsep.join((str(commands), "/usr/bin", "/bin"))
        return commands

    def use_packages(self, repository: Path) -> None:
        """Take packages from this directory."""
        self.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{repository}"

    def use_loopback(self) -> None:
        """Drop this machine's proxies, certificates and settings of pip."""
        for name in list(self.environ):
            if name.lower().endswith("_proxy") or name.startswith(("SSL_CERT_", "PIP_")):
                del self.environ[name]
        self.environ["PIP_CONFIG_FILE"] = os.devnull

    def pack(self, repository: Path, *wheels: Path) -> Path:
        """Make a directory of packages of these wheels, and return it."""
        done = self.run("-vpython-tool", "pack", "-repo", repository, *wheels)
        assert done.returncode == 0, done.stderr
        return repository

    def run(
        self,
        *words: str | Path,
        door: Door = "head",
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
        timeout: float = 120,
        shell: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; `env` changes variables (None: removes one)."""
        command = [*shell, str(self.file)] if door == "head" else [str(BASE), str(self.file)]
        return self.run_command(*command, *words, cwd=cwd, env=env, stdin=stdin, timeout=timeout)

    def run_command(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run any program with what surrounds vpython here."""
        return subprocess.run(
            [*map(str, words)],
            cwd=cwd or self.place,
            env=self.surroundings(env),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def surroundings(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        changed: dict[str, str | None] = {**self.environ, **(env or {})}
        return {name: text for name, text in changed.items() if text is not None}

    def environments(self) -> list[Path]:
        return sorted((self.root / "environments-1").glob("*"))

    def records(self) -> list[Path]:
        return sorted(path for path in (self.root / "records-1").rglob("@*") if path.is_file())


def base_path() -> str:
    """PATH without environments of ours: these tests run in one."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(
        entry for entry in entries if not os.path.exists(os.path.join(entry, "activate_this.py"))
    )


def settled(root: Path) -> None:
    """Wait until the work in the background has seen all to disk, and has taken its marks out of the root."""
    for _ in range(600):
        if not list(root.glob("unsettled-*")):
            return
        time.sleep(0.1)
    raise AssertionError(list(root.iterdir()))


def link_tree(source: Path, target: Path) -> None:
    """Make directories anew, files by hard links: for a quarter of what `shutil.copytree` takes."""
    target.mkdir(mode=source.stat().st_mode & 0o777)
    for entry in os.scandir(source):
        path = target / entry.name
        if entry.is_symlink():
            path.symlink_to(os.readlink(entry.path))
        elif entry.name == SEEDS and source.parent.name == "interpreters-1":
            path.symlink_to(entry.path)
        elif entry.is_dir():
            link_tree(Path(entry.path), path)
        else:
            try:
                os.link(entry.path, path)
            except OSError:  # another filesystem
                shutil.copy2(entry.path, path)


def contents(root: Path) -> dict[str, str]:
    """Return every file below a directory with the hash of its bytes, but what Python compiles of seeds."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and not {SEEDS, "__pycache__"}.issubset(path.parts)
    }
