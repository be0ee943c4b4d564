"""Lockfiles of text specs: what they pin is what runs, wherever tags and refs have come to point."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import package, wheel_package
from tests.packages.conftest import direct, service
from tests.support.wheelmaker import make_wheel, spec_text
from vpy.packages.cipd import versions_file

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.packages.cipd.server import Service
    from tests.support.harness import Harness

__all__ = ["direct", "service"]

ONE, TWO, THREE = (f"infra/python/wheels/{name}-py3" for name in ("one", "two", "three"))
CODE = "import one, two\nprint(one.VERSION, two.VERSION)\n"
BOT = {"CI": "1"}
HEAD = (
    "# Instances of the packages of a spec, by `vpython-tool lock`.\n"
    "# Do not edit: `vpython-tool lock` brings it up to date.\n"
)
LINUX, WINDOWS = ("linux-amd64", "manylinux1_x86_64"), ("windows-amd64", "win_amd64")


def entry(name: str, version: str, *rules: str) -> str:
    return "\n".join(("wheel: <", f'  name: "{name}"', f'  version: "{version}"', *rules, ">\n"))


def verified(platform: str) -> str:
    return f'verify_pep425_tag: < python: "cp311" abi: "cp311" platform: "{platform}" >\n'


class Project:
    """A script with `one` by tag and `two` by ref, and a service that has them."""

    def __init__(self, harness: Harness, service: Service, place: Path) -> None:
        self.harness = harness
        self.service = service
        self.place = place
        self.spec = place / "s.py.vpython3"
        self.lockfile = place / "s.py.vpython3.versions"
        harness.environ["CIPD_SERVICE_URL"] = service.rpc_url
        (place / "s.py").write_text(CODE)
        self.ids = {
            "one": self.offer("one", "1.0", tags=("version:1.0",)),
            "two": self.offer("two", "1.0", refs=("latest",)),
        }
        self.declare((ONE, "version:1.0"), (TWO, "latest"))

    def offer(
        self, project: str, version: str, *, tags: tuple[str, ...] = (), refs: tuple[str, ...] = ()
    ) -> str:
        name, data = wheel_package(self.place, project, version)
        return self.service.put(name, data, tags=tags, refs=refs)

    def declare(self, *wheels: tuple[str, str]) -> None:
        self.spec.write_text(spec_text(*wheels))

    def move(self) -> None:
        """Let the tag and the ref point to other packages."""
        self.service.tags.clear()
        self.offer("one", "2.0", tags=("version:1.0",))
        self.offer("two", "2.0", refs=("latest",))

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        self.service.asked.clear()
        done = self.harness.run(*words, env=env)
        assert "Traceback" not in done.stderr
        return done

    def good(self, *words: str, expected: str = "1.0 1.0\n", env: dict[str, str] | None = None) -> None:
        done = self.run(*words, "s.py", env=env)
        assert (done.returncode, done.stdout) == (0, expected)
        assert env == BOT or done.stderr == "", "a bot hears of a start that takes long"

    def lock(self, *words: str) -> str:
        done = self.run("-vpython-tool", "lock", *words, "s.py")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def pins(self) -> dict[tuple[str, str], str]:
        return versions_file.parse(self.lockfile.read_text(), "")

    def forget(self) -> None:
        """Drop all that the root holds, as on another machine."""
        self.harness.root = self.harness.place / f"root{time.monotonic_ns()}"
        self.harness.environ["VPYTHON_VIRTUALENV_ROOT"] = str(self.harness.root)


@pytest.fixture
def project(direct: Harness, service: Service, tmp_path: Path) -> Project:
    return Project(direct, service, tmp_path)


def test_is_written(project: Project) -> None:
    assert project.lock() == f"{project.lockfile}: 2 packages, new\n"
    assert project.lockfile.read_text() == (
        f"{HEAD}\n{ONE}\n\tversion:1.0\n\t{project.ids['one']}\n\n{TWO}\n\tlatest\n\t{project.ids['two']}\n"
    )
    written = project.lockfile.stat().st_mtime_ns
    assert project.lock() == f"{project.lockfile}: 2 packages, unchanged\n"
    assert project.service.asked == []
    assert project.lockfile.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("options", "env"),
    [
        pytest.param((), {}, id="plain"),
        pytest.param(("-vpython-frozen",), BOT, id="frozen, bot"),
        pytest.param(("-vpython-locked",), {}, id="locked"),
        pytest.param(("-vpython-locked",), BOT, id="locked, bot", marks=pytest.mark.thorough),
        pytest.param(("-vpython-frozen",), {}, id="frozen", marks=pytest.mark.thorough),
        pytest.param((), BOT, id="bot", marks=pytest.mark.thorough),
    ],
)
def test_is_followed(project: Project, options: tuple[str, ...], env: dict[str, str]) -> None:
    """Nothing is resolved: each package file is asked for by its hash, and then nothing at all."""
    project.lock()
    project.move()
    project.forget()
    project.good(*options, env=env)
    assert sorted(method for method, _ in project.service.asked) == [
        "GetInstanceURL", "GetInstanceURL", "download", "download",
    ]  # fmt: skip
    project.good(*options, env=env)
    assert project.service.asked == []
    project.forget()
    project.lockfile.unlink()
    project.good(expected="2.0 2.0\n")


def test_a_locked_ref_is_asked_for_by_no_day(project: Project) -> None:
    """The record of a start has no time at which the service must be asked again."""
    project.good()
    (record,) = project.harness.records()
    assert b"\nuntil\0" in record.read_bytes()
    project.lock()
    project.good()
    (record,) = project.harness.records()
    assert b"\nuntil\0" not in record.read_bytes()


def test_a_warm_start_looks_once(project: Project) -> None:
    """One row of its record is about the lockfile, whether it is there or not."""
    project.good()
    (record,) = project.harness.records()
    before = record.read_bytes().splitlines()
    named = [row for row in before if b".versions" in row]
    assert named == [b"absent\0" + os.fsencode(project.lockfile)]
    project.lock()
    project.good()
    after = project.harness.records()[0].read_bytes().splitlines()
    (row,) = [row for row in after if b".versions" in row]
    assert row.startswith(b"content\0" + os.fsencode(project.lockfile) + b"\0")
    assert len(after) == len(before) - 1, "and none for the time"


def test_appears_changes_and_goes(project: Project) -> None:
    project.good()
    other = project.offer("two", "3.0")
    project.lock()
    text = project.lockfile.read_text()
    project.lockfile.write_text(text.replace(project.ids["two"], other))
    project.good(expected="1.0 3.0\n")
    project.good(expected="1.0 3.0\n")
    project.lockfile.unlink()
    project.good()


def test_what_a_lock_asks_for_is_new(project: Project) -> None:
    """An answer that the root has kept for a day is none: a lock pins what a ref means now."""
    project.good()
    new = project.offer("two", "2.0", refs=("latest",))
    project.lock()
    assert project.pins()[TWO, "latest"] == new
    project.good(expected="1.0 2.0\n")


def test_upgrade(project: Project) -> None:
    project.lock()
    project.move()
    before = project.pins()
    assert "unchanged" in project.lock()
    assert "unchanged" in project.lock("--check")

    done = project.run("-vpython-tool", "lock", "--check", "--upgrade", "s.py")
    assert (done.returncode, project.pins()) == (1, before)
    assert done.stderr == (
        f"vpython: {project.lockfile} is not current\n\nhint: `vpython-tool lock` brings it up to date\n"
    )

    for name in ("two", TWO):
        shown = json.loads(project.lock("--json", "--upgrade-package", name))
        assert [row["name"] for row in shown[0]["changes"]] == ([TWO] if name == "two" else [])
    after = project.pins()
    assert after[ONE, "version:1.0"] == before[ONE, "version:1.0"]
    project.good(expected="1.0 2.0\n")

    text = project.lock("--upgrade")
    new = project.pins()[ONE, "version:1.0"]
    assert text == (
        f"{project.lockfile}: 2 packages, changed\n"
        f"  {ONE}  version:1.0 {project.ids['one'][:12]}…  ->  version:1.0 {new[:12]}…\n"
    )
    project.good(expected="2.0 2.0\n")


def test_json(project: Project) -> None:
    done = project.lock("--json")
    rows: list[dict[str, object]] = [
        {
            "name": name,
            "before": None,
            "after": f"{version} {project.ids[key]}",
            "scripts": [],
            "pth": [],
            "native": False,
        }
        for name, version, key in ((ONE, "version:1.0", "one"), (TWO, "latest", "two"))
    ]
    assert json.loads(done) == [
        {"path": str(project.lockfile), "new": True, "changed": True, "packages": 2, "changes": rows,
         "warnings": []},
    ]  # fmt: skip


def test_check_without_a_lockfile(project: Project) -> None:
    done = project.run("-vpython-tool", "lock", "--check", "s.py")
    assert done.returncode == 1
    assert not project.lockfile.exists()


class TestStale:
    """A package that the lockfile lacks."""

    @pytest.fixture(autouse=True)
    def another(self, project: Project) -> None:
        project.lock()
        project.move()
        self.three = project.offer("three", "3.0", tags=("version:3",))
        project.declare((ONE, "version:1.0"), (TWO, "latest"), (THREE, "version:3"))

    def fact(self, project: Project) -> str:
        return f"{project.lockfile} is not current: `{THREE}` at `version:3` is not in it"

    @pytest.mark.parametrize(
        ("options", "env"), [(("-vpython-locked",), {}), ((), BOT)], ids=["locked", "bot"]
    )
    def test_is_an_error(self, project: Project, options: tuple[str, ...], env: dict[str, str]) -> None:
        done = project.run(*options, "s.py", env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"vpython: {self.fact(project)}\n\nhint: `vpython-tool lock {project.spec}` brings it up to date;"
            " -vpython-frozen follows it as it is\n"
        )
        assert project.service.asked == []

    def test_is_locked_again(self, project: Project) -> None:
        """Pins that are there stay, though the service has others by now."""
        before = project.pins()
        done = project.run("s.py")
        assert (done.returncode, done.stdout) == (0, "1.0 1.0\n")
        assert done.stderr == (
            f"vpython: `{project.lockfile}` is not current (`{THREE}` at `version:3` is not in it): "
            f"locked again: {THREE} - -> version:3 {self.three[:12]}…\n"
        )
        assert project.pins() == {**before, (THREE, "version:3"): self.three}
        project.good()
        assert project.service.asked == []
        project.good("-vpython-locked", env=BOT)

    def test_cannot_be_locked_again(self, project: Project) -> None:
        """What it has is followed all the same."""
        project.service.tags.clear()
        project.service.refs[THREE, "3"] = self.three
        project.declare((ONE, "version:1.0"), (TWO, "latest"), (THREE, "3"))
        project.forget()
        os.chmod(project.place, 0o500)
        try:
            done = project.run("s.py", env={"VPYTHON_VIRTUALENV_ROOT": f"{project.place}/home/root"})
        finally:
            os.chmod(project.place, 0o700)
        assert (done.returncode, done.stdout) == (0, "1.0 1.0\n")
        if os.geteuid():
            assert done.stderr.startswith(f"vpython: `{project.lockfile}` is not current")
            assert ", so the rest is resolved, and cannot be locked again: cannot write" in done.stderr

    def test_the_service_is_away(self, project: Project) -> None:
        """The old lockfile stays."""
        before = project.lockfile.read_bytes()
        project.service.always["POST"] = lambda handler: handler.hang_up()
        project.forget()
        for words in (("s.py",), ("-vpython-tool", "lock", "s.py")):
            done = project.run(*words)
            assert (done.returncode, done.stdout) == (1, "")
            assert project.lockfile.read_bytes() == before

    def test_frozen(self, project: Project) -> None:
        done = project.run("-vpython-frozen", "s.py")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{project.lockfile}: `{THREE}` at `version:3` is not in it\n" in done.stderr
        project.declare((ONE, "version:2.0"), (TWO, "latest"))
        project.good("-vpython-frozen")
        assert "ResolveVersion" not in dict(project.service.asked)

    def test_explain(self, project: Project) -> None:
        """It shows what a start would do, and writes nothing beside the spec."""
        before = project.lockfile.read_bytes()
        done = project.run("-vpython-tool", "explain", "--json", "s.py")
        facts = json.loads(done.stdout)
        assert facts["lockfile"] == {
            "path": str(project.lockfile), "format": "versions", "distributions": 0, "packages": 2,
            "searched": [str(project.lockfile)],
        }  # fmt: skip
        found = {row["name"]: row["instance_id"] for row in facts["packages"]}
        assert found == {ONE: project.ids["one"], TWO: project.ids["two"], THREE: self.three}
        assert project.lockfile.read_bytes() == before


def test_explain_shows_it(project: Project) -> None:
    project.lock()
    done = project.run("-vpython-tool", "explain", "s.py")
    assert f"lockfile     {project.lockfile}  (resolved versions of CIPD, 2 packages)\n" in done.stdout
    assert done.stderr == ""


def test_verify_and_mirror_take_what_is_locked(project: Project) -> None:
    project.lock()
    project.move()
    done = project.run("-vpython-tool", "verify", "--json", "s.py")
    cells = [row["platforms"] for row in json.loads(done.stdout)[0]["packages"]]
    assert [{cell["instance_id"] for cell in row} for row in cells] == [
        {project.ids["one"]},
        {project.ids["two"]},
    ]
    assert "ResolveVersion" not in dict(project.service.asked)
    mirror = project.place / "mirror"
    done = project.run("-vpython-tool", "mirror", "s.py", "-o", str(mirror))
    assert done.returncode == 0, done.stderr
    project.forget()
    project.good("-vpython-locked", "-vpython-source", f"directory:{mirror}")
    assert project.service.asked == []


def test_no_date_of_packages(project: Project) -> None:
    done = project.run("-vpython-tool", "lock", "--exclude-newer", "2026-01-01", "s.py")
    assert (done.returncode, project.lockfile.exists()) == (2, False)
    assert done.stderr.startswith("vpython: `--exclude-newer` is for files of an index: ")


@pytest.mark.parametrize(
    "order", ["index:http://127.0.0.1:1/simple/,cipd", "cipd,index:http://127.0.0.1:1/simple/"]
)
def test_several_sources(project: Project, order: str) -> None:
    """An index among them is not asked for what is locked: it has other files."""
    done = project.run("-vpython-source", order, "-vpython-tool", "lock", "s.py")
    assert (done.returncode, done.stderr) == (0, "")
    project.move()
    project.forget()
    project.good("-vpython-locked", "-vpython-source", order)
    assert "ResolveVersion" not in dict(project.service.asked)


@pytest.mark.parametrize("words", [("s.py",), ("-vpython-tool", "install", "s.py")])
def test_none_where_one_is_demanded(project: Project, words: tuple[str, ...]) -> None:
    done = project.run("-vpython-locked", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"vpython: there is no lockfile of `{project.spec}`\n\n"
        f"hint: `vpython-tool lock {project.spec}` writes it\n"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".vpython3", ("s.py",)),
        ("s.py", ("s.py",)),
        ("other.vpython3", ("-vpython-spec", "other.vpython3", "s.py")),
    ],
)
def test_each_place_of_a_spec(project: Project, name: str, words: tuple[str, ...]) -> None:
    """The common file, the script itself where the spec is inside, the file that an option names."""
    text = project.spec.read_text()
    project.spec.unlink()
    if name == "s.py":
        body = "".join(f"# {line}\n" for line in text.splitlines())
        (project.place / name).write_text(f"# [VPYTHON:BEGIN]\n{body}# [VPYTHON:END]\n{CODE}")
    else:
        (project.place / name).write_text(text)
    lockfile = project.place / f"{name}.versions"
    done = project.run("-vpython-tool", "lock", name)
    assert (done.returncode, done.stdout) == (0, f"{lockfile}: 2 packages, new\n")
    project.move()
    project.forget()
    assert project.run("-vpython-locked", *words).stdout == "1.0 1.0\n"


@pytest.mark.parametrize("options", [("-vpython-locked",), ("-vpython-frozen",), ()])
def test_an_addition_need_not_be_in_it(project: Project, options: tuple[str, ...]) -> None:
    project.lock()
    project.move()
    project.offer("three", "3.0", tags=("version:3",))
    before = project.lockfile.read_bytes()
    project.forget()
    project.good(*options, "-vpython-with", f"{THREE}@version:3", env=BOT)
    assert [asked for asked in project.service.asked if asked[0] == "ResolveVersion"] == [
        ("ResolveVersion", "version:3")
    ]
    assert project.lockfile.read_bytes() == before


def test_a_directory_of_packages(project: Project) -> None:
    """It pins the same instances as the service, and either source serves them."""
    wheels = sorted((project.place / "wheels").glob("*.whl"))
    repository = project.place / "repo"
    packed = project.harness.run(
        "-vpython-tool", "pack", "-repo", repository, "-ref", "latest", "-tag", "x:1", *wheels
    )
    assert packed.returncode == 0, packed.stderr
    project.declare((ONE, "x:1"), (TWO, "latest"))
    source = ("-vpython-source", f"directory:{repository}")
    done = project.run(*source, "-vpython-tool", "lock", "s.py")
    assert done.returncode == 0, done.stderr
    for path in repository.rglob("versions.json"):
        path.write_text("{}")
    project.good(*source, "-vpython-locked")
    assert project.service.asked == []
    for (name, _), instance_id in project.pins().items():
        data = (repository / name / "+" / instance_id).read_bytes()
        assert project.service.put(name, data) == instance_id
    project.forget()
    project.good("-vpython-locked")
    assert "ResolveVersion" not in dict(project.service.asked)


def test_the_index_has_none_of_it(project: Project) -> None:
    index = ("-vpython-source", "index:http://127.0.0.1:1/simple/")
    done = project.run(*index, "-vpython-tool", "lock", "s.py")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "vpython: a text spec is locked to packages of CIPD, and the source is `index:http://127.0.0.1:1/simple/`\n"
    )
    project.lock()
    fact = f"`{project.lockfile}` pins packages of CIPD, and the source is `{index[1]}`"
    assert project.run(*index, "s.py").stderr.startswith(f"vpython: {fact}: it is not followed\n")
    done = project.run(*index, "-vpython-locked", "s.py")
    assert done.returncode == 2
    assert done.stderr.startswith(f"vpython: {fact}\n\nhint: ")


@pytest.mark.parametrize("what", ["instance of another package", "of another version", "unknown", "forged"])
def test_each_instance_is_enforced(project: Project, what: str) -> None:
    """An edited id is followed exactly, or refused: never is anything else run in its place."""
    project.lock()
    other = project.offer("two", "2.0")
    forged = "A" * 43 + "C"
    if what == "forged":
        _, data = wheel_package(project.place, "two", "6.6")
        project.service.put_as(TWO, forged, data)
    changed = {
        "instance of another package": project.ids["one"],
        "of another version": other,
        "unknown": forged,
        "forged": forged,
    }[what]
    project.lockfile.write_text(project.lockfile.read_text().replace(project.ids["two"], changed))
    project.forget()
    done = project.run("s.py")
    if what == "of another version":
        assert done.stdout == "1.0 2.0\n"
    else:
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert done.stderr.startswith("vpython: ")
        assert TWO in done.stderr


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (f"{ONE}\n\tversion:1.0\n", ": it ends where an instance id belongs"),
        (f"{ONE}\n\tversion:1.0\n\tnothing\n", ":3: not an instance id: `nothing`: too short"),
        (f"<<<<<<< HEAD\n{ONE}\n", ":1: "),
    ],
)
def test_a_broken_one(project: Project, text: str, fact: str) -> None:
    project.lockfile.write_text(text)
    for words in (("s.py",), ("-vpython-frozen", "s.py"), ("-vpython-tool", "lock", "s.py")):
        done = project.run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"vpython: {project.lockfile}{fact}")
    assert project.lockfile.read_text() == text
    assert "2 packages, changed" in project.lock("--upgrade")
    project.good("-vpython-locked")


def test_other_line_ends_are_no_change(project: Project) -> None:
    project.lock()
    project.lockfile.write_bytes(project.lockfile.read_bytes().replace(b"\n", b"\r\n"))
    assert "unchanged" in project.lock("--check")
    project.good("-vpython-locked")


def test_an_instance_id_needs_no_pin(project: Project) -> None:
    project.declare((ONE, project.ids["one"]), (TWO, "latest"))
    assert project.lock() == f"{project.lockfile}: 1 package, new\n"
    assert [name for name, _ in project.pins()] == [TWO]
    project.good("-vpython-locked")


class TestPlatforms:
    """A package for each platform, under a name with its platform in it."""

    @pytest.fixture(autouse=True)
    def native(self, project: Project) -> None:
        (project.place / "s.py").write_text("import four\nprint(four.VERSION)\n")
        self.ids = {}
        for platform, tag in (LINUX, WINDOWS):
            wheel = make_wheel(project.place / "wheels", "four", tag=f"py3-none-{tag}")
            name = f"wheels/four/{platform}"
            data = package(name, {wheel.name: wheel.read_bytes()})
            self.ids[name] = project.service.put(name, data, tags=("v:1",))
        self.entry = entry("wheels/four/${platform}", "v:1")

    def test_all_that_the_spec_verifies(self, project: Project) -> None:
        project.spec.write_text(self.entry + verified(LINUX[1]) + verified(WINDOWS[1]))
        project.lock()
        assert project.pins() == {(name, "v:1"): found for name, found in self.ids.items()}
        assert list(project.pins()) == sorted(project.pins())
        project.good("-vpython-locked", expected="1.0\n")

    def test_one_that_lacks_a_package(self, project: Project) -> None:
        """A platform that the spec names must have it."""
        project.spec.write_text(self.entry + verified(LINUX[1]) + verified("macosx_11_0_arm64"))
        done = project.run("-vpython-tool", "lock", "s.py")
        assert done.returncode == 2
        assert done.stderr.startswith(
            "vpython: on `cp311-cp311-macosx_11_0_arm64`: cannot get `wheels/four/mac-arm64` at `v:1`: "
        )
        assert not project.lockfile.exists()

    def test_a_default_platform_is_left_out(self, project: Project) -> None:
        project.spec.write_text(self.entry)
        done = project.run("-vpython-tool", "lock", "s.py")
        assert (done.returncode, done.stdout) == (0, f"{project.lockfile}: 2 packages, new\n")
        left = [line.partition("`")[2].partition("`")[0] for line in done.stderr.splitlines()]
        assert left == [
            f"cp311-cp311-{tag}"
            for tag in ("linux_arm64", "macosx_10_10_intel", "macosx_11_0_arm64", "win32")
        ]
        project.good("-vpython-locked", expected="1.0\n")

    def test_pins_of_other_platforms_stay(self, project: Project) -> None:
        """What a machine elsewhere locked for itself, while the spec means it."""
        project.spec.write_text(self.entry + verified(LINUX[1]))
        mine = self.ids["wheels/four/windows-amd64"]
        project.lock()
        with open(project.lockfile, "a") as file:
            file.write(f"\nwheels/four/windows-amd64\n\tv:1\n\t{mine}\n")
            file.write(f"\nwheels/five/windows-amd64\n\tv:1\n\t{mine}\n")
            file.write(f"\nwheels/four/mac-arm64\n\tv:0\n\t{mine}\n")
        project.lock()
        assert project.pins() == {(name, "v:1"): found for name, found in self.ids.items()}

    def test_rules_of_a_wheel(self, project: Project) -> None:
        """A wheel with a rule is locked where its tags match."""
        rule = '  match_tag: < platform: "win_amd64" >'
        project.spec.write_text(entry("wheels/four/${platform}", "v:1", rule) + verified(WINDOWS[1]))
        project.lock()
        assert [name for name, _ in project.pins()] == ["wheels/four/windows-amd64"]


def test_add_says_that_it_is_stale(project: Project) -> None:
    project.lock()
    project.offer("three", "3.0", tags=("version:3",))
    done = project.run("-vpython-tool", "add", "s.py", f"{THREE}@version:3")
    assert done.returncode == 0
    assert (
        f"`{project.lockfile}` does not have this change yet: `vpython-tool lock` brings it up to date"
        in done.stderr
    )
