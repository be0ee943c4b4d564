"""Why an environment is another one than that of before: each kind of cause, in the words of the user."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.environment.test_build import BASE
from vpy.commands.support import explain_changes, spec_differences
from vpy.environment import build
from vpy.model import Discovery, Sources, SpecSource, Target
from vpy.operations.plan import Plan
from vpy.spec import read
from vpy.spec.lockfile.model import Lockfile
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.model import SpecFormat

SIX = "six-1.16-py2.py3-none-any.whl"
PYTHON = [BASE.executable, BASE.version_text, BASE.platform]
A, B = "a" * 64, "b" * 64


def lines(fmt: SpecFormat, then: str, now: str, included: tuple[str, str] = ("", "")) -> list[str]:
    """What is said of two specs of one format."""
    sources = [
        SpecSource(kind="option", format=fmt, path="/w/s", text=text, included=(("/w/more.txt", more),))
        for text, more in zip((then, now), included)
    ]
    found = spec_differences.between(*map(read.read, sources))
    return explain_changes._lines(list(found))


BLOCK = 'requires-python = "{}"\ndependencies = [{}]\n'


@pytest.mark.parametrize(
    ("fmt", "then", "now", "said"),
    [
        ("script", BLOCK.format(">=3.8", "'requests<3'"), BLOCK.format(">=3.8", "'requests<4'"),
         ["spec: dependencies changed: requests<3 -> requests<4"]),
        ("script", BLOCK.format(">=3.8", "'six'"), BLOCK.format(">=3.8", "'idna', 'six'"),
         ["spec: dependencies changed: new: idna"]),
        ("toml", BLOCK.format(">=3.8", "'six', 'a==1'"), BLOCK.format(">=3.9", "'idna>2', 'A==2'"),
         ["spec: requires-python: >=3.8 -> >=3.9",
          "spec: dependencies changed: a==1 -> A==2, new: idna>2, gone: six"]),
        # Only its text is another one.
        ("script", BLOCK.format("", "'a<3, >1', 'b'"), "# why\n" + BLOCK.format("", "'b','a >1,<3'"), []),
        ("toml", BLOCK.format("", "\"a<1; os_name=='x'\", \"a>1; os_name!='x'\""),
         BLOCK.format("", "\"a<2; os_name=='x'\", \"a>1; os_name!='x'\""),
         ['spec: dependencies changed: a<1; os_name == "x" -> a<2; os_name == "x"']),
        ("script", BLOCK.format("", ""),
         BLOCK.format("", "") + "[tool.vpython]\nexclude-newer = '2026-01-01'\n",
         ["spec: exclude-newer: none -> 2026-01-02T00:00:00Z"]),
        ("toml", BLOCK.format("", "") + "[tool.vpython]\nindex = 'https://a.example/simple'\n",
         BLOCK.format("", "") + "[tool.vpython]\nindex = 'https://b.example/simple'\n",
         ["spec: source: index:https://a.example/simple -> index:https://b.example/simple"]),
        ("requirements", "requests<3 # one\nsix\n", "requests<4\n",
         ["spec: dependencies changed: requests<3 -> requests<4, gone: six"]),
        ("text", 'python_version: "3.8"\nwheel: < name: "p/six" version: "version:1" >\n',
         'wheel: < version: "version:2" name: "p/six" >\nwheel: < name: "p/x" version: "version:1"\n'
         'match_tag: < platform: "win32" > >\n',
         ["spec: python_version: 3.8 -> none",
          "spec: wheels changed: p/six version:1 -> p/six version:2, new: p/x version:1 (match --win32)"]),
    ],
)  # fmt: skip
def test_what_two_specs_declare(fmt: SpecFormat, then: str, now: str, said: list[str]) -> None:
    assert lines(fmt, then, now) == said


def test_files_that_a_requirements_file_names() -> None:
    text = "-r more.txt\n"
    assert lines("requirements", text, text, ("six\n", "six>1\n")) == [
        "spec: dependencies changed: six -> six>1"
    ]


class Case:
    """Root with one environment of a spec, and what a start would use today."""

    def __init__(self, place: Path) -> None:
        self.layout = Layout(str(place))
        self.source = SpecSource(
            kind="script", format="script", path="/w/s.py", text=BLOCK.format("", "'six'")
        )
        self.why: dict[str, Any] = {
            "ingredients": {"format": "1", "python": PYTHON, "skeleton": "s", "wheels": [[SIX, A]]},
            "spec": {"kind": "script", "format": "script", "path": "/w/s.py", "text": self.source.text},
            "packages": [{"name": "six", "version": "1.16", "instance_id": "i"}],
            "added": [],
            "lockfile": None,
        }
        self.facts: dict[str, Any] = {
            "python": dict(zip(("executable", "version", "platform"), PYTHON)),
            "packages": [{"expanded": "six", "version": "1.16", "instance_id": "i"}],
        }
        self.ingredients: Any = json.loads(json.dumps(self.why["ingredients"]))

    def before(self, **plan: Any) -> list[dict[str, Any]]:
        key = build.key_of(self.why["ingredients"])
        path = self.layout.environment(key)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "why.json"), "w", encoding="utf-8") as file:
            json.dump(self.why, file)
        known = self.ingredients and build.key_of(self.ingredients)
        self.facts["environment"] = {
            "key": known,
            "path": known and self.layout.environment(known),
            "state": "absent" if known else "unresolved",
            "ingredients": self.ingredients,
        }
        decided = Plan(
            discovery=Discovery(self.source, (), ()),
            spec=read.read(self.source),
            target=Target(BASE, BASE.tags[0], ()),
            packages=(),
            skipped=(),
            sources=Sources(()),
            observations=(),
            **plan,
        )
        return explain_changes.changes(self.facts, self.source, decided, self.layout)

    def changes(self, **plan: Any) -> list[str]:
        (row,) = self.before(**plan)
        lines: list[str] = row["changes"]
        return lines


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize(
    ("wheels", "said"),
    [
        ([["six-1.17-py3-none-any.whl", B]], ["six 1.16 -> 1.17"]),
        ([[SIX, A], ["idna-3.10-py3-none-any.whl", B]], ["new: idna 3.10"]),
        ([], ["gone: six"]),
        ([[SIX, B]], ["six 1.16: the wheel is another file of this name, built again or replaced"]),
        ([["six-1.16-py3-none-any.whl", B]],
         [f"six 1.16: another wheel: {SIX} -> six-1.16-py3-none-any.whl"]),
        ([["A-2-py3-none-any.whl", B], ["six-1.17-py3-none-any.whl", A]], ["new: a 2", "six 1.16 -> 1.17"]),
    ],
)  # fmt: skip
def test_what_the_wheels_are(case: Case, wheels: list[list[str]], said: list[str]) -> None:
    case.ingredients["wheels"] = wheels
    assert case.changes() == said


@pytest.mark.parametrize(
    ("number", "now", "said"),
    [
        (1, "3.11.9", "python 3.11.2 -> 3.11.9"),
        (0, "/opt/python", "python executable /usr/bin/python3.11 -> /opt/python"),
        (2, "linux-aarch64", "python platform linux-x86_64 -> linux-aarch64"),
    ],
)
def test_which_python_it_is(case: Case, number: int, now: str, said: str) -> None:
    case.ingredients["python"][number] = now
    case.facts["python"][("executable", "version", "platform")[number]] = now
    assert case.changes() == [said]


def test_a_version_says_more_than_its_path(case: Case) -> None:
    case.facts["python"].update(version="3.12.0", executable="/usr/bin/python3.12")
    case.ingredients["python"][:2] = ["/usr/bin/python3.12", "3.12.0"]
    case.ingredients["skeleton"] = "each Python has its own"
    assert case.changes() == ["python 3.11.2 -> 3.12.0"]


def lockfile(digest: str) -> Lockfile:
    return Lockfile(path="/w/pylock.s.toml", format="pylock", digest=digest, distributions=())


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (None, "1", ["lockfile: now followed"]),
        ({"path": "/w/pylock.s.toml", "digest": "1"}, "", ["lockfile: no longer followed"]),
        ({"path": "/w/pylock.s.toml", "digest": "1"}, "2", ["lockfile: it pins other files"]),
        ({"path": "/w/pylock.s.toml", "digest": "1"}, "1", []),
    ],
)
def test_whether_a_lockfile_is_followed(case: Case, then: Any, now: str, said: list[str]) -> None:
    case.why["lockfile"] = then
    case.ingredients["wheels"] = [["six-1.17-py3-none-any.whl", B]]
    assert case.changes(lockfile=lockfile(now) if now else None) == [*said, "six 1.16 -> 1.17"]


def test_what_the_command_line_adds(case: Case) -> None:
    case.why["added"] = ["idna"]
    case.ingredients["wheels"] = []
    said = ["-vpython-with, -vpython-dev: new: tomlkit, gone: idna", "gone: six"]
    assert case.changes(added=("tomlkit",)) == said


def test_a_ref_that_was_moved(case: Case) -> None:
    case.why["packages"] = [{"name": "p/six", "version": "latest", "instance_id": "i"}]
    case.facts["packages"] = [{"expanded": "p/six", "version": "latest", "instance_id": "j"}]
    case.ingredients["wheels"] = [["six-1.17-py3-none-any.whl", B]]
    assert case.changes() == ["six 1.16 -> 1.17", "package p/six latest: its version is another instance now"]


def test_how_an_environment_is_set_up(case: Case) -> None:
    case.ingredients.update(format="2", skeleton="t")
    assert case.changes() == [explain_changes.NAMES["format"], explain_changes.NAMES["skeleton"]]


def test_an_environment_of_an_older_builder(case: Case) -> None:
    """It did not say whether it followed a lockfile, or what was added."""
    del case.why["added"], case.why["lockfile"]
    case.ingredients["wheels"] = []
    assert case.changes(lockfile=lockfile("1"), added=("x",)) == ["gone: six"]


def test_a_spec_that_cannot_be_read_any_more(case: Case) -> None:
    case.why["spec"]["text"] = "dependencies = 3\n"
    case.ingredients["wheels"] = []
    assert case.changes() == ["spec: its text changed", "gone: six"]


def test_the_structured_differences(case: Case) -> None:
    case.why["spec"]["text"] = BLOCK.format("", "'six<2', 'idna'")
    case.ingredients["wheels"] = [["six-1.17-py3-none-any.whl", B]]
    (row,) = case.before()
    assert row["differences"] == [
        {"kind": "spec", "name": "dependencies", "before": "six<2", "after": "six"},
        {"kind": "spec", "name": "dependencies", "before": "idna", "after": None},
        {"kind": "distribution", "name": "six", "before": "1.16", "after": "1.17"},
    ]


def test_one_line_first(case: Case) -> None:
    names = [f"{name}-1-py3-none-any.whl" for name in "abcde"]
    case.ingredients["wheels"] = [[name, B] for name in names]
    before = case.before()
    environment = case.facts["environment"]
    said = "a new environment would be made because: new: a 1; new: b 1; new: c 1; and 3 more"
    assert explain_changes.summary(before, environment) == said
    assert explain_changes.summary([], environment) is None

    def mark(path: str, time: int) -> None:
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "complete"), "w", encoding="utf-8"):
            pass
        os.utime(os.path.join(path, "complete"), (time, time))

    environment["state"] = "ready"
    for time, words in ((3, "a new environment was made"), (1, "back in an earlier environment")):
        mark(before[0]["path"], 2)
        mark(environment["path"], time)
        assert str(explain_changes.summary(before, environment)).startswith(f"{words} because: new: a 1; ")


def test_what_is_not_resolved_cannot_be_compared(case: Case) -> None:
    case.ingredients = None
    case.source = SpecSource(kind="script", format="script", path="/w/s.py", text=BLOCK.format("", ""))
    said = "spec: dependencies changed: gone: six; the rest cannot be compared yet"
    summary = explain_changes.summary(case.before(), case.facts["environment"])
    assert summary == f"a new environment would be made because: {said}"
