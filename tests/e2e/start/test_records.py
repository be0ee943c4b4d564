"""Records: what is written is what readers read; what holds is what is so; a spoilt one is done without."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import DOORS
from vpy.environment import hook, record
from vpy.model import Observation
from vpy.prune import records
from vpy.spec.look import is_link_loop
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.model import ObservationKind

FIELDS: dict[ObservationKind, int] = {
    "no-file": 1, "absent": 1, "exists": 1, "content": 2, "same": 2, "real": 2, "variable": 2, "unset": 1,
    "command": 2, "listing": 2, "signature": 5, "until": 1,
}  # fmt: skip
# Any bytes that a name can have, and two that it cannot.
NAMES = st.one_of(
    st.binary(max_size=12), st.text(max_size=12).map(lambda text: text.encode("utf-8", "ignore"))
)
TEXTS = NAMES.map(os.fsdecode)
# What a path can be: without a NUL, which is taken out of the bytes so that they still decode to the text.
PATHS = NAMES.map(lambda name: os.fsdecode(name.replace(b"\0", b"")))


@st.composite
def any_rows(draw: st.DrawFn) -> list[Observation]:
    """Rows of each kind, the fields of which are any text."""
    rows = []
    for kind in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=6)):
        fields = [draw(TEXTS) for _ in range(FIELDS[kind])]
        if kind == "content":
            fields[1] = draw(st.binary(max_size=30)).decode("latin-1")
        rows.append(Observation(kind=kind, fields=tuple(fields)))
    return rows


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as top:
        yield os.path.realpath(top)


def read_by_a_shell(path: str) -> list[bytes]:
    """The two lines that the head reads, and how."""
    words = '{ IFS= read -r a && IFS= read -r b; } <"$1"; printf "%s\\n%s" "$a" "$b"'
    done = subprocess.run(["/bin/sh", "-c", words, "sh", path], capture_output=True, check=True)
    return done.stdout.split(b"\n")


SECRET = "https://user:secret@one.example/simple"


@pytest.mark.parametrize("kind", ["content", "variable"])
def test_no_password_is_written_and_all_else_is_compared(
    kind: ObservationKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, layout, file = tmp_path / "record", Layout(str(tmp_path / "root")), tmp_path / "pip.conf"
    name = "PIP_INDEX_URL" if kind == "variable" else str(file)

    def put(text: str) -> None:
        file.write_text(text)
        monkeypatch.setenv("PIP_INDEX_URL", text)

    put(SECRET)
    assert record.write(str(path), "environment", "landmark", [Observation(kind, (name, SECRET))], layout)
    written = [each for each in tmp_path.rglob("*") if each.is_file() and each != file]
    assert written
    assert not any(b"secret" in each.read_bytes() or b"user" in each.read_bytes() for each in written)
    for text, holds in {
        SECRET: True,
        SECRET.replace("secret", "another"): True,
        SECRET.replace("user:secret@", ""): True,
        SECRET.replace("one", "two"): False,
        SECRET.replace("https", "http"): False,
        SECRET + "/": False,
        "": False,
    }.items():
        put(text)
        assert hook.holds(str(path), None, "environment") is holds, text
    monkeypatch.delenv("PIP_INDEX_URL")
    file.unlink()
    assert not hook.holds(str(path), None, "environment")


def test_what_may_be_a_password_or_two_texts_has_no_record(tmp_path: Path) -> None:
    rows = [Observation("content", ("pip.conf", '["https://one","a@b"]'))]
    assert not record.write(str(tmp_path / "record"), "e", "l", rows, Layout(str(tmp_path / "root")))


@settings(max_examples=150, deadline=None)
@given(any_rows(), PATHS, PATHS)
def test_what_is_written_is_what_is_read(
    place: str, rows: list[Observation], environment: str, landmark: str
) -> None:
    path, layout = f"{place}/record", Layout(f"{place}/root")
    record.remove(path)
    told = [environment, landmark]
    for row in rows:
        told += row.fields[:1] if row.kind == "content" else row.fields
    plain = not any("\n" in text for text in told) and not any("\0" in text for text in told)
    assert record.write(path, environment, landmark, rows, layout) == plain == os.path.exists(path)
    if not plain:
        return
    assert record.read(path) == (environment, landmark)
    assert read_by_a_shell(path) == [os.fsencode(environment), os.fsencode(landmark)]
    seen: list[Observation] = []
    copies: set[str] = set()

    def check(kind: ObservationKind, *fields: bytes) -> bool:
        texts = [os.fsdecode(field) for field in fields]
        if kind == "content":
            copies.add(os.path.basename(texts[1]))
            texts[1] = Path(texts[1]).read_bytes().decode("latin-1")
        seen.append(Observation(kind=kind, fields=tuple(texts)))
        return True

    with pytest.MonkeyPatch.context() as patch:
        for kind in FIELDS:
            patch.setitem(hook.CHECKS, kind.encode(), lambda _, *fields, kind=kind: check(kind, *fields))
        bare = {b"content-without-passwords", b"variable-without-passwords"}
        assert set(hook.CHECKS) == bare | {kind.encode() for kind in FIELDS}
        assert hook.holds(path, None, environment)
        assert seen == list(dict.fromkeys(rows))
        assert not hook.holds(path, None, environment + "2")
    assert records.copies_of(Path(path).read_bytes().split(b"\n")) == copies


PLACES = ("a", "b", "c/a", "c", "l", "m", "bin/x", "bin/y", "none/x")
THINGS = st.sampled_from(["", "text", "other", "/", "->a", "->c", "->none", "!"])


def plant(top: str, things: dict[str, str]) -> None:
    """A little tree: files, some of them executable, directories, links."""
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(f"{top}/bin")
    for name, thing in things.items():
        path = Path(top, name)
        if path.parent.is_dir() and not path.is_dir():
            if thing == "/":
                path.mkdir()
            elif thing.startswith("->"):
                path.symlink_to(Path(top, thing[2:]))
            else:
                path.write_text(thing)
                path.chmod(0o755 if thing == "!" else 0o644)


def some_row(chance: random.Random, top: str) -> tuple[Observation, bool]:
    """A row about the tree, and whether it is true of it."""
    kind = chance.choice(sorted(FIELDS))
    path, other = (Path(top, chance.choice(PLACES)) for _ in range(2))
    name, text = chance.choice(["VPT_SET", "VPT_EMPTY", "VPT_NOT"]), chance.choice(["", "1", "2"])
    found = path.stat() if path.exists() else None
    if kind in ("no-file", "absent", "exists"):
        none = not path.is_file() and not is_link_loop(str(path))
        true = {"no-file": none, "absent": found is None, "exists": found is not None}[kind]
        return Observation(kind=kind, fields=(str(path),)), true
    if kind == "content":
        return Observation(kind=kind, fields=(str(path), text)), path.is_file() and path.read_text() == text
    if kind == "same":
        true = found is not None and other.exists() and path.samefile(other)
        return Observation(kind=kind, fields=(str(path), str(other))), true
    if kind == "real":
        return Observation(kind=kind, fields=(str(path), str(other))), os.path.realpath(path) == str(other)
    if kind == "variable":
        return Observation(kind=kind, fields=(name, text)), os.environ.get(name) == text
    if kind == "unset":
        return Observation(kind=kind, fields=(name,)), name not in os.environ
    if kind == "command":
        command = shutil.which(path.name, path=f"{top}/none:{top}/bin:{top}") or ""
        result = chance.choice([command, str(path)])
        return Observation(kind=kind, fields=(path.name, result)), result == command
    if kind == "until":
        ahead = chance.choice([-60, 60])
        return Observation(kind=kind, fields=(str(int(time.time()) + ahead),)), ahead > 0
    told = [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns] if found else [0] * 4
    at = chance.randrange(5)
    if kind == "listing":
        at, told = min(at, 1), told[1:2]
    if at < len(told):
        told[at] += 1
    return Observation(kind=kind, fields=(str(path), *map(str, told))), found is not None and at >= len(told)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), THINGS), st.randoms(use_true_random=False))
def test_what_holds_is_what_is_so(place: str, things: dict[str, str], chance: random.Random) -> None:
    top = f"{place}/tree"
    plant(top, things)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VPT_SET", "1")
        patch.setenv("VPT_EMPTY", "")
        for _ in range(6):
            rows = [some_row(chance, top) for _ in range(chance.choice([1, 1, 2, 3]))]
            told = [row for row, _ in rows]
            if record.write(f"{place}/record", "E", "L", told, Layout(f"{place}/root")):
                path = f"{top}/none:{top}/bin:{top}"
                assert hook.holds(f"{place}/record", path, "E") == all(true for _, true in rows), rows


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """A record as a failing disk, another program or a careless hand may leave it."""
    lines = data.split(b"\n")
    at, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    number = chance.randrange(len(lines))
    junk = chance.choice([b"\n", b"\0", b"\r", b"end\n", b"\xff", b"../", b"0", b"content\0", b"A" * 40])
    return chance.choice(
        [
            data[:at],
            data[other:],
            data[:at] + data[other:],
            data[:at] + junk + data[at:],
            data[:at] + data[at:other] * 2 + data[other:],
            data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
            data[:at] + bytes(other - at) + data[other:],
            b"\n".join([*lines[:number], *lines[number + 1 :]]),
            b"\n".join([*lines[:number], junk, *lines[number:]]),
            b"\n".join(chance.sample(lines, len(lines))),
            data.replace(b"\n", b"\r\n"),
            b"",
            b"\n" * 50,
            chance.randbytes(4000),
        ]
    )


def spoil(stage: Stage, times: int, seed: int) -> None:
    """Start so often over a spoilt record: each runs what it should."""
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    assert stage.warm(script) == (0, "one\n", "")
    (path,) = stage.records()
    chance = random.Random(seed)
    for number in range(times):
        stage.see(script)
        data = path.read_bytes()
        bad = spoilt(data, chance)
        path.write_bytes(bad)
        seen = stage.see(script, door=DOORS[number % 2])
        # Only where the second line, what the Python has, is another, is there something to say.
        said = re.sub(r"^vpython: the Python of `[^`\n]+` no longer exists: choosing another\n", "", seen[2])
        told = f"seed {seed}, number {number}: {bad!r}"
        assert (*seen[:2], said) == (0, "one\n", ""), told
        assert not seen[2] or bad.split(b"\n")[1] != data.split(b"\n")[1], told


def own_root(stage: Stage, tmp_path: Path) -> Stage:
    made = Stage(stage.yard, tmp_path / "own", root=tmp_path / "own-root")
    made.seed()
    return made


def test_a_spoilt_record_is_done_without(stage: Stage, tmp_path: Path) -> None:
    spoil(own_root(stage, tmp_path), 40, 1)


@pytest.mark.long
def test_300_spoilt_records(stage: Stage, tmp_path: Path) -> None:
    spoil(own_root(stage, tmp_path), 300, 2)


@pytest.mark.parametrize("kind", ["a directory", "a looping link", "unreadable"])
def test_what_is_no_record(stage: Stage, tmp_path: Path, kind: str) -> None:
    """In a record's place is something that cannot be read as one."""
    stage = own_root(stage, tmp_path)
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.warm(script)
    (path,) = stage.records()
    path.unlink()
    if kind == "a directory":
        path.mkdir()
    elif kind == "a looping link":
        path.symlink_to(path.name)
    else:
        path.touch(0)
    for door in DOORS:
        assert stage.see(script, door=door) == (0, "one\n", "")


def test_a_record_that_was_written_anew_between_the_door_and_the_hook(stage: Stage, tmp_path: Path) -> None:
    """The door has read that it is for one environment; when the hook reads it, it is for another."""
    stage = own_root(stage, tmp_path)
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    assert stage.warm(script) == (0, "one\n", "")
    (path,) = stage.records()
    environment = path.read_text().splitlines()[0]
    stage.put("s.py.vpython3", spec("two"))
    assert stage.warm(script) == (0, "two\n", "")
    done = subprocess.run(
        [f"{environment}/bin/python", "-s", script],
        env=stage.surroundings(
            {
                "PATH": f"{environment}/bin:{stage.environ['PATH']}",
                "VPYTHON_RECORD": f"+{stage.file}\n/bin/sh\n{path}",
            }
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("two\n", "")
