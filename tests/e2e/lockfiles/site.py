"""Scripts with requirements, an index that changes, and the built file that locks them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.harness import Harness

# What makes a start a bot's, or would change what is locked.
PLAIN = {"CI": None, "SWARMING_BOT_ID": None, "SWARMING_HEADLESS": None}


class Site:
    """A directory with scripts, the wheels `a` 1.0, 2.0 (each needs `b`), `b` 1.0, 1.1, and their index."""

    def __init__(self, harness: Harness, place: Path) -> None:
        self.harness = harness
        self.place = place
        self.wheels = place / "wheels"
        self.wheels.mkdir()
        for name, version, requires in (
            ("a", "1.0", ("b",)), ("a", "2.0", ("b",)), ("b", "1.0", ()), ("b", "1.1", ()),
        ):  # fmt: skip
            make_wheel(self.wheels, name, version, requires=requires)
        self.index = AwkwardIndex(self.wheels)

    def script(
        self, *requirements: str, python: str = ">=3.11", name: str = "s.py", shows: Sequence[str] = "ab"
    ) -> Path:
        """Write a script with requirements, which prints the `VERSION` of modules."""
        line = f"# requires-python = {json.dumps(python)}\n" if python else ""
        code = f"import {', '.join(shows)}\nprint({', '.join(f'{each}.VERSION' for each in shows)})\n"
        path = self.place / name
        path.write_text(f"# /// script\n{line}# dependencies = {json.dumps(requirements)}\n# ///\n{code}")
        return path

    def run(
        self, *words: str, script: str = "s.py", env: Mapping[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        self.index.asked.clear()
        source = ("-vpython-source", f"index:{self.index.url}")
        done = self.harness.run(*source, *words, script, env={**PLAIN, **(env or {})})
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        return done

    def lock(self, *words: str, script: str = "s.py") -> subprocess.CompletedProcess[str]:
        return self.run("-vpython-tool", "lock", *words, script=script)

    def locked(self, *words: str, script: str = "s.py") -> dict[str, Any]:
        """Lock without an error, and return what is said of it."""
        done = self.lock("--json", *words, script=script)
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        assert isinstance(row, dict)
        return row

    def pages(self) -> list[str]:
        """Return the pages that the last command asked for."""
        return [path for path, _ in self.index.asked if path.startswith("/simple/")]

    def url(self, filename: str) -> str:
        return self.index.url.replace("/simple/", f"/files/{filename}")

    def sha256(self, filename: str) -> str:
        return hashlib.sha256((self.wheels / filename).read_bytes()).hexdigest()

    def lockfile(self, name: str = "pylock.s.toml") -> Path:
        return self.place / name


def versions(path: Path) -> dict[str, str]:
    """Return the marker of each `NAME VERSION` of a lockfile that was written."""
    from vpy.spec.lockfile import read

    kind = "pylock" if path.suffix == ".toml" else "uv-requirements"
    lockfile = read.read(path.read_bytes(), str(path), kind)  # type: ignore[arg-type]
    return {f"{each.name} {each.version or each.url}": each.marker for each in lockfile.distributions}
