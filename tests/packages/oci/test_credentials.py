"""Logins: which file counts, how its keys are read, programs that keep them, and what is broken."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages.oci.conftest import basic
from vpy.errors import ToolError, UserError, VpythonError
from vpy.packages.oci.credentials import Credentials
from vpy.packages.oci.reference import parse

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.packages.oci.credentials import Credential

SECRET = "s3cr3t"


class Home:
    """A home directory, and variables that name it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "bin").mkdir()
        self.environ = {"PATH": str(path / "bin")}
        self.seconds = 60.0

    def write(self, name: str, document: Any) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def auths(self, auths: Any, **more: Any) -> Path:
        return self.write(".docker/config.json", {"auths": auths, **more})

    def program(self, name: str, script: str) -> None:
        path = self.path / "bin" / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def find(self, host: str = "r.example", repository: str = "team/app") -> Credential | None:
        logins = Credentials(self.environ, str(self.path), seconds=self.seconds)
        return logins.find(parse(f"oci://{host}/{repository}"))

    def user(self, host: str = "r.example", repository: str = "team/app") -> str | None:
        found = self.find(host, repository)
        return None if found is None else found.user

    def refusal(self, kind: type[VpythonError] = UserError) -> str:
        with pytest.raises(kind) as caught:
            self.find()
        assert SECRET not in f"{caught.value.message} {caught.value.hint}"
        return caught.value.message.replace(str(self.path), "HOME")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def entry(user: str) -> dict[str, str]:
    return {"auth": basic(user, SECRET)}


