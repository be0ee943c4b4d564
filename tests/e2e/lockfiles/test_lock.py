"""`vpython-tool lock`: what it writes beside a script or vpython.toml, what it keeps, and what it says."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tarfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.lockfiles.site import versions
from tests.support.sdistmaker import make_sdist
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from tests.e2e.lockfiles.site import Site

FILES = {"pylock": "pylock.s.toml", "uv": "s.py.uv.lock"}
each_format = pytest.mark.parametrize("kind", FILES)


@each_format
def test_a_new_one_and_again(site: Site, kind: str) -> None:
    """Written once, followed at once, unchanged by a second run that leaves the file alone."""
    site.script("a<3")
    done = site.lock("--format", kind)
    path = site.lockfile(FILES[kind])
    assert (done.returncode, done.stdout) == (0, f"{path}: 2 distributions, new\n")
    assert done.stderr == ""
    assert versions(path) == {"a 2.0": "", "b 1.1": ""}
    assert sorted(site.place.glob("*lock*")) == [path]

    written, text = path.stat().st_mtime_ns, path.read_bytes()
    make_wheel(site.wheels, "b", "1.2")
    again = site.lock()
    assert (again.returncode, again.stdout) == (0, f"{path}: 2 distributions, unchanged\n")
    assert site.lock("--check").returncode == 0
    assert path.stat().st_mtime_ns == written

    assert site.run().stdout == "2.0 1.1\n"
    path.unlink()
    (site.wheels / "b-1.2-py3-none-any.whl").unlink()
    assert site.lock("--format", kind).returncode == 0
    assert path.read_bytes() == text, "deterministic"


def test_text_of_the_formats(site: Site) -> None:
    """Every file with its URL, size and hash, in the order of names; who asked for it in uv's format."""
    site.script("a==1.0", name="t.py")
    assert site.locked("--format", "uv", script="t.py")["distributions"] == 2
    wheels = {name: f"{name}-{version}-py3-none-any.whl" for name, version in (("a", "1.0"), ("b", "1.1"))}
    assert site.lockfile("t.py.uv.lock").read_text() == (
        f"a==1.0 \\\n    --hash=sha256:{site.sha256(wheels['a'])}\n"
        f"b==1.1 \\\n    --hash=sha256:{site.sha256(wheels['b'])}\n    # via a\n"
    )
    site.script("a==1.0")
    site.locked()
    tables = tomllib.loads(site.lockfile().read_text())
    assert tables["requires-python"] == ">=3.11"
    assert tables["tool"]["vpython"]["requirements"] == ["a==1.0"]
    assert tables["packages"] == [
        {
            "name": name,
            "version": wheel.split("-")[1],
            "wheels": [
                {
                    "name": wheel,
                    "url": site.url(wheel),
                    "size": (site.wheels / wheel).stat().st_size,
                    "hashes": {"sha256": site.sha256(wheel)},
                }
            ],
        }
        for name, wheel in wheels.items()
    ]


def test_of_a_vpython_toml(site: Site) -> None:
    """The lockfile lies beside `vpython.toml`, is for all scripts below, and is brought up to date there."""
    (site.place / "vpython.toml").write_text('requires-python = ">=3.11"\ndependencies = ["a<2"]\n')
    (site.place / "plain.py").write_text("import a\nprint(a.VERSION)\n")
    done = site.lock(script="vpython.toml")
    assert done.stdout == f"{site.place / 'pylock.toml'}: 2 distributions, new\n"
    assert versions(site.lockfile("pylock.toml")) == {"a 1.0": "", "b 1.1": ""}
    assert site.run(script="plain.py").stdout == "1.0\n"
    assert site.pages() == []

    # Another spec beside it has another lockfile.
    (site.place / "other.toml").write_text('requires-python = ">=3.11"\ndependencies = ["a>1"]\n')
    before = site.lockfile("pylock.toml").read_bytes()
    other = site.run("-vpython-spec", "other.toml", script="plain.py")
    assert (other.stdout, other.stderr) == ("2.0\n", "")
    done = site.lock(script="other.toml")
    assert done.stdout == f"{site.place / 'pylock.other.toml'}: 2 distributions, new\n"
    assert site.lockfile("pylock.toml").read_bytes() == before

    site.lockfile("pylock.toml").rename(site.lockfile("pylock.vpython.toml"))
    renamed = site.lockfile("pylock.vpython.toml")
    assert site.lock(script="vpython.toml").stdout == f"{renamed}: 2 distributions, unchanged\n"
    renamed.unlink()
    assert site.lock("--format", "uv", script="plain.py").returncode == 0
    assert versions(site.lockfile("vpython.toml.uv.lock")) == {"a 1.0": "", "b 1.1": ""}


