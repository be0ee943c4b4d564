"""Requirements of git repositories: real ones, over a path, ssh and TLS; kept and locked by their commit."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest

from tests.operations.test_wheel_build import Workshop, seen_arguments, workshop
from tests.packages.conftest import authority, simple_index
from tests.support.awkward_index import Server
from tests.support.sdistmaker import BACKEND, PYPROJECT
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["authority", "simple_index", "workshop"]

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="there is no git here")


class Repository:
    """Repository of a project `lone`, with another version of it in `sub/dir`; the bare copy is read."""

    def __init__(self, place: Path) -> None:
        self.work, self.bare = place / "work", place / "lone.git"
        self.url = f"git+file://{self.bare}"
        subprocess.run(["git", "init", "-q", "-b", "main", self.work], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", "--bare", self.bare], check=True)
        self.commit("1.0", "v1")

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", "-C", self.work, *who, *words], check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    def commit(self, version: str, *tags: str) -> str:
        """Commit a version and push it; return the commit id."""
        for directory, text in ((self.work, version), (self.work / "sub" / "dir", f"{version}.5")):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "pyproject.toml").write_text(PYPROJECT)
            backend = BACKEND.format(name="lone", version=text, requires=["plain"], before="")
            (directory / "backend.py").write_text(backend)
        self.git("add", ".")
        self.git("commit", "-q", "-m", version)
        for tag in tags:
            self.git("tag", "-a", "-m", tag, tag)
        self.git("push", "-q", "--follow-tags", str(self.bare), "main")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(workshop: Workshop) -> Repository:
    make_wheel(workshop.wheels, "plain")
    return Repository(workshop.place)


@pytest.fixture
def no_git(workshop: Workshop) -> dict[str, str]:
    """Variables by which a git is found that writes down that it was run."""
    programs = workshop.place / "programs"
    programs.mkdir()
    program = programs / "git"
    program.write_text("#!/bin/sh\necho run >&2\nexit 1\n")
    program.chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{workshop.harness.environ['PATH']}"}


def building(commit: str) -> str:
    return f"vpython: building `lone` at {commit[:12]} from its source\n"


def test_a_branch_means_a_commit_for_a_day(
    workshop: Workshop, repository: Repository, no_git: dict[str, str]
) -> None:
    first = repository.git("rev-parse", "HEAD")
    script = workshop.script(f"lone @ {repository.url}@main")
    assert workshop.run(script) == (0, "1.0\n", building(first))
    exact = workshop.script(f"lone @ {repository.url}@{first}", "plain", name="exact.py")
    assert workshop.run(exact, **no_git) == (0, "1.0 1.0\n", ""), "kept by its commit, git is not run"

    second = repository.commit("2.0")
    assert workshop.run(script) == (0, "1.0\n", "")
    assert workshop.run("-vpython-refresh", script) == (0, "2.0\n", building(second))
    _, out, _ = workshop.run("-vpython-tool", "explain", script)
    assert f"from {repository.url}@{second}\n" in out
    short = workshop.script(f"lone @ {repository.url}@{first[:9]}", name="short.py")
    assert workshop.run(short) == (0, "1.0\n", "")

    gone = workshop.script(f"lone @ {repository.url}@none", name="gone.py")
    fact = f"`file://{repository.bare}` has no branch, tag or commit `none`"
    assert workshop.run(gone) == (2, "", f"vpython: {fact}\n")


SOURCES = """\
# [tool.uv.sources]
# lone = {{ git = "file://{0}", {1} }}
"""


# As `uv lock --script` writes it.
UV_LOCK = """\
version = 1
revision = 5
requires-python = ">=3.8"

[manifest]
requirements = [{{ name = "lone", git = "{0}" }}]

