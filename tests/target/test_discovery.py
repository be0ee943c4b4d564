from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.shared import PYENV, link, python, script, wrapper
from vpy.config import load
from vpy.errors import UserError
from vpy.system.lean.dataclasses import replace
from vpy.target import installations, probe
from vpy.target.discovery import find, list_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpy.model import Observation
    from vpy.system.layout import Layout
    from vpy.target.discovery import FoundInterpreter


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_DIRECTORIES", "_COMMANDS"):
        monkeypatch.setattr(installations, name, ())


class World:
    """A machine with nothing on it but what a test puts there."""

    def __init__(self, top: Path, layout: Layout) -> None:
        self.top = top
        self.layout = layout
        self.environ = {"PATH": "", "HOME": str(top / "home")}
        self.config = replace(load(), system_pythons=(str(top / "system" / "python3"),))
        self.skipped: list[str] = []

    def path(self, *names: str) -> None:
        self.environ["PATH"] = os.pathsep.join(str(self.top / name) for name in names)

    def link(self, name: str, version: str) -> str:
        return link(str(self.top / name), python(version))

    def find(self, prefix: str = "", requires: str = "", **rest: Any) -> FoundInterpreter:
        self.skipped.clear()
        options = {"explicit": None, "bundle": None, "platform": "linux"} | rest
        return find(
            prefix,
            requires,
            environ=self.environ,
            config=self.config,
            layout=self.layout,
            debug=self.skipped.append,
            **options,
        )

    def refusal(self, prefix: str = "", requires: str = "", **rest: Any) -> UserError:
        with pytest.raises(UserError) as caught:
            self.find(prefix, requires, **rest)
        return caught.value


@pytest.fixture
def world(tmp_path: Path, layout: Layout) -> World:
    return World(tmp_path, layout)


def holds(rows: Sequence[Observation], environ: dict[str, str]) -> bool:
    """What each kind of row says, in the words of `vpy.model.Observation`."""

    def command(name: str) -> str:
        for directory in environ["PATH"].split(os.pathsep):
            path = os.path.join(directory, name)
            ours = os.path.exists(os.path.join(directory, "activate_this.py"))
            if os.path.isfile(path) and os.access(path, os.X_OK) and not ours:
                return path
        return ""

    def signature(path: str) -> tuple[str, ...]:
        status = os.stat(path)
        return tuple(map(str, (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)))

    checks: dict[str, Any] = {
        "command": lambda name, result: command(name) == result,
        "signature": lambda path, *rest: os.path.exists(path) and signature(path) == rest,
        "no-file": lambda path: not os.path.isfile(path),
        "absent": lambda path: not os.path.exists(path),
        "listing": lambda path, mtime: str(os.stat(path).st_mtime_ns) == mtime,
        "variable": lambda name, text: environ.get(name) == text,
        "unset": lambda name: name not in environ,
    }
    return all(checks[row.kind](*row.fields) for row in rows)


def kinds(found: FoundInterpreter) -> list[str]:
    return [row.kind for row in found.observations]


def test_the_versioned_command_first(world: World) -> None:
    world.link("a/python3", "3.11")
    path = world.link("b/python3.11", "3.11")
    world.path("a", "b")
    found = world.find("3.11")
    assert (found.path, found.origin) == (path, "PATH")
    assert found.interpreter.executable == python("3.11")
    assert kinds(found) == ["command", "signature"]
    assert holds(found.observations, world.environ)


def test_then_python3_then_python(world: World) -> None:
    three = world.link("a/python3", "3.11")
    world.link("a/python", "3.12")
    world.path("a")
    assert world.find("3.11").path == three
    assert world.find("3.12").path == str(world.top / "a" / "python")
    assert world.find("").path == three
    assert world.find("3").path == three
    assert world.find("", ">=3.12").path == str(world.top / "a" / "python")


def test_a_prefix_never_means_a_newer_one(world: World) -> None:
    world.link("a/python3", "3.11")
    world.path("a")
    assert world.refusal("3.8").message.startswith("no Python here fits python_version `3.8`:")


def test_a_patch_version(world: World) -> None:
    world.link("a/python3.11", "3.11")
    world.path("a")
    text = world.find("3.11").interpreter.version_text
    assert world.find(text).interpreter.version_text == text
    assert world.refusal("3.11.99").message.endswith(f"`{world.top}/a/python3.11`")


def test_a_fitting_one_further_on_path(world: World) -> None:
    world.link("a/python3", "3.12")
    world.link("c/python3", "3.11")
    world.path("a", "b", "c")
    found = world.find("3.11")
    assert found.path == str(world.top / "c" / "python3")
    assert world.skipped == [f"passed over: `{world.top}/a/python3` is Python 3.12 by its name"]
    assert holds(found.observations, world.environ)
    world.link("b/python3", "3.11")
    assert not holds(found.observations, world.environ)