KEYS = {
    "r.example": True, "https://r.example": True, "http://r.example/": True, "https://r.example/v1/": True,
    "R.Example": True, "r.example/team/app": True, "r.example/team": True, "r.example:443": False,
    "r.example/other": False, "r.example/te": False, "ftp://r.example": False, "example": False, "": False,
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_of_a_registry(home: Home, key: str) -> None:
    home.auths({"x.example": entry("nobody"), key: entry("alice")})
    assert home.user() == ("alice" if KEYS[key] else None)


def test_the_nearest_key(home: Home) -> None:
    rows = (
        "r.example",
        "https://r.example/v2/",
        "r.example/team",
        "r.example/team/app",
        "localhost:5000",
        "[::1]:5",
    )
    home.auths({row: entry(row.replace(":", ".")) for row in rows})
    assert home.user() == "r.example/team/app"
    assert home.user(repository="team/application") == "r.example/team"
    assert home.user(repository="app") == "r.example"
    assert home.user("localhost:5000") == "localhost.5000"
    assert home.user("localhost") is None
    assert home.user("[::1]:5") == "[..1].5"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"])
def test_the_key_of_docker_hub(home: Home, key: str) -> None:
    home.auths({key: entry("alice")})
    assert home.user("docker.io", "library/python") == "alice"


def test_the_files_in_their_order(home: Home) -> None:
    """Each counts where those before it know nothing; an empty entry is nothing."""
    home.write(
        ".netrc", f"default login anybody password x\nmachine r.example login netrc password {SECRET}\n"
    )
    assert home.user("r.example:5000") == "netrc"
    assert home.user("x.example") is None
    home.write(".config/containers/auth.json", {"auths": {"r.example": entry("config")}})
    assert home.user() == "config"
    home.environ["XDG_RUNTIME_DIR"] = str(home.path / "run")
    home.write("run/containers/auth.json", {"auths": {"r.example": entry("runtime")}})
    assert home.user() == "runtime"
    home.auths({"r.example": entry("docker")})
    assert home.user() == "docker"
    home.environ["DOCKER_CONFIG"] = str(home.path / "elsewhere")
    assert home.user() == "runtime"
    home.write("elsewhere/config.json", {"auths": {"r.example": {}}})
    assert home.user() == "runtime"
    home.environ["REGISTRY_AUTH_FILE"] = str(
        home.write("named.json", {"auths": {"r.example": entry("named")}})
    )
    assert home.user() == "named"


def test_tokens(home: Home) -> None:
    home.auths({
        "r.example": {"auth": basic("u", "p"), "identitytoken": "idt"},
        "q.example": {"registrytoken": "rt"},
        "p.example": {"username": "u", "password": "pä:ss"},
    })  # fmt: skip
    found = home.find()
    assert found is not None
    assert (found.identity_token, found.user, found.who) == (
        "idt", "u", f"`u` of `{home.path}/.docker/config.json`")  # fmt: skip
    found = home.find("q.example")
    assert found is not None
    assert (found.registry_token, found.who) == ("rt", f"the token of `{home.path}/.docker/config.json`")
    found = home.find("p.example")
    assert found is not None
    assert found.basic == f"Basic {basic('u', 'pä:ss')}"
    assert "pä" not in repr(found)


BROKEN = {
    '{"auths": {"r.example": {"auth": "s3cr3t': "is not a configuration of docker that can be read: not JSON",
    "[]": "is not a configuration of docker that can be read: not JSON",
    "[" * 100_000: "is not a configuration of docker that can be read: not JSON",
    " " * (1 << 20) + "{}": "is not a configuration of docker that can be read: not JSON",
    '{"auths": ["s3cr3t"]}': "is not a configuration of docker that can be read: `auths`",
    '{"credHelpers": ["s3cr3t"]}': "is not a configuration of docker that can be read",
    '{"credsStore": 1}': "is not a configuration of docker that can be read",
    '{"auths": {"r.example": "s3cr3t"}}': "has a login for `r.example` that cannot be read",
    '{"auths": {"r.example": {"auth": "s3cr3t!"}}}': "has a login for `r.example` that cannot be read",
    '{"auths": {"r.example": {"auth": "czNjcjN0"}}}': "has a login for `r.example` that cannot be read",
    '{"auths": {"r.example": {"auth": 1}}}': "has a login for `r.example` that cannot be read",
    '{"auths": {"r.example": {"registrytoken": "s3cr3t\\n"}}}': "has a token that no registry can be sent",
    '{"credsStore": "../x"}':
        "names a program for logins by a name that is refused: `docker-credential-../x`",
    '{"credsStore": "none"}':
        "names a program for logins that is not on PATH: `docker-credential-none`",
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file(home: Home, text: str) -> None:
    home.write(".docker/config.json", text)
    assert home.refusal() == f"`HOME/.docker/config.json` {BROKEN[text]}"


def test_a_file_that_is_none(home: Home) -> None:
    (home.path / ".docker" / "config.json").mkdir(parents=True)
    assert home.refusal() == "cannot read `HOME/.docker/config.json`: Is a directory"


def test_a_broken_netrc(home: Home) -> None:
    home.write(".netrc", f"machine r.example\nlogin a password {SECRET} {SECRET}\n")
    assert home.refusal() == "`HOME/.netrc:3` cannot be read as a netrc file"


ANSWER = json.dumps({"ServerURL": "r.example", "Username": "alice", "Secret": SECRET})


def test_a_program_that_keeps_logins(home: Home) -> None:
    """One for a host before the one for all; the host comes on its stdin, and nothing in its arguments."""
    home.program("all", f'read -r host; echo "$host $*" >> "{home.path}/asked"; echo \'{ANSWER}\'')
    home.program("one", 'echo \'{"Username": "<token>", "Secret": "idt"}\'')
    home.program("none", "echo 'credentials not found in native keychain'; exit 1")
    home.auths({"r.example": {}, "q.example": {}}, credsStore="all", credHelpers={"q.example": "one"})
    found = home.find()
    assert found is not None
    assert (found.user, found.password, found.origin) == ("alice", SECRET, "docker-credential-all")
    found = home.find("q.example")
    assert found is not None
    assert (found.identity_token, found.user) == ("idt", "")
    assert home.user("docker.io") == "alice"
    asked = (home.path / "asked").read_text()
    assert asked == "r.example get\nhttps://index.docker.io/v1/ get\n"

    home.auths({"r.example": entry("bob")}, credHelpers={"r.example": "none"})
    assert home.user() == "bob"


PROGRAMS = {
    "exit 3": (60, "`HOME/bin/docker-credential-x` has no login for `r.example`: it ended with 3"),
    f"echo {SECRET} >&2; echo {SECRET}": (60, "`docker-credential-x get` printed no login that can be read"),
    'echo \'{"Username": 1, "Secret": "x"}\'': (
        60,
        "`docker-credential-x get` printed no login that can be read",
    ),
    f"yes {SECRET}": (60, "`HOME/bin/docker-credential-x` did not answer within 60 s or 65536 bytes"),
    "sleep 60 & wait": (0.2, "`HOME/bin/docker-credential-x` did not answer within 0.2 s or 65536 bytes"),
}


@pytest.mark.parametrize("script", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_that_fails(home: Home, script: str) -> None:
    home.seconds, message = PROGRAMS[script]
    home.environ["PATH"] += f"{os.pathsep}/usr/bin:/bin"
    home.program("x", script)
    home.auths({}, credsStore="x")
    assert home.refusal(ToolError) == message


def test_no_program_of_the_working_directory(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.program("x", f"echo '{ANSWER}'")
    home.auths({}, credsStore="x")
    monkeypatch.chdir(home.path / "bin")
    home.environ["PATH"] = f".{os.pathsep}{os.pathsep}../bin"
    assert home.refusal().startswith(
        "`HOME/.docker/config.json` names a program for logins that is not on PATH"
    )
