"""What the script starts, and what its environment's Python does to hold the environment."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.e2e.start.stage import WHICH, Stage, Yard, spec
from tests.support.harness import BASE, DOORS, TOP, Door

SPAWNS = """
import multiprocessing, os, shutil, subprocess, sys

def tell(queue):
    import one
    queue.put((sys.executable, sys.prefix, "VPYTHON_RECORD" in os.environ))

if __name__ == "__main__":
    me = (sys.executable, sys.prefix, "VPYTHON_RECORD" in os.environ)
    code = "import os, sys; print(sys.executable, sys.prefix, 'VPYTHON_RECORD' in os.environ)"
    said = []
    for command in (["python", "-c", code], [sys.executable, "-c", code], ["python3", "-I", "-c", code]):
        said.append(tuple(subprocess.check_output(command, text=True).split()))
    assert said == [(me[0], me[1], "False"), (me[0], me[1], "False"), (me[0] + "3", me[1], "False")], said
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=tell, args=(queue,))
        child.start()
        assert queue.get(timeout=30) == me
        child.join()
        assert child.exitcode == 0
    assert os.path.exists(os.path.dirname(shutil.which("python")) + "/activate_this.py")
    print("all")
"""


def test_children_run_in_the_environment(stage: Stage) -> None:
    """By `python` of PATH, by `sys.executable`, isolated; spawned, forked, by a fork server."""
    stage.put("s.py", SPAWNS)
    stage.put("s.py.vpython3", spec("one"))
    assert stage.everywhere("s.py") == (0, "all\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_vpython_in_vpython(stage: Stage, door: Door) -> None:
    """A script that starts another script by vpython: each has its own environment."""
    stage.put("inner.py", WHICH)
    stage.put("inner.py.vpython3", spec("two"))
    stage.put("outer.py.vpython3", spec("one"))
    command = [str(stage.file)] if door == "head" else [str(BASE), str(stage.file)]
    stage.put("outer.py", f"{WHICH}\nimport subprocess; subprocess.run([*{command!r}, 'inner.py', 'x'])")
    for _ in ("cold", "warm"):
        code, out, err = stage.see("-u", "outer.py", door=door)
        assert (code, out, err) == (0, "one\ntwo x\n", "")


def lock_of(stage: Stage, environment: str) -> Path:
    return stage.root / "locks" / f"environment-{os.path.basename(environment)}"


def held(lock: Path) -> bool:
    """Whether anybody shares or has the lock."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_until(expected: bool, lock: Path) -> None:
    for _ in range(1000):
        if held(lock) == expected:
            return
        time.sleep(0.01)
    pytest.fail(f"the lock is {'not ' if expected else ''}held")