[[package]]
name = "lone"
version = "1.0"
source = {{ git = "{0}#{1}" }}
"""


def test_sources_of_uv_and_what_forbids_a_build(workshop: Workshop, repository: Repository) -> None:
    """With a tag, and a directory in the repository; `explain` builds nothing."""
    commit = repository.git("rev-parse", "HEAD")
    more = SOURCES.format(repository.bare, 'tag = "v1", subdirectory = "sub/dir"')
    script = workshop.script("lone>7", more=more)
    reference = f"{repository.url}@{commit}#subdirectory=sub/dir"
    _, out, _ = workshop.run("-vpython-tool", "explain", script)
    assert f"`lone` at {commit[:12]} has no wheel, which a start builds: `{reference}`" in out
    assert workshop.run("-vpython-no-build", script) == (
        2,
        "",
        f"vpython: there is no wheel of `lone` at {commit[:12]}: `{reference}`\n\n"
        "hint: -vpython-no-build forbids to build a wheel from its source\n",
    )
    assert workshop.run(script) == (0, "1.0.5\n", building(commit))
    assert workshop.run("-vpython-no-build", script) == (0, "1.0.5\n", ""), "what was built stays"

    _, out, err = workshop.run("-vpython-tool", "verify", script)
    assert ("sdist" in out, "missing" in out, err) == (True, False, "")
    above = workshop.script("above", name="needs_above.py")
    make_wheel(workshop.wheels, "above", requires=(f"lone @ {repository.url}@v1",))
    code, _, err = workshop.run(above)
    assert (code, err) == (
        2,
        f"vpython: pip found no resolution: `lone @ {repository.url}@v1` counts where the spec itself names "
        "the same repository and revision\n",
    )
    both = workshop.script("above", f"lone @ {repository.url}@v1", name="both.py")
    code, out, err = workshop.run(both)
    assert (code, out) == (0, "1.0 1.0\n"), err

    wrong = workshop.script(f"other @ {repository.url}", name="wrong.py")
    code, _, err = workshop.run(wrong)
    assert (code, err.splitlines()[-1]) == (
        2, f"vpython: `{repository.url}@{commit}` is the project `lone`, not `other`"
    )  # fmt: skip


def test_locks_have_the_commit(workshop: Workshop, repository: Repository, no_git: dict[str, str]) -> None:
    first = repository.git("rev-parse", "HEAD")
    script = workshop.script(f"lone @ {repository.url}@main", name="s.py")
    lock = workshop.place / "pylock.s.toml"
    assert workshop.run("-vpython-tool", "lock", script)[0] == 0
    text = lock.read_text()
    table = (
        f'vcs = {{type = "git", url = "file://{repository.bare}", requested-revision = "main", '
        f'commit-id = "{first}"}}'
    )
    assert f'[[packages]]\nname = "lone"\n{table}\n' in text
    assert 'name = "plain"\nversion = "1.0"' in text

    second = repository.commit("2.0")
    assert workshop.run("-vpython-locked", script, **no_git) == (0, "1.0\n", "")
    assert workshop.run("-vpython-refresh", "-vpython-tool", "lock", script)[0] == 0
    assert lock.read_text() == text, "what is locked stays"
    code, _, err = workshop.run("-vpython-tool", "lock", "--upgrade", script)
    assert (code, second in lock.read_text()) == (0, True), err
    assert workshop.run("-vpython-locked", script)[:2] == (0, "2.0\n")

    more = SOURCES.format(repository.bare, 'branch = "main"')
    other = workshop.script("lone", more=more, name="uv.py")
    written = workshop.place / "uv.py.lock"
    written.write_text(UV_LOCK.format(f"file://{repository.bare}?branch=main", first))
    assert workshop.run("-vpython-locked", other, **no_git) == (0, "1.0\n", ""), "uv's own lockfile"

    lock.write_text(lock.read_text().replace(f"file://{repository.bare}", "ext::sh -c x"))
    code, _, err = workshop.run("-vpython-locked", script)
    assert code == 2
    assert "only `git+https`, `git+ssh` and `git+file` repositories are built from" in err
    lock.unlink()
    assert workshop.run("-vpython-tool", "lock", "--format", "uv", script)[::2] == (
        2,
        "vpython: a lockfile of hashes cannot have what is built of a repository: `lone`\n\n"
        "hint: `vpython-tool lock --format pylock` writes a lockfile that can\n",
    )


def test_nothing_of_the_surroundings_is_run(workshop: Workshop, repository: Repository) -> None:
    """No hooks, no repository around that a hook has set, no submodule of this machine for another one's."""
    planted = workshop.place / "template" / "hooks"
    planted.mkdir(parents=True)
    seen = workshop.place / "seen"
    (planted / "post-checkout").write_text(f"#!/bin/sh\ntouch {seen}\n")
    (planted / "post-checkout").chmod(0o755)
    env = {
        "GIT_TEMPLATE_DIR": str(planted.parent), "GIT_DIR": "/nonexistent", "GIT_WORK_TREE": "/nonexistent",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": str(planted),
    }  # fmt: skip
    assert workshop.run(workshop.script(f"lone @ {repository.url}"), **env)[:2] == (0, "1.0\n")
    assert not seen.exists()


