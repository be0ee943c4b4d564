"""A running environment is never pruned under its process, however that was started.

Each way has an environment of its own. All of them are used by a process at the same moment, their
`used` is a year old, and the root is pruned; then every process imports from its environment.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import BASE, Cache, age, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

# Waits until it is told to go on, then imports what it has not imported before.
LATE = """
import os, sys, time

def late(place, site=None):
    open(place + "/pid", "w").write(str(os.getpid()))
    os.rename(place + "/pid", place + "/ready")
    end = time.monotonic() + 90
    while not os.path.exists(place + "/go"):
        if time.monotonic() > end:
            os._exit(3)
        time.sleep(0.02)
    if site:
        sys.path.insert(0, site)
    import {module}
    with open(place + "/result.new", "w") as file:
        file.write({module}.__file__)
    os.rename(place + "/result.new", place + "/result")

PLACE = {place!r}
"""

PLAIN = "late(PLACE)\n"

FORKED = """
if os.fork():
    os._exit(0)
late(PLACE)
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
late(PLACE)
"""

MULTIPROCESSING = """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("{method}")
    child = multiprocessing.Process(target=late, args=(PLACE,))
    child.start()
    while not os.path.exists(PLACE + "/ready"):
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
late(PLACE, "{}/lib/python{}.{}/site-packages".format(os.environ["VIRTUAL_ENV"], *sys.version_info))
"""

HEAD = ("VPYTHON", "SCRIPT")
UNSHARE = ("unshare", "--fork", "--pid", "--mount-proc")

# name: (the program, the words that start it)
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
WORKING = [name for name, (_, words) in WAYS.items() if words[0] != "unshare" or shutil.which("unshare")]


class Scene:
    """One process for each way, all of them waiting; `failed` says which could not be started."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.environments: dict[str, Path] = {}
        self.places: dict[str, Path] = {}
        self.failed: dict[str, str] = {}
        self.parents: list[subprocess.Popen[bytes]] = []

    def set_up(self, way: str) -> None:
        number = len(self.environments)
        place = self.cache.place / f"way{number}"
        place.mkdir()
        module = f"own{number}"
        text = LATE.format(module=module, place=str(place)) + textwrap.dedent(WAYS[way][0])
        (self.cache.work / f"child{number}.py").write_text(
            LATE.format(module=module, place=str(place)) + PLAIN, encoding="utf-8"
        )
        environment = self.cache.make(f"way{number}.py", module, text=text)
        (place / "link").symlink_to(environment)
        self.environments[way], self.places[way] = environment, place

    def start(self, way: str) -> None:
        place, environment = self.places[way], self.environments[way]
        script = self.cache.work / f"{place.name}.py"
        names = {
            "VPYTHON": str(self.cache.file),
            "SCRIPT": str(script),
            "SPEC": f"{script}.vpython3",
            "BASE": str(BASE),
            "PYTHON": str(environment / "bin" / "python"),
            "LINK": str(place / "link"),
        }
        words = list(WAYS[way][1])
        for name, path in names.items():
            words = [word.replace(name, path) for word in words]
        with (place / "stderr").open("wb") as said:
            parent = subprocess.Popen(
                words,
                cwd=self.cache.work,
                env=self.cache.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.parents.append(parent)
        wait_for(lambda: (place / "ready").exists() or parent.poll() not in (None, 0))
        if not (place / "ready").exists():
            self.failed[way] = (place / "stderr").read_text(encoding="utf-8")

    def close(self) -> None:
        for place in self.places.values():
            (place / "go").touch()
        for parent in self.parents:
            parent.wait(60)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Scene]:
    """All ways, waiting; then their environments aged and the root pruned; then told to go on."""
    made = Scene(Cache(tmp_path_factory.mktemp("held"), repository))
    try:
        for way in WORKING:
            made.set_up(way)
        for way in WORKING:
            made.start(way)
        age(*(environment / "used" for environment in made.environments.values()))
        told = made.cache.prune()
        assert "environments" not in told
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("way", list(WAYS))
def test_goes_on(scene: Scene, way: str) -> None:
    if way not in WORKING or "Operation not permitted" in scene.failed.get(way, ""):
        pytest.skip("this machine has no `unshare`, or does not permit it")
    assert way not in scene.failed, scene.failed[way]
    place, environment = scene.places[way], scene.environments[way]
    assert (environment / "complete").is_file()
    (place / "go").touch()
    wait_for((place / "result").exists)
    imported = Path((place / "result").read_text(encoding="utf-8"))
    assert imported.resolve().is_relative_to(environment.resolve())
    assert (place / "stderr").read_bytes() == b""


def test_goes_when_nobody_uses_it(scene: Scene) -> None:
    """It was the processes that kept the environments, and nothing else."""
    scene.close()
    environments = scene.environments.values()

    def gone() -> bool:
        age(*(path / "used" for path in environments if path.exists()))
        scene.cache.prune()
        return not any(path.exists() for path in environments)

    wait_for(gone)


def test_stopped(cache: Cache) -> None:
    """A process that does nothing, not even run, holds its environment too."""
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
            f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
            "from vpy.environment import prune\n"
            "from vpy.system.layout import Layout\n"
            f"layout, now = Layout({str(cache.root)!r}), lambda: time.time() + {years} * 365 * 86400\n"
            "print(prune.run(layout, prune.Policy(older_than=0), build='x', now=now).in_use)\n"
        )
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout == ("1\n" if years > 0 else "0\n")
        assert (environment / "complete").is_file()
        child.communicate(b"\n")
        assert child.returncode == 0
