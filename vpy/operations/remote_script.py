"""Script that is named by its address: fetched, kept, asked for again by its ETag, compared with its pin."""

from __future__ import annotations

import os
import re
import urllib.parse

from bootstrap import kept_script
from vpy.errors import ToolError, UserError
from vpy.operations.root import open_root
from vpy.spec.look import MAX_SEARCHED
from vpy.system import files, locks, sealed
from vpy.system.lean import hashlib
from vpy.system.lean.dataclasses import value
from vpy.system.network import urls
from vpy.system.network.retry import NetworkError, retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.model import Spec
    from vpy.operations.context import Context
    from vpy.system.layout import Layout
    from vpy.system.network.http import Answer

STATE = "state.json"
LARGEST = MAX_SEARCHED  # bytes: a larger file is data, not a program
LONGEST_NAME = 60  # so that a path on Windows is short enough
ONLINE_HINT = "run it once without -vpython-offline"
# Characters that stand for themselves in a path and a query; `%` is that of what is quoted already.
_SAFE = "%/?:@!$&'()*+,;=~-._[]"
_HTML = re.compile(rb"<(!doctype html|html|head|body|!--|\?xml)", re.IGNORECASE)
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@value
class State:
    """What came last from an address, which is without user name, password and query.

    `etag` and `modified` are the server's validators, "" where it sent none; `fetched` is the time, in
    seconds since the epoch.
    """

    address: str
    sha256: str
    etag: str
    modified: str
    fetched: float


@value
class _Asked:
    """Address as it is asked, and as it was given; the directory of what is kept of it; its pin, if any."""

    address: str
    given: str
    directory: str
    pin: str | None

    @property
    def shown(self) -> str:
        return shown_address(self.address)


@value
class _Fetched:
    """Answer of a server: the script, None where it has not changed; and where its redirects ended."""

    data: bytes | None
    url: str
    headers: Mapping[str, str]


def take(request: Request, context: Context, given: str, pin: str | None) -> None:
    """Let the request run what an address holds now, or what is kept of it where the host cannot be asked.

    What is pinned and kept is not asked for. Raises UserError where it has another hash than its pin, and for
    what is no script.
    """
    directory = context.layout.address(kept_script.digest_of(given))
    asked = _Asked(_checked(given), given, directory, pin)
    open_root(context)
    with locks.shared(context.layout.store_lock):
        state = read_state(directory)
        path = kept(directory, asked.pin or (state.sha256 if state else ""))
    if asked.pin and path:
        request.run_kept(path)
    elif path and state:
        request.run_kept(_current(asked, state, path, context))
    else:
        request.run_kept(_first(asked, context))


def _first(asked: _Asked, context: Context) -> str:
    """Return the file of a script of which nothing is kept, or not what its pin asks for."""
    if context.offline:
        fact = f"network access is disabled by `-vpython-offline`, and `{asked.shown}` was not fetched before"
        raise ToolError(fact, hint=ONLINE_HINT)
    try:
        return _put(asked, _fetch(asked, None, context), context)
    except NetworkError as error:
        raise _failure(asked, error) from error


def _current(asked: _Asked, state: State, path: str, context: Context) -> str:
    """Return the file of what an address holds now; `path` is what is kept of it."""
    if context.offline:
        reason = "network access is disabled by `-vpython-offline`"
    else:
        try:
            fetched = _fetch(asked, state, context)
            return path if fetched.data is None else _put(asked, fetched, context)
        except NetworkError as error:
            if not (error.transient or error.unreachable):
                raise _failure(asked, error) from error
            reason = error.summary
    context.terminal.warning(f"{reason}: `{asked.shown}` runs as it was fetched, sha256 {state.sha256}")
    return path


def _failure(asked: _Asked, error: NetworkError) -> ToolError:
    return ToolError(f"cannot fetch `{asked.shown}`: {error.summary}", hint=error.hint)