def test_what_would_change_the_choice(world: World) -> None:
    path = world.link("b/python3", "3.11")
    world.path("a", "b")
    found = world.find("3")
    os.unlink(path)
    world.link("b/python3", "3.12")
    assert not holds(found.observations, world.environ)
    os.unlink(path)
    world.link("b/python3", "3.11")
    assert holds(found.observations, world.environ)
    world.link("a/python3", "3.12")
    assert not holds(found.observations, world.environ)


def test_environments_of_ours_are_passed_over(world: World) -> None:
    world.link("env/bin/python3", "3.11")
    script(str(world.top / "env/bin/activate_this.py"), "")
    outside = world.link("a/python3", "3.11")
    world.path("env/bin", "a")
    found = world.find("3.11")
    assert found.path == outside
    world.path("a")
    assert holds(found.observations, world.environ)
    assert world.find("3.11").observations == found.observations


def test_shims_are_never_asked(world: World, children: list[str]) -> None:
    shim = script(str(world.top / "shims/python3.11"), PYENV)
    good = world.link("a/python3.11", "3.11")
    world.path("shims", "a")
    found = world.find("3.11")
    assert found.path == good
    assert world.skipped == [f"passed over: `{shim}` is a shim of pyenv"]
    assert children == [python("3.11")]
    assert holds(found.observations, world.environ)
    os.unlink(shim)
    assert not holds(found.observations, world.environ)


def test_honest_wrappers_are_asked(world: World) -> None:
    path = wrapper(str(world.top / "a/python3"), python("3.11"))
    world.path("a")
    found = world.find("3.11")
    assert found.interpreter.executable == python("3.11")
    assert [row.fields[0] for row in found.observations if row.kind == "signature"] == [path, python("3.11")]


def test_what_does_not_run_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 0.5)
    script(str(world.top / "a/python3"), "#!/bin/sh\nwhile :; do :; done\n")
    script(str(world.top / "b/python3"), "#!/bin/sh\nexit 1\n")
    script(str(world.top / "c/python3"), "#!/bin/sh\necho hello\n")
    good = world.link("d/python3", "3.11")
    world.path("a", "b", "c", "d")
    assert world.find("3.11").path == good
    assert world.skipped == [
        f"passed over: `{world.top}/a/python3` gave no answer within 0.5 s, or was killed",
        f"passed over: `{world.top}/b/python3` is not a working Python: it ended with code 1",
        f"passed over: `{world.top}/c/python3` does not answer like a Python",
    ]


def test_a_pypy_is_taken_where_it_is_named(world: World) -> None:
    """A script that runs under whatever `python3` is there is a CPython's."""
    change = (
        "platform.python_implementation = lambda: 'PyPy'; known = sysconfig.get_config_var; "
        "sysconfig.get_config_var = lambda name: '.pypy311-pp73.so' if name == 'EXT_SUFFIX' else known(name)"
    )
    head = f"#!{python('3.11')}\nimport os, platform, sys, sysconfig, importlib.util\n"
    pypy = script(str(world.top / "a/python3"), f"{head}{change}\nexec(sys.argv[-1])\n")
    good = world.link("b/python3", "3.11")
    world.path("a", "b")
    assert world.find("3.11").path == good
    version = world.find("3.11").interpreter.version_text
    assert world.skipped[0] == (
        f"passed over: `{pypy}` is pypy {version}, which is used only where it is named"
    )
    assert world.find("3.11", explicit=pypy).interpreter.implementation == "pypy"


def test_relative_entries_of_path_are_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.link("a/python3", "3.12")
    good = world.link("b/python3", "3.11")
    monkeypatch.chdir(world.top / "a")
    world.environ["PATH"] = os.pathsep.join(["", ".", str(world.top / "b")])
    assert world.find("").path == good
    del world.environ["PATH"]
    assert world.refusal("").message == "there is no Python here"


def test_names_spare_probes(world: World, children: list[str]) -> None:
    world.link("a/python3", "3.12")
    world.link("a/python", "3.13")
    for version in ("3.9", "3.11", "3.12"):
        world.link(f"home/.pyenv/versions/{version}.1/bin/python{version}", version)
    world.path("a")
    assert world.find("3.11").origin == "known installations"
    assert children == [python("3.11")]


def test_the_second_search_asks_nobody(world: World, children: list[str]) -> None:
    world.link("a/python3", "3.12")
    world.link("a/python", "3.11")
    world.path("a")
    first = world.find("", "<3.12")
    asked = len(children)
    assert world.find("", "<3.12") == first
    assert len(children) == asked


