"""Environments in use are never pruned, however their process was started.

Each way has an environment of its own. All of them are used by a process at the same moment, their
`used` is a year old, and the root is pruned; then every process imports from its environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import Cache, age, counts, wait_for
from tests.support.harness import BASE

if TYPE_CHECKING:
    from collections.abc import Iterator

# Waits until the file `go` is there, then imports what it has not imported before.
LATE = """
import os, sys, time

def late(directory, site=None):
    open(directory + "/pid", "w").write(str(os.getpid()))
    os.rename(directory + "/pid", directory + "/ready")
    end = time.monotonic() + 90
    while not os.path.exists(directory + "/go"):
        if time.monotonic() > end:
            os._exit(3)
        time.sleep(0.02)
    if site:
        sys.path.insert(0, site)
    import {module}
    with open(directory + "/result.new", "w") as file:
        file.write({module}.__file__)
    os.rename(directory + "/result.new", directory + "/result")

DIRECTORY = {directory!r}
"""

PLAIN = "late(DIRECTORY)\n"

FORKED = """
if os.fork():
    os._exit(0)
late(DIRECTORY)
"""

DAEMON = """
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.closerange(0, 1024)
for _ in range(3):
    os.open(os.devnull, os.O_RDWR)
late(DIRECTORY)
"""

MULTIPROCESSING = """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("{method}")
    child = multiprocessing.Process(target=late, args=(DIRECTORY,))
    child.start()
    while not os.path.exists(DIRECTORY + "/ready"):
        time.sleep(0.02)
    os._exit(0)
"""

SUBPROCESS = """
import subprocess
subprocess.Popen([sys.executable, __file__.replace("way", "child")], start_new_session=True)
os._exit(0)
"""

EXEC = "os.execv(sys.executable, [sys.executable, __file__.replace('way', 'child')])\n"

SITE_SKIPPED = """
late(DIRECTORY, "{}/lib/python{}.{}/site-packages".format(os.environ["VIRTUAL_ENV"], *sys.version_info))
"""

HEAD = ("VPYTHON", "SCRIPT")
UNSHARE = ("unshare", "--fork", "--pid", "--mount-proc")

# name: (the program, the arguments that start it)
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "head": (PLAIN, HEAD),
    "python door": (PLAIN, ("BASE", "VPYTHON", "SCRIPT")),
    "isolated": (PLAIN, ("VPYTHON", "-I", "SCRIPT")),
    "no environment": (PLAIN, ("VPYTHON", "-E", "-s", "-P", "SCRIPT")),
    "no site": (SITE_SKIPPED, ("VPYTHON", "-S", "SCRIPT")),
    "no site, python door": (SITE_SKIPPED, ("BASE", "VPYTHON", "-S", "SCRIPT")),
    "command": (PLAIN, ("VPYTHON", "-vpython-spec", "SPEC", "-c", "exec(open('SCRIPT').read())")),
    "its own python": (PLAIN, ("PYTHON", "SCRIPT")),
    "its own python, isolated": (PLAIN, ("PYTHON", "-I", "SCRIPT")),
    "a link to it": (PLAIN, ("LINK/bin/python", "SCRIPT")),
    "fork": (FORKED, HEAD),
    "daemon": (DAEMON, HEAD),
    "daemon of its own python": (DAEMON, ("PYTHON", "SCRIPT")),
    "multiprocessing fork": (MULTIPROCESSING.format(method="fork"), HEAD),
    "multiprocessing spawn": (MULTIPROCESSING.format(method="spawn"), HEAD),
    "multiprocessing forkserver": (MULTIPROCESSING.format(method="forkserver"), HEAD),
    "subprocess": (SUBPROCESS, HEAD),
    "exec": (EXEC, HEAD),
    "another PID namespace": (PLAIN, (*UNSHARE, *HEAD)),
    "another user's namespace": (PLAIN, ("unshare", "--user", "--map-root-user", *HEAD)),
}
WORKING = [
    name for name, (_, arguments) in WAYS.items() if arguments[0] != "unshare" or shutil.which("unshare")
]


class Scene:
    """Processes started in each way, all of them waiting; `failed` has the output of those that were not."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.environments: dict[str, Path] = {}
        self.directories: dict[str, Path] = {}
        self.failed: dict[str, str] = {}
        self.parents: list[subprocess.Popen[bytes]] = []

    def set_up(self, way: str) -> None:
        number = len(self.environments)
        directory = self.cache.place / f"way{number}"
        directory.mkdir()
        module = f"own{number}"
        text = LATE.format(module=module, directory=str(directory)) + textwrap.dedent(WAYS[way][0])
        (self.cache.work / f"child{number}.py").write_text(
            LATE.format(module=module, directory=str(directory)) + PLAIN, encoding="utf-8"
        )
        environment = self.cache.make(f"way{number}.py", module, text=text)
        (directory / "link").symlink_to(environment)
        self.environments[way], self.directories[way] = environment, directory

    def start(self, way: str) -> None:
        directory, environment = self.directories[way], self.environments[way]
        script = self.cache.work / f"{directory.name}.py"
        names = {
            "VPYTHON": str(self.cache.file),
            "SCRIPT": str(script),
            "SPEC": f"{script}.vpython3",
            "BASE": str(BASE),
            "PYTHON": str(environment / "bin" / "python"),
            "LINK": str(directory / "link"),
        }
        arguments = list(WAYS[way][1])
        for name, path in names.items():
            arguments = [word.replace(name, path) for word in arguments]
        with (directory / "stderr").open("wb") as said:
            parent = subprocess.Popen(
                arguments,
                cwd=self.cache.work,
                env=self.cache.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.parents.append(parent)
        wait_for(lambda: (directory / "ready").exists() or parent.poll() not in (None, 0))
        if not (directory / "ready").exists():
            self.failed[way] = (directory / "stderr").read_text(encoding="utf-8")

    def close(self) -> None:
        for directory in self.directories.values():
            (directory / "go").touch()
        for parent in self.parents:
            parent.wait(60)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Scene]:
    """Start all ways, make their environments old while they wait, and prune the root."""
    started = Scene(Cache(tmp_path_factory.mktemp("held"), repository))
    try:
        for way in WORKING:
            started.set_up(way)
        for way in WORKING:
            started.start(way)
        age(*(path / "used" for way, path in started.environments.items() if way not in started.failed))
        assert "environments" not in counts(started.cache.prune())
        yield started
    finally:
        started.close()