@each_format
def test_changes_as_little_as_the_spec_allows(site: Site, kind: str) -> None:
    """A requirement more or less changes nothing else; `--upgrade` all, `--upgrade-package` that one."""
    site.script("a<3")
    site.locked("--format", kind)
    path = site.lockfile(FILES[kind])
    make_wheel(site.wheels, "a", "2.1", requires=("b",))
    make_wheel(site.wheels, "b", "1.2")
    make_wheel(site.wheels, "c", "1.0")
    site.script("a<3", "c")
    before = path.read_bytes()
    checked = site.lock("--check")
    assert checked.returncode == 1
    assert checked.stdout == f"{path}: 3 distributions, changed\n  c  -  ->  1.0\n"
    assert f"{path} is not current\n\nhint: `vpython-tool lock` brings it up to date\n" in checked.stderr
    assert path.read_bytes() == before, "`--check` writes nothing"

    assert site.lock().stdout == checked.stdout
    assert versions(path) == {"a 2.0": "", "b 1.1": "", "c 1.0": ""}
    assert (
        site.lock("--upgrade-package", "B").stdout == f"{path}: 3 distributions, changed\n  b  1.1  ->  1.2\n"
    )
    assert site.lock("-U").stdout == f"{path}: 3 distributions, changed\n  a  2.0  ->  2.1\n"
    site.script("b")
    assert [(row["name"], row["after"]) for row in site.locked()["changes"]] == [("a", None), ("c", None)]
    assert versions(path) == {"b 1.2": ""}


def test_check_of_none(site: Site) -> None:
    site.script("a")
    done = site.lock("--check", "--json")
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert row["new"]
    assert row["changed"]
    assert not site.lockfile().exists()


def test_json(site: Site) -> None:
    site.script("a==1.0")
    path = str(site.lockfile())
    new: dict[str, object] = {
        "name": "a",
        "before": None,
        "after": "1.0",
        "scripts": [],
        "pth": [],
        "native": False,
    }
    row = site.locked()
    assert {**row, "changes": row["changes"][:1]} == {
        "path": path, "new": True, "changed": True, "distributions": 2, "changes": [new], "warnings": []
    }  # fmt: skip
    assert site.locked() == {
        "path": path, "new": False, "changed": False, "distributions": 2, "changes": [], "warnings": []
    }  # fmt: skip


@each_format
def test_markers_and_versions_of_pythons(site: Site, kind: str) -> None:
    """One lockfile for all Pythons and platforms; this Python runs what is its own."""
    for name, python in (("c", ">=3.12"), ("d", ">=3.11.4")):
        make_wheel(site.wheels, name, "1.0")
        newer = make_wheel(site.wheels, name, "2.0", python=python)
        site.index.requires[newer.name] = python
    make_wheel(site.wheels, "e", "1.0", requires=('a; sys_platform == "win32"', 'b; python_version < "3.12"'))
    site.script("c", "d", "e", shows="cde")
    done = site.lock("--format", kind)
    assert (done.returncode, done.stderr) == (0, "")
    found = {key: marker.replace('"', "'") for key, marker in versions(site.lockfile(FILES[kind])).items()}
    assert found == {
        "a 2.0": "sys_platform == 'win32'",
        "b 1.1": "python_full_version < '3.12' or sys_platform == 'win32'",
        "c 1.0": "python_full_version < '3.12'",
        "c 2.0": "python_full_version >= '3.12'",
        "d 1.0": "python_full_version < '3.11.4'",
        "d 2.0": "python_full_version >= '3.11.4'",
        "e 1.0": "",
    }
    assert site.run(env={"CI": "1"}).returncode == 0
    assert "win32" not in "".join(path for path, _ in site.index.asked)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="its wheel is for another machine")