@pytest.fixture(scope="module")
def alone(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage with a root of its own: nobody else holds its environments."""
    place = tmp_path_factory.mktemp("alone")
    made = Stage(yard, place, root=place / "root")
    made.seed()
    return made


# What a script may do and still hold its environment until its last process ends.
HOLDERS = {
    "itself": "",
    "all descriptors closed": "os.closerange(3, 256)",
    "a daemon": "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.closerange(3, 256)",
    "the lock's modules imported": "import fcntl, mmap, gc; mmap.mmap(-1, 1).close(); gc.collect()",
    "another Python of it": (
        "waiting = 'import sys; sys.stdin.read()'\n"
        "child = subprocess.Popen([sys.executable, '-I', '-c', waiting], stdin=0, stdout=2)\n"
        "os._exit(0)"
    ),
    "without site": "",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("holder", HOLDERS)
def test_the_environment_is_held(alone: Stage, door: Door, holder: str) -> None:
    script = alone.put(
        "hold.py",
        f"import os, subprocess, sys\nprint(sys.executable, flush=True)\n{HOLDERS[holder]}\n"
        "print('ready', flush=True); sys.stdin.read()",
    )
    flags = ["-S"] if holder == "without site" else []
    command = [str(alone.file)] if door == "head" else [str(BASE), str(alone.file)]
    alone.forget()
    for _ in ("cold", "warm"):
        reader, writer = os.pipe()
        with subprocess.Popen(
            [*command, *flags, str(script)],
            env=alone.surroundings(), cwd=alone.work, stdin=reader, stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            os.close(reader)
            assert child.stdout is not None
            python = child.stdout.readline().strip()
            if holder != "another Python of it":
                assert child.stdout.readline() == "ready\n"
            if holder in ("a daemon", "another Python of it"):
                child.wait(20)
            lock = lock_of(alone, str(Path(python).parent.parent))
            time.sleep(0.05)
            wait_until(True, lock)
            os.close(writer)
        wait_until(False, lock)


@pytest.mark.parametrize("how", ["bin/python", "bin/python3", "link", "isolated"])
def test_an_editor_s_python_holds_it_too(alone: Stage, how: str) -> None:
    """No door was there: the environment's own Python, by whatever name, holds it."""
    alone.put("s.py", "import sys; print(sys.prefix)")
    environment = Path(alone.must("s.py").strip())
    link = alone.work / ".venv"
    if not link.is_symlink():
        link.symlink_to(environment)
    python = {"link": link / "bin/python", "isolated": environment / "bin/python"}.get(how, environment / how)
    flags = ["-I", "-E", "-s"] if how == "isolated" else []
    with subprocess.Popen(
        [str(python), *flags, "-c", "print('ready', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone.surroundings(), cwd=alone.work,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert held(lock_of(alone, str(environment)))
        child.communicate("\n")
    wait_until(False, lock_of(alone, str(environment)))


def test_activated_in_a_running_python(alone: Stage) -> None:
    """`activate_this.py` gives any Python the environment's packages, and that Python holds it."""
    alone.put("s.py", "import sys; print(sys.prefix)")
    environment = Path(alone.must("s.py").strip())
    activate = environment / "bin" / "activate_this.py"
    code = (
        f"exec(open({str(activate)!r}).read(), {{'__file__': {str(activate)!r}}})\n"
        "import os, sys; first = os.environ['PATH'].split(':')[0]\n"
        "print(sys.prefix, os.environ['VIRTUAL_ENV'], first, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [str(BASE), "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone.surroundings(),
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline().split() == [str(environment), str(environment), f"{environment}/bin"]
        assert held(lock_of(alone, str(environment)))
        child.communicate("\n")


TRACES = """
import sys
loaded = sorted(sys.modules)
import builtins, os, site
print([name for name in loaded if "vpython" in name])
print([name for name in vars(builtins) if "vpython" in name], [name for name in vars(site) if name == "seen"])
print([name for name in os.environ if name.startswith("VPYTHON_R")])
print("fcntl" in loaded, "mmap" in loaded, "time" in loaded)
print(sys.argv, sys.path[-1], [entry for entry in sys.path if "vpython_start" in entry])
print(loaded)
"""


def test_no_trace_in_the_script(stage: Stage) -> None:
    """No module, no variable, no name: the same modules as in a plain venv of that Python."""
    stage.put("s.py", TRACES)
    code, out, err = stage.everywhere("s.py")
    assert (code, err) == (0, "")
    venv = stage.place / "venv"
    subprocess.run([str(BASE), "-m", "venv", "--without-pip", str(venv)], check=True)
    plain = subprocess.run(
        [str(venv / "bin/python"), "-s", "s.py"],
        cwd=stage.work, env=stage.surroundings(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    ours, theirs = out.splitlines(), plain.splitlines()
    assert ours[:3] == ["[]", "[] []", "[]"]
    assert ours[-1] == theirs[-1], "the modules that are there when the script begins"
    assert ours[3] == theirs[3]


@pytest.mark.parametrize(
    "flags", [("-W", "error"), ("-bb",), ("-X", "dev"), ("-v",), ("-X", "importtime"), ("-O",)]
)
def test_the_hook_says_nothing(stage: Stage, flags: tuple[str, ...]) -> None:
    stage.put("s.py", "print('ran')")
    loud = flags in (("-v",), ("-X", "importtime"))
    for _ in ("cold", "warm"):
        code, out, err = stage.see(*flags, "s.py")
        assert (code, out) == (0, "ran\n")
        assert loud or err == ""
        assert "Traceback" not in err


def versions() -> list[Path]:
    """The Pythons of this machine that environments can be made on, one for each minor version."""
    places = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"]
    found: dict[str, Path] = {f"{sys.version_info[0]}.{sys.version_info[1]}": BASE}
    there = [place for place in places if os.access(place, os.R_OK | os.X_OK)]
    for path in sorted(path for place in there for path in place.glob("3.*/bin/python3.*[0-9]")):
        minor = path.name.removeprefix("python")
        if tuple(map(int, minor.split("."))) >= (3, 8):
            found.setdefault(minor, path)
    return list(found.values())


@pytest.mark.parametrize("python", versions(), ids=lambda path: path.name)
@pytest.mark.parametrize("door", DOORS)
def test_the_hook_on_every_python(stage: Stage, python: Path, door: Door) -> None:
    """It checks, hides what it was told, holds, and sends back with every word as given."""
    stage.put(
        "s.py",
        "import fcntl, importlib.util, mmap, os, sys, threading\n"
        "os.closerange(3, 64); files = [open('out%d' % number, 'w') for number in range(8)]\n"
        "for file in files: fcntl.flock(file, fcntl.LOCK_EX); file.write('kept')\n"
        "assert mmap.mmap(-1, 9)[:1] == b'\\0'\n"
        "print(sys.version_info[:2], importlib.util.find_spec('one') is not None, sys.argv[1:], "
        "sorted(name for name in os.environ if name.startswith('VPYTHON')), "
        "[name for name in sys.modules if 'vpython' in name])",
    )
    words = ["-u", "-X", "utf8", "-W", "ignore", "s.py", "a b", "", "-c", "é\udcff", "$(x)", "\n", "漢"]
    env = {"VPYTHON_INTERPRETER": str(python)}
    version = tuple(map(int, python.name.removeprefix("python").split(".")))
    (stage.work / "s.py.vpython3").unlink(missing_ok=True)
    stage.forget()
    for has_one in ("False", "True"):
        for _ in ("cold or sent back", "warm"):
            code, out, err = stage.see(*words, door=door, env=env)
            assert (code, err) == (0, "")
            names = "['VPYTHON_INTERPRETER', 'VPYTHON_PACKAGE_SOURCE', 'VPYTHON_VIRTUALENV_ROOT']"
            assert out == f"{version} {has_one} {words[6:]} {names} []\n"
            # A number that the lock had is the script's own now: nothing closes it before it is flushed.
            assert [path.read_text() for path in sorted(stage.work.glob("out*"))] == ["kept"] * 8
        with stage.undecided():
            assert stage.see(*words, door=door, env=env)[1] == out
        stage.put("s.py.vpython3", spec("one"))


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", ""])
def test_sent_back_in_any_locale(stage: Stage, locale: str) -> None:
    """What goes the long way again keeps each byte of its words and variables."""
    stage.put(
        "s.py", "import os, sys; print([os.fsencode(word) for word in (*sys.argv[1:], os.environ['ODD'])])"
    )
    env = {"LC_ALL": locale or None, "LANG": None, "LC_CTYPE": None, "ODD": "é\udcff漢"}
    words = ["é\udcff漢", "\udce9", "plain"]
    expected = str([os.fsencode(word) for word in (*words, "é\udcff漢")])
    for flags in ((), ("-X", "utf8=0")):
        (stage.work / "s.py.vpython3").unlink(missing_ok=True)
        for _ in ("cold", "warm"):
            assert stage.see(*flags, "s.py", *words, env=env) == (0, expected + "\n", "")
        stage.put("s.py.vpython3", spec("one"))
        assert stage.see(*flags, "s.py", *words, env=env) == (0, expected + "\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_modules_on_pythonpath(stage: Stage, door: Door) -> None:
    """What a user's own modules are called is theirs to say: none is loaded but by the script."""
    names = ["fcntl", "mmap", "hashlib", "zipfile", "vpy", "bootstrap", "tempfile", "subprocess"]
    loaded = stage.work / "loaded"
    for name in [*names, "__future__", "time", "sys_path", "zipimport", "marshal"]:
        stage.put(f"lib/{name}.py", f"VALUE = 1\nopen({str(loaded)!r}, 'a').write(__name__ + ' ')")
    stage.put("s.py", f"{WHICH}\nimport mmap; print(mmap.VALUE)")
    stage.put("s.py.vpython3", spec("one"))
    stage.forget()
    with zipfile.ZipFile(stage.work / "nothing.zip", "w") as made:
        made.writestr("__main__.py", "")
    # What such a Python loads by itself, before it comes to us.
    env = stage.surroundings({"PYTHONPATH": f"{stage.work}/lib"})
    subprocess.run([BASE, "nothing.zip"], env=env, cwd=stage.work, check=True)
    by_itself = loaded.read_text().split() if loaded.exists() and door == "python" else []
    loaded.unlink(missing_ok=True)
    for _ in ("cold", "warm"):
        before = stage.remembered()
        for path in (f"{stage.work}/lib", "lib"):
            assert stage.see("s.py", door=door, env={"PYTHONPATH": path}) == (0, "one\n1\n", "")
            assert sorted(loaded.read_text().split()) == sorted([*by_itself, "mmap"])
            loaded.unlink()
    assert stage.remembered() == before


@pytest.mark.parametrize("door", DOORS)
def test_the_path_of_another_environment(alone: Stage, door: Door) -> None:
    """A script that hands its whole path on: the next one's own hook runs, and holds its own environment."""
    alone.put("outer.py", "import os, sys; print(os.pathsep.join(sys.path)); print(sys.prefix)")
    alone.put("outer.py.vpython3", spec("one"))
    path, outer = alone.must("outer.py").splitlines()
    script = alone.put(
        "inner.py", f"{WHICH}\nprint(sys.prefix, flush=True)\nif sys.argv[1:]: sys.stdin.read()"
    )
    alone.put("inner.py.vpython3", spec("two"))
    env = {"PYTHONPATH": path}
    inner = alone.see("inner.py", door=door, env=env)[1].splitlines()[1]
    assert outer != inner
    for _ in range(2):
        with alone.undecided():
            assert alone.see("inner.py", door=door, env=env) == (0, f"one two\n{inner}\n", "")
    command = [str(alone.file)] if door == "head" else [str(BASE), str(alone.file)]
    with subprocess.Popen(
        [*command, str(script), "wait"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone.surroundings(env), cwd=alone.work,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert [child.stdout.readline(), child.stdout.readline()] == ["one two wait\n", f"{inner}\n"]
        assert (held(lock_of(alone, inner)), held(lock_of(alone, outer))) == (True, False)
        child.communicate("")


@pytest.mark.parametrize("door", DOORS)
def test_a_variable_that_names_another_python(stage: Stage, door: Door) -> None:
    """It makes a Python take itself for that file, and an environment's Python for no environment's."""
    stage.put("s.py", f"{WHICH}\nprint(sys.executable.startswith(sys.prefix), sys.prefix != sys.base_prefix)")
    stage.put("s.py.vpython3", spec("one"))
    stage.forget()
    for name in ("PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"):
        for value in ("/nowhere/python3", sys.executable):
            for _ in ("cold", "warm"):
                assert stage.see("s.py", door=door, env={name: value}) == (0, "one\nTrue True\n", "")
            stage.forget()


def test_vpython_s_own_code_half_removed(stage: Stage, tmp_path: Path) -> None:
    private = Stage(stage.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    private.put("s.py", WHICH)
    for door in DOORS:
        private.must("s.py", door=door)
        (app,) = (path.parent for path in (private.root / "app-1").glob("*/complete"))
        (app / "complete").unlink()
        (app / "vpy" / "cli.pyc").unlink()
        private.forget()
        assert private.see("s.py", door=door) == (0, "bare\n", "")
        assert (app / "vpy" / "cli.pyc").is_file()
        assert [path.name for path in (private.root / "app-1").iterdir() if path.is_dir()] == [app.name]


def test_from_the_source_tree(stage: Stage) -> None:
    """`python3 vpython.py` of a checkout, which a hook must send back to a Python, not to a shell."""
    stage.put("s.py", WHICH)
    stage.file = TOP / "vpython.py"
    if not (TOP / "build" / "vendor").is_dir():
        pytest.skip("no vendored code: run `python3 build_zipapp.py` first")
    assert stage.everywhere("s.py", "a", doors=("python",)) == (0, "bare a\n", "")
    stage.put("s.py.vpython3", spec("one"))
    assert stage.see("s.py", "a", door="python") == (0, "one a\n", "")
