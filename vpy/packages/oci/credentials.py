"""Logins of registries, from where `docker login` and `podman login` keep them, and from `.netrc`.

docker: https://docs.docker.com/reference/cli/docker/login/ · podman: containers-auth.json(5) · programs that
keep logins: https://github.com/docker/docker-credential-helpers. No text made here has anything of a login
but the user's name.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import threading

from vpy.errors import ToolError, UserError
from vpy.packages.oci.reference import HUB, HUB_LOGIN, HUB_NAMES, host_name
from vpy.system import process
from vpy.system.files import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vpy.packages.oci.reference import Reference

LARGEST_FILE = 1 << 20
LARGEST_ANSWER = 64 << 10
HELPER_SECONDS = 60.0
HELPER_PREFIX = "docker-credential-"
HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# What a program prints where it has no login (docker-credential-helpers, `credentials/error.go`).
NOT_FOUND = b"credentials not found"
TOKEN_USER = "<token>"  # noqa: S105  (a program names it as the user where the secret is an identity token)
HINT = "mend the file, or write it again with `docker login HOST`"


class Credential:
    """Login: a user's name and password, or a token. `origin` says where it is from.

    An `identity_token` is exchanged for tokens of a token server, a `registry_token` is for the registry.
    """

    __slots__ = ("identity_token", "origin", "password", "registry_token", "user")

    def __init__(
        self,
        origin: str,
        *,
        user: str = "",
        password: str = "",
        identity_token: str = "",
        registry_token: str = "",
    ) -> None:
        self.origin = origin
        self.user = user
        self.password = password
        self.identity_token = identity_token
        self.registry_token = registry_token

    def __repr__(self) -> str:
        return f"Credential({self.who})"

    @property
    def who(self) -> str:
        """Who it is, for a message: nothing secret."""
        return f"`{self.user}` of `{self.origin}`" if self.user else f"the token of `{self.origin}`"

    @property
    def basic(self) -> str:
        """Text of `Authorization` by name and password (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may be in no message."""
        found = (self.password, self.identity_token, self.registry_token, self.basic.removeprefix("Basic "))
        return tuple(each for each in found if each)


class Credentials:
    """Logins that the caller has by variables and files; any number of threads may share it.

    The first place that knows a registry counts: the file that `REGISTRY_AUTH_FILE` names, docker's
    configuration, podman's of this session and of the user, then `.netrc`. A program that keeps logins has so
    many `seconds`.
    """

    def __init__(self, environ: Mapping[str, str], home: str, *, seconds: float = HELPER_SECONDS) -> None:
        self._environ = environ
        self._home = home
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], Credential | None] = {}

    def find(self, reference: Reference) -> Credential | None:
        """Return the login for a repository, None for none; UserError for a file that cannot be read."""
        question = (reference.host.lower(), reference.repository)
        with self._lock:
            if question not in self._found:
                self._found[question] = next(self._search(*question), None)
            return self._found[question]

    def _search(self, host: str, repository: str) -> Iterator[Credential]:
        for path in self.paths():
            document = _read(path)
            if document is None:
                continue
            for each in (
                self._from_helper(document, path, host),
                _from_auths(document.get("auths"), path, host, repository),
            ):
                if each is not None:
                    yield each
        each = self._from_netrc(host_name(host))
        if each is not None:
            yield each

    def paths(self) -> tuple[str, ...]:
        """Return the files that logins are looked for in, there or not, the first first."""
        names = [self._environ.get("REGISTRY_AUTH_FILE", "")]
        docker = self._environ.get("DOCKER_CONFIG") or os.path.join(self._home, ".docker")
        names.append(os.path.join(docker, "config.json"))
        config = self._environ.get("XDG_CONFIG_HOME") or os.path.join(self._home, ".config")
        podman = [directory for directory in (self._environ.get("XDG_RUNTIME_DIR"), config) if directory]
        names += [os.path.join(directory, "containers", "auth.json") for directory in podman]
        return tuple(name for name in names if name)

    def _from_helper(self, document: Mapping[str, Any], path: str, host: str) -> Credential | None:
        """Ask the program that the file names for a host, else the one for all hosts."""
        helpers = document.get("credHelpers") or {}
        store = document.get("credsStore") or ""
        if not isinstance(helpers, dict) or not isinstance(store, str):
            raise UserError(f"`{path}` is not a configuration of docker that can be read", hint=HINT)
        for key, name in helpers.items():
            if isinstance(name, str) and name and _is_host(key, host):
                return self._ask(name, path, _server(host))
        return self._ask(store, path, _server(host)) if store else None

    def _ask(self, name: str, path: str, server: str) -> Credential | None:
        """Run `docker-credential-NAME get`; None where it has no login for the server."""
        program = f"{HELPER_PREFIX}{name}"
        if not HELPER_NAME.fullmatch(name):
            raise UserError(f"`{path}` names a program for logins by a name that is refused: `{program}`")
        found = _on_path(program, self._environ)
        if found is None:
            raise UserError(
                f"`{path}` names a program for logins that is not on PATH: `{program}`",
                hint="install it, or take it out of the file and log in again",
            )
        try:
            ended = process.run_bounded(
                [found, "get"], environ=self._environ, stdin=server.encode(),
                timeout=self._seconds, most=LARGEST_ANSWER,
            )  # fmt: skip
        except OSError as error:
            raise ToolError(f"cannot run `{found}`: {os.strerror(error.errno or 0)}") from error
        if ended.code == process.KILLED:
            limits = f"{self._seconds:g} s or {LARGEST_ANSWER} bytes"
            raise ToolError(f"`{found}` did not answer within {limits}")
        if ended.code:
            if ended.stdout.strip().lower().startswith(NOT_FOUND):
                return None
            raise ToolError(
                f"`{found}` has no login for `{server}`: it ended with {ended.code}",
                hint=f"see what it says: echo {server} | {program} get",
            )
        return _from_answer(ended.stdout, program)

    def _from_netrc(self, name: str) -> Credential | None:
        """Return what `.netrc` has for this very host; its `default` is meant for other programs."""
        path = self._environ.get("NETRC") or os.path.join(
            self._home, "_netrc" if os.name == "nt" else ".netrc"
        )
        if not os.path.isfile(path):
            return None
        import netrc

        try:
            hosts = netrc.netrc(path).hosts
        except (netrc.NetrcParseError, ValueError) as error:
            line = getattr(error, "lineno", None)
            place = f"{path}:{line}" if line else path
            raise UserError(f"`{place}` cannot be read as a netrc file") from None
        except OSError as error:
            raise _unreadable(path, error) from None
        user, _, password = hosts.get(name, ("", "", ""))
        return Credential(path, user=user, password=password) if user and password else None


def _read(path: str) -> dict[str, Any] | None:
    """Return the document of a file of logins; None where there is no file."""
    try:
        data = read_bytes(path, LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    import json

    try:
        document = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or len(data) > LARGEST_FILE:
        # Not a word of what is in it, nor why: it may be half a password.
        raise UserError(f"`{path}` is not a configuration of docker that can be read: not JSON", hint=HINT)
    return document


def _unreadable(path: str, error: Exception) -> UserError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "not a file"
    return UserError(f"cannot read `{path}`: {reason}", hint="let it be read, or name another file")


def _from_auths(auths: Any, path: str, host: str, repository: str) -> Credential | None:
    """Return what `auths` has for a repository: podman's nearest key, else the host, as docker spells it.

    A key that is an address stands for its host alone, whatever its path (docker's `ConvertToHostname`).
    """
    if auths is None:
        return None
    if not isinstance(auths, dict):
        raise UserError(f"`{path}` is not a configuration of docker that can be read: `auths`", hint=HINT)
    parts = f"{host}/{repository}".split("/")
    names = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    keys = [name for name in names if name in auths]
    keys += [key for key in auths if key not in keys and _is_host(key, host)]
    for key in keys:
        found = _from_entry(auths[key], path, key)
        if found is not None:
            return found
    return None


def _is_host(key: str, host: str) -> bool:
    scheme, separator, rest = key.partition("://")
    name = rest.partition("/")[0] if separator and scheme in ("http", "https") else key
    return _plain(name) == _plain(host)


def _plain(host: str) -> str:
    """Return one name for the three that Docker Hub has."""
    return HUB if host.lower() in HUB_NAMES else host.lower()


def _server(host: str) -> str:
    """Return how a program is asked for a host."""
    return HUB_LOGIN if _plain(host) == HUB else host


def _from_entry(entry: Any, path: str, key: str) -> Credential | None:
    """Return the login of one entry; None for one that is empty, since its login is elsewhere."""
    if not isinstance(entry, dict):
        raise _bad_entry(path, key)
    user, password = _text(entry, "username", path, key), _text(entry, "password", path, key)
    auth = _text(entry, "auth", path, key)
    if auth:
        try:
            decoded = base64.b64decode(auth.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise _bad_entry(path, key) from None
        user, colon, password = decoded.partition(":")
        if not colon or not user:
            raise _bad_entry(path, key)
        password = password.strip("\0")  # docker wrote some
    return _credential(
        path,
        user,
        password,
        identity_token=_text(entry, "identitytoken", path, key),
        registry_token=_text(entry, "registrytoken", path, key),
    )


def _text(entry: Mapping[str, Any], name: str, path: str, key: str) -> str:
    text = entry.get(name) or ""
    if not isinstance(text, str):
        raise _bad_entry(path, key)
    return text


def _bad_entry(path: str, key: str) -> UserError:
    return UserError(f"`{path}` has a login for `{key}` that cannot be read", hint=HINT)


def _credential(
    origin: str, user: str, password: str, *, identity_token: str = "", registry_token: str = ""
) -> Credential | None:
    """Return a login, None for an empty one; what cannot be sent in a header is refused."""
    if not (identity_token or registry_token or (user and password)):
        return None
    if not registry_token.isascii() or not registry_token.isprintable():
        raise UserError(f"`{origin}` has a token that no registry can be sent", hint=HINT)
    return Credential(
        origin, user=user, password=password, identity_token=identity_token, registry_token=registry_token
    )


def _from_answer(data: bytes, program: str) -> Credential | None:
    """Return the login that a program printed."""
    import json

    try:
        answer = json.loads(data)
        user, secret = answer["Username"], answer["Secret"]
        is_sound = isinstance(user, str) and isinstance(secret, str)
    except (ValueError, RecursionError, KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise ToolError(f"`{program} get` printed no login that can be read")
    if user == TOKEN_USER:
        return _credential(program, "", "", identity_token=secret)
    return _credential(program, user, secret)


def _on_path(program: str, environ: Mapping[str, str]) -> str | None:
    """Return the program in a directory of PATH that is named in full: nothing of the working directory."""
    ends = (".exe", ".cmd", ".bat") if os.name == "nt" else ("",)
    for directory in environ.get("PATH", "").split(os.pathsep):
        for end in ends:
            path = os.path.join(directory, program + end)
            if os.path.isabs(directory) and os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None
