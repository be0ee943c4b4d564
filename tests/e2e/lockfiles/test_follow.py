"""Lockfiles beside a script: what they pin is what runs, whatever the index has come to offer."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex, direct, simple_index
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.harness import Harness

    Write = Callable[["Project"], str]

__all__ = ["direct", "simple_index"]

BLOCK = '# /// script\n# requires-python = ">=3.8"\n# dependencies = [{requirements}]\n# ///\n'
PRINT = "import a, b\nprint(a.VERSION, b.VERSION)\n"


class Project:
    """A script that needs `a<3`, an index with `a` 1.0, 2.0 and `b` 1.0, 1.1, and a lock of a 1.0, b 1.0."""

    def __init__(self, harness: Harness, index: SimpleIndex, place: Path) -> None:
        self.harness = harness
        self.index = index
        self.place = place
        self.wheels = {}
        for name, version, requires in (
            ("a", "1.0", ("b",)), ("a", "2.0", ("b",)), ("b", "1.0", ()), ("b", "1.1", ()),
        ):  # fmt: skip
            wheel = make_wheel(place / "wheels", name, version, requires=requires)
            self.wheels[name, version] = wheel
        self.declare("a<3")

    def declare(self, *requirements: str) -> None:
        rows = ", ".join(f'"{each}"' for each in requirements)
        (self.place / "s.py").write_text(BLOCK.format(requirements=rows) + PRINT)

    def sha256(self, name: str, version: str = "1.0") -> str:
        return hashlib.sha256(self.wheels[name, version].read_bytes()).hexdigest()

    def url(self, name: str, version: str = "1.0") -> str:
        return self.index.url.replace("/simple/", f"/files/{self.wheels[name, version].name}")

    def size(self, name: str, version: str = "1.0") -> int:
        return self.wheels[name, version].stat().st_size

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        self.index.asked.clear()
        plain: dict[str, str | None] = {"CI": None, "SWARMING_BOT_ID": None, "SWARMING_HEADLESS": None}
        source = ("-vpython-source", f"index:{self.index.url}")
        done = self.harness.run(*source, *words, "s.py", env={**plain, **(env or {})})
        assert "Traceback" not in done.stderr or "ModuleNotFoundError" in done.stderr
        return done

    def lock(self, name: str, text: str) -> None:
        (self.place / name).write_text(text)


@pytest.fixture
def project(direct: Harness, simple_index: Callable[[str], SimpleIndex], tmp_path: Path) -> Project:
    return Project(direct, simple_index("wheels"), tmp_path)


def as_requirements(project: Project) -> str:
    return (
        f"a==1.0 \\\n    --hash=sha256:{project.sha256('a')}\n    # via -r -\n"
        f"b==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{project.sha256('b')}\n    # via a\n"
    )


def as_pylock(project: Project) -> str:
    text = 'lock-version = "1.0"\nrequires-python = ">=3.8"\ncreated-by = "tests"\n'
    for name in "ab":
        text += (
            f'[[packages]]\nname = "{name}"\nversion = "1.0"\nwheels = [{{ url = "{project.url(name)}", '
            f'size = {project.size(name)}, hashes = {{ sha256 = "{project.sha256(name)}" }} }}]\n'
        )
    return text


def as_uv_script(project: Project) -> str:
    text = (
        'version = 1\nrevision = 3\nrequires-python = ">=3.8"\n[manifest]\n'
        'requirements = [{ name = "a", specifier = "<3" }]\n'
    )
    for name in "ab":
        needs = 'dependencies = [{ name = "b" }]\n' if name == "a" else ""
        text += (
            f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {{ registry = "x" }}\n'
            f'{needs}wheels = [{{ url = "{project.url(name)}", hash = "sha256:{project.sha256(name)}", '
            f"size = {project.size(name)} }}]\n"
        )
    return text


FORMATS: dict[str, Write] = {
    "s.py.uv.lock": as_requirements,
    "s.py.lock": as_uv_script,
    "pylock.s.toml": as_pylock,
}
each_format = pytest.mark.parametrize("name", FORMATS)


def test_without_a_lockfile_the_newest_runs(project: Project) -> None:
    assert project.run().stdout == "2.0 1.1\n"


@each_format
def test_is_followed(project: Project, name: str) -> None:
    project.lock(name, FORMATS[name](project))
    done = project.run()
    assert (done.stdout, done.stderr) == ("1.0 1.0\n", "")
    assert project.run().stdout == "1.0 1.0\n", "warm"
    assert project.index.asked == []


@pytest.mark.parametrize("name", ["s.py.lock", "pylock.s.toml"])
def test_no_page_is_asked_for_what_it_answers(project: Project, name: str) -> None:
    project.lock(name, FORMATS[name](project))
    assert project.run().stdout == "1.0 1.0\n"
    assert [path for path in project.index.asked if not path.startswith("/files/")] == []
    assert len(project.index.asked) == 2


@each_format
@pytest.mark.parametrize("env", [{"CI": "1"}, {"SWARMING_BOT_ID": "b"}, {"SWARMING_HEADLESS": "1"}], ids=str)
def test_is_followed_on_a_bot(project: Project, name: str, env: dict[str, str]) -> None:
    project.lock(name, FORMATS[name](project))
    assert project.run(env=env).stdout == "1.0 1.0\n"


@each_format
def test_appears_and_goes(project: Project, name: str) -> None:
    """A warm start sees a lockfile that came, changed or went."""
    assert project.run().stdout == "2.0 1.1\n"
    project.lock(name, FORMATS[name](project))
    assert project.run().stdout == "1.0 1.0\n"
    text = (project.place / name).read_text()
    project.lock(name, text.replace(project.sha256("b"), project.sha256("b", "1.1")))
    changed = project.run()
    assert changed.returncode in (1, 2), "the hash of another version is refused"
    assert changed.stdout == ""
    os.unlink(project.place / name)
    assert project.run().stdout == "2.0 1.1\n"


@each_format
def test_one_that_is_stale(project: Project, name: str) -> None:
    """An error on a bot; elsewhere locked again, but for uv's own, and one of PEP 751 that is not ours."""
    path, script = project.place / name, project.place / "s.py"
    project.lock(name, FORMATS[name](project))
    project.declare("a>=2")
    command = f"uv lock --script {script}" if name == "s.py.lock" else f"vpython-tool lock {script}"
    for done in (project.run(env={"CI": "1"}), project.run("-vpython-locked")):
        assert done.returncode == 2
        assert f"{path} is not current: " in done.stderr
        assert done.stderr.endswith(
            f"\n\nhint: `{command}` brings it up to date; -vpython-frozen follows it as it is\n"
        )
    assert project.run("-vpython-frozen").stdout == "1.0 1.0\n"
    done = project.run()
    assert done.stderr.startswith(f"vpython: `{path}` is not current (")
    if name == "s.py.lock":
        assert done.stdout == "2.0 1.1\n"
        assert "so it is not followed, and cannot be locked again: " in done.stderr
    elif name == "pylock.s.toml":
        assert done.stdout == "2.0 1.1\n"
        assert done.stderr.endswith("so it is not followed\n")
        assert path.read_text() == FORMATS[name](project)
    else:
        assert done.stdout == "2.0 1.0\n"
        assert ": locked again: a 1.0 -> 2.0\n" in done.stderr


