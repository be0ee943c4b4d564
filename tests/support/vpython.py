"""The built file as a child process, with a root, a home and a PATH of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOP = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("VPYTHON_TEST_FILE") or TOP / "dist" / "vpython.pyz").absolute()
SHARED = (TOP.parent / "shared").resolve()
DROPPED = ("VPYTHON_", "CIPD_", "PYTHON", "VIRTUAL_ENV", "XDG_")

Door = Literal["head", "python"]


class Vpython:
    """Runs `dist/vpython.pyz` as a user would, through the head or through Python."""

    def __init__(self, place: Path, *, file: Path = BUILT) -> None:
        self.place = place
        self.file = file
        self.root = place / "root"
        self.environ = {
            name: text for name, text in os.environ.items() if not name.startswith(DROPPED)
        } | {
            "HOME": str(place / "home"),
            "PATH": base_path(),
            "VPYTHON_VIRTUALENV_ROOT": str(self.root),
        }  # fmt: skip
        (place / "home").mkdir(exist_ok=True)

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
        command = [*shell, str(self.file)] if door == "head" else [sys.executable, str(self.file)]
        return subprocess.run(
            [*command, *map(str, words)],
            cwd=cwd or self.place,
            env=self.surroundings(env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
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
