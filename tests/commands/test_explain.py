"""`explain`: each decision from the spec to the environment, as JSON and as a page."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import PREFIX, Explainer, minor_of, other_python, spec
from tests.support.harness import SHARED

KEYS = [
    *("script", "spec", "searched", "sources", "python", "tag", "assumed", "template", "packages", "wheels"),
    *("environment", "local_venv", "notes", "before", "lockfile", "resolved", "summary"),
]
SCRIPT = "print('it ran')\n"
PEP_723 = "# /// script\n# dependencies = [{}]\n# ///\n"


def inline(text: str) -> str:
    rows = "".join(f"# {line}\n" for line in text.splitlines())
    return f'"""A script."""\n\n# [VPYTHON:BEGIN]\n{rows}# [VPYTHON:END]\nprint("it ran")\n'


def test_tells_every_decision(explainer: Explainer) -> None:
    script = explainer.write("w/s.py", SCRIPT)
    partner = explainer.write("w/s.py.vpython3", spec("one-py3", python="3"))
    told = explainer.json(script)
    assert sorted(told) == sorted(KEYS)
    assert told["spec"]["kind"] == "partner"
    assert told["spec"]["path"] == str(partner)
    assert told["spec"]["text"] == partner.read_text()
    assert told["spec"]["python_version"] == "3"
    assert told["spec"]["wheels"] == [
        {"name": f"{PREFIX}one-py3", "version": "version:1.0", "match_tags": [], "not_match_tags": []}
    ]
    assert told["searched"] == [str(partner)]
    assert told["sources"] == [
        {"source": explainer.source, "named_by": "VPYTHON_PACKAGE_SOURCE", "offline": False}
    ]
    assert told["python"]["version"].startswith(f"{minor_of(told['python']['executable'])}.")
    assert told["python"]["found_in"] == "PATH"
    assert told["tag"] == told["template"]["py_tag"]
    assert not told["assumed"]
    assert told["packages"] == [
        {
            "name": f"{PREFIX}one-py3",
            "expanded": f"{PREFIX}one-py3",
            "version": "version:1.0",
            "state": "resolved",
            "instance_id": explainer.ids["one-py3@1.0"],
            "source": explainer.source,
            "reason": "",
            "note": "",
        }
    ]
    (wheel,) = told["wheels"]
    assert (wheel["filename"], wheel["package"]) == ("one-1.0-py3-none-any.whl", f"{PREFIX}one-py3")
    assert (wheel["stored"], wheel["startup"]) == (False, None)
    assert told["environment"]["state"] == "absent"
    assert (told["before"], told["summary"], told["local_venv"]) == ([], None, None)


def test_shows_the_same_on_a_page(explainer: Explainer) -> None:
    script = explainer.write("home/w/s.py", SCRIPT)
    explainer.write("home/w/.vpython3", spec("one-py3", "native/${vpython_platform}", "x/${os=nowhere}"))
    told = explainer.json(script)
    lines = explainer.text(script).splitlines()
    assert lines[0] == "spec         ~/w/.vpython3  (the common file)"
    assert lines[1] == "             3 wheels"
    assert "searched     ~/w/s.py.vpython3" in lines
    assert f"tag          {told['tag']}" in lines
    native = told["packages"][1]
    assert f"               = {native['expanded']}" in lines
    (at,) = (number for number, line in enumerate(lines) if "${os=nowhere}" in line)
    assert lines[at].endswith("  skipped")
    assert lines[at + 1] == "               its name is not for this platform"
    assert lines[-1] == f"environment  absent  {told['environment']['path']}"
    assert all(line == line.rstrip() for line in lines)


def test_makes_nothing(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    explainer.write("s.py.vpython3", spec("one-py3"))
    assert "it ran" not in explainer.text(script)
    assert explainer.harness.environments() == []
    assert explainer.harness.records() == []
    assert not (explainer.harness.root / "wheels-1").exists()


def test_foretells_the_environment_of_a_start(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    explainer.write("s.py.vpython3", spec("one-py3", "two-py3"))
    before = explainer.json(script)
    assert explainer.run(script).stdout == "it ran\n"
    assert [str(path) for path in explainer.harness.environments()] == [before["environment"]["path"]]
    after = explainer.json(script)
    assert after["environment"] == {**before["environment"], "state": "ready"}
    assert [row["stored"] for row in after["wheels"]] == [True, True]
    assert after["packages"] == before["packages"]
    why = json.loads((Path(after["environment"]["path"]) / "why.json").read_bytes())
    assert why["ingredients"] == after["environment"]["ingredients"]


KINDS = ["option", "partner", "inline", "script", "common", "toml", "default", "empty"]


@pytest.mark.parametrize("kind", KINDS)
def test_tells_each_kind_of_spec(explainer: Explainer, kind: str) -> None:
    text = spec("one-py3")
    script = explainer.write(
        "a/b/s.py", {"inline": inline(text), "script": PEP_723.format("")}.get(kind, SCRIPT)
    )
    place = {
        "option": "other.txt",
        "partner": "a/b/s.py.vpython3",
        "common": "a/.vpython3",
        "toml": "a/vpython.toml",
        "default": "default.txt",
    }.get(kind)
    path = explainer.write(place, "dependencies = []\n" if kind == "toml" else text) if place else None
    environ = {"VPYTHON_DEFAULT_SPEC": str(path)} if kind == "default" else {}
    options = ("-vpython-spec", path) if kind == "option" and path else ()
    told = explainer.json(script, options=options, env=environ)
    page = explainer.text(script, options=options, env=environ)
    assert told["spec"]["kind"] == ("common" if kind == "toml" else kind)
    holder = str(path or script) if kind != "empty" else ""
    assert told["spec"]["path"] == holder
    assert page.splitlines()[0].startswith(f"spec         {holder or 'none: a bare environment'}")
    assert [row["name"] for row in told["packages"]] == (
        [] if kind in ("script", "toml", "empty") else [f"{PREFIX}one-py3"]
    )
    assert told["environment"]["state"] == "absent"


def test_tells_where_in_a_script_a_block_begins(explainer: Explainer) -> None:
    script = explainer.write("s.py", inline(spec("one-py3")))
    assert explainer.json(script)["spec"]["line"] == 4
    assert explainer.text(script).startswith(f"spec         {script}:4  (a [VPYTHON:BEGIN] block)\n")


@pytest.mark.parametrize("words", [(), ("-c", "print('it ran')"), ("-m", "json.tool"), ("-",), ("-u",)])
def test_reads_the_words_as_pythons(explainer: Explainer, words: tuple[str, ...]) -> None:
    common = explainer.write(".vpython3", spec("one-py3"))
    assert explainer.json(*words)["spec"]["path"] == str(common)


def test_leaves_the_words_of_the_script_to_it(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    done = explainer.run("-vpython-tool", "explain", script, "--json", "-vpython-bogus")
    assert done.stdout.startswith("spec         none")


def test_takes_its_options_behind_the_script_where_they_are_all(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    done = explainer.run("-vpython-tool", "explain", script, "--json")
    assert json.loads(done.stdout)["spec"]["kind"] == "empty"


def test_takes_vpythons_own_options_behind_its_name(explainer: Explainer) -> None:
    other = explainer.write("other.txt", spec("two-py3"))
    told = explainer.json("-vpython-spec", other, "-c", "pass")
    assert told["spec"]["path"] == str(other)


def test_skips_what_is_for_others(explainer: Explainer) -> None:
    rule = 'match_tag: < platform: "win_amd64" > '
    without = 'not_match_tag: < python: "py3" > '
    text = spec("one-py3") + spec("two-py3", more=rule) + spec("three-py3", more=without)
    text += spec("four-py3", more=rule + without) + spec("five/${os=nowhere}")
    text += spec("six-py3", more='match_tag: < abi: "none" > ')
    explainer.write(".vpython3", text)
    told = explainer.json()
    states = {row["name"].removeprefix(PREFIX): (row["state"], row["reason"]) for row in told["packages"]}
    assert states["one-py3"] == ("resolved", "")
    assert states["two-py3"] == ("skipped", "no tag of this Python matches its match_tag `*-*-win_amd64`")
    assert states["three-py3"] == ("skipped", "a tag of this Python matches its not_match_tag `py3-*-*`")
    assert states["four-py3"] == (
        "skipped",
        "left out by its match_tag `*-*-win_amd64` or its not_match_tag `py3-*-*`",
    )
    assert states["five/${os=nowhere}"] == ("skipped", "its name is not for this platform")
    assert states["six-py3"] == ("unresolved", f"`{explainer.source}` has no such package")
    for row in told["packages"]:
        if row["state"] == "skipped":
            assert (row["expanded"], row["instance_id"], row["source"]) == (None, None, None)


def test_skips_requirements_whose_marker_does_not_hold(explainer: Explainer) -> None:
    script = explainer.write("s.py", PEP_723.format("\"one; sys_platform == 'nowhere'\", 'two'"))
    told = explainer.json(script, options=("-vpython-offline",))
    skipped, unresolved = told["packages"]
    assert (skipped["state"], skipped["expanded"]) == ("skipped", "one")
    assert skipped["reason"] == 'its marker does not hold: `sys_platform == "nowhere"`'
    assert (unresolved["state"], unresolved["expanded"]) == ("unresolved", "two")
    assert [row["source"] for row in told["sources"]] == [explainer.source, "index"]


def test_marks_what_the_source_does_not_have(explainer: Explainer) -> None:
    explainer.write(".vpython3", spec("one-py3", "none-py3", "two-py3@7.0"))
    told = explainer.json()
    assert explainer.package(told, "one-py3")["instance_id"] == explainer.ids["one-py3@1.0"]
    missing = explainer.package(told, "none-py3")
    assert (missing["state"], missing["instance_id"]) == ("unresolved", None)
    assert missing["reason"] == f"`{explainer.source}` has no such package"
    assert explainer.package(told, "two-py3")["reason"] == f"`{explainer.source}` has no such tag"
    assert (told["environment"]["state"], told["environment"]["key"]) == ("unresolved", None)
    assert "none-py3" in told["environment"]["reason"]
    page = explainer.text()
    assert page.endswith("environment  unresolved, since packages are\n")
    assert f"  `{explainer.source}` has no such tag\n" in page


def test_marks_a_package_whose_bytes_are_wrong(
    explainer: Explainer, packed: tuple[Path, dict[str, str]]
) -> None:
    bad = explainer.place / "bad"
    kept = packed[0] / f"{PREFIX}one-py3" / "+"
    instance_id = explainer.ids["one-py3@1.0"]
    (bad / f"{PREFIX}one-py3" / "+").mkdir(parents=True)
    (bad / f"{PREFIX}one-py3" / "+" / "versions.json").write_bytes((kept / "versions.json").read_bytes())
    (bad / f"{PREFIX}one-py3" / "+" / instance_id).write_bytes(b"not these")
    explainer.write(".vpython3", spec("one-py3"))
    told = explainer.json(options=("-vpython-source", f"directory:{bad}"))
    assert explainer.package(told, "one-py3")["instance_id"] == instance_id
    assert told["sources"][0]["named_by"] == "-vpython-source"
    assert told["environment"]["state"] == "unresolved"
    assert "have another hash" in told["environment"]["reason"]
    assert "environment  unresolved: cannot get" in explainer.text(
        options=("-vpython-source", f"directory:{bad}")
    )


@pytest.mark.parametrize("source", ["index", "cipd", "directory:/nowhere"])
def test_marks_what_no_source_could_tell(explainer: Explainer, source: str) -> None:
    explainer.write(".vpython3", spec("one-py3", "two-py3"))
    options = ("-vpython-offline", "-vpython-source", source)
    told = explainer.json(options=options)
    assert {row["state"] for row in told["packages"]} == {"unresolved"}
    assert all(row["reason"] for row in told["packages"])
    assert told["wheels"] == []
    assert told["environment"]["state"] == "unresolved"
    assert told["sources"] == [{"source": source, "named_by": "-vpython-source", "offline": True}]
    assert f"source       {source}  (-vpython-source, offline)\n" in explainer.text(options=options)


def test_marks_what_an_index_that_is_away_could_not_tell(explainer: Explainer) -> None:
    explainer.write(".vpython3", spec("one-py3", "two-py3"))
    options = ("-vpython-source", "index:http://127.0.0.1:9/simple")
    told = explainer.json(options=options, env={"PIP_RETRIES": "0"})
    assert {row["state"] for row in told["packages"]} == {"unresolved"}
    assert told["environment"]["reason"].startswith("cannot ask the index: ")


@pytest.mark.parametrize("source", ["cipd:http://127.0.0.1:9", "directory:http://127.0.0.1:9/packages"])
def test_marks_what_a_service_that_is_away_could_not_tell(explainer: Explainer, source: str) -> None:
    explainer.write(".vpython3", spec("one-py3", "two-py3"))
    told = explainer.json(options=("-vpython-source", source, "-vpython-log-level", "error"))
    assert {row["state"] for row in told["packages"]} == {"unresolved"}
    assert all("127.0.0.1:9" in row["reason"] for row in told["packages"])
    assert not any(row["reason"].startswith("cannot get") for row in told["packages"])
    assert told["environment"]["state"] == "unresolved"


def test_remembers_offline_what_a_start_found_out(explainer: Explainer) -> None:
    explainer.write(".vpython3", spec("one-py3", "two-py3"))
    assert explainer.run("-c", "pass").returncode == 0
    online = explainer.json()
    offline = explainer.json(options=("-vpython-offline",))
    assert offline["environment"] == online["environment"]
    assert offline["environment"]["state"] == "ready"
    assert offline["packages"] == online["packages"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wheel: <\n  whel: 1\n>\n", ":2:3: "),
        ("python_version: 'x'\n", ":1:17: "),
        (spec("one-py3", "one-py3@2.0"), "more than one version"),
        (spec("one-py3", "${os}ne@2.0", "one/${bogus}"), "${bogus}"),
    ],
)
def test_leaves_a_mistake_in_the_spec_an_error(explainer: Explainer, text: str, said: str) -> None:
    explainer.write(".vpython3", text)
    for words in ([], ["--json"]):
        done = explainer.run("-vpython-tool", "explain", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("vpython: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_takes_two_versions_for_two_targets(explainer: Explainer) -> None:
    text = spec("one-py3") + spec("one-py3@2.0", more='match_tag: < platform: "win_amd64" > ')
    explainer.write(".vpython3", text)
    told = explainer.json()
    assert [(row["version"], row["state"]) for row in told["packages"]] == [
        ("version:1.0", "resolved"),
        ("version:2.0", "skipped"),
    ]


def test_explains_a_spec_for_python_2(explainer: Explainer) -> None:
    rule = 'match_tag: < python: "cp27" > '
    text = spec("one-py2", "psutil/${vpython_platform}", "x/${os=nowhere}", python="2.7")
    explainer.write(
        ".vpython3", text + spec("two-py2", more=rule) + spec("three-py3", more=rule[:-8] + '3" > ')
    )
    told = explainer.json()
    assert told["python"]["executable"] is None
    assert told["python"]["reason"].startswith("Python 2.7 is not supported for running")
    assert told["assumed"]
    assert told["template"]["py_python"] == "cp27"
    states = {row["name"].removeprefix(PREFIX): row for row in told["packages"]}
    native = states["psutil/${vpython_platform}"]
    assert native["expanded"] == f"{PREFIX}psutil/{told['template']['vpython_platform']}"
    assert (native["state"], native["reason"]) == ("unresolved", "there is no Python to run it")
    assert states["one-py2"]["expanded"] == f"{PREFIX}one-py2"
    assert states["x/${os=nowhere}"]["state"] == "skipped"
    assert states["two-py2"]["state"] == "unresolved"
    assert states["three-py3"]["state"] == "skipped"
    assert told["environment"]["state"] == "unresolved"
    page = explainer.text()
    assert "\npython       none: Python 2.7 is not supported for running" in page
    assert f"\ntag          {told['tag']} (assumed: no Python said so)\n" in page


def test_assumes_a_platform_that_the_spec_is_verified_for(explainer: Explainer) -> None:
    rows = "".join(
        f'verify_pep425_tag: < python: "cp27" abi: "{abi}" platform: "{platform}" >\n'
        for abi, platform in [("cp27mu", "manylinux1_x86_64"), ("cp27m", "macosx_10_10_intel")]
    )
    explainer.write(".vpython3", spec("a/${vpython_platform}", python="2.7") + rows)
    assert explainer.json()["tag"] in ("cp27-cp27mu-manylinux1_x86_64", "cp27-cp27m-macosx_10_10_intel")


@pytest.mark.parametrize("version", ["3.99", "9", "3.6"])
def test_explains_a_spec_for_a_python_that_is_not_there(explainer: Explainer, version: str) -> None:
    explainer.write(".vpython3", spec("one-py3", "psutil/${vpython_platform}", python=version))
    told = explainer.json()
    assert told["python"]["executable"] is None
    assert {row["state"] for row in told["packages"]} == {"unresolved"}
    assert told["assumed"] == ("." in version)
    assert "\npython       none: " in explainer.text()


def test_explains_an_interpreter_that_does_not_fit(explainer: Explainer) -> None:
    told = explainer.json(options=("-vpython-interpreter", "/nowhere/python3"))
    assert told["python"] == {
        "executable": None,
        "reason": "the interpreter `/nowhere/python3` does not exist",
        "hint": "give the path of a Python executable",
    }


def test_says_what_has_changed_since(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    explainer.write("s.py.vpython3", spec("one-py3", "two-py3"))
    assert explainer.run(script).returncode == 0
    old = explainer.json(script)["environment"]
    explainer.write("s.py.vpython3", spec("one-py3@2.0", "hooked-py3"))
    told = explainer.json(script)
    (before,) = told["before"]
    assert (before["key"], before["path"]) == (old["key"], old["path"])
    said = (
        f"spec: wheels changed: {PREFIX}one-py3 version:1.0 -> {PREFIX}one-py3 version:2.0, "
        f"new: {PREFIX}hooked-py3 version:1.0, gone: {PREFIX}two-py3 version:1.0"
    )
    assert before["changes"] == [said, "new: hooked 1.0", "one 1.0 -> 2.0", "gone: two"]
    page = explainer.text(script)
    summary = f"a new environment would be made because: {said}; new: hooked 1.0; one 1.0 -> 2.0; and 1 more"
    assert page.startswith(f"{summary}\n\nspec         ")
    assert f"\nbefore       {old['path']}\n               {said}\n               new: hooked 1.0\n" in page


def test_says_that_the_python_has_changed_since(explainer: Explainer) -> None:
    other = other_python()
    explainer.write(".vpython3", spec("one-py3"))
    assert explainer.run("-c", "pass").returncode == 0
    told = explainer.json(options=("-vpython-interpreter", other))
    (before,) = told["before"]
    (python,) = before["changes"]
    assert re.fullmatch(rf"python 3\.\S+ -> {re.escape(told['python']['version'])}", python)


def test_lists_what_runs_at_every_start(explainer: Explainer) -> None:
    explainer.write(".vpython3", spec("one-py3", "hooked-py3"))
    assert explainer.run("-c", "pass").returncode == 0
    told = explainer.json()
    assert {row["filename"]: row["startup"] for row in told["wheels"]} == {
        "hooked-1.0-py3-none-any.whl": ["hooked.pth: import os"],
        "one-1.0-py3-none-any.whl": [],
    }
    assert "\n               runs at every start: hooked.pth: import os\n" in explainer.text()


def test_survives_damaged_notes_of_environments(explainer: Explainer) -> None:
    script = explainer.write("s.py", SCRIPT)
    explainer.write("s.py.vpython3", spec("one-py3"))
    assert explainer.run(script).returncode == 0
    (environment,) = explainer.harness.environments()
    explainer.write("s.py.vpython3", spec("two-py3"))
    for text in [
        "",
        "[]",
        "{}",
        '{"spec": 1}',
        '{"spec": {}, "ingredients": {"wheels": [1]}, "packages": 3}',
    ]:
        (environment / "why.json").chmod(0o644)
        (environment / "why.json").write_text(text)
        assert explainer.json(script)["before"] == []


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are POSIX's")
def test_shows_odd_names(explainer: Explainer) -> None:
    place = os.fsencode(explainer.place) + b"/\xff \xe2\x82\xac\n"
    os.mkdir(place)
    with open(place + b"/s.py", "wb") as file:
        file.write(SCRIPT.encode())
    script = os.fsdecode(place + b"/s.py")
    assert script in explainer.json(script)["searched"]
    for encoding in ("utf-8", "ascii", "latin-1"):
        page = explainer.text(script, env={"PYTHONIOENCODING": encoding})
        assert page.startswith("spec         none: a bare environment\n")


def test_leaves_no_temporary_root_behind(explainer: Explainer) -> None:
    place = explainer.place / "tmp"
    place.mkdir()
    explainer.write(".vpython3", spec("one-py3"))
    environ = {"TMPDIR": str(place), "VPYTHON_VIRTUALENV_ROOT": ""}
    assert explainer.json(env=environ)["environment"]["state"] == "absent"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("words", [("-c",), ("-m",), ("--json", "-W")])
def test_refuses_a_command_line_that_python_refuses(explainer: Explainer, words: tuple[str, ...]) -> None:
    done = explainer.run("-vpython-tool", "explain", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"vpython: Python's option `{words[-1]}` lacks its value\n"


def real_specs() -> list[Any]:
    places = SHARED / "specs"
    found = sorted(path for path in places.rglob("*") if path.is_file() and path.parent != places)
    absent = pytest.mark.skip("the real specs do not lie beside this checkout")
    return [pytest.param(path, id="/".join(path.parts[-2:])) for path in found] or [
        pytest.param(places, marks=absent, id="absent")
    ]


@pytest.mark.parametrize("path", real_specs())
def test_explains_real_specs(explainer: Explainer, path: Path) -> None:
    """Whatever can be told without a network is told: every package is there, none has a traceback."""
    script = "vpython" not in path.name
    options = ("-vpython-offline", "-vpython-source", "index", *(() if script else ("-vpython-spec", path)))
    words = (path,) if script else ()
    told = explainer.json(*words, options=options)
    assert told["spec"]["path"] == str(path)
    wanted = {(row["name"], row["version"]) for row in told["spec"]["wheels"]}
    assert len(told["packages"]) == len(wanted) + len(told["spec"]["dependencies"]) > 0
    assert {row["state"] for row in told["packages"]} <= {"unresolved", "skipped"}
    assert all(row["reason"] for row in told["packages"])
    assert "Traceback" not in explainer.text(*words, options=options)