def test_a_wheel_for_one_platform(site: Site) -> None:
    """Platforms that a project has no wheel for are left out, with one line."""
    make_wheel(site.wheels, "n", "1.0", tag="cp311-abi3-manylinux_2_17_x86_64")
    site.script("n", shows="n")
    assert site.locked()["warnings"] == [
        "not locked for linux-arm64, mac-amd64, mac-arm64, windows-amd64, windows-386: `n` has no wheel"
    ]
    assert tomllib.loads(site.lockfile().read_text())["environments"] == [
        "sys_platform == 'linux' and platform_machine == 'x86_64'"
    ]
    assert site.run().stdout == "1.0\n"


def test_an_sdist(site: Site) -> None:
    """Built for its METADATA, and again by a locked start, which compares its hash before that."""
    flag = site.place / "built"
    make_sdist(site.wheels, "sd", "1.0", requires=("b<1.1",), before=f"open({str(flag)!r}, 'a').write('x')")
    site.script("sd", shows=["sd"])
    done = site.lock()
    assert done.returncode == 0, done.stderr
    assert done.stderr == "vpython: building `sd` 1.0 from its source\n"
    assert versions(site.lockfile()) == {"b 1.0": "", "sd 1.0": ""}
    assert "sdist = " in site.lockfile().read_text()
    assert site.run(env={"CI": "1"}).stdout == "1.0\n"

    flag.unlink()
    text = site.lockfile().read_text()
    make_sdist(site.wheels, "sd", "1.0", before=f"open({str(flag)!r}, 'a').write('y')")
    site.harness.environ["VPYTHON_VIRTUALENV_ROOT"] = str(site.place / "other-root")
    refused = site.run()
    assert refused.returncode in (1, 2)
    assert refused.stdout == ""
    assert "sha256" in refused.stderr
    assert not flag.exists(), "other bytes are not built"
    site.lockfile().write_text(text.replace("sd-1.0.tar.gz", "sd-1.1.tar.gz"))
    assert site.run().returncode in (1, 2)


OLD_NAMES = {
    "post": ("1.2.post1", "post-1.2-1.tar.gz"),
    "Foo_Bar": ("1.0", "Foo_Bar-1.0.zip"),
    "dotted.name": ("2.0b1", "dotted.name-2.0-beta1.tar.bz2"),
}


def old_sdist(directory: Path, name: str, version: str, filename: str) -> None:
    """Make an sdist with a name from before PEP 625, in a format of then."""
    module = name.replace(".", "_")
    made = make_sdist(directory, module, version)
    with tarfile.open(made) as archive:
        archive.extractall(directory / "unpacked", filter="data")
    made.unlink()
    (top,) = (directory / "unpacked").iterdir()
    top = top.rename(top.with_name(f"{name}-{version}"))
    for path in top.rglob("*"):
        os.utime(path)  # a zip archive has no times before 1980
    kind = {"gz": "gztar", "ip": "zip", "z2": "bztar"}[filename[-2:]]
    packed = shutil.make_archive(str(directory / "made"), kind, directory / "unpacked", top.name)
    shutil.rmtree(directory / "unpacked")
    Path(packed).rename(directory / filename)


@pytest.mark.thorough  # three builds
@each_format
def test_sdists_from_before_pep_625(site: Site, kind: str) -> None:
    """Their names are read as pip reads them: locked, verified, built, told from another project's."""
    for name, (version, filename) in OLD_NAMES.items():
        old_sdist(site.wheels, name, version, filename)
    make_sdist(site.wheels, "post", "1.2.post1")  # another sdist of the same version
    (site.wheels / "post-1.2.post1.tar.gz").rename(site.wheels / "post-1.2.post1.zip")
    modules = [name.replace(".", "_") for name in OLD_NAMES]
    site.script(*(f"{name}=={version}" for name, (version, _) in OLD_NAMES.items()), shows=modules)
    row = site.locked("--format", kind)
    assert (row["distributions"], row["warnings"]) == (3, [])
    path = site.lockfile(FILES[kind])
    assert list(versions(path)) == ["dotted-name 2.0b1", "foo-bar 1.0", "post 1.2.post1"]
    for _, filename in OLD_NAMES.values():
        assert site.sha256(filename) in path.read_text()
    verified = site.run("-vpython-tool", "verify")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.count("sdist") > 2
    site.harness.environ["VPYTHON_VIRTUALENV_ROOT"] = str(site.place / "other-root")
    assert site.run("-vpython-locked").stdout == "1.2.post1 1.0 2.0b1\n"
    if kind == "pylock":
        path.write_text(path.read_text().replace('"post-1.2.post1.tar.gz"', '"post-1.2-2.tar.gz"'))
        refused = site.run("-vpython-locked")
        assert refused.returncode == 2
        assert "`packages[2]`" in refused.stderr or "post-1.2-2.tar.gz" in refused.stderr


