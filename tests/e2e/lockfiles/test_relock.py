"""Lockfiles that were written here, at a start: stale, changed by somebody, half made."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.lockfiles.site import PLAIN, Site, versions
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


FILES = {"pylock": "pylock.s.toml", "uv": "s.py.uv.lock"}
BOTS = ({"CI": "1"}, {"SWARMING_BOT_ID": "b"}, {"SWARMING_HEADLESS": "1"})
each_format = pytest.mark.parametrize("kind", FILES)


@each_format
def test_a_stale_one_at_a_start(site: Site, kind: str) -> None:
    """An error on a bot; elsewhere it is brought up to date, with as little change as the spec allows."""
    path = site.lockfile(FILES[kind])
    site.script("a<2")
    site.locked("--format", kind)
    make_wheel(site.wheels, "b", "1.2")
    site.script("a<3", "a>=2")
    before = path.read_bytes()
    for words, env in ((("-vpython-locked",), {}), *(((), each) for each in BOTS)):
        done = site.run(*words, env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"vpython: {path} is not current: `a")
        assert done.stderr.endswith(
            f"\n\nhint: `vpython-tool lock {site.place / 's.py'}` brings it up to date;"
            " -vpython-frozen follows it as it is\n"
        )
        assert site.index.asked == []
    assert site.run("-vpython-frozen").stdout == "1.0 1.1\n"
    assert site.run("-vpython-tool", "explain").returncode == 0
    assert path.read_bytes() == before

    done = site.run()
    assert done.stdout == "2.0 1.1\n"
    assert done.stderr.startswith(f"vpython: `{path}` is not current (`a")
    assert done.stderr.endswith("): locked again: a 1.0 -> 2.0\n")
    assert done.stderr.count("\n") == 1
    assert list(versions(path)) == ["a 2.0", "b 1.1"]
    for env in ({}, {"CI": "1"}):
        done = site.run(env=env)
        assert (done.stdout, done.stderr) == ("2.0 1.1\n", "")


@each_format
def test_a_requirement_that_went(site: Site, kind: str) -> None:
    """What the spec asked for, and does not any more, makes a lockfile stale."""
    make_wheel(site.wheels, "c", "1.0")
    site.script("a", "c")
    site.locked("--format", kind)
    site.script("a")
    done = site.run("-vpython-locked")
    assert done.returncode == 2
    assert "is not current: `c` is only in it\n" in done.stderr
    assert site.run().stdout == "2.0 1.1\n"
    assert list(versions(site.lockfile(FILES[kind]))) == ["a 2.0", "b 1.1"]


def test_another_requires_python(site: Site) -> None:
    site.script("a")
    site.locked()
    site.script("a", python=">=3.10")
    done = site.run(env={"CI": "1"})
    assert done.returncode == 2
    assert "is not current: `requires-python` is `>=3.10`, in it `>=3.11`\n" in done.stderr
    site.script("a", python=">=3.11.0")
    assert site.run(env={"CI": "1"}).returncode == 0, "the same in another spelling"


def test_none_is_made_unasked(site: Site) -> None:
    site.script("a")
    assert site.run().stdout == "2.0 1.1\n"
    assert list(site.place.glob("*lock*")) == []


def test_one_that_cannot_be_brought_up_to_date(site: Site) -> None:
    """It stays as it is, and one line says why it is not followed."""
    site.script("a<2")
    site.locked()
    before = site.lockfile().read_bytes()
    site.script("a", python=">=3.10")
    site.index.requires = {"a-2.0-py3-none-any.whl": ">=3.11", "a-1.0-py3-none-any.whl": ">=3.11"}
    done = site.run()
    assert done.stdout == "2.0 1.1\n"
    assert f"vpython: `{site.lockfile()}` is not current (" in done.stderr
    assert "so it is not followed, and cannot be locked again: on Python 3.10: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert site.lockfile().read_bytes() == before


# What is changed, before and after; `{…}` are the values that the lockfile has.
PYLOCK_EDITS = [
    ("hash", "{a}", "{b}"),
    ("hash of nothing", "{a}", "f" * 64),
    ("no hash", 'hashes = {{sha256 = "{a}"}}', 'hashes = {{md5 = "00"}}'),
    ("name of a file", 'name = "a-2.0-py3-none-any.whl"', 'name = "a-1.0-py3-none-any.whl"'),
    ("platform of a file", 'name = "a-2.0-py3-none-any.whl"', 'name = "a-2.0-py3-none-win32.whl"'),
    ("url", "{url}", "{other}"),
    ("url elsewhere", "{url}", "{url}.gone"),
    ("version", 'version = "2.0"', 'version = "1.0"'),
    ("name", 'name = "b"', 'name = "c"'),
    ("twice", 'name = "b"\nversion = "1.1"', 'name = "a"\nversion = "2.0"'),
    # Behind what would find this file here, before what installs it: then nobody asks for its size.
    ("size", "size = {size}", "size = 1"),
    ("marker", 'name = "b"\n', 'name = "b"\nmarker = "sys_platform == \'win32\'"\n'),
    ("broken marker", 'name = "b"\n', 'name = "b"\nmarker = "no marker"\n'),
    ("requires-python", 'requires-python = ">=3.11"', 'requires-python = "<3"'),
    ("environments", "\n[[packages]]", "environments = [\"sys_platform == 'win32'\"]\n\n[[packages]]"),
    ("requirements", '    "a",', '    "a<2",'),
    ("version of the format", 'lock-version = "1.0"', 'lock-version = "2.0"'),
    ("end", "[tool.vpython]", "[tool.vpython"),
]
UV_EDITS = [
    ("hash", "{a}", "{b}"),
    ("no hash", " \\\n    --hash=sha256:{a}", ""),
    ("long hash", "{a}", "{a}0"),
    ("version", "a==2.0", "a==1.0"),
    ("range", "a==2.0", "a>=2.0"),
    ("name", "b==1.1", "c==1.1"),
    ("twice", "b==1.1", "a==1.0"),
    ("marker", "b==1.1", "b==1.1 ; sys_platform == 'win32'"),
    ("broken marker", "b==1.1", "b==1.1 ; no marker"),
    ("option", "b==1.1", "-e .\nb==1.1"),
]


@pytest.mark.parametrize(("kind", "edits"), [("pylock", PYLOCK_EDITS), ("uv", UV_EDITS)])
def test_tampered_with(site: Site, kind: str, edits: Sequence[tuple[str, str, str]]) -> None:
    """Each value changed alone: refused in one line, or what it says now is done, which breaks the script."""
    wheel = site.wheels / "a-2.0-py3-none-any.whl"
    values = {
        "a": site.sha256(wheel.name),
        "b": site.sha256("b-1.1-py3-none-any.whl"),
        "url": site.url(wheel.name),
        "other": site.url("a-1.0-py3-none-any.whl"),
        "size": wheel.stat().st_size,
    }
    path = site.lockfile(FILES[kind])
    site.script("a")
    site.locked("--format", kind)
    text = path.read_text()
    for what, before, after in edits:
        old, new = before.format(**values), after.format(**values)
        assert text.count(old) >= 1, what
        path.write_text(text.replace(old, new, 1))
        done = site.run(env={"CI": "1"})
        assert done.returncode in (1, 2), what
        assert done.stdout == "", what
        if what == "marker":
            assert "ModuleNotFoundError" in done.stderr, what
        else:
            assert done.stderr.startswith("vpython: "), what
    path.write_text(text)
    assert site.run(env={"CI": "1"}).stdout == "2.0 1.1\n"


def kill_while_it_locks(site: Site, moment: Callable[[], bool]) -> bool:
    """Kill vpython and its children at a moment of `lock -U`; return whether it came before the end."""
    argv = [str(site.harness.file), "-vpython-source", f"index:{site.index.url}", "-vpython-tool", "lock"]
    running = subprocess.Popen(
        [*argv, "-U", "s.py"],
        cwd=site.place,
        env=site.harness.surroundings(PLAIN),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    in_time = False
    while running.poll() is None and not in_time:
        time.sleep(0.002)
        if in_time := moment():
            os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return in_time


def test_killed_while_it_asks_the_index(site: Site) -> None:
    """Nothing has been written by then, and the next run makes the new lockfile."""
    path = site.lockfile()
    site.script("a")
    site.locked()
    old = path.read_bytes()
    make_wheel(site.wheels, "b", "1.2")
    released = threading.Event()

    def wait(_: object) -> None:
        released.wait(60)

    site.index.before = wait
    site.index.asked.clear()
    assert kill_while_it_locks(site, lambda: bool(site.index.asked))
    released.set()
    assert path.read_bytes() == old
    assert list(site.place.glob("*.new")) == []
    assert site.locked("-U")["changed"]
    assert path.read_bytes() != old


def test_killed_while_it_writes(site: Site) -> None:
    """The old lockfile is there whole, or the new one."""
    path = site.lockfile()
    site.script("a")
    site.locked()
    old = path.read_bytes()
    make_wheel(site.wheels, "b", "1.2")

    def is_writing() -> bool:
        return any(name.endswith(".new") for name in os.listdir(site.place)) or path.read_bytes() != old

    kill_while_it_locks(site, is_writing)
    found = path.read_bytes()
    site.locked("-U")
    assert found in (old, path.read_bytes())
    assert list(versions(path)) == ["a 2.0", "b 1.2"]
