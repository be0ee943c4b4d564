"""A place for one test in a root that all tests of the start share; starts cold and warm, by both doors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.vpython import BUILT, Door, Vpython
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DOORS: tuple[Door, ...] = ("head", "python")
BASE = Path(os.path.realpath(sys.executable))
PACKAGES = ("one", "two")

# Says which of the packages its environment holds.
WHICH = """
import importlib.util, sys
print(*[name for name in ("one", "two") if importlib.util.find_spec(name)] or ["bare"], *sys.argv[1:])
"""

Seen = tuple[int, str, str]  # exit code, stdout, stderr


def spec(*names: str) -> str:
    """A text spec for packages of the yard."""
    return spec_text(*((f"infra/python/wheels/{name}-py3", "version:1.0") for name in names))


class Yard:
    """What all tests share: a root with environments made, a repository, a `python3` on PATH."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = place / "root"
        self.repository = place / "repository"
        self.commands = place / "commands"
        self.commands.mkdir()
        (self.commands / "python3").symlink_to(BASE)
        stage = Stage(self, place / "first")
        wheels = [make_wheel(place / "wheels", name) for name in PACKAGES]
        stage.must("-vpython-tool", "pack", "-repo", self.repository, *wheels)
        for names in ((), ("one",), ("two",)):
            stage.put("first.py.vpython3", spec(*names))
            assert stage.must(stage.put("first.py", WHICH)) == (" ".join(names) or "bare") + "\n"


class Stage(Vpython):
    """Runs the built file in a directory of its own; the root is the yard's unless told otherwise."""

    def __init__(self, yard: Yard, place: Path, *, file: Path = BUILT, root: Path | None = None) -> None:
        place.mkdir(parents=True, exist_ok=True)
        super().__init__(place, file=file)
        self.yard = yard
        self.root = root or yard.root
        self.work = place / "work"
        self.work.mkdir(exist_ok=True)
        self.environ |= {
            "PATH": f"{yard.commands}:/usr/bin:/bin",
            "VPYTHON_VIRTUALENV_ROOT": str(self.root),
            "VPYTHON_PACKAGE_SOURCE": f"directory:{yard.repository}",
            "PWD": str(self.work),
        }

    def seed(self) -> None:
        """Fill a root of this stage's own with what takes long: vpython's code, and what Pythons answered."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.root / "app-1").symlink_to(self.yard.root / "app-1")
        shutil.copytree(
            self.yard.root / "interpreters-1", self.root / "interpreters-1", copy_function=os.link
        )

    def put(self, name: str | Path, text: str = "", *, mode: int = 0o644) -> Path:
        """Write a file of the working directory."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def see(
        self,
        *words: str | Path,
        door: Door = "head",
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
        shell: Sequence[str] = (),
    ) -> Seen:
        """One start; the cwd is named to the child as a shell would."""
        cwd = cwd or self.work
        command = [*shell, str(self.file)] if door == "head" else [str(BASE), str(self.file)]
        ended = subprocess.run(
            [*command, *map(str, words)],
            cwd=cwd,
            env=self.surroundings({"PWD": str(cwd), **(env or {})}),
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
        return ended.returncode, ended.stdout, ended.stderr

    def plain(self, *words: str | Path, cwd: Path | None = None, stdin: str = "") -> Seen:
        """The same words given to the base Python itself."""
        cwd = cwd or self.work
        ended = subprocess.run(
            [str(BASE), "-s", *map(str, words)],
            cwd=cwd,
            env=self.surroundings({"PWD": str(cwd)}),
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
        return ended.returncode, ended.stdout, ended.stderr

    def must(self, *words: str | Path, door: Door = "head") -> str:
        code, out, err = self.see(*words, door=door)
        assert code == 0, err
        return out

    def listing(self) -> list[str]:
        """Every file of the working directory, but for compiled code."""
        return sorted(
            str(path.relative_to(self.work))
            for path in self.work.rglob("*")
            if "__pycache__" not in path.parts
        )

    def forget(self) -> None:
        """Make the next start a cold one; what environments there are stay."""
        shutil.rmtree(self.root / "records-1", ignore_errors=True)

    def remembered(self) -> dict[Path, tuple[int, int]]:
        """Every record, and what changes when it is written anew."""
        return {path: (found.st_ino, found.st_mtime_ns) for path in self.records() for found in [path.stat()]}

    def everywhere(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
        recorded: bool = True,
        doors: Sequence[Door] = DOORS,
    ) -> Seen:
        """Cold and warm, by each door: one and the same is seen, and a warm start decides nothing."""
        seen: Seen | None = None
        for door in doors:
            self.forget()
            for times in ("cold", "warm"):
                before = self.remembered()
                now = self.see(*words, door=door, cwd=cwd, env=env, stdin=stdin)
                seen = seen or now
                assert now == seen, f"{door}, {times}"
                if recorded:
                    assert len(self.remembered()) == 1, f"{door}, {times}"
                    assert times == "cold" or self.remembered() == before, f"{door}, {times}: decided anew"
        assert seen is not None
        return seen

    def warm(self, *words: str | Path, door: Door = "head", cwd: Path | None = None) -> Seen:
        """Start until a record stands, and check that it serves."""
        first = self.see(*words, door=door, cwd=cwd)
        with self.undecided():
            assert self.see(*words, door=door, cwd=cwd) == first
        return first

    @contextmanager
    def undecided(self) -> Iterator[None]:
        """What happens here is all warm: no record is written."""
        before = self.remembered()
        assert before
        yield
        assert self.remembered() == before, "decided anew"