def test_the_order_of_places(world: World) -> None:
    known_one = world.link("home/.pyenv/versions/3.11.7/bin/python3.11", "3.11")
    world.path("a")
    assert (world.find("3.11").path, world.find("3.11").origin) == (known_one, "known installations")
    system = world.link("system/python3", "3.11")
    found = world.find("3.11")
    assert (found.path, found.origin) == (system, "the system's bundles")
    assert kinds(found) == ["command", "command", "command", "signature"]
    on_path = world.link("a/python", "3.11")
    assert not holds(found.observations, world.environ)
    assert (world.find("3.11").path, world.find("3.11").origin) == (on_path, "PATH")
    bundle = world.link("bundle/bin/python3", "3.11")
    found = world.find("3.11", bundle=bundle)
    assert (found.path, found.origin) == (bundle, "the hermetic Python")
    assert kinds(found) == ["signature"]
    explicit = world.link("mine/python", "3.11")
    found = world.find("3.11", bundle=bundle, explicit=explicit)
    assert (found.path, found.origin) == (explicit, "-vpython-interpreter")
    assert kinds(found) == ["signature"]


def test_a_bundle_that_does_not_fit_or_is_not_there(world: World) -> None:
    path = world.link("a/python3.11", "3.11")
    world.path("a")
    assert world.find("3.11", bundle=world.link("bundle/python3", "3.12")).path == path
    found = world.find("3.11", bundle=str(world.top / "gone"))
    assert found.path == path
    assert kinds(found) == ["no-file", "command", "signature"]


def test_a_system_bundle_that_appears_is_seen(world: World) -> None:
    world.link("home/.pyenv/versions/3.11.7/bin/python3.11", "3.11")
    found = world.find("3.11")
    assert holds(found.observations, world.environ)
    world.link("system/python3", "3.11")
    assert not holds(found.observations, world.environ)


def test_the_newest_of_the_known(world: World, children: list[str]) -> None:
    for version in ("3.9", "3.11", "3.13"):
        world.link(f"home/.pyenv/versions/{version}.1/bin/python{version}", version)
    link(str(world.top / "home/.local/share/uv/python/cpython-3.12.1-linux/bin/python3.12"), python("3.12"))
    assert world.find("").interpreter.executable == python("3.13")
    assert world.find("", "<3.13").interpreter.executable == python("3.12")
    assert world.find("3.9").interpreter.executable == python("3.9")
    assert children == [python("3.13"), python("3.12"), python("3.9")]


def test_a_release_before_an_early_one(world: World) -> None:
    world.link("home/.pyenv/versions/3.13-dev/bin/python3.13", "3.13")
    assert world.find("").interpreter.executable == python("3.13")
    world.link("home/.pyenv/versions/3.12.1/bin/python3.12", "3.12")
    assert world.find("").interpreter.executable == python("3.12")


def test_rows_hold_where_odd_things_stand_in_the_way(world: World) -> None:
    world.link("a/python3", "3.12")
    plain = world.top / "b" / "python3"
    os.makedirs(plain.parent)
    plain.write_text("not executable")
    os.makedirs(world.top / "c" / "python3")
    (world.top / "file").write_text("")
    os.symlink("/nowhere", script(str(world.top / "d/other"), "").replace("other", "python3"))
    world.link("e/python3", "3.11")
    world.path("a", "b", "c", "file", "d", "e")
    world.environ["PYENV_ROOT"] = str(world.top / "file")
    world.environ["ASDF_DATA_DIR"] = str(world.top / "asdf")
    os.makedirs(world.top / "asdf" / "installs")
    (world.top / "asdf" / "installs" / "python").write_text("")
    found = world.find("3.11")
    assert found.path == str(world.top / "e/python3")
    assert holds(found.observations, world.environ)
    world.link("home/.local/share/uv/python/cpython-3.9.1-x/bin/python3.9", "3.9")
    found = world.find("3.9")
    assert found.origin == "known installations"
    assert holds(found.observations, world.environ)
    plain.write_text("changed, and longer")
    assert not holds(found.observations, world.environ)


def test_a_new_installation_is_seen(world: World) -> None:
    world.link("home/.pyenv/versions/3.11.7/bin/python3.11", "3.11")
    found = world.find("3")
    assert holds(found.observations, world.environ)
    world.link("home/.pyenv/versions/3.12.1/bin/python3.12", "3.12")
    assert not holds(found.observations, world.environ)
    found = world.find("3")
    assert holds(found.observations, world.environ | {"IRRELEVANT": "1"})
    assert not holds(found.observations, world.environ | {"PYENV_ROOT": "/elsewhere"})