@each_format
def test_a_requirement_that_went(project: Project, name: str) -> None:
    """What the lockfile has and the spec does not ask for makes it stale, where the format says so."""
    project.lock(name, FORMATS[name](project))
    project.declare("b")
    done = project.run("-vpython-locked")
    known = name != "pylock.s.toml"  # PEP 751 does not say what was asked for
    assert done.returncode == (2 if known else 0)
    assert not known or "is only in it" in done.stderr


@each_format
def test_a_large_one(project: Project, name: str) -> None:
    """Above what is compared byte by byte: the warm start is by the record, and sees an edit in place."""
    text = FORMATS[name](project) + "# filling\n" * 30_000
    project.lock(name, text)
    assert project.run().stdout == "1.0 1.0\n"
    (record,) = project.harness.records()
    written = record.stat().st_mtime_ns
    assert project.run().stdout == "1.0 1.0\n"
    assert record.stat().st_mtime_ns == written, "it held"
    found = (project.place / name).stat()
    project.lock(name, text.replace(project.sha256("b"), project.sha256("b", "1.1")))
    os.utime(project.place / name, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert project.run().returncode in (1, 2)


def test_none_where_one_is_demanded(project: Project) -> None:
    done = project.run("-vpython-locked")
    script = project.place / "s.py"
    assert done.returncode == 2
    assert done.stderr == (
        f"vpython: there is no lockfile of `{script}`\n\nhint: `vpython-tool lock {script}` writes it\n"
    )


def tampered(project: Project, name: str) -> list[tuple[str, str, str]]:
    """What is changed, and the text before and after: one value of a lockfile each."""
    other = project.sha256("a", "2.0")
    rows = [("hash", project.sha256("a"), other), ("no hash", project.sha256("a"), "ff" * 32)]
    if name == "s.py.uv.lock":
        return [
            *rows,
            ("version", "a==1.0", "a==2.0"),
            ("name", "b==1.0", "c==1.0"),
            ("pin", "a==1.0", "a>=1.0"),
        ]
    return [
        *rows,
        ("size", str(project.size("a")), str(project.size("a") + 1)),
        ("url", project.url("a"), project.url("a", "2.0")),
        ("url elsewhere", project.url("a"), project.url("a") + ".gone"),
        ("version", 'name = "a"\nversion = "1.0"', 'name = "a"\nversion = "2.0"'),
        ("name", '[[package]]\nname = "b"', '[[package]]\nname = "c"'),
        ("name", '[[packages]]\nname = "b"', '[[packages]]\nname = "c"'),
    ]


@each_format
def test_tampered_with(project: Project, name: str) -> None:
    """Each hash, version, url, size and name, changed alone, is refused in one line."""
    text = FORMATS[name](project)
    for what, before, after in tampered(project, name):
        if before not in text:
            continue
        project.lock(name, text.replace(before, after, 1))
        done = project.run()
        assert done.returncode in (1, 2), (what, done.stdout)
        assert done.stdout == "", what
        assert done.stderr.startswith("vpython: "), what


@each_format
def test_markers_of_the_target_decide(project: Project, name: str) -> None:
    """A distribution for another platform is left out; a script that needs it must not import it."""
    text = FORMATS[name](project)
    marker = "sys_platform == 'win32'"
    text = {
        "s.py.uv.lock": text.replace("b==1.0", f"b==1.0 ; {marker}"),
        "s.py.lock": text.replace('{ name = "b" }', f'{{ name = "b", marker = "{marker}" }}'),
        "pylock.s.toml": text.replace('name = "b"\n', f'name = "b"\nmarker = "{marker}"\n'),
    }[name]
    project.lock(name, text)
    (project.place / "s.py").write_text(
        (project.place / "s.py").read_text().replace(PRINT, "import a\nprint(a.VERSION)\nimport b\n")
    )
    done = project.run()
    assert done.stdout == "1.0\n"
    assert "No module named 'b'" in done.stderr


def test_for_another_python(project: Project) -> None:
    project.lock("pylock.s.toml", as_pylock(project).replace(">=3.8", "<3"))
    done = project.run()
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"vpython: {project.place / 'pylock.s.toml'}: it is for Python <3, this one is 3."
    )


