"""Specs that cannot be read: the place, the fact, exit code 2; a broken one is never passed over."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.everybody import python_for_everybody
from tests.support.harness import BUILT, settled

if TYPE_CHECKING:
    from tests.e2e.hostile.yard import Yard

FIELDS = "`python_version`, `wheel`, `verify_pep425_tag`"
HEAD = 'wheel: <\n  name: "'


def one(name: str, version: str = "version:1.0") -> str:
    return f'{HEAD}{name}"\n  version: "{version}"\n>\n'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ('wheel < name: "x"', ":1:15: expected `>`, found the end"),
        ("pigeon: 3\n", f":1:1: unknown field `pigeon`\n\nhint: the fields here are {FIELDS}"),
        ('wheel: <\n  version: "version:1"\n>\n', ":1:8: a wheel without `name`"),
        (HEAD + 'a b"\n  version: "version:1"\n>\n', ":2:9: not a package name: `a b`"),
        ('python_version: "three"\n', ":1:17: not a version of Python: `three`"),
        (b"\xff\xfe", ":1:1: not UTF-8: byte `0xff`\n\nhint: save the file as UTF-8"),
        (b"\0", ":1:1: expected a field name, found `\\x00`"),
        ("#" * (256 * 1024 + 1), ":1:1: a spec of more than 256 KB is not read"),
        ("wheel <" * 1_500_000, ":1:1: a spec of more than 256 KB is not read"),
        ("wheel <" * 10_000, ":1:8: unknown field `wheel`\n\nhint: the fields here are `name`,"),
        (b'wheel: < name: "\xed\xa0\x80" >', ":1:17: not UTF-8: byte `0xed`"),
        ('python_version: "3"\r\rpython_version: "3"', ":3:17: field `python_version` is given twice"),
        ("\ufeffpython_version: 9223372036854775808", ":1:17: expected a string in quotes, found `9223"),
        ('python_version: "3\n', ":1:17: a string without its closing quote"),
        (one("x/${"), ":2:9: not a package name: `x/${`"),
        (one("x/${}"), ":2:9: unknown variable `${}` in `x/${}`"),
        (one("x/${a=}"), ":2:9: unknown variable `${a=}` in `x/${a=}`"),
        (one("infra/../x"), ":2:9: not a package name: `infra/../x`"),
        (one("infra/Upper"), ":2:9: not a package name: `infra/Upper`"),
        (one("infra//x"), ":2:9: not a package name: `infra//x`"),
        (one("-x"), ":2:9: a package name cannot begin with `-`: `-x`"),
        (one(r"a\nb"), r":2:9: not a package name: `a\nb`"),
        (one("x", r"1\n2"), r":3:12: not a version: `1\n2`"),
        (one("x", "--index-url"), ":3:12: a version cannot begin with `-`: `--index-url`"),
    ],
)
def test_partner(yard: Yard, spec: str | bytes, said: str) -> None:
    yard.script("s.py", "print(1)", spec=spec)
    told = yard.refuse("s.py", doors=("head",))
    assert told.startswith(f"{yard.work}/s.py.vpython3{said}")


@pytest.mark.parametrize("mark", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("name", ["gadget-py3", "no/${platform=}"])
def test_odd_but_right(yard: Yard, mark: str, name: str) -> None:
    """A byte order mark, other ends of lines; and a name that is for no platform at all."""
    spec = "\ufeff" + one(f"infra/python/wheels/{name}").replace("\n", mark)
    yard.script("s.py", "import importlib.util as u; print(u.find_spec('gadget') is None)", spec=spec)
    done = yard.run("s.py", cwd=yard.work)
    assert (done.stdout, done.stderr) == (f"{name.startswith('no')}\n", "")


def test_the_place_of_a_template_in_a_block(yard: Yard) -> None:
    lines = "".join(f"#  {line}\n" for line in one("x/${bogus}").splitlines())
    yard.script("s.py", f"# One.\n\n# [VPYTHON:BEGIN]\n{lines}# [VPYTHON:END]\n")
    said = yard.refuse("s.py", doors=("head",))
    assert said == f"{yard.work}/s.py:5:12: unknown variable `${{bogus}}` in `x/${{bogus}}`"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("# dependencies = [", ":2:18: not TOML: "),
        ('# dependencies = "gadget"', ":2:3: `dependencies` is not a list"),
        ('# dependencies = ["gadget =="]', ":2:"),
        ('# requires-python = "three"', ":2:"),
    ],
)
def test_block(yard: Yard, block: str, said: str) -> None:
    yard.script("s.py", f"# /// script\n{block}\n# ///\nprint(1)")
    told = yard.refuse("s.py")
    assert told.startswith(f"{yard.work}/s.py:2:")
    if said.endswith("list"):
        assert told == f"{yard.work}/s.py{said}"
    assert "\n" not in told.partition("\n\nhint: ")[0]


def test_two_blocks(yard: Yard) -> None:
    block = "# /// script\n# dependencies = []\n# ///\n"
    yard.script("s.py", f"{block}\n{block}")
    assert yard.refuse("s.py").startswith(f"{yard.work}/s.py:5:1: ")


def test_block_without_its_end(yard: Yard) -> None:
    yard.script("s.py", "# [VPYTHON:BEGIN]\n# python_version: '3'\nprint(1)")
    assert yard.refuse("s.py").startswith(f"{yard.work}/s.py:1:")


def test_toml_of_the_directory(yard: Yard) -> None:
    folder = yard.work / "project"
    folder.mkdir()
    (folder / "s.py").write_text("print(1)")
    (folder / "vpython.toml").write_text("dependencies = 3\n")
    assert yard.refuse("project/s.py") == f"{folder}/vpython.toml:1:1: `dependencies` is not a list"
    shutil.rmtree(folder)


def test_a_partner_that_is_no_file(yard: Yard) -> None:
    """A link in a circle or a pipe is a mistake; a directory of that name may be anything."""
    script = yard.script("odd.py", "print('ran')")
    partner = yard.work / "odd.py.vpython3"
    partner.symlink_to(partner.name)
    said = yard.refuse("odd.py", doors=("head",))
    assert said == f"cannot read the spec `{partner}`: Too many levels of symbolic links"
    partner.unlink()
    os.mkfifo(partner)
    assert yard.refuse("odd.py", doors=("head",)) == f"the spec `{partner}` is not a file"
    partner.unlink()
    partner.mkdir()
    assert yard.run(script).stdout == "ran\n"
    partner.rmdir()


@pytest.mark.parametrize("text", ['python_version: "4.2"\n', 'python_version: "3.99"\n'])
def test_no_such_python(yard: Yard, text: str) -> None:
    yard.script("s.py", "print(1)", spec=text)
    version = text.split('"')[1]
    first, *rows = yard.refuse("s.py").splitlines()
    assert first == f"no Python here fits python_version `{version}`:"
    assert rows[-2:] == ["", f"hint: install Python {version}, or name one with -vpython-interpreter FILE"]


def test_python_2(yard: Yard) -> None:
    yard.script("s.py", "print(1)", spec='python_version: "2.7"\n')
    said, _, hint = yard.refuse("s.py").partition("\n\nhint: ")
    assert said == "Python 2.7 is not supported for running: environments are made for 3.8 or newer"
    assert hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else for whom modes count")
@pytest.mark.parametrize("name", ["s.py", "s.py.vpython3", "vpython.toml", ".vpython3"])
def test_unreadable(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """A spec that is there counts, readable or not."""
    if python_for_everybody() is None:
        pytest.skip("no Python 3.11 that everybody can run")
    place = Path("/var/tmp") / f"vpython-bad-{os.getpid()}"
    place.mkdir()
    try:
        shutil.copy(BUILT, place / "vpython.pyz")
        (place / "s.py").write_text("print(1)")
        (place / name).touch()
        (place / name).chmod(0)
        place.chmod(0o777)
        ended = subprocess.run(
            [place / "vpython.pyz", "s.py"],
            cwd=place,
            env={"PATH": "/usr/bin:/bin", "HOME": str(place), "VPYTHON_VIRTUALENV_ROOT": str(place / "root")},
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"vpython: cannot read the spec `{place}/{name}`: Permission denied\n"
        if name == "s.py":
            said = f"vpython: cannot open script `{place}/s.py`: Permission denied\n"
        assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said)
    finally:
        settled(place / "root")
        shutil.rmtree(place)
