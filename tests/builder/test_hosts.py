"""The file runs from any place, under any name, under each Python that is new enough; an old one says so."""

from __future__ import annotations

import functools
import glob
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builder.bundle import Bundle
from tests.builder.readonly import read_only
from tests.support.harness import Harness, base_path, settled
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.builder.checkout import Checkout

SUPPORTED = ("3.11", "3.12", "3.13")
OLD = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10")
# What vpython itself imports of the standard library, beside what any Python imports before it.
FAKES = (
    "atexit", "bisect", "csv", "email", "fnmatch", "hashlib", "inspect", "ipaddress", "json", "logging",
    "os", "pathlib", "pkgutil", "platform", "random", "re", "selectors", "shutil", "socket", "ssl",
    "string", "struct", "subprocess", "tempfile", "textwrap", "threading", "tomllib", "typing",
    "urllib", "weakref", "zipfile", "zlib", "vpython", "bootstrap", "vpy",
    "filelock", "google", "packaging", "pip",
    "truststore", "urllib3",
)  # fmt: skip


def find(version: str) -> str:
    """A Python X.Y of this machine, or a skip."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in [
        *glob.glob(f"{home}/versions/{version}.*/bin/python{version}"),
        shutil.which(f"python{version}"),
    ]:
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip(f"no Python {version} on this machine")


@pytest.fixture(scope="session")
def repository(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of packages with one in it."""
    place = tmp_path_factory.mktemp("packages")
    wheel = make_wheel(place, "gadget")
    packed = Harness(place, file=built).run("-vpython-tool", "pack", "-repo", place / "repository", wheel)
    assert packed.returncode == 0, packed.stderr
    return place / "repository"


@pytest.fixture
def place(built: Path, repository: Path, tmp_path: Path) -> Harness:
    """The built file, no root yet, and a script `s.py` whose one package comes from a directory."""
    harness = Harness(tmp_path, file=built)
    (tmp_path / "s.py").write_text("import gadget, sys; print(gadget.VERSION, *sys.argv[1:])")
    (tmp_path / "s.py.vpython3").write_text(spec_text(("infra/python/wheels/gadget-py3", "version:1.0")))
    harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{repository}"
    return harness


