"""Anything may stand in any file of a root: a start mends it or names it, and `doctor` always answers."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.support.harness import settled
from tests.support.notes import noting
from vpy.system import sealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JUNK = [
    b"", b"\0", bytes(300), b"null", b"[]", b"{}", b"1", b'"x"', b"true", b"1e999", b"[" * 100_000, b'{"a":"',
    b"\xff\xfe\n\xff", b"\xed\xa0\x80", b"9" * 5000, b"\n" * 20, b"\x80" * 50 + b"\n", b'"\\ud800"',
    b"x y z\n= = =\n\0=\0\n",
]  # fmt: skip
OTHERS: list[Any] = [
    None,
    True,
    -1,
    1e308,
    "",
    "\0",
    "a\nb",
    "\ud800",
    [],
    {},
    [None],
    {"a": None},
    "x" * 70_000,
]
# Python's own start reads these before any code of ours could look, and a module's contents are not
# looked at by a start: `doctor` mends both.
UNSEEN = re.compile(r"environments-1/[^/]+/(pyvenv\.cfg$|lib/)|wheels-1/[^/]+/[^/]+/tree/lib/.*/(?!RECORD)")


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, by the keys that lead there; of a list the first two."""
    yield before
    keys = value if isinstance(value, dict) else range(min(len(value), 2)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*before, key))


def with_other(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    copy = json.loads(json.dumps(value))
    if not place:
        return other
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = other
    return copy


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Other bytes for a file: junk, a byte turned, or, of JSON, a value of another type, sealed or not."""
    try:
        value = json.loads(data.partition(b"\n")[0] if data.count(b"\n") == 2 else data)
    except ValueError:
        value = None
    if isinstance(value, dict) and chance.random() < 0.7:
        other = with_other(value, chance.choice(list(places(value))), chance.choice(OTHERS))
        return json.dumps(other).encode()
    at = chance.randrange(len(data) or 1)
    turned = [data[:at], data[:at] + b"\0" + data[at + 1 :], data[:at] + b"\xff" + data[at:]]
    return chance.choice([*JUNK, *turned])


class Spoilt:
    """A warm root, copied aside, of which one file at a time is spoilt."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.good()
        ground.good()
        settled(ground.root)
        self.aside = ground.place / "aside"
        shutil.copytree(ground.root, self.aside, symlinks=True, ignore=shutil.ignore_patterns("app-1"))
        self.paths = [path for path in self._files() if path.stat().st_size]

    def _files(self) -> list[Path]:
        found = [path for path in self.ground.root.rglob("*") if path.is_file() and not path.is_symlink()]
        return sorted(
            path for path in found if "app-1" not in path.parts or path.name in ("complete", "python")
        )

    def restore(self) -> None:
        for path in self.ground.root.iterdir():
            if path.name != "app-1":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        subprocess.run(["cp", "-a", f"{self.aside}/.", str(self.ground.root)], check=True)

    def see(self, number: int, path: Path, data: bytes) -> None:
        self.restore()
        mode = path.stat().st_mode
        path.chmod(0o600)
        path.write_bytes(data)
        path.chmod(mode)
        name = path.relative_to(self.ground.root).as_posix()
        if number % 2:  # the long way
            shutil.rmtree(self.ground.root / "records-1")
        with noting(f"{number=}, {name}: {data[:300]!r}"):
            self._start_and_examine(number, name)

    def _start_and_examine(self, number: int, name: str) -> None:
        if number % 3 == 0:
            self.doctor()
        elif not UNSEEN.match(name):
            self.good(quiet=False)
            self.good()
        self.doctor("--fix")
        code, out, err = self.ground.see("-vpython-tool", "doctor")
        assert (code, out) == (0, ""), err
        self.good(quiet=False)
        for words in (["prune"], ["explain"]):
            code, _, err = self.ground.see("-vpython-tool", *words)
            unmarked = (
                "" if name != "CACHEDIR.TAG" else f"vpython: the root `{self.ground.root}` is not vpython"
            )
            assert code == 0
            assert not err or (unmarked and err.startswith(unmarked)), err
        self.good()

    def good(self, *, quiet: bool = True) -> None:
        code, out, err = self.ground.see()
        assert (code, out.split()[1:]) == (0, list(WHEELS)), err
        assert all(line.startswith("vpython: ") for line in err.splitlines()), err
        assert not (quiet and err), err

    def doctor(self, *words: str) -> None:
        code, _, err = self.ground.see("-vpython-tool", "doctor", *words)
        assert code in (0, 1)
        assert "vpython: checked " in err
        assert "internal error" not in err
        assert "Traceback" not in err


def spoil(ground: Ground, times: int, seed: int) -> None:
    root, chance = Spoilt(ground), random.Random(seed)
    rooms: dict[str, list[Path]] = {}
    for path in root.paths:
        rooms.setdefault(f"{path.relative_to(ground.root).parts[0]} {path.suffix}", []).append(path)
    for number in range(times):
        path = chance.choice(rooms[sorted(rooms)[number % len(rooms)]])
        data = (
            root.aside / path.relative_to(ground.root) if "app-1" not in path.parts else path
        ).read_bytes()
        root.see(number, path, spoilt(data, chance))


@pytest.mark.parametrize("times", [2, pytest.param(8, marks=pytest.mark.thorough)])
def test_a_spoilt_file(ground: Ground, times: int) -> None:
    spoil(ground, times, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_100_spoilt_files(ground: Ground, seed: int) -> None:
    spoil(ground, 100, seed)


@pytest.mark.parametrize("data", [*JUNK, b"{}\n" + b"0" * 64 + b"\n", sealed.dump({})[:-1]])
def test_what_is_not_as_it_was_sealed(data: bytes) -> None:
    with pytest.raises(ValueError, match="it has changed since it was written"):
        sealed.load(data)
    assert sealed.load(sealed.dump({"a": ["\ud800", 1]})) == {"a": ["\ud800", 1]}