@pytest.mark.parametrize("way", list(WAYS))
def test_goes_on(scene: Scene, way: str) -> None:
    if way not in WORKING or "Operation not permitted" in scene.failed.get(way, ""):
        pytest.skip("this machine has no `unshare`, or does not permit it")
    assert way not in scene.failed, scene.failed[way]
    directory, environment = scene.directories[way], scene.environments[way]
    assert (environment / "complete").is_file()
    (directory / "go").touch()
    wait_for((directory / "result").exists)
    imported = Path((directory / "result").read_text(encoding="utf-8"))
    assert imported.resolve().is_relative_to(environment.resolve())
    assert (directory / "stderr").read_bytes() == b""


def test_goes_when_it_is_unused(scene: Scene) -> None:
    """Nothing but the processes kept the environments."""
    scene.close()
    environments = scene.environments.values()

    def gone() -> bool:
        age(*(path / "used" for path in environments if path.exists()))
        scene.cache.prune()
        return not any(path.exists() for path in environments)

    wait_for(gone)


def test_stopped(cache: Cache) -> None:
    """A stopped process holds its environment, too."""
    environment = cache.make("one.py", "own0")
    child = subprocess.Popen(
        [environment / "bin" / "python", "-c", "print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"1\n"
    child.send_signal(signal.SIGSTOP)
    age(environment / "used")
    cache.prune("--older-than", "0")
    assert (environment / "complete").is_file()
    child.send_signal(signal.SIGCONT)
    child.communicate(b"\n")
    assert child.returncode == 0
    cache.prune("--older-than", "0")
    assert not environment.exists()


@pytest.mark.parametrize("years", [1, -1])
def test_clock(cache: Cache, years: int) -> None:
    """A clock that goes wrong after a start removes nothing that is in use."""
    environment = cache.make("one.py", "own0")
    with subprocess.Popen(
        [environment / "bin" / "python", "-c", "print(1, flush=True); input(); import own0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        program = (
            "import sys, time\n"
            f"sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
            "from vpy.prune.policy import Policy\n"
            "from vpy.prune.run import prune\n"
            "from vpy.system.layout import Layout\n"
            f"layout, now = Layout({str(cache.root)!r}), lambda: time.time() + {years} * 365 * 86400\n"
            "print(prune(layout, Policy(older_than=0), build='x', now=now).in_use)\n"
        )
        finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert finished.stdout == ("1\n" if years > 0 else "0\n")
        assert (environment / "complete").is_file()
        child.communicate(b"\n")
        assert child.returncode == 0


# What a script becomes, each time without the variables that would name its environment; no hook runs there.
WAIT = """
import os, sys
shell = ["sh", "-c", "touch $0; read line", DIRECTORY + "/ready"]
plain = {name: text for name, text in os.environ.items() if name not in ("VIRTUAL_ENV", "PATH")}
"""
BECOMES = {
    "a shell": "os.execv('/bin/sh', shell)",
    "one that a link names": "os.execve('/bin/sh', shell, {**plain, 'VIRTUAL_ENV': DIRECTORY + '/link'})",
    "one in its directory": "os.chdir(sys.prefix); os.execve('/bin/sh', shell, plain)",
    "one with an open file": (
        "os.set_inheritable(os.open(sys.prefix + '/why.json', os.O_RDONLY), True)\n"
        "os.execve('/bin/sh', shell, plain)"
    ),
    "a program of it": "os.execve(sys.prefix + '/bin/own', shell, plain)",
    "its Python, no site": (
        "code = 'open(%r, \"w\").close(); input()' % shell[-1]\n"
        "os.execve(sys.executable, [sys.executable, '-S', '-c', code], plain)"
    ),
    "any Python with a module of it": (
        "code = ('import mmap, sys; file = open(%r); kept = mmap.mmap(file.fileno(), 0, prot=1); '\n"
        "        'file.close(); open(%r, \"w\").close(); input()' % (sys.prefix + '/why.json', shell[-1]))\n"
        "os.execve(os.path.realpath(sys.executable), ['python', '-I', '-S', '-c', code], plain)"
    ),
}


def add_program(environment: Path) -> None:
    """Put a program into an environment, unseen by the start: else it would be made again for that."""
    found = (environment / "bin").stat()
    shutil.copy(os.path.realpath("/bin/sh"), environment / "bin" / "own")
    os.utime(environment / "bin", ns=(found.st_atime_ns, found.st_mtime_ns))


def test_what_a_script_becomes_goes_on(cache: Cache) -> None:
    """One prune for all: none of their environments goes; when they have ended, all go."""
    environments, children = {}, {}
    for number, (name, text) in enumerate(BECOMES.items()):
        directory = cache.place / f"becomes{number}"
        directory.mkdir()
        text = f"DIRECTORY = {str(directory)!r}\n{WAIT}\n{text}\n"
        environment = cache.make(f"becomes{number}.py", f"own{number}", text=text)
        (directory / "link").symlink_to(environment)
        add_program(environment)
        environments[name] = environment
        children[name] = subprocess.Popen(
            [cache.file, cache.work / f"becomes{number}.py"],
            cwd=cache.work, env=cache.surroundings(), stdin=subprocess.PIPE,
        )  # fmt: skip
        wait_for((directory / "ready").exists)
    age(*(environment / "used" for environment in environments.values()))
    cache.prune("--older-than", "0")
    assert [name for name, environment in environments.items() if not environment.exists()] == []
    for child in children.values():
        child.communicate(b"\n")
    cache.prune("--older-than", "0")
    assert [name for name, environment in environments.items() if environment.exists()] == []


def test_a_damaged_one_is_left_to_what_a_script_became(cache: Cache) -> None:
    """`doctor --fix` takes nothing from a program; nor does a start, but for a shell that stands in it."""
    environment = cache.make("one.py", "own0")
    add_program(environment)
    with subprocess.Popen(
        ["sh", "-c", "echo; read line"], cwd=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        fixed = cache.run("-vpython-tool", "doctor", "--fix", cwd=cache.work)
        assert f"environments-1/{environment.name}: left: it is in use\n" in fixed.stdout
        (environment / "pyvenv.cfg").unlink()
        made = cache.run(cache.work / "one.py", cwd=cache.work)
        assert (made.returncode, made.stdout) == (0, f"{environment}\n")
        child.communicate(b"\n")
    add_program(environment)
    with subprocess.Popen(
        [environment / "bin" / "own", "-c", "echo; read line"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        (environment / "pyvenv.cfg").unlink()
        left = cache.run(cache.work / "one.py", cwd=cache.work)
        assert (left.returncode, left.stdout) == (1, "")
        assert f"the environment `{environment}` is damaged and still in use\n" in left.stderr
        child.communicate(b"\n")
    assert cache.run(cache.work / "one.py", cwd=cache.work).stdout == f"{environment}\n"
    assert cache.start(cache.work / "one.py") == str(environment)