@pytest.mark.parametrize("name", ["s.py.lock", "pylock.s.toml"])
def test_of_two_builds_the_later_one(project: Project, name: str) -> None:
    """As with pip the higher build tag wins (PEP 427), whatever the order in the lockfile."""
    plain = project.wheels["a", "1.0"]
    files = {"a.py": "VERSION = 'build 2'\n"}
    made = make_wheel(project.place / "again", "a", "1.0", requires=("b",), files=files)
    later = made.replace(plain.with_name(plain.name.replace("-py3", "-2-py3")))
    digest = hashlib.sha256(later.read_bytes()).hexdigest()
    entry = re.search(r"wheels = \[(\{.*?\})\]", text := FORMATS[name](project))
    assert entry is not None
    other = entry[1].replace(plain.name, later.name).replace(project.sha256("a"), digest)
    other = other.replace(f"size = {project.size('a')}", f"size = {later.stat().st_size}")
    for both in (f"{entry[1]}, {other}", f"{other}, {entry[1]}"):
        project.lock(name, text.replace(entry[1], both, 1))
        assert project.run().stdout == "build 2 1.0\n"


def test_no_wheel_fits(project: Project) -> None:
    wheel = project.wheels["b", "1.0"].name
    text = as_pylock(project).replace(wheel, wheel.replace("py3-none-any", "cp311-cp311-win_amd64"))
    project.lock("pylock.s.toml", text)
    done = project.run()
    assert done.returncode == 2
    assert "no wheel of `b` 1.0 in it fits `cp3" in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "fact"),
    [
        ("s.py.uv.lock", "a>=1", "s.py.uv.lock:1: not locked to one version: `a>=1`"),
        ("s.py.uv.lock", "a==1.0\n", "s.py.uv.lock:1: no `--hash=sha256:` for `a`"),
        ("s.py.uv.lock", "\n-e .\n", "s.py.uv.lock:2: an option that a lockfile cannot have: `-e .`"),
        ("s.py.uv.lock", "a == b == c", "s.py.uv.lock:1: not a requirement: `a == b == c`: "),
        ("s.py.uv.lock", "\udcff", "s.py.uv.lock:1: not UTF-8: byte `0xff`"),
        ("s.py.lock", "version = 2", "s.py.lock: a lockfile of version `2`; version 1 is read"),
        ("s.py.lock", "version = 1\npackage = 3", "s.py.lock: not a lockfile of uv: "),
        ("pylock.s.toml", "x = ", "pylock.s.toml: not TOML: "),
        ("pylock.s.toml", "x = 1", "pylock.s.toml: not a PEP 751 lockfile: "),
        ("pylock.s.toml", 'lock-version = "7.0"\ncreated-by = "x"\npackages = []', "pylock.s.toml: "),
        ("pylock.s.toml", "a." * 6000 + "b = 1", "pylock.s.toml: more than 5000 dots in one line"),
    ],
)
def test_one_that_is_broken(project: Project, name: str, text: str, fact: str) -> None:
    (project.place / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    done = project.run()
    assert done.returncode == 2
    assert done.stderr.startswith(f"vpython: {project.place}/{fact}")
    assert done.stdout == ""


@each_format
def test_explain_names_it(project: Project, name: str) -> None:
    searched = [str(project.place / each) for each in FORMATS]
    before = project.harness.run("-vpython-offline", "-vpython-tool", "explain", "--json", "s.py")
    assert json.loads(before.stdout)["lockfile"] == {
        "path": None, "format": None, "distributions": 0, "packages": 0, "searched": searched,
    }  # fmt: skip
    project.lock(name, FORMATS[name](project))
    project.run()
    page = project.harness.run(
        "-vpython-source", f"index:{project.index.url}", "-vpython-tool", "explain", "s.py"
    )
    (line,) = [line for line in page.stdout.splitlines() if line.startswith("lockfile ")]
    assert line.split()[1] == str(project.place / name)
    assert line.endswith("2 distributions)")
