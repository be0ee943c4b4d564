"""Texts of lockfiles, in both formats, and what the readers make of them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import Marker
from packaging.pylock import Pylock, PylockValidationError
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from vpy.spec.lockfile import document, read, write
from vpy.spec.lockfile.model import LockedDistribution, LockedFile, Lockfile
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from vpy.spec.lockfile.model import LockfileFormat

AB, CD, EF = ("ab" * 32, "cd" * 32, "ef" * 32)
WHEEL = LockedFile("a-1.0-py3-none-any.whl", "https://files.example/a-1.0-py3-none-any.whl", CD, 12)
SDIST = LockedFile("a-1.0.tar.gz", "https://files.example/a-1.0.tar.gz", AB, 34)
ONLY_SDIST = LockedFile("b-2.0.zip", "https://files.example/b-2.0.zip", AB)
DIRECT = LockedFile("d_e-2.0-py3-none-any.whl", "https://else.example/d_e-2.0-py3-none-any.whl", EF)

LOCKFILE = Lockfile(
    path="/s/pylock.s.toml",
    format="pylock",
    digest="",
    distributions=(
        LockedDistribution(
            name="a",
            version="1.0",
            marker="sys_platform == 'win32' and os_name == \"it's\"",
            requires_python=">=3.8",
            files=(WHEEL,),
            hashes=(AB, CD),
            sdist=SDIST,
            via=("", "b", "d-e"),
        ),
        LockedDistribution(name="b", version="2.0", hashes=(AB,), sdist=ONLY_SDIST, via=("d-e",)),
        LockedDistribution(
            name="d-e", version="2.0", files=(DIRECT,), hashes=(EF,), url=DIRECT.url, via=("",)
        ),
    ),
    requires_python=">=3.8,<3.14",
    environments=("sys_platform == 'linux' and platform_machine == 'x86_64'",),
    requirements=('a[x] ; python_version < "3.9"', "d-e @ https://else.example/d_e-2.0-py3-none-any.whl"),
    declared_python=">=3.8",
)

REQUIREMENTS = f"""\
a==1.0 ; sys_platform == 'win32' and os_name == "it's" \\
    --hash=sha256:{AB} \\
    --hash=sha256:{CD}
    # via
    #   b
    #   d-e
b==2.0 \\
    --hash=sha256:{AB}
    # via d-e
d-e @ https://else.example/d_e-2.0-py3-none-any.whl \\
    --hash=sha256:{EF}
"""

PYLOCK = f"""\
lock-version = "1.0"
environments = [
    "sys_platform == 'linux' and platform_machine == 'x86_64'",
]
requires-python = ">=3.8,<3.14"
created-by = "vpython"

[[packages]]
name = "a"
version = "1.0"
marker = "sys_platform == 'win32' and os_name == \\"it's\\""
requires-python = ">=3.8"
sdist = {{name = "a-1.0.tar.gz", url = "https://files.example/a-1.0.tar.gz", size = 34, hashes = {{sha256 = "{AB}"}}}}
wheels = [
    {{name = "a-1.0-py3-none-any.whl", url = "https://files.example/a-1.0-py3-none-any.whl", size = 12, hashes = {{sha256 = "{CD}"}}}},
]

[[packages]]
name = "b"
version = "2.0"
sdist = {{name = "b-2.0.zip", url = "https://files.example/b-2.0.zip", hashes = {{sha256 = "{AB}"}}}}

[[packages]]
name = "d-e"
version = "2.0"
archive = {{url = "https://else.example/d_e-2.0-py3-none-any.whl", hashes = {{sha256 = "{EF}"}}}}

