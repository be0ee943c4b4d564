"""Repair: what a start heals by itself, what `doctor` finds and `--fix` mends, what is left alone."""

from __future__ import annotations

import contextlib
import marshal
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.support.harness import BASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
TAG = sys.implementation.cache_tag
SITE = f"lib/{VERSION}/site-packages"

LOST = [
    "bin",
    "bin/python",
    "lib",
    SITE,
    f"{SITE}/00_vpython.pth",
    f"{SITE}/two",
    f"{SITE}/three-1.0.dist-info",
    "pyvenv.cfg",
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Ground:
    return Ground(tmp_path_factory.mktemp("repair"), repository)


@pytest.fixture
def standing(shared: Ground) -> tuple[Ground, Path]:
    """A root whose environment is warm, and the environment."""
    shared.good()
    return shared, shared.good()


@contextlib.contextmanager
def running(ground: Ground, environment: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the environment that prints `one` and `True` when it is told to."""
    code = "import sys, one; print(flush=True); sys.stdin.read(); import two.deep; print(two.NAME)"
    with subprocess.Popen(
        [environment / "bin" / "python", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ground.surroundings(),
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        if child.poll() is None:
            assert child.communicate("", timeout=20)[0] == "two\n"
            assert child.returncode == 0


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize(("number", "lost"), list(enumerate(LOST)))
def test_the_next_start_heals(standing: tuple[Ground, Path], number: int, lost: str) -> None:
    ground, environment = standing
    remove(environment / lost)
    done = ground.run(ground.script, door="python" if number % 2 else "head")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(environment), *WHEELS]
    told = re.fullmatch(
        rf"vpython: the environment `{environment}` has lost `([^`]+)`: making it again\n", done.stderr
    )
    assert told, done.stderr
    assert told[1].startswith(lost)
    assert ground.good() == environment
    assert ground.leftovers() == []


def test_a_lost_lock_file(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    lock = ground.root / "locks" / f"environment-{environment.name}"
    lock.unlink()
    assert ground.good(said=f"vpython: the lock file `{lock}` was missing: making it again\n") == environment
    assert lock.exists()
    ground.good()


def test_a_lost_mark_is_put_back_under_running_processes(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    before = environment.stat().st_ino
    with running(ground, environment):
        (environment / "complete").unlink()
        assert ground.good() == environment
    assert ground.good() == environment
    assert environment.stat().st_ino == before


def test_a_damaged_environment_in_use_is_left_to_its_processes(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    with running(ground, environment):
        (environment / "pyvenv.cfg").unlink()
        code, out, err = ground.see()
        assert (code, out) == (1, "")
        assert f"vpython: the environment `{environment}` is damaged and still in use\n" in err
    ground.see()
    assert ground.good() == environment


def test_a_half_deleted_environment(standing: tuple[Ground, Path]) -> None:
    """As somebody's own cleaning leaves it: every other file is gone."""
    ground, environment = standing
    files = sorted(path for path in environment.rglob("*") if not path.is_dir() or path.is_symlink())
    for path in files[::2]:
        path.unlink()
    code, out, _ = ground.see()
    assert (code, out.split()) == (0, [str(environment), *WHEELS])
    ground.good()
    assert ground.doctor() == (0, [])


def test_a_dead_base_python(tmp_path: Path, repository: Path) -> None:
    ground = Ground(tmp_path, repository)
    base = tmp_path / "base" / "bin" / VERSION
    base.parent.mkdir(parents=True)
    shutil.copy2(BASE, base)
    python = ground.commands / "python3"
    python.unlink()
    python.symlink_to(base)
    first = ground.good()
    assert ground.good() == first
    base.unlink()
    python.unlink()
    python.symlink_to(BASE)
    second = ground.good(said=f"vpython: the Python of `{first}` no longer exists: choosing another\n")
    assert second != first
    assert ground.good() == second
    assert ground.doctor() == (1, [f"environments-1/{first.name}/its Python: no longer exists: `{base}`"])
    code, lines = ground.doctor("--fix")
    assert code == 0
    assert lines[-1] == f"environments-1/{first.name}: removed; the next start chooses another Python"
    assert ground.doctor() == (0, [])
    assert ground.good() == second


def test_a_package_that_went_bad_is_fetched_again(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    package = stored(ground, "packages-1/*")
    package.chmod(0o644)
    same_size(package)
    package.chmod(0o444)
    for room in ("environments-1", "wheels-1", "records-1"):
        shutil.rmtree(ground.root / room)
    assert ground.good() == environment
    assert ground.doctor() == (0, [])


def test_a_stored_wheel_that_went_bad_is_installed_again(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    remove(stored(ground, f"wheels-1/*/*/tree/{SITE}/two/__init__.py"))
    for room in ("environments-1", "records-1"):
        shutil.rmtree(ground.root / room)
    assert ground.good() == environment
    assert ground.doctor() == (0, [])


@pytest.mark.parametrize("name", [f"{SITE}/two/__init__.py", "bin/two-command", f"{SITE}/_vpython_start.py"])
def test_what_was_written_through_a_link_is_in_no_later_environment(
    standing: tuple[Ground, Path], name: str
) -> None:
    """In a file that environments share: size and time are as before."""
    ground, environment = standing
    right = (environment / name).read_bytes()
    same_size(environment / name)
    script = ground.put("later.py", "two")
    code, out, err = ground.see(script)
    assert (code, out.split()[1:]) == (0, ["two"]), err
    later = Path(out.split()[0])
    assert later != environment
    assert (later / name).read_bytes().replace(bytes(later), bytes(environment)) == right
    for each in (later, environment):  # what settles them in the background finds nothing then
        shutil.rmtree(each.rename(f"{each}.gone"))


@pytest.mark.parametrize("packages_too", [False, True])
def test_all_stored_wheels_that_went_bad_are_installed_again(
    standing: tuple[Ground, Path], packages_too: bool
) -> None:
    """Each in another way, and in one start."""
    ground, environment = standing
    first, second, third = sorted(ground.root.glob("wheels-1/*/*"))
    truncate(first / "manifest", 60)
    truncate(second / "manifest", 0)
    remove(third / "tree" / SITE)
    for package in ground.root.glob("packages-1/*") if packages_too else ():
        package.chmod(0o644)
        same_size(package)
        package.chmod(0o444)
    for room in ("environments-1", "records-1"):
        shutil.rmtree(ground.root / room)
    assert ground.good() == environment
    assert ground.doctor() == (0, [])


@contextlib.contextmanager
def writable(path: Path) -> Iterator[None]:
    """Let the file be written for a moment by who is not root."""
    mode = path.stat().st_mode
    path.chmod(mode | 0o200)
    yield
    path.chmod(mode)


def truncate(path: Path, size: int) -> None:
    with writable(path):
        os.truncate(path, size)


def append(path: Path) -> None:
    """Change bytes in place, as an editor does that writes through a hard link."""
    with writable(path), path.open("ab") as file:
        file.write(b"#")


def same_size(path: Path) -> None:
    """Change one byte and nothing that `ls` shows."""
    found = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with writable(path):
        path.write_bytes(bytes(data))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def empty(path: Path) -> None:
    truncate(path, 0)


def replace(path: Path, *, link: str = "") -> None:
    """Put an empty file, or a link, in the place of what is there."""
    path.unlink()
    os.symlink(link, path) if link else path.touch()


def edit(path: Path) -> None:
    path.chmod(0o755)
    append(path)


def forge(directory: Path, *, unchecked: bool = False) -> None:
    """Let the compiled code of a module do something else; its head still fits its source."""
    path = directory / f"__init__.{TAG}.pyc"
    data = path.read_bytes()
    code = compile("NAME = 'forged'", "x", "exec")
    head = data[:4] + b"\1\0\0\0" + bytes(8) if unchecked else data[:16]
    path.write_bytes(head + marshal.dumps(code))


def stored(ground: Ground, pattern: str) -> Path:
    return sorted(ground.root.glob(pattern))[0]


# What is done to a root, and the lines of `doctor` that must tell of it: E, W, S, P, C are the
# places of an environment, a stored wheel, a skeleton, a package, a copy.
DAMAGE: dict[str, tuple[Callable[[Ground, Path], None], set[str]]] = {
    "a module edited in place": (
        lambda ground, env: append(env / SITE / "one/__init__.py"),
        {
            f"W/{SITE}/one/__init__.py: differs from its wheel",
            f"E/{SITE}/one/__init__.py: differs from its wheel",
        },
    ),
    "a byte turned, its time kept": (
        lambda ground, env: same_size(env / SITE / "two/deep/data.txt"),
        {
            f"W/{SITE}/two/deep/data.txt: differs from its wheel",
            f"E/{SITE}/two/deep/data.txt: differs from its wheel",
        },
    ),
    "RECORD edited": (
        lambda ground, env: edit(env / SITE / "two-1.0.dist-info/RECORD"),
        {f"E/{SITE}/two-1.0.dist-info/RECORD: differs from its wheel"},
    ),
    "a stored RECORD turned": (
        lambda ground, env: same_size(stored(ground, f"wheels-1/*/*/tree/{SITE}/one-1.0.dist-info/RECORD")),
        {f"W/{SITE}/one-1.0.dist-info/RECORD: differs from its wheel"},
    ),
    "a file deleted": (
        lambda ground, env: remove(env / SITE / "one/deep/data.txt"),
        {f"E/{SITE}/one/deep/data.txt: is missing"},
    ),
    "a file truncated by a new one": (
        lambda ground, env: replace(env / SITE / "one/deep/data.txt"),
        {f"E/{SITE}/one/deep/data.txt: differs from its wheel"},
    ),
    "a script edited": (
        lambda ground, env: edit(env / "bin/one-command"),
        {"E/bin/one-command: differs from its wheel"},
    ),
    "a script that cannot be run": (
        lambda ground, env: (env / "bin/one-command").chmod(0o444),
        {"E/bin/one-command: has other permissions than its wheel"},
    ),
    "a file that nobody brought": (
        lambda ground, env: (env / SITE / "json.py").touch(),
        {f"E/{SITE}/json.py: does not belong to a wheel"},
    ),
    "the activation script edited": (
        lambda ground, env: append(env / "bin/activate"),
        {"E/bin/activate: has changed since it was made"},
    ),
    "the start hook edited in place": (
        lambda ground, env: append(env / SITE / "_vpython_start.py"),
        {
            f"S/{SITE}/_vpython_start.py: has changed since it was made",
            f"E/{SITE}/_vpython_start.py: has changed since it was made",
        },
    ),
    "compiled code forged": (
        lambda ground, env: forge(env / SITE / "one/__pycache__"),
        {f"E/{SITE}/one/__pycache__/__init__.{TAG}.pyc: is other code than its source compiles to"},
    ),
    "compiled code that no Python checks": (
        lambda ground, env: forge(env / SITE / "one/__pycache__", unchecked=True),
        {f"E/{SITE}/one/__pycache__/__init__.{TAG}.pyc: is other code than its source compiles to"},
    ),
    "a link led elsewhere": (
        lambda ground, env: replace(env / "lib64", link="/tmp"),
        {"E/lib64: is not the link that it was"},
    ),
    "no mark": (lambda ground, env: remove(env / "complete"), {"E/complete: is missing"}),
    "no stamp": (lambda ground, env: remove(env / "used"), {"E/used: is missing"}),
    "no lock file": (
        lambda ground, env: remove(ground.root / "locks" / f"environment-{env.name}"),
        {"E/its lock file: is missing"},
    ),
    "nothing that tells what it is": (
        lambda ground, env: empty(env / "why.json"),
        {"E: why.json: cannot be read"},
    ),
    "a stored file deleted": (
        lambda ground, env: remove(stored(ground, f"wheels-1/*/*/tree/{SITE}/two/__init__.py")),
        {f"W/{SITE}/two/__init__.py: is missing"},
    ),
    "a stored file added": (
        lambda ground, env: (stored(ground, f"wheels-1/*/*/tree/{SITE}/two") / "more.py").touch(),
        {f"W/{SITE}/two/more.py: was added after it was stored"},
    ),
    "a manifest cut off": (
        lambda ground, env: truncate(stored(ground, "wheels-1/*/*/manifest"), 60),
        {"W: has no readable manifest"},
    ),
    "a package turned": (
        lambda ground, env: same_size(stored(ground, "packages-1/*")),
        {"P: does not match the hash in its name"},
    ),
    "a copy turned": (
        lambda ground, env: append(stored(ground, "copies-1/*")),
        {"C: does not match the hash in its name"},
    ),
}


def short(line: str, ground: Ground) -> str:
    for letter, pattern in (
        ("E", r"environments-1/[^/:]+"),
        ("W", r"wheels-1/[^/]+/[^/:]+"),
        ("S", r"interpreters-1/[^/:]+"),
        ("P", r"packages-1/[^/:]+"),
        ("C", r"copies-1/[^/:]+"),
    ):
        line = re.sub(f"^{pattern}", letter, line)
    return line


@pytest.mark.parametrize("name", DAMAGE)
def test_doctor_finds_and_mends(standing: tuple[Ground, Path], name: str) -> None:
    ground, environment = standing
    hurt, expected = DAMAGE[name]
    hurt(ground, environment)
    if len(expected) > 1 or name == "no mark":  # the list alone, once in a while: it costs a start
        code, lines = ground.doctor()
        assert (code, {short(line, ground) for line in lines}) == (1, expected)
    code, lines = ground.doctor("--fix")
    found = lines[: len(expected)]
    assert {short(line, ground) for line in found} == expected
    assert code == 0, lines
    assert ground.doctor() == (0, [])
    assert ground.see()[1].split() == [str(environment), *WHEELS]
    assert ground.good() == environment
    assert ground.leftovers() == []


def test_doctor_ends_with_what_to_do(standing: tuple[Ground, Path]) -> None:
    """Each thing by its name, with its way out; nothing where all is well, or was mended."""
    ground, environment = standing
    remove(environment / SITE / "three" / "deep" / "data.txt")
    same_size(stored(ground, "packages-1/*"))
    code, out, _ = ground.see("-vpython-tool", "doctor")
    found, _, to_do = out.partition("\n\nto do:\n")
    assert (code, len(found.splitlines())) == (1, 2)
    package, whole = to_do.splitlines()
    assert re.fullmatch(
        r"  package \S+( \S+)?: `vpython-tool doctor --fix` drops it; it is fetched when it is needed",
        package,
    )
    made_again = "`vpython-tool doctor --fix` makes it again"
    short = environment.name[:8]
    assert re.fullmatch(rf"  environment {short} of \S+: {re.escape(made_again)}", whole)
    with running(ground, environment):
        to_do = ground.see("-vpython-tool", "doctor")[1].partition("\n\nto do:\n")[2]
        assert re.search(rf"  environment {short} of \S+: end \d+ .+, then {re.escape(made_again)}\n", to_do)
        left = ground.see("-vpython-tool", "doctor", "--fix")[1].partition("\n\nto do:\n")[2]
        assert re.match(rf"  environment {short} of \S+: end \d+ ", left)
        assert "package" not in left
    fixed = ground.see("-vpython-tool", "doctor", "--fix")
    assert (fixed[0], "to do" in fixed[1]) == (0, False)


def test_doctor_leaves_what_is_in_use(standing: tuple[Ground, Path]) -> None:
    ground, environment = standing
    before = environment.stat().st_ino
    with running(ground, environment):
        remove(environment / SITE / "three" / "deep" / "data.txt")
        code, lines = ground.doctor("--fix")
        assert code == 1
        assert lines[-1] == f"environments-1/{environment.name}: left: it is in use"
        assert environment.stat().st_ino == before
    assert ground.doctor("--fix")[0] == 0
    assert ground.doctor() == (0, [])


def test_doctor_follows_no_link_out_of_the_root(standing: tuple[Ground, Path], tmp_path: Path) -> None:
    ground, _ = standing
    home = tmp_path / "mine"
    (home / "deep").mkdir(parents=True)
    (home / "letter").write_text("dear")
    (home / "deep" / "why.json").write_text("{}")
    made = [
        ground.root / "wheels-1" / ("0" * 64),
        ground.root / "packages-1" / "mine",
        ground.root / "interpreters-1" / "mine",
        ground.root / "environments-1" / ("0" * 40),
        ground.root / "staging" / "mine",
        ground.root / "trash" / "mine",
    ]
    for link in made:
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(home)
    before = time.time()
    ground.see("-vpython-tool", "doctor", "--fix")
    assert sorted(path.name for path in home.rglob("*")) == ["deep", "letter", "why.json"]
    assert (home / "letter").read_text() == "dear"
    assert home.stat().st_mtime < before
    for link in made:
        link.unlink(missing_ok=True)
    assert ground.doctor() == (0, [])


def test_doctor_of_nothing(tmp_path: Path, repository: Path) -> None:
    ground = Ground(tmp_path, repository)
    assert ground.doctor() == (0, [])
    assert ground.see("-vpython-tool", "doctor", "--please")[0] == 2
