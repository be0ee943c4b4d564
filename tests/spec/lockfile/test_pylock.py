"""PEP 751 lockfiles as others write them: what of them is for a script."""

from __future__ import annotations

import pytest

from vpy.errors import UserError
from vpy.model import SpecSource
from vpy.spec import read as spec_reader
from vpy.spec.lockfile import read

PATH = "/here/pylock.toml"
HEAD = 'lock-version = "1.0"\ncreated-by = "x"\nrequires-python = ">=3.10"\n'
HASH = f"sha256 = '{'a' * 64}'"
DEFAULT = 'default-groups = ["Default"]\n'


def lockfile(head: str, **markers: str) -> str:
    """Return a lockfile of projects with these markers."""
    rows = [
        f"[[packages]]\nname = {name!r}\nversion = '1'\n"
        + (f"marker = '''{marker}'''\n" if marker else "")
        + f"wheels = [{{ url = 'https://x.test/{name}-1-py3-none-any.whl', hashes = {{ {HASH} }} }}]\n"
        for name, marker in markers.items()
    ]
    return head + "\n".join(rows)


@pytest.mark.parametrize(
    ("marker", "head", "expected"),
    [
        ("'default' in dependency_groups", DEFAULT, ""),
        ("'default' in dependency_groups", "", None),
        ("'dev' in dependency_groups", DEFAULT, None),
        ("'dev' not in dependency_groups", DEFAULT, ""),
        ("'cli' in extras", DEFAULT, None),
        ("'cli' in extras or 'default' in dependency_groups", DEFAULT, ""),
        ("'default' in dependency_groups and sys_platform == 'win32'", DEFAULT, "sys_platform == 'win32'"),
        ("sys_platform == 'win32' or 'cli' in extras", "", "sys_platform == 'win32'"),
        ("python_version < '3.12'", "", 'python_version < "3.12"'),
    ],
)
def test_groups_and_extras(marker: str, head: str, expected: str | None) -> None:
    """The default groups are meant, as PEP 751 has it, and no extras."""
    found = read.read(lockfile(HEAD + head, a=marker, b="").encode(), PATH, "pylock").distributions
    assert {each.name: each.marker for each in found} == ({} if expected is None else {"a": expected}) | {
        "b": ""
    }


def test_as_a_spec() -> None:
    text = lockfile(HEAD, a="sys_platform == 'win32'", b="'dev' in dependency_groups", c="")
    spec = spec_reader.read(SpecSource("option", "pylock", PATH, text))
    assert spec.requires_python == ">=3.10"
    assert spec.dependencies == ('a==1 ; sys_platform == "win32"', "c==1")


def test_a_marker_of_too_many_terms() -> None:
    names = ("os_name", "platform_machine", "platform_release", "platform_version")
    sums = " and ".join("(" + " or ".join(f"{name} == '{at}'" for at in range(15)) + ")" for name in names)
    with pytest.raises(UserError, match="the marker of `a` has too many terms"):
        read.read(lockfile(HEAD, a=f"'x' not in extras and {sums}").encode(), PATH, "pylock")
