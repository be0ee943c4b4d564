"""A root that bad starts share, what lies in it under final names, and a good start to end with."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.support.harness import DOORS, Door, Harness
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "infra/python/wheels"
EXCERPT = re.compile(r"\n *\|\n\d+ \|.*\n *\| *\^")
FINAL = ("environments-1", "wheels-1", "packages-1", "app-1")


class Yard(Harness):
    """Runs vpython in `work`, where `good.py` runs with one package of `repository`."""

    def __init__(self, place: Path, *, repository: Path | None = None) -> None:
        super().__init__(place)
        self.work = place / "work"
        self.work.mkdir()
        self.commands = self.use_base_python()
        self.environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_TIMEOUT": "5"}
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
            self.environ.pop(name, None)
        self.repository = repository or self._packed()
        self.use_packages(self.repository)
        self.script("good.py", "import gadget; print('good', gadget.VERSION)", ("gadget-py3", "version:1.0"))

    def _packed(self) -> Path:
        wheels = [
            make_wheel(self.place / "wheels", "gadget"),
            make_wheel(self.place / "wheels", "alien", tag="cp27-cp27mu-win32"),
        ]
        return self.pack(self.place / "repository", *wheels)

    def script(self, name: str, text: str, *packages: tuple[str, str], spec: str | bytes = "") -> Path:
        """Write a script, and beside it a spec for (package, version) pairs, or the one given."""
        path = self.work / name
        path.write_text(text + "\n", encoding="utf-8")
        told = spec or spec_text(*((f"{PREFIX}/{package}", version) for package, version in packages))
        partner = self.work / f"{name}.vpython3"
        if told:
            partner.write_bytes(told.encode() if isinstance(told, str) else told)
        elif partner.exists():
            partner.unlink()
        return path

    def finals(self) -> set[str]:
        """What has a final name in the root, two levels deep; records at any depth."""
        kinds = [kind for kind in FINAL if (self.root / kind).is_dir()]
        found = {f"{kind}/{name}" for kind in kinds for name in os.listdir(self.root / kind)}
        return found | {str(path) for path in self.records()}

    def leftovers(self) -> list[str]:
        """What should have gone with the start that made it."""
        staging = self.root / "staging"
        passing = [str(path) for path in self.root.rglob(".new-*")]
        return passing + (sorted(os.listdir(staging)) if staging.is_dir() else [])

    def refuse(
        self,
        *words: str | Path,
        code: int = 2,
        doors: tuple[Door, ...] = DOORS,
        env: Mapping[str, str | None] | None = None,
        allowed: tuple[str, ...] = (),
    ) -> str:
        """A start that is refused, by each door alike: what it said, without the first `vpython: `.

        The line of a spec with its caret is left out: what it shows is tested where it is made.

        Nothing new has a final name in the root but what begins with one of `allowed`.
        """
        said = None
        before = self.finals()
        for door in doors:
            ended = self.run(*words, door=door, cwd=self.work, env=env)
            assert ended.returncode == code, ended.stderr
            assert ended.stdout == ""
            assert ended.stderr.startswith("vpython: ")
            assert "Traceback" not in ended.stderr
            assert ended.stderr.endswith("\n")
            assert said in (None, ended.stderr)
            said = ended.stderr
        assert [name for name in self.finals() - before if not (allowed and name.startswith(allowed))] == []
        assert self.leftovers() == []
        assert said is not None
        return EXCERPT.sub("", said.removeprefix("vpython: ")).rstrip("\n")

    def good(self) -> None:
        """The next good start works."""
        ended = self.run("good.py", cwd=self.work)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "good 1.0\n", "")
