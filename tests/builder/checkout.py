"""A copy of what the build reads, somewhere else, that a test may spoil."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.harness import TOP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READ = (
    "build_zipapp.py",
    "builder",
    "vpython.py",
    "bootstrap",
    "vpython.sh",
    "vpy",
    "vendor",
    "*.toml",
    "LICENSE",
    "shims",
    "docs/vpython.1",
)
WHEELS = TOP / "build" / "wheels"


class Checkout:
    """The source tree `of`, copied to `place`; its build cache holds the wheels that this tree fetched."""

    def __init__(self, place: Path, of: Path = TOP) -> None:
        self.place = place
        self.wheels = place / "build" / "wheels"
        for pattern in READ:
            for path in of.glob(pattern):
                if path.is_dir():
                    shutil.copytree(path, place / path.name, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    copy = place / path.relative_to(of)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, copy)
        shutil.copytree(WHEELS, self.wheels)

    def build(
        self,
        *words: str | Path,
        python: str | Path = sys.executable,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        umask: int = 0o022,
    ) -> subprocess.CompletedProcess[str]:
        """Run the build; pip has no index but what `env` gives it."""
        alone = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(
            [str(python), str(self.place / "build_zipapp.py"), *map(str, words)],
            cwd=cwd or self.place,
            env={**os.environ, **alone, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            umask=umask,
        )

    def tamper(self) -> Path:
        """Change a byte of one wheel in the build cache."""
        wheel = next(self.wheels.glob("truststore-*.whl"))
        wheel.write_bytes(wheel.read_bytes()[:-1] + b"!")
        return wheel

    def must(self, name: str, *words: str | Path) -> Path:
        """Build NAME and return it."""
        output = self.place / name
        ended = self.build("--output", output, *words)
        assert (ended.returncode, ended.stderr) == (0, "")
        first, *more = ended.stdout.splitlines()
        assert first == f"{output}: {output.stat().st_size:,} bytes"
        assert bool(more) == bool(words)
        return output

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.place / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