@each_format
def test_a_direct_reference(site: Site, kind: str) -> None:
    """A wheel by URL: locked and followed; another one where it is not asked for any more."""
    wheel = "a-1.0-py3-none-any.whl"
    site.script(f"a @ {site.url(wheel)}#sha256={site.sha256(wheel)}")
    done = site.lock("--format", kind)
    assert done.returncode == 0, done.stderr
    path = site.lockfile(FILES[kind])
    assert site.sha256(wheel) in path.read_text()
    assert site.url(wheel) in path.read_text()
    assert site.lock("--check").returncode == 0
    for env in ({}, {"CI": "1"}):
        done = site.run(env=env)
        assert (done.stdout, done.stderr) == ("1.0 1.1\n", "")

    site.script(f"a @ {site.url(wheel)}#sha256={'0' * 64}")
    assert site.run("-vpython-locked").returncode == 2, "another hash is another requirement"
    site.script("a")
    assert site.locked()["changed"]
    # PEP 751 has its version too, which is kept; of requirements the URL alone is known.
    version = "1.0" if kind == "pylock" else "2.0"
    assert list(versions(path)) == [f"a {version}", "b 1.1"]
    assert site.run(env={"CI": "1"}).stdout == f"{version} 1.1\n"


def test_pins_that_went_bad(site: Site) -> None:
    """Yanked, removed and replaced files are warned of, each with where to go."""
    path = site.lockfile()
    site.script("a", "b")
    site.locked()
    a2, b11 = site.wheels / "a-2.0-py3-none-any.whl", site.wheels / "b-1.1-py3-none-any.whl"

    def warned(line: str) -> None:
        done = site.lock("--check")
        assert done.returncode == 1
        assert f"vpython: {path}: {line}\n" in done.stderr

    site.index.yanked = {a2.name}
    warned("`a` 2.0 was withdrawn (yanked); the newest is 1.0")
    site.index.yanked = set()
    assert site.lock("--check").returncode == 0
    a2.rename(site.place / "gone")
    warned("`a` 2.0 is not on the index any more; the newest is 1.0")
    (site.place / "gone").rename(a2)
    make_wheel(site.wheels, "b", "1.1", files={"b.py": "VERSION = 'replaced'\n"})
    warned("`b` 1.1 has other files on the index than before: 1 of its 1 files are gone")
    b11.unlink()
    done = site.lock()
    assert done.returncode == 0
    assert f"{path}: `b` 1.1 is not on the index any more; the newest is 1.0" in done.stderr
    assert versions(path) == {"a 2.0": "", "b 1.0": ""}
    assert site.lock("--check").returncode == 0


def test_what_is_too_new_is_not_gone(site: Site) -> None:
    """Files that `--exclude-newer` leaves out are on the index all the same."""
    site.index.uploaded = {each.name: "2020-01-01T00:00:00Z" for each in site.wheels.iterdir()}
    site.index.uploaded["a-2.0-py3-none-any.whl"] = "2025-01-01T00:00:00Z"
    site.script("a", "b")
    site.locked()
    row = site.locked("--upgrade", "--exclude-newer", "2024-01-01")
    assert [(each["name"], each["after"]) for each in row["changes"]] == [("a", "1.0")]
    assert row["warnings"] == []


