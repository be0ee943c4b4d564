"""Text specs as tables: they declare what the index source takes from the text, on every platform."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.harness import SHARED
from vpy import config
from vpy.errors import UserError
from vpy.model import Spec, SpecSource, Target
from vpy.operations import expansion
from vpy.operations.legacy_tables import OldPythonError, Writer, Written, requires_python
from vpy.packages.index.names import requirement_for
from vpy.spec import inline
from vpy.spec.read import read
from vpy.target import markers
from vpy.target.platforms import Systems

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = config.load()
SYSTEMS = Systems(glibc=CONFIG.verify_glibc, macos=CONFIG.verify_macos)
REAL = sorted((SHARED / "specs").glob("*/.vpython3"))
REAL_SCRIPTS = [
    SHARED / "specs" / name for name in ("rubuslab+depot_tools/black", "luci+luci-py/client/swarming.py")
]
PREFIX = CONFIG.wheel_prefix


def text_source(text: str) -> SpecSource:
    return SpecSource(kind="common", format="text", path="/s/.vpython3", text=text)


def write(text: str) -> Written:
    source = text_source(text)
    return Writer(CONFIG).write(read(source), source)


def dependencies(text: str) -> list[str]:
    found: list[str] = tomllib.loads(write(text).text)["dependencies"]
    return found


def at_index(spec: Spec, target: Target) -> set[str]:
    """The requirements that the index source makes of a text spec on one target."""
    packages, _ = expansion.expand(spec, target, "")
    wanted = (Requirement(requirement_for(package, CONFIG)[0]) for package in packages)
    return {f"{canonicalize_name(each.name)}{each.specifier}" for each in wanted}


def on(spec: Spec, target: Target) -> set[str]:
    """The requirements of tables on one target."""
    listed = map(Requirement, spec.dependencies)
    here = dict(target.interpreter.markers)
    return {
        f"{each.name}{each.specifier}" for each in listed if not each.marker or each.marker.evaluate(here)
    }


@pytest.mark.parametrize("path", [*REAL, *REAL_SCRIPTS], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_real_specs_declare_the_same_everywhere(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the real specs are not beside this checkout")
    source = inline.find(path.read_bytes(), str(path))
    if path.name == ".vpython3":
        source = text_source(path.read_text(encoding="utf-8"))
    assert source is not None
    spec = read(source)
    tables = read(SpecSource("common", "toml", "/s/vpython.toml", Writer(CONFIG).write(spec, source).text))
    targets = markers.targets(spec.python_version, (), SYSTEMS)
    assert len(targets) >= len(markers.PLATFORMS)
    assert tables.verify_platforms == tuple(dict.fromkeys(tag.platform for tag in spec.verify_tags))
    for target in targets:
        assert on(tables, target) == at_index(spec, target)
    assert sum(len(on(tables, target)) for target in targets)


# An entry, and what stands for it (None: nothing).
ENTRIES = [
    ("name: '{0}six-py2_py3' version: 'version:1.16.0'", "six==1.16.0"),
    ("name: '{0}Zope_Event-py3' version: 'version:5.0'".lower(), "zope-event==5.0"),
    ("name: '{0}numpy/${{vpython_platform}}' version: 'version:1.2x.supported.1'", "numpy>=1.20,<1.30"),
    ("name: '{0}b/${{platform}}_${{py_python}}_${{py_abi}}' version: 'version:5.8.0.chromium.3'", "b==5.8.0"),
    ("name: '{0}a/${{os=mac}}-${{arch}}' version: 'version:1'", "a==1; sys_platform == 'darwin'"),
    ("name: '{0}a-py3' version: 'version:1' match_tag: <abi: 'cp37m'>", None),
    ("name: '{0}a-py3' version: 'version:1' not_match_tag: <python: 'cp311'>", None),
    ("name: '{0}a-py3' version: 'version:1' match_tag: <python: 'cp311' platform: 'win32'>",
     "a==1; sys_platform == 'win32' and platform_machine == 'x86'"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "requirement"), ENTRIES)
def test_an_entry(entry: str, requirement: str | None) -> None:
    text = f"python_version: '3.11'\nwheel <{entry.format(PREFIX)}>\n"
    assert dependencies(text) == ([requirement] if requirement else [])


def test_what_depends_on_the_python() -> None:
    text = f"wheel <name: '{PREFIX}a-py3' version: 'version:1' match_tag: <abi: 'cp39'>>\n"
    assert dependencies(text) == ["a==1; python_version == '3.9'"]
    text = f"wheel <name: '{PREFIX}a-py3' version: 'version:1' match_tag: <python: 'cp312'>>\n"
    assert dependencies(text) == ["a==1; python_version >= '3.12'"]


WINDOWS = "match_tag: <platform: 'win_amd64'>"


def test_two_versions_for_two_platforms() -> None:
    entry = f"wheel <name: '{PREFIX}a-py3' version: 'version:%s' %s>\n"
    text = entry % ("1", WINDOWS) + entry % ("2", f"not_{WINDOWS}")
    assert dependencies(f"python_version: '3.11'\n{text}") == [
        "a==1; sys_platform == 'win32' and platform_machine == 'AMD64'",
        "a==2; sys_platform != 'win32' or platform_machine != 'AMD64'",
    ]


def test_all_that_has_no_such_form_is_one_error() -> None:
    text = f"""python_version: "3.11"