@pytest.mark.thorough
def test_over_ssh_and_with_a_submodule(workshop: Workshop, repository: Repository) -> None:
    """The user's own ssh; a submodule is fetched as pip does it, one of this machine is not."""
    program = workshop.place / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    more = Repository(workshop.place / "more")
    (repository.work / ".gitmodules").write_text(
        f'[submodule "part"]\n\tpath = part\n\turl = ssh://host{more.bare}\n'
    )
    entry = f"160000,{more.git('rev-parse', 'HEAD')},part"
    repository.git("update-index", "--add", "--cacheinfo", entry)
    repository.git("add", ".gitmodules")
    repository.git("commit", "-q", "-m", "part")
    repository.git("push", "-q", str(repository.bare), "main")
    env = {"GIT_SSH_COMMAND": str(program), "GIT_SSH_VARIANT": "simple"}
    script = workshop.script(f"lone @ git+ssh://host{repository.bare}")
    assert workshop.run(script, **env)[:2] == (0, "1.0\n")
    repository.git("config", "-f", ".gitmodules", "submodule.part.url", f"file://{more.bare}")
    repository.git("add", ".gitmodules")
    repository.git("commit", "-q", "-m", "local")
    repository.git("push", "-q", str(repository.bare), "main")
    code, _, err = workshop.run("-vpython-refresh", script, **env)
    assert (code, "transport 'file' not allowed" in err) == (0, True), "the last answer serves"


class GitServer:
    """`git http-backend` over TLS, with a password."""

    def __init__(self, place: Path, certificate: Path) -> None:
        self.asked: list[str] = []
        self.look: Callable[[object], None] = lambda _: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(b"")

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, body: bytes) -> None:
                path, _, query = self.path.partition("?")
                outer.asked.append(self.headers.get("Authorization", ""))
                outer.look(None)
                if not outer.asked[-1]:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="x"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                env = {
                    "GIT_PROJECT_ROOT": str(place), "GIT_HTTP_EXPORT_ALL": "1", "PATH": os.environ["PATH"],
                    "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }  # fmt: skip
                done = subprocess.run(
                    ["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=True
                )
                head, _, data = done.stdout.partition(b"\r\n\r\n")
                self.send_response(200)
                for line in head.decode().split("\r\n"):
                    self.send_header(*line.split(": ", 1))
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"localhost:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def server(workshop: Workshop, authority: Path) -> Iterator[GitServer]:
    workshop.harness.environ["GIT_SSL_CAINFO"] = str(authority / "ca.pem")
    found = GitServer(workshop.place, authority / "localhost.pem")
    yield found
    found.stop()


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="looks at the arguments of processes")
def test_a_password_is_in_no_arguments_and_no_file(
    workshop: Workshop, repository: Repository, server: GitServer
) -> None:
    arguments: set[str] = set()
    server.look = seen_arguments(arguments)
    script = workshop.script(f"lone @ git+https://me:secret@{server.address}/lone.git@v1")
    code, out, err = workshop.run(script)
    assert (code, out, "secret" in err) == (0, "1.0\n", False), err
    assert workshop.run("-vpython-tool", "lock", script)[0] == 0
    assert f"https://{server.address}/lone.git" in (workshop.place / "pylock.s.toml").read_text()
    assert "secret" not in (workshop.place / "pylock.s.toml").read_text()
    assert arguments == set()
    logs = workshop.harness.root / "resolutions-1"
    assert not any(b"secret" in path.read_bytes() for path in logs.rglob("*") if path.is_file())

    plain = workshop.script(f"lone @ git+https://{server.address}/none.git", name="plain.py")
    code, _, err = workshop.run(plain)
    assert (code, err) == (
        1,
        f"vpython: git cannot read `https://{server.address}/none.git`: could not read Username for "
        f"'https://{server.address}': terminal prompts disabled\n\n"
        "hint: with -vpython-offline only what was resolved before is used\n",
    )