def test_what_a_change_brings(site: Site) -> None:
    """New programs, start-up files and native code are shown with the versions."""
    site.script("a<2")
    site.locked()
    make_wheel(
        site.wheels,
        "a",
        "2.0",
        scripts={"tool": "a:run"},
        files={"a.py": "VERSION = '2.0'\n", "a.pth": "import a\n"},
    )
    make_wheel(site.wheels, "c", "1.0", tag="cp311-abi3-manylinux_2_17_x86_64")
    make_wheel(site.wheels, "c", "1.0", tag="py3-none-any")
    site.script("a>=2", "c")
    done = site.lock()
    assert done.stdout.splitlines()[1:] == [
        "  a  1.0  ->  2.0  scripts: tool; runs at start-up: a.pth",
        "  b  1.1  ->  -",
        "  c  -    ->  1.0  native code",
    ]


@pytest.mark.parametrize(
    ("requirements", "python", "code", "message"),
    [
        (
            None,
            "",
            2,
            "there is no spec here\n\nhint: name a script that has a spec, or a spec\n",
        ),
        (
            (),
            ">=3.11",
            2,
            "`s.py` asks for no packages\n\nhint: name a script that has a spec, or a spec\n",
        ),
        (("nosuch",), ">=3.11", 2, "on Python 3.11: the index has no project `nosuch`\n"),
        (("a>9",), ">=3.11", 2, "on Python 3.11: no version fits `a>9`: there is 1.0, 2.0\n"),
        (("a", "b>1", "a>1; sys_platform == 'win32'"), ">=3.11", 0, ""),
    ],
)
def test_what_cannot_be_locked(
    site: Site, requirements: tuple[str, ...] | None, python: str, code: int, message: str
) -> None:
    script = site.script(*(requirements or ()), python=python)
    if requirements is None:
        script.write_text("print(1)\n")
    done = site.lock()
    said = done.stderr.removeprefix("vpython: ").replace(f"`{script}`", "`s.py`")
    assert (done.returncode, said) == (code, message)
    assert site.lockfile().exists() == (code == 0)


def test_an_older_python_that_cannot(site: Site) -> None:
    """It is named, with the way out."""
    site.index.requires = dict.fromkeys(("a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"), ">=3.11")
    site.script("a", python=">=3.10")
    done = site.lock()
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: on Python 3.10: no version of `a` is for Python 3.10")
    assert done.stderr.endswith('\n\nhint: there is an answer for `requires-python = ">=3.11"`\n')
    assert not site.lockfile().exists()

    # What a converted text spec says is no promise of each Python: those that cannot are left out.
    site.script("a", python=">=3,<4")
    row = site.locked()
    lines = [line.partition(": ")[0] for line in row["warnings"]]
    assert lines == [f"not locked for Python 3.{minor}" for minor in (8, 9, 10)]
    tables = tomllib.loads(site.lockfile().read_text())
    assert tables["requires-python"] == ">=3.11,<4"
    assert tables["tool"]["vpython"]["requires-python"] == ">=3,<4"
    text = site.lockfile().read_text()
    assert (site.lock("--check").returncode, site.lockfile().read_text()) == (0, text)
    assert site.run("-vpython-tool", "verify").returncode == 0
    assert site.run(env={"CI": "1"}).stdout == "2.0 1.1\n"


def test_a_newer_python_that_cannot(site: Site) -> None:
    """The newest Pythons are left out, in the lockfile too; the spec as it is stays current."""
    site.index.requires = dict.fromkeys(("a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"), "<3.13")
    site.script("a")
    row = site.locked()
    assert [line.partition(":")[0] for line in row["warnings"]] == [
        f"not locked for Python 3.{minor}" for minor in (13, 14, 15)
    ]
    tables = tomllib.loads(site.lockfile().read_text())
    assert tables["requires-python"] == ">=3.11,<3.13"
    assert tables["tool"]["vpython"]["requires-python"] == ">=3.11"
    assert site.run(env={"CI": "1"}).stdout == "2.0 1.1\n"
    site.script("a", python=">=3.11,<3.14")
    assert site.run(env={"CI": "1"}).returncode == 2