wheel <name: "infra/tools/x" version: "version:1">
wheel <name: "{PREFIX}a-py3" version: "latest">
wheel <name: "{PREFIX}b-py3" version: "version:1" match_tag: <platform: "solaris">>
wheel <name: "{PREFIX}c/${{nothing}}" version: "version:1">
wheel <name: "{PREFIX}d_${{os}}" version: "version:1">
wheel <name: "{PREFIX}e-py3" version: "version:1">
wheel <name: "{PREFIX}e/${{vpython_platform}}" version: "version:2">
"""
    with pytest.raises(UserError) as caught:
        write(text)
    assert caught.value.lines == [
        "/s/.vpython3:2:14: not a package of an index: `infra/tools/x`",
        f"/s/.vpython3:3:14: not a version of an index: `latest` of `{PREFIX}a-py3`; it has no refs: "
        "write `version:X`, which `vpython-tool find a` lists",
        "/s/.vpython3:4:14: no marker stands for the platform `solaris`",
        f"/s/.vpython3:5:14: unknown variable `${{nothing}}` in `{PREFIX}c/${{nothing}}`",
        f"/s/.vpython3:6:14: `{PREFIX}d_${{os}}` is another project on each platform",
        "`e` has more than one version: `e==1`, `e==2`",
    ]


def test_what_the_tables_say_no_more_is_noted() -> None:
    text = f"""# vpython-source: cipd
virtualenv <name: "x" version: "y">
verify_pep425_tag: <python: "cp311" abi: "cp311" platform: "win32">
wheel <name: "{PREFIX}psutil-py3" version: "version:5.8.0.chromium.3">
wheel <name: "{PREFIX}old-py2" version: "version:1" match_tag: <python: "cp27">>
"""
    assert write(text).notes == (
        "`virtualenv` is left out, which is ignored in any spec",
        "its source `cipd` no longer counts: requirements come from an index",
        "`psutil` 5.8.0.chromium.3 is taken as 5.8.0: an index has only that",
        f"`{PREFIX}old-py2` is left out: it is for none of its Pythons",
    )


def test_an_index_stays_the_source() -> None:
    written = write("# vpython-source: index:https://x.test/simple\n# else\n")
    assert written == Written(
        text='# else\n\ndependencies = []\n\n[tool.vpython]\nsource = "index:https://x.test/simple"\n',
        notes=(),
    )


@pytest.mark.parametrize(
    ("version", "specifier"),
    [("", ""), ("3", ">=3,<4"), ("3.11", ">=3.11,<3.12"), ("3.9", ">=3.9,<3.10"), ("3.11.5+", "==3.11.5")],
)
def test_the_python(version: str, specifier: str) -> None:
    assert requires_python(version) == specifier


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_a_python_that_is_too_old(version: str) -> None:
    with pytest.raises(OldPythonError, match=rf"^Python {version} is not supported for running"):
        write(f"python_version: '{version}'\n")
