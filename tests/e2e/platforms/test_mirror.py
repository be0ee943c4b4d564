"""`mirror`: a directory from which the specs start, from each source; again, interrupted, and with faults."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.platforms.conftest import PREFIX, Yard
from tests.support.wheelmaker import make_wheel
from vpy.packages.cipd.names import instance_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.cipd.server import Service
    from tests.packages.conftest import SimpleIndex

EVERY = pytest.mark.parametrize("source", ["directory", "cipd", "index"], indirect=True)
EVERY_ONCE_MORE = pytest.mark.parametrize(
    "source", ["directory", "cipd", pytest.param("index", marks=pytest.mark.thorough)], indirect=True
)
NATIVE = ("native/${vpython_platform}", "2.0")


def tree(place: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and the time of its last change."""
    return {
        str(path.relative_to(place)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def start(yard: Yard, source: str, project: str = "pure") -> str:
    """Run a script that the spec `s.py.vpython3` is for, in a root of its own; what it prints."""
    script = yard.place / "s.py"
    script.write_text(f"import {project}\nprint({project}.VERSION)\n")
    root = str(yard.place / f"root-{time.monotonic_ns()}")
    done = yard.harness.run("-vpython-source", source, script, env={"VPYTHON_VIRTUALENV_ROOT": root})
    assert done.returncode == 0, done.stderr
    return done.stdout


@EVERY
def test_a_spec_starts_from_its_mirror(yard: Yard, source: str) -> None:
    spec = yard.spec(("pure-py3", "1.0"), NATIVE)
    mirror = yard.place / "mirror"
    done = yard.tool(source, "mirror", spec, "-o", mirror)
    assert (done.returncode, done.stderr) == (0, "")
    names = {line.partition(":")[0] for line in done.stdout.splitlines()}
    natives = {
        f"{PREFIX}native/{p}_cp311_cp311"
        for p in ("linux-amd64", "linux-arm64", "mac-arm64", "windows-amd64")
    }
    assert names == {f"{PREFIX}pure-py3", *natives}
    for line in done.stdout.splitlines():
        name, _, found = line.partition(":")
        assert (mirror / name / "+" / found).stat().st_mode & 0o777 == 0o444
    verified = yard.tool(f"directory:{mirror}", "verify", spec)
    assert (verified.returncode, verified.stderr) == (0, "")
    yard.spec(("pure-py3", "1.0"), name="s.py.vpython3")
    assert start(yard, f"directory:{mirror}") == "1.0\n"
    before = tree(mirror)
    again = yard.tool(source, "mirror", spec, "-o", mirror)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert tree(mirror) == before


@EVERY_ONCE_MORE
def test_more_is_added(yard: Yard, source: str) -> None:
    mirror = yard.place / "mirror"
    yard.tool(source, "mirror", yard.spec(("pure-py3", "1.0")), "-o", mirror)
    before = {path: data for path, (data, _) in tree(mirror).items() if not path.endswith(".json")}
    second = yard.spec(("pure-py3", "1.1"), name="second.vpython3")
    third = yard.spec(NATIVE, name="third.vpython3")
    done = yard.tool(source, "mirror", second, f"-o={mirror}", third)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 5)
    after = {path: data for path, (data, _) in tree(mirror).items()}
    assert before.items() <= after.items()
    done = yard.tool(f"directory:{mirror}", "verify", yard.spec(("pure-py3", "1.0")), second, third)
    assert (done.returncode, done.stderr) == (0, "")


@EVERY_ONCE_MORE
def test_what_is_missing_is_told_at_the_end(yard: Yard, source: str) -> None:
    mirror = yard.place / "mirror"
    spec = yard.spec(("pure-py3", "1.0"), ("pure-py3", "9"), more='match_tag: < platform: "win_amd64" >')
    text = spec.read_text().replace('"version:1.0" match_tag: < platform: "win_amd64" >', '"version:1.0"'
        ' not_match_tag: < platform: "win_amd64" >')  # fmt: skip
    spec.write_text(text)
    done = yard.tool(source, "mirror", spec, "-o", mirror)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [f"{PREFIX}pure-py3"]
    assert done.stderr.startswith(f"vpython: `{PREFIX}pure-py3` version:9, on windows-amd64 cp311: ")


def test_the_same_bytes_and_refs_from_the_service(yard: Yard, service: Service) -> None:
    yard.fill(service)
    name = f"{PREFIX}pure-py3"
    first, second = service.instances[name]
    service.refs[name, "stable"] = first
    spec = yard.spec(("pure-py3", "1.1"))
    spec.write_text(spec.read_text().replace("version:1.1", "stable"))
    byte_for_byte = yard.spec(("pure-py3", "1.1"), name="id.vpython3")
    byte_for_byte.write_text(byte_for_byte.read_text().replace("version:1.1", second))
    mirror = yard.place / "mirror"
    source = f"cipd:{service.rpc_url}"
    done = yard.tool(source, "mirror", spec, byte_for_byte, "-o", mirror)
    assert (done.returncode, sorted(done.stdout.split())) == (
        0,
        sorted([f"{name}:{first}", f"{name}:{second}"]),
    )
    for each in (first, second):
        assert (mirror / name / "+" / each).read_bytes() == service.instances[name][each]
    done = yard.tool(f"directory:{mirror}", "verify", spec, byte_for_byte)
    assert (done.returncode, done.stderr) == (0, "")
    service.refs[name, "stable"] = second
    yard.harness.root.rename(yard.place / "old-root")
    assert yard.tool(source, "mirror", spec, "-o", mirror).stdout == f"{name}:{second}\n"


def test_one_name_for_wheels_of_several_platforms(
    yard: Yard, simple_index: Callable[[str], SimpleIndex]
) -> None:
    """A package called as one for all holds them all; the next spec's platforms join in."""
    source = f"index:{simple_index('wheels').url}"
    mirror = yard.place / "mirror"
    linux = yard.spec(("native-py3", "2.0"), tags=("manylinux1_x86_64",), name="linux.vpython3")
    windows = yard.spec(("native-py3", "2.0"), tags=("win_amd64",), name="windows.vpython3")
    for spec in (linux, windows):
        assert yard.tool(source, "mirror", spec, "-o", mirror).returncode == 0
    done = yard.tool(f"directory:{mirror}", "verify", linux, windows)
    assert (done.returncode, done.stderr) == (0, "")
    before = tree(mirror)
    assert yard.tool(source, "mirror", windows, linux, "-o", mirror).returncode == 0
    assert tree(mirror) == before


def test_requirements_become_an_index(yard: Yard, simple_index: Callable[[str], SimpleIndex]) -> None:
    make_wheel(yard.wheels, "above", "1.0", requires=('pure<1.1; sys_platform == "linux"', "pure"))
    script = yard.place / "s.py"
    script.write_text(
        '# /// script\n# dependencies = ["above"]\n# [tool.vpython]\n'
        '# verify-platforms = ["linux-amd64", "mac-arm64"]\n# ///\nimport pure\nprint(pure.VERSION)\n'
    )
    mirror = yard.place / "mirror"
    done = yard.tool(f"index:{simple_index('wheels').url}", "mirror", script, "-o", mirror)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == [
        "above-1.0-py3-none-any.whl", "pure-1.0-py3-none-any.whl", "pure-1.1-py3-none-any.whl",
    ]  # fmt: skip
    served = simple_index("mirror")
    served.answer = lambda path: _page_of(mirror, path)  # type: ignore[method-assign]
    for source in (f"index:{served.url}", f"index:file://{mirror}/simple"):
        root = str(yard.place / f"root-{time.monotonic_ns()}")
        done = yard.harness.run("-vpython-source", source, script, env={"VPYTHON_VIRTUALENV_ROOT": root})
        assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    before = tree(mirror)
    assert yard.tool(f"index:file://{mirror}/simple", "mirror", script, "-o", mirror).stdout == ""
    assert tree(mirror) == before


def _page_of(mirror: Path, path: str) -> tuple[int, str, bytes]:
    file = mirror / path.lstrip("/")
    file = file / "index.html" if file.is_dir() else file
    if not file.is_file():
        return 404, "text/plain", b"no"
    return 200, "text/html" if file.suffix == ".html" else "application/octet-stream", file.read_bytes()


def test_killed_at_any_time_it_goes_on(yard: Yard, service: Service) -> None:
    """What is named is whole after each kill, and the next run brings the rest."""
    yard.fill(service)
    spec = yard.spec(("pure-py3", "1.0"), NATIVE)
    mirror = yard.place / "mirror"
    source = f"cipd:{service.rpc_url}"
    for number in range(8):
        with subprocess.Popen(
            [yard.harness.file, "-vpython-source", source, "-vpython-tool", "mirror", spec, "-o", mirror],
            env=yard.harness.surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as child:  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.2 * number)
            child.send_signal(signal.SIGKILL)
        _all_that_is_named_is_whole(mirror)
    assert yard.tool(source, "mirror", spec, "-o", mirror).returncode == 0
    assert _all_that_is_named_is_whole(mirror) == 5
    assert list(mirror.rglob(".new-*")) == []
    assert yard.tool(f"directory:{mirror}", "verify", spec).returncode == 0


def _all_that_is_named_is_whole(mirror: Path) -> int:
    """Check each file with a final name, and that each id in a `versions.json` has one; their number."""
    count = 0
    for listed in mirror.rglob("versions.json"):
        for ids in json.loads(listed.read_text())["tags"].values():
            assert all((listed.parent / each).is_file() for each in ids)
        for path in listed.parent.iterdir():
            if path.is_file() and path != listed and not path.name.startswith(".new-"):
                assert path.name == instance_id(hashlib.sha256(path.read_bytes()).digest())
                count += 1
    return count


def test_what_a_killed_run_left_is_gone_after_the_next(yard: Yard) -> None:
    source = yard.pack()
    mirror = yard.place / "mirror"
    spec = yard.spec(("pure-py3", "1.0"))
    assert yard.tool(source, "mirror", spec, "-o", mirror).returncode == 0
    place = mirror / PREFIX / "pure-py3" / "+"
    half = [directory / ".new-half" for directory in (mirror, place)]
    for each in half:
        each.mkdir()
        (each / "package").write_bytes(b"half")
    # Somebody else writes to this directory: they are waited for.
    writer = os.open(place, os.O_RDONLY)
    fcntl.flock(writer, fcntl.LOCK_EX)
    with subprocess.Popen(
        [yard.harness.file, "-vpython-source", source, "-vpython-tool", "mirror", spec, "-o", mirror],
        env=yard.harness.surroundings(), stdout=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3)
        assert all(each.exists() for each in half)
        os.close(writer)
        assert child.wait(60) == 0
    assert not any(each.exists() for each in half)


def test_bytes_that_went_bad_in_the_mirror_are_put_right(yard: Yard) -> None:
    source = yard.pack()
    mirror = yard.place / "mirror"
    spec = yard.spec(("pure-py3", "1.0"))
    (line,) = yard.tool(source, "mirror", spec, "-o", mirror).stdout.splitlines()
    name, _, found = line.partition(":")
    path = mirror / name / "+" / found
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(good[:-1] + b"x")
    assert yard.tool(source, "mirror", spec, "-o", mirror).returncode == 0
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("s.vpython3",), "`mirror` needs `--output DIR`"),
        (("s.vpython3", "-o", ""), "`mirror` needs `--output DIR`"),
        (("-o", "x", "-o", "y"), "option `--output` of `mirror` is given twice"),
        (("-o",), "option `--output` lacks its value"),
        (
            ("-x", "-o", "m"),
            "unknown option `-x` of `mirror`; `vpython-tool mirror --help` lists them",
        ),
        (("--out", "m"), "unknown option `--out` of `mirror`: did you mean `--output`?"),
        (("-vpython-spec", "x", "-o", "m"), "option `-vpython-spec` goes before `-vpython-tool`"),
    ],
)
def test_wrong_words(yard: Yard, words: tuple[str, ...], fact: str) -> None:
    yard.spec(("pure-py3", "1.0"))
    done = yard.tool("", "mirror", *words)
    assert (done.returncode, done.stderr) == (2, f"vpython: {fact}\n")


def test_a_mirror_can_be_read_by_others(yard: Yard) -> None:
    """By a web server that is another user, be the mirror empty or not."""
    source = yard.pack()
    for number, version in enumerate(("9", "1.0")):
        mirror = yard.place / f"mirror-{number}"
        spec = yard.spec(("pure-py3", version))
        command = 'umask 022; exec "$@"'
        words = ("-vpython-source", source, "-vpython-tool", "mirror", spec, "-o", mirror)
        done = yard.harness.run(*words, shell=("sh", "-c", command, "sh"))
        assert done.returncode == 1 - number, done.stderr
        for path in (mirror, *mirror.rglob("*")):
            assert path.stat().st_mode & 0o777 == (
                0o755 if path.is_dir() else 0o444 | path.stat().st_mode & 0o200
            )


def test_a_place_that_cannot_be_written(yard: Yard) -> None:
    source = yard.pack()
    (yard.place / "file").write_text("")
    done = yard.tool(source, "mirror", yard.spec(("pure-py3", "1.0")), "-o", "file")
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: cannot write `")
