"""Whatever stands in a spec, a file name, a page or an option: no terminal gets its control characters."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.wheelmaker import make_wheel, spec_text

__all__ = ["simple_index"]

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.harness import Harness

RAW = "\x1b[31mred\x1b[0m\x9b2J\u202eexe.txt\u2066\u200b\x07"
LONG = "long" * 60_000
LONGEST = 4_000  # characters of one line that anybody would read


def is_shown_well(done: subprocess.CompletedProcess[str]) -> bool:
    text = done.stdout + done.stderr
    lines = [line for line in text.split("\n") if not line.lstrip().startswith('"')]  # JSON is for programs
    return (
        text.replace("\n", "").replace("\t", "").isprintable()
        and "Traceback" not in text
        and all(len(line) < LONGEST for line in lines)
    )


def block(*rows: str) -> str:
    return "".join(f"# {row}\n" for row in ("/// script", *rows, "///")) + "print('started')\n"


def written(text: str) -> str:
    """Spell a text as a string of TOML or JSON, every character escaped that must be."""
    return json.dumps(text)


SCRIPTS = {
    "a dependency": block(f"dependencies = [{written('gizmo' + RAW)}]"),
    "a dependency, raw": block(f"dependencies = ['gizmo\u202e{RAW[-2:-1]}']"),
    "a marker": block(f"dependencies = [{written('gizmo; python_version < ' + RAW)}]"),
    "a direct reference": block(f"dependencies = [{written('gizmo @ https://host/' + RAW)}]"),
    "a Python": block(f"requires-python = {written('>=3.' + RAW)}"),
    "a source": block("dependencies = []", "[tool.vpython]", f"source = {written('index:' + RAW)}"),
    "a key": block("[tool.vpython]", f"{written('so' + RAW)} = 1"),
    "a long dependency": block(f"dependencies = [{written(LONG)}]"),
    "a long marker": block(f"dependencies = [{written('gizmo; python_version < ' + LONG)}]"),
    "a long Python": block(f"requires-python = {written(LONG)}"),
    "many mistakes": block(f"dependencies = {written('x')[:0]}{json.dumps(['!' + RAW] * 3000)}"),
}
TEXTS = {
    "a name": spec_text((f"infra/{RAW}", "version:1.0")),
    "a template": spec_text(("infra/${" + RAW + "}", "version:1.0")),
    "a version": spec_text(("infra/x", f"version:{RAW}")),
    "a long name": spec_text(("infra/" + LONG, "version:1.0")),
    "a long version": spec_text(("infra/x", "version:" + LONG)),
    "a field": f'wheel: <\n {RAW}: "x"\n>\n',
    "a Python": f'python_version: "{RAW}"\n',
    "no spec at all": RAW * 3,
    "one long line": LONG,
}


@pytest.fixture
def place(harness: Harness, simple_index: Callable[[str], SimpleIndex], tmp_path: Path) -> Path:
    harness.use_base_python()
    harness.use_loopback()
    index = simple_index("wheels")
    make_wheel(tmp_path / "wheels", "gizmo")
    index.links = [f"/files/gizmo-2.0-{tag}.whl" for tag in ("py9-none-any", "%1B%5B31m-none-any")]
    harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"index:{index.url}"
    harness.environ["PIP_INDEX_URL"] = index.url
    return tmp_path


def see_all(harness: Harness, *words: str | Path) -> None:
    for command in ((), ("-vpython-tool", "explain"), ("-vpython-log-level", "debug")):
        done = harness.run(*command, *words)
        assert done.returncode in (0, 1, 2)
        assert is_shown_well(done), (done.stdout + done.stderr)[:3000]


@pytest.mark.parametrize("what", SCRIPTS)
def test_of_a_script(harness: Harness, place: Path, what: str) -> None:
    script = place / "s.py"
    script.write_text(SCRIPTS[what], "utf-8")
    see_all(harness, script)


@pytest.mark.parametrize("what", TEXTS)
def test_of_a_text_spec(harness: Harness, place: Path, what: str) -> None:
    script = place / "s.py"
    script.write_text("print('started')\n")
    (place / "s.py.vpython3").write_text(TEXTS[what], "utf-8")
    see_all(harness, script)


def test_of_a_path(harness: Harness, place: Path) -> None:
    """In its name and in the directory's, of what works and of what does not."""
    directory = place / f"dir{RAW}\nvpython: all is well"
    directory.mkdir()
    for name, text in {f"s{RAW}.py": "print('started')\n", f"t{RAW}.py": SCRIPTS["a Python"]}.items():
        (directory / name).write_text(text, "utf-8")
        see_all(harness, directory / name)
        see_all(harness, directory / f"missing-{name}")
    assert harness.run(directory / f"s{RAW}.py").stdout == "started\n"


OPTIONS: Sequence[Sequence[str]] = (
    ("-vpython-source", RAW), ("-vpython-source", f"index:{RAW}"), ("-vpython-source", f"directory:/{RAW}"),
    ("-vpython-source", f"cipd:https://{RAW}"), ("-vpython-source", LONG[:60_000]), ("-vpython-spec", RAW),
    ("-vpython-interpreter", f"/{RAW}"), ("-vpython-python", RAW), ("-vpython-root", f"/proc/{RAW}"),
    ("-vpython-log-level", RAW), ("-vpython-with", RAW), ("-vpython-env-file", RAW), (f"-vpython-{RAW}",),
    ("-vpython-tool", RAW), ("-vpython-tool", "find", RAW), ("-vpython-tool", "explain", f"--{RAW}"),
    ("-vpython-tool", "tags", RAW), ("-vpython-tool", "ensure", RAW), ("-vpython-tool", "add", RAW, RAW),
    ("-vpython-tool", "completion", RAW), ("-vpython-tool", "verify", RAW), ("-vpython-tool", "config", RAW),
)  # fmt: skip


@pytest.mark.parametrize("words", OPTIONS, ids=lambda words: " ".join(words)[:40].encode("unicode_escape"))
def test_of_an_option(harness: Harness, place: Path, words: Sequence[str]) -> None:
    script = place / "s.py"
    script.write_text("")
    (place / "s.py.vpython3").write_text(spec_text(("infra/python/wheels/gizmo-py3", "version:1.0")))
    done = harness.run(*words, script)
    assert done.returncode in (1, 2)
    assert is_shown_well(done), done.stderr[:3000]


def test_of_the_index(harness: Harness, place: Path) -> None:
    """File names on its pages, and what it says when it refuses."""
    script = place / "s.py"
    script.write_text(block("dependencies = ['gizmo==2.0']"))
    see_all(harness, script)


def test_of_a_variable_and_the_configuration(harness: Harness, place: Path) -> None:
    script = place / "s.py"
    script.write_text("print('started')\n")
    file = place / "home" / ".config" / "vpython" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f"python = {written(RAW)}\n")
    done = harness.run("-vpython-tool", "config", script)
    assert done.returncode == 0
    assert is_shown_well(done), done.stdout
    file.write_text(f"{written(RAW)} = 1\n")
    see_all(harness, script)
    harness.environ["VPYTHON_MANIFEST"] = os.fspath(place / RAW)
    see_all(harness, script)