def test_a_python_without_wheels_yet(site: Site) -> None:
    """The newest one changes no version: it takes those of the one before it, or is left out."""
    for minor in range(11, 15):
        make_wheel(site.wheels, "fast", "2.0", tag=f"cp3{minor}-cp3{minor}-manylinux_2_17_x86_64")
    make_wheel(site.wheels, "fast", "1.0")
    make_sdist(site.wheels, "fast", "0.1", before="raise SystemExit('built')")
    site.script("fast", "b", shows="b")
    row = site.locked("--format", "uv")
    assert [line for line in row["warnings"] if "3.15" in line] == [
        "not locked for Python 3.15: `fast==2.0` has no wheel"
    ]
    assert site.run("-vpython-tool", "verify").returncode == 0

    make_sdist(site.wheels, "fast", "2.0", before="raise SystemExit('built')")
    row = site.locked()
    assert (row["warnings"], row["changed"]) == ([], True)
    found = versions(site.lockfile("s.py.uv.lock"))
    assert found == {"b 1.1": "", "fast 2.0": ""}


def test_a_lockfile_that_is_no_file_of_ours(site: Site) -> None:
    """uv's own lockfile and a broken one are left alone; `--upgrade` makes a broken one new."""
    site.script("a")
    own = site.lockfile("s.py.lock")
    own.write_text('version = 1\nrequires-python = ">=3.11"\n')
    done = site.lock()
    assert done.returncode == 2
    assert done.stderr == (
        f"vpython: `{own}` is uv's own lockfile\n\nhint: `uv lock --script` writes it; or remove it\n"
    )
    own.unlink()
    site.lockfile().write_text("nonsense")
    done = site.lock()
    assert done.returncode == 2
    assert done.stderr.startswith(f"vpython: {site.lockfile()}: not TOML: ")
    assert done.stderr.endswith("\n\nhint: mend it, or make a new one with `vpython-tool lock --upgrade`\n")
    assert site.lockfile().read_text() == "nonsense"
    assert site.lock("--upgrade").returncode == 0
    assert versions(site.lockfile()) == {"a 2.0": "", "b 1.1": ""}


def test_where_it_cannot_be_written(site: Site) -> None:
    """A lockfile that cannot be replaced is named, and nothing is left beside it."""
    site.script("a")
    site.lockfile().symlink_to(site.place / "nowhere" / "pylock.s.toml")
    done = site.lock()
    assert done.returncode == 1
    assert done.stderr == f"vpython: cannot write `{site.lockfile()}`: No such file or directory\n"


def test_the_index_is_away(site: Site) -> None:
    site.script("a")
    site.locked()
    before = site.lockfile().read_bytes()
    site.script("a", "b")
    site.index.stop()
    done = site.lock()
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: cannot ask the index: ")
    assert site.lockfile().read_bytes() == before


def test_embedded(site: Site) -> None:
    """In the script itself, followed from there, and never rewritten by a start."""
    script = site.script("a<2")
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    done = site.lock("--embed")
    assert (done.returncode, done.stdout) == (0, f"{script}: 2 distributions, new\n"), done.stderr
    text = script.read_bytes()
    assert b"\n" not in text.replace(b"\r\n", b"")
    (sha256,) = {site.sha256("a-1.0-py3-none-any.whl")}
    assert f'#     "a==1.0 --hash=sha256:{sha256}",'.encode() in text
    assert list(site.place.glob("*lock*")) == []

    make_wheel(site.wheels, "b", "1.2")
    assert site.run("-vpython-locked").stdout == "1.0 1.1\n"
    assert site.lock("--check").returncode == 0
    assert site.locked("--upgrade", "--embed")["changes"][0]["after"] == "1.2"
    assert site.run().stdout == "1.0 1.2\n"

    text = script.read_bytes()
    script.write_bytes(text.replace(b'["a<2"]', b'["a<3"]'))
    stale = site.run()
    assert stale.stdout == "2.0 1.2\n"
    assert "not current" in stale.stderr
    assert script.read_bytes() == text.replace(b'["a<2"]', b'["a<3"]')
    assert "not current" in site.run(env={"CI": "1"}).stderr
    again = site.locked()
    assert (again["changed"], again["changes"]) == (True, []), "as little as the spec allows"
    assert site.run("-vpython-locked").stdout == "1.0 1.2\n"


