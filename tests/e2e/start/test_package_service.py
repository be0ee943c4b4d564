"""The built file with packages from the service: cold, warm, offline, over TLS, with the service away."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.packages.cipd.bench import wheel_package
from tests.support.terminals import OnTerminal, drawings, screen
from tests.support.wheelmaker import spec_text
from vpy.system import sealed
from vpy.system.status_line import size

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.cipd.server import Handler, Service
    from tests.support.harness import Harness

UNKNOWN = "it is not cached, and network access is disabled by `-vpython-offline`"
CODE = "import one, two\nprint(one.VERSION, two.VERSION)\n"


class Project:
    """A script beside a spec of two packages that a service has, one by tag and one by ref."""

    def __init__(self, directory: Path, harness: Harness, service: Service) -> None:
        self.harness = harness
        self.service = service
        self.directory = directory
        self.script = directory / "s.py"
        self.script.write_text(CODE)
        self.one, first = wheel_package(directory, "one")
        self.two, second = wheel_package(directory, "two")
        service.put(self.one, first, tags=("version:1.0",))
        service.put(self.two, second, refs=("latest",))
        self.spec((self.one, "version:1.0"), (self.two, "latest"))
        harness.environ["CIPD_SERVICE_URL"] = service.rpc_url

    def spec(self, *wheels: tuple[str, str]) -> None:
        (self.directory / "s.py.vpython3").write_text(spec_text(*wheels))

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.harness.run(*argv, self.script, env=env)

    def good(self, *argv: str, **env: str) -> None:
        done = self.run(*argv, **env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.0 1.0\n", "")

    def bad(self, *argv: str, **env: str) -> str:
        done = self.run(*argv, **env)
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert done.stderr.startswith("vpython: ")
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def project(tmp_path: Path, direct: Harness, service: Service) -> Project:
    return Project(tmp_path, direct, service)


def test_cold_and_warm(project: Project) -> None:
    project.good()
    asked = len(project.service.requests)
    assert asked == 6
    project.good()
    (project.directory / "s.py").write_text(CODE + "# changed\n")
    project.good()
    other = project.directory / "t.py"
    other.write_text(CODE)
    (project.directory / "t.py.vpython3").write_text(
        spec_text((project.two, "latest"), (project.one, "version:1.0"))
    )
    project.script = other
    project.good()
    assert len(project.service.requests) == asked
    agents = {headers["User-Agent"] for _, _, headers, _ in project.service.requests}
    assert {agent.partition("/")[0] for agent in agents} == {"vpython"}


def test_the_source_by_option(project: Project) -> None:
    url = project.harness.environ.pop("CIPD_SERVICE_URL")
    project.good("-vpython-source", f"cipd:{url}")
    project.good("-vpython-source", f"cipd:{url}/", CIPD_SERVICE_URL="https://elsewhere.invalid")


def test_a_web_server_as_the_directory(project: Project) -> None:
    repository = project.directory / "repo"
    wheels = sorted((project.directory / "wheels").glob("*.whl"))
    packed = project.harness.run("-vpython-tool", "pack", "-repo", repository, "-ref", "latest", *wheels)
    assert packed.returncode == 0
    files = {
        "/" + os.path.relpath(path, project.directory): path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file()
    }
    project.service.always["GET"] = lambda handler: (
        handler.answer(200, {}, files[unquote(handler.path)])
        if unquote(handler.path) in files
        else handler.answer(404, {}, b"")
    )
    project.good("-vpython-source", f"directory:{project.service.storage_url}/repo")
    project.good("-vpython-source", f"directory:{project.service.storage_url}/repo")
    assert project.service.count("ResolveVersion") == 0
    assert project.service.count("download") == 4


def test_offline(project: Project) -> None:
    said = project.bad("-vpython-offline")
    assert said == (
        f"vpython: cannot get `{project.one}` at `version:1.0`: {UNKNOWN}\n"
        f"cannot get `{project.two}` at `latest`: {UNKNOWN}\n"
        "\nhint: run it once without -vpython-offline\n"
    )
    assert not project.service.requests
    project.good()
    project.good("-vpython-offline")
    for environment in project.harness.environments():
        subprocess.run(["rm", "-rf", environment], check=True)
    asked = len(project.service.requests)
    project.good("-vpython-offline")
    assert len(project.service.requests) == asked


def test_the_service_is_away(project: Project) -> None:
    """One line on stderr, once, and the last good answers; a day later, and with the environment gone."""
    project.good()
    project.service.always["POST"] = lambda handler: handler.hang_up()
    for path in (project.harness.root / "resolutions-1").iterdir():
        text = path.read_text()
        if '"asked"' in text or '"until": ["' in text:
            path.chmod(0o600)
            path.write_bytes(sealed.dump(_a_day_ago(sealed.load(text.encode()))))
    for path in project.harness.records():
        path.unlink()
    done = project.run()
    assert (done.returncode, done.stdout) == (0, "1.0 1.0\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"vpython: using the last answers for `{project.two}` at `latest`: the connection to `http"
    )
    project.good()


def _a_day_ago(answer: dict[str, Any]) -> dict[str, Any]:
    if "asked" in answer:
        answer["asked"] -= 25 * 3600
    if answer.get("until"):
        answer["until"] = [str(int(time.time()) - 3600)]
    return answer


def test_a_package_that_is_not_there(project: Project) -> None:
    project.spec((project.one, "version:9"), ("infra/none", "latest"))
    done = project.run()
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "vpython: cannot get `infra/none` at `latest`: the package service does not have it: "
        "no such package: infra/none",
        f"cannot get `{project.one}` at `version:9`: the package service does not have it: no such tag",
    ]


def test_faults_leave_nothing_behind(project: Project) -> None:
    project.service.always["GET"] = lambda handler: handler.answer(200, {}, b"junk")
    assert "it was refused twice" in project.bad()
    assert os.listdir(project.harness.root / "packages-1") == []
    assert project.harness.environments() == []
    project.service.always.clear()
    project.good()


def test_over_tls(tmp_path: Path, direct: Harness, secure: Service, authority: Path) -> None:
    project = Project(tmp_path, direct, secure)
    said = project.bad()
    assert "is not trusted: " in said
    assert "hint: where an authority of your own signs it, name its certificate with SSL_CERT_FILE\n" in said
    assert "names no certificates: `/nowhere`: No such file or directory" in project.bad(
        SSL_CERT_FILE="/nowhere"
    )
    assert "names no certificates: ``: it is set, but empty" in project.bad(SSL_CERT_FILE="")
    assert not secure.requests
    project.good(SSL_CERT_FILE=str(authority / "ca.pem"))


@pytest.mark.parametrize(("url", "said"), [
    ("http://packages.example", "plain http to another machine is refused: `http://packages.example`"),
    ("packages.example", "not an https address: `packages.example`"),
    ("https://packages.example/path", "a service's address cannot have a path: `https://packages.example`"),
    ("https://me:s3cr3t@packages.example",
     "the address `https://packages.example` has a name or password in it"),
])  # fmt: skip
def test_addresses_that_are_refused(project: Project, url: str, said: str) -> None:
    for argv, env in (((f"-vpython-source=cipd:{url}",), {}), ((), {"CIPD_SERVICE_URL": url})):
        done = project.run(*argv, **env)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == f"vpython: {said}"
        assert "s3cr3t" not in done.stderr


def test_names_and_plugins(project: Project, tmp_path: Path) -> None:
    config = tmp_path / "cipd.cfg"
    config.write_text('# cmd: "no"\nplugins { admission { cmd: "/usr/bin/judge" } }\n')
    assert "cannot read `" in project.bad(CIPD_CONFIG_FILE=str(tmp_path / "none"))
    assert "`CIPD_CONFIG_FILE` is not an absolute path: `x`" in project.bad(CIPD_CONFIG_FILE="x")
    assert "`CIPD_CACHE_DIR` is not an absolute path: `x`" in project.bad(CIPD_CACHE_DIR="x")
    done = project.run(CIPD_CONFIG_FILE=str(config), CIPD_HTTP_USER_AGENT_PREFIX="bots")
    assert done.stdout == "1.0 1.0\n"
    assert done.stderr == f"vpython: packages are not checked by the admission plugin that `{config}` names\n"
    assert {headers["User-Agent"].rpartition("/")[0] for _, _, headers, _ in project.service.requests} == {
        "bots/vpython"
    }


def test_many_starts_ask_once(project: Project) -> None:
    running = [
        subprocess.Popen([project.harness.file, project.script], env=project.harness.surroundings(),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]  # fmt: skip
    for child in running:
        out, err = child.communicate()
        assert (out, child.returncode) == ("1.0 1.0\n", 0)
        assert all(line.startswith("vpython: waiting") for line in err.splitlines())
    assert len(project.service.requests) == 6


def test_progress_on_a_terminal(project: Project) -> None:
    """One line while packages come, nothing of it when the script starts."""

    def slowly(handler: Handler) -> None:
        data = next(iter(project.service.instances[project.one].values()))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for at in range(0, len(data), len(data) // 3 + 1):
            handler.wfile.write(data[at : at + len(data) // 3 + 1])
            time.sleep(0.8)

    project.spec((project.one, "version:1.0"))
    project.script.write_text("print('started')\n")
    project.service.plan("GET", slowly)
    environ = project.harness.surroundings({"TERM": "xterm"})
    terminal = OnTerminal(project.harness.file, project.script, environ=environ)
    assert terminal.end() == 0
    whole = size(len(next(iter(project.service.instances[project.one].values()))))
    lines = [line for line in drawings(terminal.text) if line.startswith("vpython: fetching and ")]
    assert [line for line in lines if f" of {whole}, " in line and line.endswith(", one 1 s")], lines
    assert screen(terminal.text, 80) == ["started", ""]


def test_nobody_there_and_the_hint(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = project.bad(CIPD_SERVICE_URL=url).splitlines()
    assert said[0] == (
        f"vpython: cannot get `{project.one}` at `version:1.0`: cannot connect to `{url}`: "
        "Connection refused (tried 3 times)"
    )
    assert said[-1].startswith("hint: -vpython-source index takes the packages from an index, ")
    project.good()