@pytest.mark.parametrize("explicit", ["gone", "."])
def test_an_explicit_one_that_is_not_there(explicit: str, world: World) -> None:
    path = os.path.normpath(world.top / explicit)
    assert world.refusal("", explicit=path).message == f"the interpreter `{path}` does not exist"


def test_an_explicit_one_must_run_and_fit(world: World) -> None:
    world.link("a/python3.12", "3.12")
    world.path("a")
    path = script(str(world.top / "broken"), "#!/bin/sh\nexit 1\n")
    assert (
        world.refusal("", explicit=path).message
        == f"the interpreter `{path}` is not a working Python: it ended with code 1"
    )
    path = world.link("python", "3.11")
    error = world.refusal("3.12", explicit=path)
    version = world.find("", explicit=path).interpreter.version_text
    assert error.message == (
        f"the interpreter `{path}` is Python {version}, the spec wants python_version `3.12`"
    )
    assert error.exit_code == 2


def test_an_explicit_old_one(world: World) -> None:
    path = python("2.7")
    message = world.refusal("", explicit=path).message
    assert message.startswith(f"the interpreter `{path}` is Python 2.7.")
    assert message.endswith(", older than 3.8")


def test_an_explicit_relative_path(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.link("a/python3", "3.11")
    monkeypatch.chdir(world.top / "a")
    assert world.find("", explicit="python3").path == path


def test_python_2_is_refused_at_once(world: World, children: list[str]) -> None:
    error = world.refusal("2.7")
    assert error.message.startswith("Python 2.7 is not supported for running")
    assert children == []


def test_none_fits(world: World) -> None:
    world.link("a/python3", "3.11")
    script(str(world.top / "a/python"), "#!/bin/sh\nexit 1\n")
    world.link("home/.pyenv/versions/3.12.1/bin/python3.12", "3.12")
    world.path("a")
    eleven = world.find("3.11").interpreter.version_text
    twelve = world.find("3.12").interpreter.version_text
    error = world.refusal("3.14")
    assert error.message == (
        "no Python here fits python_version `3.14`:\n"
        f"  {eleven:<8} `{world.top}/a/python3`\n"
        f"  {twelve:<8} `{world.top}/home/.pyenv/versions/3.12.1/bin/python3.12`"
    )
    assert error.hint == "install Python 3.14, or name one with -vpython-interpreter FILE"


def test_none_fits_but_one_would_with_venv(world: World) -> None:
    text = (
        f"#!{python('3.11')}\nimport sys, importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'venv' else find(name)\nexec(sys.argv[-1])\n"
    )
    script(str(world.top / "a/python3"), text)
    world.path("a")
    error = world.refusal("3.11")
    assert error.hint == "install the package that holds it (Debian: `python3.11-venv`)"
    assert "without the `venv` module" in world.skipped[0]


def test_describing(world: World) -> None:
    world.link("a/python3", "3.11")
    world.link("b/python3", "3.11")
    script(str(world.top / "b/python"), "#!/bin/sh\nexit 1\n")
    script(str(world.top / "b/python3.9"), PYENV)
    world.link("home/.pyenv/versions/3.12.1/bin/python3.12", "3.12")
    world.path("a", "b")
    there = list_candidates(environ=world.environ, config=world.config, layout=world.layout, platform="linux")
    assert [(item.path, item.origin, item.reason) for item in there] == [
        (str(world.top / "a/python3"), "PATH", ""),
        (str(world.top / "b/python"), "PATH", "is not a working Python: it ended with code 1"),
        (str(world.top / "home/.pyenv/versions/3.12.1/bin/python3.12"), "known installations", ""),
    ]


def test_windows_names(world: World) -> None:
    path = str(world.top / "a" / "python3.exe")
    os.makedirs(os.path.dirname(path))
    shutil.copy2(python("3.11"), path)
    world.path("a")
    found = world.find("3.11", platform="win32")
    assert found.path == path
    assert [row.fields for row in found.observations][:2] == [("python3.11.exe", ""), ("python3.exe", path)]


def test_the_windows_launcher(world: World) -> None:
    path = world.link("home/Python311/python.exe", "3.11")
    launcher = script(str(world.top / "a/py.exe"), f"#!/bin/sh\necho ' -V:3.11 *   {path}'\n")
    world.path("a")
    found = world.find("3.11", platform="win32")
    assert (found.path, found.origin) == (path, "known installations")
    assert [row.fields[0] for row in found.observations if row.kind == "signature"] == [launcher, path]


def test_this_very_machine(layout: Layout) -> None:
    found = find(
        f"{sys.version_info[0]}.{sys.version_info[1]}",
        "",
        explicit=sys.executable,
        bundle=None,
        environ=os.environ,
        config=load(),
        layout=layout,
        debug=lambda _: None,
    )
    assert found.interpreter.version == sys.version_info[:3]