def _put(asked: _Asked, fetched: _Fetched, context: Context) -> str:
    """Keep what came of an address, say what it is, and return its file."""
    _refuse_page(asked, fetched)
    data = fetched.data or b""
    digest = hashlib.sha256(data).hexdigest()
    if asked.pin not in (None, digest):
        raise UserError(
            f"`{asked.shown}` has sha256 {digest}, and `-vpython-sha256` asks for {asked.pin}",
            hint="see what has changed there before you pin what it is now",
        )
    state = State(
        address=asked.shown,
        sha256=digest,
        etag=fetched.headers.get("etag", ""),
        modified=fetched.headers.get("last-modified", ""),
        fetched=context.now(),
    )
    with locks.shared(context.layout.store_lock), files.disk_errors("keep", asked.directory):
        before = read_state(asked.directory)
        path = _keep(data, os.path.join(asked.directory, digest), file_name(asked.address), context.layout)
        _write_state(asked.directory, state)
    if asked.pin is None and before is None:
        context.terminal.warning(f"fetched `{asked.shown}`, sha256 {digest}; -vpython-sha256 pins it")
    elif asked.pin is None and before is not None and before.sha256 != digest:
        context.terminal.warning(f"`{asked.shown}` has changed: sha256 {before.sha256} -> {digest}")
    return path


def _fetch(asked: _Asked, state: State | None, context: Context) -> _Fetched:
    """Ask for an address; only whether it has changed where something is kept of it."""
    from vpy.operations import sources

    client = sources.http_client(context)
    if state is not None:
        client = client.hurried()
    headers = {"Accept": "text/x-python, text/plain, */*;q=0.5", **_authorization(asked.given)}
    if state is not None and state.etag:
        headers["If-None-Match"] = state.etag
    if state is not None and state.modified:
        headers["If-Modified-Since"] = state.modified

    def ask() -> _Fetched:
        with client.exchange("GET", asked.address, headers, elsewhere=True) as answer:
            return _read(answer, is_known=state is not None)

    with context.terminal.status.stage("fetching the script"):
        return retry(ask, client.policy, client.clock)


def _read(answer: Answer, *, is_known: bool) -> _Fetched:
    from vpy.system.network import http

    if answer.status not in (200, 304):
        raise http.refusal(answer.url, answer.status, answer.headers)
    if answer.status == 200:
        return _Fetched(answer.small(LARGEST, unpack=True), answer.url, answer.headers)
    if not is_known:
        raise NetworkError(f"`{urls.shown(answer.url)}` says that it has not changed, and it is not known")
    return _Fetched(None, answer.url, answer.headers)


def _checked(given: str) -> str:
    """Return an address as it is asked: quoted, without password and fragment; raise UserError for none."""
    address = kept_script.bare(given)
    head, slashes, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return urls.check(
        f"{head}{slashes}{host}{slash}{urllib.parse.quote(path, _SAFE, errors='surrogateescape')}"
    )


def _authorization(given: str) -> dict[str, str]:
    """Return the header with the user name and password of an address; {} where it has none."""
    import base64

    host = re.split("[/?#]", given.partition("://")[2], maxsplit=1)[0]
    login, at, _ = host.rpartition("@")
    if not at:
        return {}
    name, _, password = login.partition(":")
    text = f"{urllib.parse.unquote(name)}:{urllib.parse.unquote(password)}"
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def shown_address(given: str) -> str:
    """Return an address for messages: without user name and password, and without its query."""
    address, question, _ = kept_script.bare(given).partition("?")
    return f"{address}?…" if question else address