[tool.vpython]
requires-python = ">=3.8"
requirements = [
    "a[x] ; python_version < \\"3.9\\"",
    "d-e @ https://else.example/d_e-2.0-py3-none-any.whl",
]
"""  # noqa: E501

TEXTS: dict[LockfileFormat, str] = {"uv-requirements": REQUIREMENTS, "pylock": PYLOCK}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(kind: LockfileFormat) -> None:
    assert write.text_of(LOCKFILE, kind) == TEXTS[kind]


def as_read(lockfile: Lockfile) -> Lockfile:
    """Return a lockfile with its markers as packaging spells them, and without what no format says."""
    rows = [
        replace(each, marker=str(Marker(each.marker)) if each.marker else "", via=())
        for each in lockfile.distributions
    ]
    return replace(
        lockfile,
        distributions=tuple(rows),
        requires_python=str(SpecifierSet(lockfile.requires_python)),
        environments=tuple(str(Marker(each)) for each in lockfile.environments),
    )


def read_back(lockfile: Lockfile, kind: LockfileFormat) -> Lockfile:
    found = read.read(write.text_of(lockfile, kind).encode(), lockfile.path, kind)
    return replace(found, digest="")


def test_pylock_is_read_back_as_it_was() -> None:
    """All but who asked for what, which PEP 751 does not say."""
    assert read_back(LOCKFILE, "pylock") == as_read(LOCKFILE)


def test_requirements_are_read_back_as_they_were() -> None:
    """Names, versions, markers and hashes; a direct reference has no version, and there are no files."""
    found = read_back(LOCKFILE, "uv-requirements")
    assert [replace(each, line=0) for each in found.distributions] == [
        LockedDistribution(
            name=each.name,
            version="" if each.url else each.version,
            marker=each.marker,
            hashes=each.hashes,
            url=each.url,
        )
        for each in as_read(LOCKFILE).distributions
    ]


@pytest.mark.parametrize("kind", TEXTS)
def test_what_was_read_is_written_the_same(kind: LockfileFormat) -> None:
    """A lockfile that is read and written again stays as it is."""
    once = read_back(LOCKFILE, kind)
    assert write.text_of(read_back(once, kind), kind) == write.text_of(once, kind)


def test_pylock_is_what_packaging_reads() -> None:
    lock = Pylock.from_dict(tomllib.loads(PYLOCK))
    lock.validate()
    assert [(each.name, str(each.version), str(each.marker or "")) for each in lock.packages] == [
        (each.name, each.version, each.marker) for each in as_read(LOCKFILE).distributions
    ]
    first, _, direct = lock.packages
    assert first.wheels is not None
    assert first.sdist is not None
    assert direct.archive is not None
    assert (first.wheels[0].filename, dict(first.wheels[0].hashes)) == (WHEEL.filename, {"sha256": CD})
    assert (first.sdist.filename, first.sdist.size) == (SDIST.filename, 34)
    assert direct.archive.url == DIRECT.url


def test_requirements_are_what_packaging_reads() -> None:
    """Each logical line but for its hashes is a requirement (PEP 508)."""
    lines = [line.partition("--hash")[0] for line in REQUIREMENTS.replace("\\\n", "").splitlines()]
    found = [Requirement(line) for line in lines if line.strip() and not line.strip().startswith("#")]
    assert [(each.name, str(each.specifier), each.url, str(each.marker or "")) for each in found] == [
        (each.name, "" if each.url else f"=={each.version}", each.url or None, each.marker)
        for each in as_read(LOCKFILE).distributions
    ]


def test_exported_texts() -> None:
    """Requirements without hashes, and constraints: versions and markers alone."""
    marker = "sys_platform == 'win32' and os_name == \"it's\""
    url = "d-e @ https://else.example/d_e-2.0-py3-none-any.whl"
    assert write.constraints(LOCKFILE) == f"a==1.0 ; {marker}\nb==2.0\n{url}\n"
    plain = write.requirements(LOCKFILE, hashes=False)
    assert plain == "".join(
        line.removesuffix(" \\\n") + "\n" if line.endswith("\\\n") else line
        for line in REQUIREMENTS.splitlines(keepends=True)
        if "--hash" not in line
    )


def test_a_url_with_a_fragment_is_read_back() -> None:
    """`#` begins a comment only behind a space."""
    url = DIRECT.url + "#subdirectory=x"
    direct = LockedDistribution(
        name="d-e", version="", hashes=(EF,), url=url, marker='sys_platform == "linux"', line=1
    )
    found = read_back(replace(LOCKFILE, distributions=(direct,)), "uv-requirements")
    assert found.distributions == (direct,)


@pytest.mark.parametrize("kind", TEXTS)
def test_without_any_distribution(kind: LockfileFormat) -> None:
    """What no target needs anything for is a lockfile too."""
    empty = Lockfile(path="/s/x", format=kind, digest="", distributions=(), requirements=())
    assert read_back(empty, kind).distributions == ()


def test_any_text_is_read_as_it_was_written() -> None:
    """What is not plain too: quotes, backslashes, line ends, other alphabets, odd keys, what is empty."""
    odd = ["", " ", "it's", 'say "a"', "a\\b", "two\nlines", "\t\x00\x7f", "ü ☃ 𝛑", "#", "a = 1", "'" * 3]
    tables = {
        "text": odd[3],
        "none": [],
        "texts": odd,
        "packages": [
            {"name": each, "a key": each, 'b"': [each, {"c": each, "size": 12, "is": True}], "d": {"e": 1}}
            for each in odd
        ],
        "tool": {"x y": {"requirements": odd}, "z": {"n": 3}},
    }
    assert tomllib.loads(document.text_of(tables)) == tables


@pytest.mark.parametrize("change", [
    {"requires_python": ">=3.6.*.1"},
    {"files": (replace(WHEEL, filename="b-1.0-py3-none-any.whl"),)},
    {"files": (replace(WHEEL, filename="a-2.0-py3-none-any.whl"),)},
    {"files": (replace(WHEEL, filename="a-1.0-py3--any.whl"),)},
])  # fmt: skip
def test_what_pep_751_has_no_form_for_is_refused(change: dict[str, Any]) -> None:
    """An index may say anything: nothing is written that no reader would take."""
    first, *rest = LOCKFILE.distributions
    lockfile = replace(LOCKFILE, distributions=(replace(first, **change), *rest))
    with pytest.raises(PylockValidationError):
        write.text_of(lockfile, "pylock")
