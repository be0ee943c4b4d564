"""Sets of requirements that cannot be met: the whole text that a user sees, and that pip resolves nothing."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from packaging.tags import sys_tags

from tests.support.awkward_index import AwkwardIndex
from tests.wheels.index_client.conftest import Asker, LoadedProgram, put
from tests.wheels.index_client.test_client import LEFT
from vpy.packages.index import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TAG = str(next(iter(sys_tags())))
PYTHON = ".".join(map(str, sys.version_info[:3]))
# Wheels: name, version, what it needs.
Wheels = list[tuple[str, ...]]


@pytest.fixture
def ask(tmp_path: Path, loaded_program: LoadedProgram | None) -> Iterator[Asker]:
    (tmp_path / "wheels").mkdir()
    index = AwkwardIndex(tmp_path / "wheels")
    index.offers = True
    yield Asker(index, tmp_path, loaded_program)
    index.stop()


def said(ask: Asker, *requirements: str, **more: Any) -> str:
    """Return the message and the hint."""
    answer = ask(*requirements, **more)
    assert LEFT not in ask.said
    error = errors.failure(answer["errors"], TAG)
    return error.message + (f"\nhint: {error.hint}" if error.hint else "")


CASES: dict[str, tuple[Wheels, list[str], str]] = {
    "two requirements of the script": (
        [("b", "1.0"), ("b", "2.0")],
        ["b<2", "b>=2"],
        "the requirements contradict each other: `b<2`, `b>=2`",
    ),
    "a dependency against the script": (
        [("a", "1.2", "b<2"), ("b", "1.5"), ("b", "2.0")],
        ["a", "b>=2"],
        "the requirements contradict each other: `a`, `b>=2`\n"
        "because `a` 1.2 needs `b<2`\n"
        "hint: `b==1.5` would go with the rest",
    ),
    "two dependencies": (
        [("a", "1.2", "b<2"), ("c", "3.0", "b>=2"), ("b", "1.5"), ("b", "2.0"), ("other", "1.0")],
        ["other", "a", "c>=3"],
        "the requirements contradict each other: `a`, `c>=3`\n"
        "because `a` 1.2 needs `b<2`\n"
        "and `c` 3.0 needs `b>=2`",
    ),
    "several levels deep": (
        [
            ("app", "1.0", "lib>=2"),
            ("lib", "1.0"),
            ("lib", "2.1", "core<3"),
            ("tool", "1.0", "core>=3"),
            ("core", "2.0"),
            ("core", "3.0"),
        ],
        ["app", "tool", "core"],
        "the requirements contradict each other: `app`, `tool`\n"
        "because `app` 1.0 needs `lib>=2`\n"
        "and `lib` 2.1 needs `core<3`\n"
        "and `tool` 1.0 needs `core>=3`",
    ),
    "in itself": (
        [
            ("a", "1.0", "b<2", "c"),
            ("a", "0.9", "b<2", "c"),
            ("c", "1.0", "b>=2"),
            ("b", "1.0"),
            ("b", "2.0"),
        ],
        ["a"],
        "`a` cannot be met\nbecause every version of `a` needs `b<2` and `c`\nand `c` 1.0 needs `b>=2`",
    ),
    "by an extra": (
        [("a", "1.0", "b<2; extra == 'x'"), ("c", "1.0", "b>=2"), ("b", "1.0"), ("b", "2.0")],
        ["a[x]", "c"],
        "the requirements contradict each other: `a[x]`, `c`\n"
        "because `a[x]` 1.0 needs `b<2`\n"
        "and `c` 1.0 needs `b>=2`",
    ),
    "each version for its own reason": (
        [("a", "2.0", "b>=3"), ("a", "1.0", "c<1"), ("b", "2.0"), ("b", "3.0"), ("c", "0.9"), ("c", "1.0")],
        ["a", "b<3", "c>=1"],
        "the requirements contradict each other: `a`, `b<3`, `c>=1`\n"
        "because `a` 2.0 needs `b>=3`\n"
        "and `a` 1.0 needs `c<1`\n"
        "hint: `b==3.0` or `c==0.9` would go with the rest",
    ),
    "no version": (
        [("b", f"{number}.0") for number in range(1, 15)],
        ["b>=20"],
        "no version fits `b>=20`: there is 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0"
        " and 2 older",
    ),
    "no version that is no pre-release": (
        [("b", "1.0"), ("b", "2.0rc1")],
        ["b>=2"],
        "no version fits `b>=2`: there is 1.0, 2.0rc1\n"
        "hint: only a pre-release is that new: for it ask for `b>=2.0rc1`",
    ),
    "no version at all": (
        [("b", "1.0")],
        ["b>2,<1"],
        "`b<1,>2` contradicts itself: no version can meet all of it\n"
        "hint: give it bounds that a version can meet",
    ),
    "no project": (
        [("b", "1.0")],
        ["b", "yaml", "sqlite3", "zorg"],
        "the index has no project `yaml`; the module `yaml` is in the project `pyyaml`\n"
        "the index has no project `sqlite3`; `sqlite3` is a module of Python itself, which needs no"
        " requirement\n"
        "the index has no project `zorg`",
    ),
    "no project, a name misspelt": (
        [("b", "1.0")],
        ["requestz>=2"],
        "the index has no project `requestz`\nhint: did you mean `requests`?",
    ),
    "no project, several levels deep": (
        [("app", "1.0", "needy"), ("needy", "1.0", "ghost>=2; python_version > '3'")],
        ["app"],
        "the index has no project `ghost` (wanted by needy 1.0)\n"
        "because `app` 1.0 needs `needy`\n"
        "and `needy` 1.0 needs `ghost>=2`",
    ),
    "a range with pre-releases at its ends": (
        [
            ("b", "1.0"),
            ("b", "2.0"),
            ("c", "1.0"),
            ("a", "1.0", "c"),
            *(("a", version, "b<2") for version in ("2.0rc1", "2.0", "2.1", "3.0", "4.0a1", "4.0b1")),
        ],
        ["a>=2.0rc1", "b>=2"],
        "the requirements contradict each other: `a>=2.0rc1`, `b>=2`\n"
        "because `a` 2.0 to 3.0 (6 versions with pre-releases) need `b<2`\n"
        "hint: `a==1.0` or `b==1.0` would go with the rest",
    ),
    "one final version among pre-releases": (
        [
            ("b", "1.0"),
            ("b", "2.0"),
            ("a", "1.0", "b"),
            *(("a", version, "b<2") for version in ("2.0rc1", "2.0", "2.1a1", "2.1b1")),
        ],
        ["a>=2.0rc1", "b>=2"],
        "the requirements contradict each other: `a>=2.0rc1`, `b>=2`\n"
        "because `a` 2.0 and 3 pre-releases need `b<2`\n"
        "hint: `a==1.0` or `b==1.0` would go with the rest",
    ),
    "what only a pre-release fits is not to blame alone": (
        [("a", "1.0", "f!=1.1"), ("f", "1.1"), ("f", "2.0rc1")],
        ["a", "f<2"],
        "the requirements contradict each other: `a`, `f<2`\n"
        "because `a` 1.0 needs `f!=1.1`\n"
        "hint: `f==2.0rc1` would go with the rest",
    ),
    "no project for one version, a conflict for another": (
        [("app", "2.0", "ghost"), ("app", "1.0", "b<1"), ("b", "0.9"), ("b", "2.0")],
        ["app", "b>=2"],
        "the requirements contradict each other: `app`, `b>=2`\n"
        "because `app` 2.0 needs `ghost`\n"
        "and `app` 1.0 needs `b<1`\n"
        "and the index has no project `ghost` (wanted by app 2.0)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_whole_text(ask: Asker, case: str) -> None:
    wheels, requirements, text = CASES[case]
    for name, version, *requires in wheels:
        put(ask.index, name, version, *requires)
    assert said(ask, *requirements) == text


def test_versions_for_other_pythons(ask: Asker) -> None:
    for version, python in (("1.0", ""), ("1.5", ">=3.90"), ("2.0", ">=4"), ("2.1", ">=4")):
        ask.index.requires[put(ask.index, "b", version).name] = python
    assert said(ask, "b>1") == (
        f"no version of `b>1` is for Python {PYTHON}: 2.1 needs `>=4`, 1.5 needs `>=3.90`\n"
        'hint: let the script ask for such a Python, with `requires-python = ">=4"`; '
        "`b==1.0` is for this one"
    )


def test_wheels_for_other_pythons_and_platforms(ask: Asker) -> None:
    system = TAG.rpartition("-")[2]
    names = [put(ask.index, "b", tag=f"cp3{minor}-cp3{minor}-{system}").name for minor in (7, 8)]
    names.append(put(ask.index, "b", tag=f"cp39-cp39t-{system}").name)
    for version in ("1.1", "1.2"):
        put(ask.index, "c", version)
    put(ask.index, "c", "1.0", tag=f"cp38-cp38-{system}")
    put(ask.index, "w", tag="cp311-cp311-win_arm64")
    assert said(ask, "b") == (
        f"no wheel of `b` fits `{TAG}`: there is `{names[2]}`, `{names[1]}`, `{names[0]}`\n"
        "hint: let the script ask for another Python: there are wheels for 3.8 here"
    )
    assert said(ask, "c==1.0").endswith(
        "`\nhint: take `c==1.1`, which has a wheel, or let the script ask for another Python: "
        "there are wheels for 3.8 here"
    )
    first, second = said(ask, "c==1.0", "b").split("\n")
    assert first.endswith(
        "`; take `c==1.1`, which has a wheel, or let the script ask for another Python: "
        "there are wheels for 3.8 here"
    )
    assert second.endswith("`; let the script ask for another Python: there are wheels for 3.8 here")
    assert said(ask, "w") == f"no wheel of `w` fits `{TAG}`: there is `w-1.0-cp311-cp311-win_arm64.whl`"


def test_withdrawn_versions(ask: Asker) -> None:
    ask.index.yanked |= {put(ask.index, "b", version).name for version in ("1.0", "2.0")}
    put(ask.index, "a", "1.0", "b>=2")
    hint = "hint: to use a withdrawn version all the same, pin it: `b==2.0`"
    assert said(ask, "b") == f"only withdrawn versions fit `b`: 2.0, 1.0\n{hint}"
    assert said(ask, "a") == f"only withdrawn versions fit `b>=2` (wanted by a 1.0): 2.0\n{hint}"
    assert ask.versions("a", "b==2.0") == {"a": "1.0", "b": "2.0"}


def test_hostile_names_are_escaped(ask: Asker) -> None:
    put(ask.index, "a", "1.0", "b<2")
    put(ask.index, "b", "1.0")
    put(ask.index, "b", "2.0")
    row = ask("a", "b>=2")["errors"][0]
    row["because"][0]["parent"] = "a\x1b[2J\n"
    error = errors.failure([row], TAG)
    assert error.lines[1] == r"because `a\x1b[2J\n` 1.0 needs `b<2`"


def test_a_source_is_left_to_be_built(ask: Asker) -> None:
    """What could be built is the error, whatever else there is: it is then built, and all resolved again."""
    put(ask.index, "app", "1.0", "needy", "b<2")
    put(ask.index, "needy", "1.0", "lone; python_version > '3'")
    put(ask.index, "b", "2.0")
    put(ask.index, "b", "1.0")
    (ask.index.folder / "lone-1.0.tar.gz").write_bytes(b"never opened")
    (row,) = ask("app", "b")["errors"]
    assert (row["kind"], row["requirement"], row["parent"]) == ("wheel", "lone", "needy 1.0")
    assert [name for name, _ in row["files"]] == ["lone-1.0.tar.gz"]


def test_hashes_are_left_to_pip(ask: Asker) -> None:
    put(ask.index, "a", "1.0")
    (row,) = ask("a", hashes=("0" * 64,), dependencies=False)["errors"]
    assert row["kind"] == "hash"
    assert LEFT in ask.said


def test_a_conflict_over_200_versions(ask: Asker) -> None:
    """Each of 200 versions needs its own of 200, which all need what a third project excludes."""
    for number in range(200):
        put(ask.index, "a", f"{number}.0", f"b=={number}.0")
        put(ask.index, "b", f"{number}.0", "c<5")
    put(ask.index, "c", "1.0")
    put(ask.index, "c", "9.0")
    put(ask.index, "d", "1.0", "c>=5")
    began = time.monotonic()
    assert said(ask, "a", "d") == (
        "the requirements contradict each other: `a`, `d`\n"
        "because `a` 199.0 needs `b==199.0`\n"
        "and `a` 198.0 needs `b==198.0`\n"
        "and 198 other versions of `a` need other versions of `b`\n"
        "and every version of `b` needs `c<5`\n"
        "and `d` 1.0 needs `c>=5`"
    )
    assert time.monotonic() - began < 60


def test_what_repeats_itself_is_proved_once(ask: Asker) -> None:
    """Thirteen projects of six versions, any of which needs what contradicts: 6**13 combinations."""
    names = [f"p{number:02}" for number in range(13)]
    for before, name in zip(names, [*names[1:], "z"], strict=True):
        for number in range(6):
            put(ask.index, before, f"{number}.0", name, *(["y<2"] if name == "z" else []))
    for number in range(3):
        put(ask.index, "z", f"{number}.0", "y>=2")
        put(ask.index, "y", f"{number}.0")
    text = said(ask, *names)
    assert text == (
        "`p12` cannot be met\n"
        "because every version of `p12` needs `y<2` and `z`\n"
        "and every version of `z` needs `y>=2`"
    )


def test_too_many_rounds() -> None:
    row = {"kind": "rounds", "rounds": 20_000, "names": ["a", "b"], "together": ["a==1.0", "b==2.0"]}
    error = errors.failure([row], TAG)
    assert (
        error.message == "no resolution after 20000 rounds of resolution: conflicts keep being about `a`, `b`"
    )
    assert error.hint == "these go together: `a==1.0`, `b==2.0`"
    error = errors.failure([{**row, "together": []}], TAG)
    assert error.hint == "give what the conflicts are about narrower bounds in the script"
