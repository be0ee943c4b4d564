"""A place for one test in a root that all tests of the start share; starts cold and warm, by both doors."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.harness import BASE, BUILT, DOORS, Door, Harness, Seen
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PACKAGES = ("one", "two")

# Says which of the packages its environment holds.
WHICH = """
import importlib.util, sys
print(*[name for name in ("one", "two") if importlib.util.find_spec(name)] or ["bare"], *sys.argv[1:])
"""


__all__ = ["BASE", "DOORS", "WHICH", "Seen", "Stage", "Yard", "spec"]


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
        stage = Stage(self, place / "first")
        wheels = [make_wheel(place / "wheels", name) for name in PACKAGES]
        stage.pack(self.repository, *wheels)
        for names in ((), ("one",), ("two",)):
            stage.put("first.py.vpython3", spec(*names))
            assert stage.must(stage.put("first.py", WHICH)) == (" ".join(names) or "bare") + "\n"


class Stage(Harness):
    """Runs the built file in a directory of its own; the root is the yard's unless told otherwise."""

    def __init__(self, yard: Yard, place: Path, *, file: Path = BUILT, root: Path | None = None) -> None:
        place.mkdir(parents=True, exist_ok=True)
        super().__init__(place, file=file, root=root or yard.root)
        self.yard = yard
        self.work = place / "work"
        self.work.mkdir(exist_ok=True)
        self.use_base_python(yard.commands)
        self.use_packages(yard.repository)
        self.environ["PWD"] = str(self.work)

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
        done = self.run(
            *words, door=door, cwd=cwd, env={"PWD": str(cwd), **(env or {})}, stdin=stdin, shell=shell
        )
        return done.returncode, done.stdout, done.stderr

    def plain(self, *words: str | Path, cwd: Path | None = None, stdin: str = "") -> Seen:
        """The same words given to the base Python itself."""
        cwd = cwd or self.work
        done = self.run_command(BASE, "-s", *words, cwd=cwd, env={"PWD": str(cwd)}, stdin=stdin)
        return done.returncode, done.stdout, done.stderr

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
