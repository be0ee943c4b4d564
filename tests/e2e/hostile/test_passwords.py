"""A password in the address of an index reaches that index, and is written and shown nowhere else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.harness import settled
from tests.support.wheelmaker import make_wheel

__all__ = ["simple_index"]

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.harness import Harness

NAME, PASSWORD = "some-user", "se%25cret.tok-en"  # as a URL spells it; `%25` is a percent sign
TRACES = (b"some-user", b"se%cret.tok-en", b"se%25cret", b"cret.tok-en", b"c29tZS11c2VyO", b"c29tZS11c2VyOn")
WAYS = (
    "option",
    "variable",
    "ar variable",
    "pip variable",
    "pip extra",
    "pip file",
    "user file",
    "toml",
    "uv",
    "requirement",
)
BLOCK = "# /// script\n# dependencies = [{}]\n{}# ///\nimport gizmo\nprint(gizmo.VERSION)\n"


class Private:
    """A script whose wheels come from an index that asks for a password, given in one of many ways."""

    def __init__(self, harness: Harness, index: SimpleIndex, place: Path, way: str) -> None:
        self.harness, self.index, self.place = harness, index, place
        harness.use_base_python()
        harness.use_loopback()
        index.login = "some-user:se%cret.tok-en"
        make_wheel(place / "wheels", "gizmo")
        self.url = index.url.replace("//", f"//{NAME}:{PASSWORD}@")
        self.words: list[str] = []
        self.env: dict[str, str | None] = {"HOME": str(place / "home"), "VPYTHON_PACKAGE_SOURCE": None}
        self.script = place / "s.py"
        self.wanted, self.more = "'gizmo'", ""
        getattr(self, "_by_" + way.replace(" ", "_"))()
        self.write(self.wanted)

    def write(self, wanted: str) -> None:
        self.script.write_text(BLOCK.format(wanted, self.more))

    def _by_option(self) -> None:
        self.words = ["-vpython-source", f"index:{self.url}"]

    def _by_variable(self) -> None:
        self.env["VPYTHON_PACKAGE_SOURCE"] = f"index:{self.url}"

    def _by_ar_variable(self) -> None:
        self.env["VPYTHON_AR_URL"] = self.url

    def _by_pip_variable(self) -> None:
        self.env["PIP_INDEX_URL"] = self.url

    def _by_pip_extra(self) -> None:
        self.env["PIP_INDEX_URL"] = "file:///nonexistent/"
        self.env["PIP_EXTRA_INDEX_URL"] = f"file:///nonexistent2/ {self.url}"

    def _by_pip_file(self) -> None:
        self.env["PIP_CONFIG_FILE"] = None
        self._put(".config/pip/pip.conf", f"[global]\nindex-url = {self.url}\n")

    def _by_user_file(self) -> None:
        self._put(".config/vpython/config.toml", f'source = "index:{self.url}"\n')

    def _by_toml(self) -> None:
        self.more = f'# [tool.vpython]\n# source = "index:{self.url}"\n'

    def _by_uv(self) -> None:
        self.more = f'# [[tool.uv.index]]\n# url = "{self.url}"\n# default = true\n'
        self.words = ["-vpython-source", f"index:{self.url}"]

    def _by_requirement(self) -> None:
        name = "gizmo-1.0-py3-none-any.whl"
        digest = hashlib.sha256((self.place / "wheels" / name).read_bytes()).hexdigest()
        self.wanted = f"'gizmo @ {self.url.replace('/simple/', '/files/')}{name}#sha256={digest}'"

    def _put(self, name: str, text: str) -> None:
        path = self.place / "home" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.harness.run(*self.words, *words, env=self.env)

    def tool(self, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.harness.run(*self.words, "-vpython-tool", name, *words, env=self.env)


def by(*ways: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("private", ways, indirect=True)


@pytest.fixture
def private(
    request: pytest.FixtureRequest,
    harness: Harness,
    simple_index: Callable[[str], SimpleIndex],
    tmp_path: Path,
) -> Private:
    return Private(harness, simple_index("wheels"), tmp_path, request.param)


def is_clean(done: subprocess.CompletedProcess[str]) -> bool:
    return not any(trace.decode() in done.stdout + done.stderr for trace in TRACES)


def traces(root: Path) -> list[str]:
    settled(root)
    found = []
    for path in root.rglob("*"):
        name = str(path.relative_to(root)).encode()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if any(trace in name + text for trace in TRACES):
            found.append(str(path.relative_to(root)))
    return found


@by(*WAYS)
def test_of_starts_nothing_is_left(private: Private) -> None:
    for level in ("debug", "warning", "warning"):
        done = private.run("-vpython-log-level", level, private.script)
        assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
        assert is_clean(done)
    assert traces(private.harness.root) == []

    # The record, too, is true without the password: the start does not ask again.
    asked = len(private.index.asked)
    assert private.run(private.script).stdout == "1.0\n"
    assert len(private.index.asked) == asked


@by("option")
def test_no_command_shows_or_writes_it(private: Private) -> None:
    script = private.script
    private.more = '# [tool.vpython]\n# verify-platforms = ["linux-amd64"]\n'
    private.write(private.wanted)
    assert private.run(script).returncode == 0
    commands: dict[str, list[str | Path]] = {
        "explain": [script],
        "config": [script],
        "install": [script],
        "tree": [script],
        "which": [script],
        "outdated": [script],
        "verify": [script],
        "find": ["gizmo"],
        "doctor": [],
        "tags": [script],
    }
    for name, words in commands.items():
        done = private.tool(name, *words)
        assert is_clean(done), done
        done = private.tool(name, "--json", *words)
        assert is_clean(done), done
    assert traces(private.harness.root) == []


@by("variable", "pip extra", "requirement")
def test_no_error_shows_it(private: Private) -> None:
    if "@" in private.wanted:
        private.write(private.wanted.replace("gizmo-1.0", "gizmo-2.0"))
    else:
        private.write("'nothing-of-that-name'")
    for name, text in (("login", "other:one"), ("login", ""), ("location", "http://[x/"), ("status", 404)):
        setattr(private.index, name, text)
        done = private.run(private.script)
        assert done.returncode in (1, 2)
        assert done.stderr.startswith("vpython: ")
        assert is_clean(done)
    assert is_clean(private.tool("explain", private.script))
    assert traces(private.harness.root) == []


def test_another_password_is_another_question_to_the_index_alone(
    harness: Harness, simple_index: Callable[[str], SimpleIndex], tmp_path: Path
) -> None:
    """A token that was renewed makes no new environment, and another host is another source."""
    private = Private(harness, simple_index("wheels"), tmp_path, "pip variable")
    assert private.run(private.script).returncode == 0
    asked = len(private.index.asked)
    private.env["PIP_INDEX_URL"] = private.url.replace(PASSWORD, "renewed")
    assert private.run(private.script).returncode == 0
    assert len(private.index.asked) == asked
    private.env["PIP_INDEX_URL"] = private.url.replace("127.0.0.1", "localhost").replace("/simple", "/other")
    assert private.run(private.script).returncode != 0
