"""The examples of docs/fleet.md for containers and CI do what it says, line by line, in empty homes.

There is no container here: `/opt`, `/app` and `/cache` are directories of the test.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs import markdown
from tests.e2e.lockfiles.conftest import direct, site
from tests.support.harness import BUILT, TOP
from tests.support.hostile_registry import HostileRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.lockfiles.site import Site

__all__ = ["direct", "site"]
BLOCKS = markdown.blocks(TOP / "docs" / "fleet.md")
DOCKERFILES = [block.text for block in BLOCKS if block.language == "dockerfile"]
# No other parser of YAML is in the standard library or in pip.
YAML = [importlib.import_module("yaml").safe_load(block.text) for block in BLOCKS if block.language == "yaml"]


def _document(key: str) -> Any:
    (found,) = [each for each in YAML if key in each]
    return found


class Machine:
    """Directory with an empty home, where `/app` has a locked script and vpython is on PATH."""

    def __init__(self, site: Site) -> None:
        self.place = site.place
        self.index = site.index
        site.script("a", name="tool.py")
        site.locked(script="tool.py")
        self.app = self.place / "app"
        self.app.mkdir()
        for name in ("tool.py", "pylock.tool.toml"):
            shutil.copy(self.place / name, self.app / name)
        shutil.copy(BUILT, self.app / "vpython.pyz")
        commands = site.harness.use_base_python()
        (commands / "vpython3").symlink_to(BUILT)
        kept = {name: text for name, text in site.harness.environ.items() if not name.startswith("VPYTHON_")}
        self.environ = {**kept, "VPYTHON_PACKAGE_SOURCE": f"index:{site.index.url}"}
        self.homes = 0
        self.forget()

    def forget(self) -> None:
        """Let there be another empty home, and nothing that was asked for."""
        self.homes += 1
        home = self.place / f"home-{self.homes}"
        home.mkdir()
        self.environ["HOME"] = str(home)
        self.index.asked.clear()

    def run(self, line: str, **environ: str) -> str:
        """Run a line of a shell in the checkout, and return what it prints."""
        line = re.sub(r"(?<=[ :])/(?=(opt|app|cache)\b)", f"{self.place}/", line)
        done = subprocess.run(
            ["sh", "-euc", line],
            cwd=self.app,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert not done.stderr
        return done.stdout


@pytest.fixture
def machine(site: Site) -> Machine:
    return Machine(site)


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


@pytest.mark.parametrize("text", [pytest.param(DOCKERFILES[0], marks=pytest.mark.thorough), *DOCKERFILES[1:]])
def test_a_dockerfile(machine: Machine, text: str) -> None:
    instructions = _instructions(text)
    assert [name for name, _ in instructions] == ["FROM", "COPY", "COPY", "RUN", "CMD"]
    copied = [shlex.split(rest) for name, rest in instructions if name == "COPY"]
    assert copied == [["vpython.pyz", "/usr/local/bin/vpython3"], ["tool.py", "pylock.tool.toml", "/app/"]]
    machine.run(instructions[3][1].removeprefix("--mount=type=cache,target=/cache").strip())
    shutil.rmtree(machine.place / "cache", ignore_errors=True)
    machine.forget()
    machine.index.stop()
    command = shlex.join(json.loads(instructions[4][1]))
    assert machine.run(command) == "2.0 1.1\n"


def _filled(text: str, facts: Mapping[str, str]) -> str:
    """Fill in the expressions of a workflow; each must be among the facts."""
    while "${{" in text:
        before, _, rest = text.partition("${{")
        name, _, after = rest.partition("}}")
        text = f"{before}{facts[name.strip()]}{after}"
    return text


def test_github(machine: Machine) -> None:
    job = _document("jobs")["jobs"]["tool"]
    store = HostileRegistry()
    facts = {
        "github.repository_owner": "tools",
        "github.ref == 'refs/heads/main' && '1' || ''": "1",
        "secrets.GITHUB_TOKEN": "token",
        "github.actor": "me",
    }
    environ = {name: _filled(text, facts).replace("ghcr.io", store.host) for name, text in job["env"].items()}
    checkout, login, start = job["steps"]
    assert set(checkout) == {"uses"}
    assert shlex.split(_filled(login["run"], facts))[:4] == ["echo", "token", "|", "docker"]
    try:
        for _ in range(2):
            machine.forget()
            assert machine.run(start["run"], **environ) == "2.0 1.1\n"
        assert not machine.index.asked
        assert store.asked().count("GET blobs") == 4  # of both jobs, the first in vain
    finally:
        store.stop()


def test_gitlab(machine: Machine) -> None:
    job = _document("tool")["tool"]
    environ = {
        name: text.replace("$CI_PROJECT_DIR", str(machine.app)) for name, text in job["variables"].items()
    }
    (kept,) = job["cache"]["paths"]
    assert environ["VPYTHON_VIRTUALENV_ROOT"] == str(machine.app / kept)
    for line in (*job["script"], *job["after_script"]):
        machine.run(line, **environ)
    # An archive keeps neither inodes nor times to the nanosecond.
    archive = machine.place / "cache.tar"
    subprocess.run(["tar", "-cf", archive, kept], cwd=machine.app, check=True)
    os.rename(machine.app / kept, machine.place / "before")
    subprocess.run(["tar", "-xf", archive], cwd=machine.app, check=True)
    machine.forget()
    (start,) = job["script"]
    assert [machine.run(start, **environ) for _ in range(2)] == ["2.0 1.1\n"] * 2
    assert not machine.index.asked


@pytest.mark.thorough
def test_kubernetes(machine: Machine) -> None:
    pod = _document("initContainers")
    (first,), (then,), (volume,) = pod["initContainers"], pod["containers"], pod["volumes"]
    for container in (first, then):
        (mount,) = container["volumeMounts"]
        assert mount["name"] == volume["name"]
        assert mount["mountPath"] in container["command"]
    (variable,) = first["env"]
    assert variable["name"] == "VPYTHON_STORE"
    machine.run(shlex.join(first["command"]))
    machine.forget()
    machine.index.stop()
    assert machine.run(shlex.join(then["command"])) == "2.0 1.1\n"