def see(
    place: Harness, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=cwd or place.place,
        env=place.surroundings(env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


GOOD = (0, "1.0 a b\n", "")


@pytest.mark.parametrize("name", ["vpython.pyz", "vpython", "a name $(touch x)", "-v.pyz", "\N{SNOWMAN}"])
def test_any_name_in_any_place(place: Harness, name: str) -> None:
    folder = place.place / "some 'where" / "else"
    folder.mkdir(parents=True)
    file = folder / name
    shutil.copy(place.file, file)
    script = place.place / "s.py"
    (place.place / "s.py.vpython").write_text((place.place / "s.py.vpython3").read_text())
    assert see(place, file, script, "a b") == GOOD
    assert see(place, "sh", file, script, "a b") == GOOD
    assert see(place, f"./{name}", "../../s.py", "a b", cwd=folder) == GOOD
    assert see(place, "sh", f"./{name}", "../../s.py", "a b", cwd=folder) == GOOD
    assert see(place, "python3", f"./{name}", "../../s.py", "a b", cwd=folder) == GOOD
    assert sorted(folder.iterdir()) == [file]


def test_symlink(place: Harness) -> None:
    (place.place / "bin").mkdir()
    link = place.place / "bin" / "vpython3"
    link.symlink_to(place.file)
    for _ in ("cold", "warm"):
        assert see(place, link, "s.py", "a b") == GOOD
        assert see(place, "vpython3", "s.py", "a b", env={"PATH": f"{link.parent}:{base_path()}"}) == GOOD
        assert see(place, "python3", link, "s.py", "a b") == GOOD


def test_read_only_directory(place: Harness) -> None:
    folder = place.place / "media"
    folder.mkdir()
    file = Path(shutil.copy(place.file, folder / "vpython.pyz"))
    with read_only(folder):
        for _ in ("cold", "warm"):
            assert see(place, file, "s.py", "a b") == GOOD
            assert see(place, "python3", file, "s.py", "a b") == GOOD
        assert os.listdir(folder) == ["vpython.pyz"]


def test_not_executable(place: Harness) -> None:
    place.file = Path(shutil.copy(place.file, place.place / "v.pyz"))
    place.file.chmod(0o444)
    assert see(place, "sh", place.file, "s.py", "a b") == GOOD
    assert see(place, "sh", "v.pyz", "s.py", "a b") == GOOD
    assert see(place, "python3", "v.pyz", "s.py", "a b") == GOOD


@pytest.mark.parametrize("version", SUPPORTED)
def test_each_python(place: Harness, version: str) -> None:
    """It runs vpython by name and, alone on PATH, for the head; whoever built the file."""
    python = find(version)
    bare = place.place / "only"
    bare.mkdir()
    (bare / "python3").symlink_to(python)
    tools = f"{bare}:/usr/bin:/bin"
    assert see(place, python, place.file, "s.py", "a b", env={"VPYTHON_INTERPRETER": python}) == GOOD
    (place.root / "app-1" / "python").unlink()
    for _ in ("cold", "warm"):
        code, out, err = see(place, place.file, "-c", "import sys; print(sys.version)", env={"PATH": tools})
        assert (code, err) == (0, "")
        assert out.startswith(f"{version}.")


@pytest.mark.parametrize("version", OLD)
def test_too_old_a_python(place: Harness, version: str) -> None:
    python = find(version)
    code, out, err = see(place, python, place.file, "s.py")
    assert (code, out) == (1, "")
    told, python_told, version_told = err.partition("`")[0], *err.split("`")[1:]
    assert told == "vpython: needs Python 3.11 or newer to run itself; "
    assert os.path.samefile(python_told, python)
    assert version_told.startswith(f" is {version}.")
    assert err.count("\n") == 1


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10"])
def test_too_old_a_python_to_build(checkout: Checkout, version: str) -> None:
    python = find(version)
    built = checkout.build(python=python)
    assert (built.returncode, built.stdout) == (1, "")
    (line,) = built.stderr.splitlines()
    assert line.startswith(f"build_zipapp: needs Python 3.11 or newer, `{python}` is {version}.")


def test_no_python_that_is_new_enough(place: Harness) -> None:
    bare = place.place / "only"
    bare.mkdir()
    said = "vpython: no Python 3.11 or newer on PATH: vpython itself needs one to make an environment\n"
    assert see(place, place.file, "s.py", env={"PATH": str(bare)}) == (1, "", said)
    assert see(place, "/bin/sh", place.file, "s.py", env={"PATH": ""}) == (1, "", said)
    (bare / "python3").write_text("#!/bin/sh\necho 'shim: no such version' >&2\nexit 127\n")
    (bare / "python3").chmod(0o755)
    (bare / "python").symlink_to(find("3.8"))
    assert see(place, place.file, "s.py", env={"PATH": str(bare)}) == (1, "", said)
    assert not place.root.exists()


def needed(python: str, place: Path) -> set[str]:
    """What this Python imports before it comes to a zip's first line: no zip could help that."""
    with zipfile.ZipFile(place / "empty.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(*sys.modules)")
    return set(subprocess.check_output([python, str(place / "empty.pyz")], text=True).split())


@pytest.mark.parametrize(
    "version",
    [pytest.param(each, marks=[pytest.mark.thorough] if each == "3.12" else []) for each in SUPPORTED],
)
def test_hostile_pythonpath(place: Harness, version: str) -> None:
    """Fakes of what vpython imports stand before the standard library; they are left to the script."""
    python = find(version)
    fakes = place.place / "fakes"
    fakes.mkdir()
    for name in set(FAKES) - needed(python, place.place) | {"os"}:
        if name == "vpy":
            (fakes / name).mkdir()
        path = fakes / name / "__init__.py" if name == "vpy" else fakes / f"{name}.py"
        path.write_text(f"raise SystemExit('hostile {name}')\n")
    (fakes / "gadget.py").write_text("VERSION = 'from PYTHONPATH'")
    for given in (str(fakes), f"fakes:{os.pathsep}/nowhere", f"{place.place}/fakes/../fakes"):
        for command in ([str(place.file)], [python, str(place.file)]):
            shutil.rmtree(place.root / "records-1", ignore_errors=True)
            for _ in ("cold", "warm"):
                env = {"PYTHONPATH": given, "VPYTHON_INTERPRETER": python}
                seen = see(place, *command, "s.py", "a b", env=env)
                assert seen == (0, "from PYTHONPATH a b\n", ""), (given, command)
    empty = {"PYTHONPATH": str(fakes), "VPYTHON_INTERPRETER": python, "VPYTHON_VIRTUALENV_ROOT": ""}
    assert see(place, python, place.file, "s.py", "a b", env=empty) == (0, "from PYTHONPATH a b\n", "")


def test_what_a_start_imports_is_compiled(place: Harness, repository: Path) -> None:
    """On the Python that built the file nothing is compiled once more, whatever the source and the spec."""
    python = os.path.realpath(sys.executable)
    handler = functools.partial(QuietHandler, directory=str(repository))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        web = {"VPYTHON_PACKAGE_SOURCE": f"directory:http://127.0.0.1:{server.server_address[1]}/"}
        assert see(place, python, place.file, "s.py", "a b", env=web) == GOOD
        server.shutdown()
    assert see(place, python, place.file, "s.py", "a b") == GOOD
    (place.place / "t.py").write_text('# /// script\n# dependencies = ["absent"]\n# ///\n')
    assert see(place, python, place.file, "t.py", env={"PIP_INDEX_URL": repository.as_uri()})[0] == 2
    assert see(place, python, place.file, "-vpython-tool", "explain", "s.py")[0] == 0
    assert see(place, python, place.file, "-vpython-tool", "doctor")[0] == 0
    assert see(place, python, place.file, "-vpython-tool", "prune")[::2] == (0, "")
    with zipfile.ZipFile(place.file) as outer:
        shipped = set(Bundle(outer, "app.bundle").namelist())
    settled(place.root)
    (app,) = (place.root / "app-1").glob("*/")
    assert {path.relative_to(app).as_posix() for path in app.rglob("*.pyc")} - shipped == set()


TWO_THREADS = """
import sys, threading
class Thread(threading.Thread):
    def start(self):
        print("zlib" in sys.modules)
        super().start()
threading.Thread = Thread
sys.path.insert(0, sys.argv[1])
from bootstrap import bundle
bundle.put(sys.argv[1], sys.argv[2])
"""


def test_zlib_is_there_before_two_threads_unpack(built: Path, tmp_path: Path) -> None:
    """zipimport fails in a thread that comes while another one imports zlib for it."""
    command = [sys.executable, "-I", "-S", "-c", TWO_THREADS, str(built), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_pythonpath_that_is_the_library_itself(place: Harness) -> None:
    script = "import sys, sysconfig; print(sysconfig.get_path('stdlib'), sys.executable)"
    library, python = subprocess.check_output(["python3", "-c", script], text=True, env=place.environ).split()
    env = {"PYTHONPATH": f"{library}:{library}/lib-dynload", "VPYTHON_INTERPRETER": python}
    assert see(place, "python3", place.file, "s.py", "a b", env=env) == GOOD


def test_settings_of_python_are_the_scripts(place: Harness) -> None:
    """What would trouble or change vpython's own Python reaches the script as it was given."""
    (place.place / "s.py").write_text(
        "import os; print(os.environ['PYTHONHASHSEED'], os.environ['PYTHONOPTIMIZE'])"
    )
    env = {
        "PYTHONHASHSEED": "5",
        "PYTHONOPTIMIZE": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONDEVMODE": "1",
        "PYTHONIOENCODING": "ascii",
        "PYTHONCASEOK": "1",
        "PYTHONNOUSERSITE": "",
    }
    for command in ([place.file], ["python3", place.file]):
        shutil.rmtree(place.root / "records-1", ignore_errors=True)
        for _ in ("cold", "warm"):
            assert see(place, *command, "s.py", env=env) == (0, "5 2\n", "")