def test_commands_know_of_an_embedded_one(site: Site) -> None:
    """`explain`, `export`, `verify`, and what edits a spec, follow it as a start does."""
    script = site.script("a<2")
    assert site.lock("--embed").returncode == 0
    page = site.run("-vpython-tool", "explain")
    assert f"{script}  (in the spec itself, 2 distributions)" in page.stdout, page.stderr
    account = json.loads(site.run("-vpython-tool", "explain", "--json").stdout)["lockfile"]
    assert (account["path"], account["format"]) == (str(script), "embedded")

    exported = site.run("-vpython-tool", "export")
    assert exported.returncode == 0, exported.stderr
    assert f"a==1.0 \\\n    --hash=sha256:{site.sha256('a-1.0-py3-none-any.whl')}\n" in exported.stdout
    (verified,) = json.loads(site.run("-vpython-tool", "verify", "--json").stdout)
    assert (verified["lockfile"], verified["whole"]) == (str(script), True)
    assert [row["name"] for row in verified["distributions"]] == ["a", "b"]

    added = site.run("-vpython-tool", "add", "s.py", script="b")
    assert added.returncode == 0, added.stderr
    assert (
        f"`{script}` does not have this change yet: `vpython-tool lock` brings it up to date" in added.stderr
    )


def test_an_empty_file_beside_is_no_embedded_one(site: Site) -> None:
    site.script("a<2")
    assert site.lock("--embed").returncode == 0
    site.lockfile().write_bytes(b"")
    done = site.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"vpython: {site.lockfile()}")


def test_embedded_is_tampered_with(site: Site) -> None:
    script = site.script("a<2")
    assert site.lock("--embed").returncode == 0
    sha256 = site.sha256("a-1.0-py3-none-any.whl")
    script.write_text(script.read_text().replace(sha256, "0" * 64))
    done = site.run()
    assert done.returncode != 0
    assert "0" * 64 in done.stderr


def test_one_beside_counts_before_one_within(site: Site) -> None:
    site.script("a<3")
    assert site.lock().returncode == 0
    done = site.lock("--embed")
    assert done.returncode == 2
    assert "remove it first" in done.stderr


def test_wheels_beside_the_index_are_not_locked(site: Site) -> None:
    """Other machines have not that directory; starts that follow the lockfile take none of it either."""
    make_wheel(site.place / "beside", "b", "9.0")
    site.script("a<3")
    source = ("-vpython-source", f"directory:{site.place / 'beside'},index:{site.index.url}")
    done = site.run(*source, "-vpython-tool", "lock")
    assert done.returncode == 0
    fact = "files of `b` in a directory beside the index are not locked: no other machine has them"
    assert done.stderr == f"vpython: {site.lockfile()}: {fact}\n"
    assert versions(site.lockfile()) == {"a 2.0": "", "b 1.1": ""}
    done = site.run(*source)
    assert (done.stdout, done.stderr) == ("2.0 1.1\n", "")


def test_what_the_command_line_adds_is_not_locked(site: Site) -> None:
    site.script("a<3")
    done = site.run("-vpython-with", "b", "-vpython-tool", "lock")
    assert (done.returncode, list(site.place.glob("*lock*"))) == (2, [])
    assert "leave out -vpython-with" in done.stderr


def test_a_local_version_that_the_index_lacks(site: Site) -> None:
    """As a start takes it: as the public one."""
    site.script("a==1.0+local.1")
    assert site.lock().returncode == 0
    assert versions(site.lockfile()) == {"a 1.0": "", "b 1.1": ""}
    assert site.run().stdout == "1.0 1.1\n"


def test_a_proof_counts_only_where_it_holds(site: Site) -> None:
    """Many versions contradict what Windows needs: that is left out on each Python, and nothing else."""
    for number in range(120):
        make_wheel(site.wheels, "many", f"{number}.0", requires=(f"own=={number}.0",))
        make_wheel(site.wheels, "own", f"{number}.0", requires=("low<5; sys_platform == 'win32'",))
    make_wheel(site.wheels, "low", "1.0")
    make_wheel(site.wheels, "low", "9.0")
    make_wheel(site.wheels, "high", "1.0", requires=("low>=5",))
    site.script("many", "high")
    done = site.lock()
    path = site.lockfile()
    assert (done.returncode, done.stdout) == (0, f"{path}: 4 distributions, new\n")
    fact = "not locked for windows-amd64, windows-386: the requirements contradict each other: `many`, `high`"
    assert done.stderr == f"vpython: {path}: {fact}\n"
    assert versions(path) == {"high 1.0": "", "low 9.0": "", "many 119.0": "", "own 119.0": ""}