def _refuse_page(asked: _Asked, fetched: _Fetched) -> None:
    """Raise UserError where a server sent a page for people: one about the file, or one to log in."""
    start = (fetched.data or b"")[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = fetched.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not start.startswith(b"<") or not (
        kind in ("text/html", "application/xhtml+xml") or _HTML.match(start)
    ):
        return
    from vpy.system.network import forges

    raw = forges.raw(asked.address)
    there = "" if urls.same_origin(asked.address, fetched.url) else f", from `{urls.shown(fetched.url)}`"
    raise UserError(
        f"`{asked.shown}` is a page in HTML, not a Python script{there}",
        hint=f"the script itself may be `{raw}`" if raw else "name the address of the file itself",
    )


def file_name(address: str) -> str:
    """Return the name of the kept file: the last part of the address, as any system has names of files."""
    segment = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", segment)[-LONGEST_NAME:].rstrip(".")
    if not name.strip("_."):
        return "script.py"
    return f"_{name}" if name[0] in ".-" or _DEVICES.fullmatch(name) else name


def kept(directory: str, sha256: str) -> str | None:
    """Return the file that is kept of an address with this hash, None where it is not, or is damaged."""
    path = kept_script.kept(directory, sha256) if sha256 else None
    return path if path and not fault(path) else None


def fault(path: str) -> str:
    """Return what is wrong with a kept script; "" where it has the bytes that its hash says."""
    try:
        data = files.read_bytes(path, LARGEST + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    is_same = hashlib.sha256(data).hexdigest() == os.path.basename(os.path.dirname(path))
    return "" if is_same else "has other bytes than its name says"


def check(request: Request, context: Context) -> None:
    """Fetch a kept script again that is damaged or gone; raise ToolError where its address is not known.

    A start that came back from its environment knows the kept file alone, and by it the address that has no
    query.
    """
    path = request.command.target
    if not (fact := fault(path)):
        return
    version = os.path.dirname(path)
    directory = os.path.dirname(version)
    state = read_state(directory)
    came_from = request.came_from
    if came_from is None and state and kept_script.digest_of(state.address) == os.path.basename(directory):
        came_from = state.address, os.path.basename(version)
    if came_from is not None:
        take(request, context, *came_from)
        return
    files.remove_tree(version)
    named = f"`{state.address}`" if state else "the script"
    raise ToolError(
        f"what was kept of {named} {fact}: `{path}`", hint="start it by its address: it is fetched again"
    )


def check_sources(spec: Spec) -> None:
    """Raise UserError for a package source that is a relative path: a fetched script is in no directory."""
    from bootstrap.command_line import split_sources

    for source in split_sources(spec.source):
        kind, _, path = source.partition(":")
        if kind == "directory" and "://" not in path and not os.path.isabs(path):
            raise UserError(
                f"`{spec.path}`: `{source}` is a relative path, and the script is in no directory of yours",
                hint="name another with -vpython-source",
            )


def _keep(data: bytes, version: str, name: str, layout: Layout) -> str:
    """Put a script into a directory of its own, on disk before it has its name; return its path."""
    path = os.path.join(version, name)
    if _kept_of(path) == path:
        return path
    os.makedirs(os.path.dirname(version), mode=0o700, exist_ok=True)
    with files.staging_directory(layout.staging, "script-") as staged:
        made = os.path.join(staged, "new")
        os.mkdir(made, 0o700)
        with open(os.path.join(made, name), "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        files.protect(os.path.join(made, name), 0o444)
        if not files.move_into_place(made, version) and _kept_of(path) != path:  # what is there is damaged
            files.make_writable(version)
            files.exchange(made, version, os.path.join(staged, "old"))
    files.protect(version, 0o500)  # what the script would write beside itself is no part of it
    return path


def _kept_of(path: str) -> str | None:
    """Return the file that is kept in the place of a path, None where it is damaged."""
    version = os.path.dirname(path)
    return kept(os.path.dirname(version), os.path.basename(version))


def read_state(directory: str) -> State | None:
    """Return what came last from an address; None where that is not known."""
    try:
        row = sealed.read(os.path.join(directory, STATE))
        return State(**row)
    except (OSError, ValueError, TypeError):
        return None


def _write_state(directory: str, state: State) -> None:
    row = {
        "address": state.address,
        "sha256": state.sha256,
        "etag": state.etag,
        "modified": state.modified,
        "fetched": state.fetched,
    }
    files.write_bytes(os.path.join(directory, STATE), sealed.dump(row), mode=0o600)


def address_of(path: str, layout: Layout) -> str | None:
    """Return the address that a kept script came from; None for any other path."""
    directory = layout.address_of(path)
    state = read_state(directory) if directory else None
    return state.address if state else None


def account(path: str, layout: Layout) -> dict[str, object] | None:
    """Return what is known of a script that was fetched, as JSON has it; None for any other."""
    directory = layout.address_of(path)
    if directory is None:
        return None
    import time

    state = read_state(directory)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(path).st_mtime))
    return {
        "address": state.address if state else None,
        "sha256": os.path.basename(os.path.dirname(path)),
        "fetched": at,
    }
