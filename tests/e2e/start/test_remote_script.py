"""Scripts by their addresses: fetched, kept, asked for again, pinned; what a server may send instead."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.start.stage import DOORS, WHICH, Seen, Stage, spec
from tests.support.harness import settled
from tests.support.script_host import ScriptHost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SAY = "import sys; print({!r}, *sys.argv[1:])\n"
WHERE = """import os, sys
print(os.path.basename(__file__), sys.argv[0] == __file__, os.listdir(sys.path[0]))
"""
BLOCK = "# /// script\n# dependencies = []\n{}# ///\n"


@pytest.fixture(scope="module")
def plain() -> Iterator[ScriptHost]:
    host = ScriptHost()
    yield host
    host.stop()


@pytest.fixture(scope="module")
def secure(authority: Path) -> Iterator[ScriptHost]:
    host = ScriptHost(authority / "localhost.pem")
    yield host
    host.stop()


@pytest.fixture
def here(stage: Stage, authority: Path) -> Stage:
    """Return a stage that trusts the tests' own authority, and tries what fails once."""
    stage.use_loopback()
    stage.environ["SSL_CERT_FILE"] = str(authority / "ca.pem")
    stage.environ["VPYTHON_NETWORK_RETRY_TIMEOUT"] = "0"
    return stage


@pytest.fixture
def alone(here: Stage) -> Stage:
    """Return the same with a root of its own."""
    here.root = here.place / "root"
    here.environ["VPYTHON_VIRTUALENV_ROOT"] = str(here.root)
    here.seed()
    return here


def digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def kept(stage: Stage, text: str | bytes) -> Path:
    """The one kept file with these bytes."""
    (path,) = (stage.root / "scripts-1").glob(f"*/{digest(text)}/*")
    return path


def test_is_asked_for_again_by_its_etag(here: Stage, secure: ScriptHost) -> None:
    one, two = SAY.format("one"), SAY.format("two")
    address = secure.put("/again.py", one)
    fetched = f"vpython: fetched `{address}`, sha256 {digest(one)}; -vpython-sha256 pins it\n"
    assert here.see(address, "a b", "-c") == (0, "one a b -c\n", fetched)
    assert here.see("-u", "--", address) == (0, "one\n", "")
    etag = f'"{digest(one)[:8]}"'
    assert [headers.get("If-None-Match") for _, headers in secure.asked] == [None, etag]

    secure.put("/again.py", two)
    changed = f"vpython: `{address}` has changed: sha256 {digest(one)} -> {digest(two)}\n"
    assert here.see(address) == (0, "two\n", changed)
    assert here.see(address) == (0, "two\n", "")


def test_a_pin_asks_nobody(here: Stage, plain: ScriptHost) -> None:
    text = SAY.format("pinned")
    address = plain.put("/pinned.py", text)
    plain.asked.clear()
    words = ("-vpython-sha256", digest(text).upper(), f"{address}#part")
    for door in DOORS:
        assert here.see(*words, "x", door=door) == (0, "pinned x\n", "")
    assert len(plain.asked) == 1
    plain.put("/pinned.py", SAY.format("other"))
    assert here.see(address)[1] == "other\n"

    # Another version came meanwhile: this one is there all the same, and its record decides.
    with here.undecided():
        assert here.see(*words, "y") == (0, "pinned y\n", "")
        assert here.see(*words[:2], "-S", words[2]) == (0, "pinned\n", "")
    # A record that does not hold any more sends the start the long way, with the file.
    assert here.see(*words, env={"VPYTHON_DEFAULT_SPEC": os.devnull}) == (0, "pinned\n", "")
    assert len(plain.asked) == 2


def test_another_hash_is_not_run(here: Stage, plain: ScriptHost) -> None:
    text = SAY.format("never run")
    address = plain.put("/wrong.py", text)
    pin = "0" * 64
    message = (
        f"vpython: `{address}` has sha256 {digest(text)}, and `-vpython-sha256` asks for {pin}\n"
        "\nhint: see what has changed there before you pin what it is now\n"
    )
    assert here.see(f"-vpython-sha256={pin}", address) == (2, "", message)
    assert not list((here.root / "scripts-1").glob(f"*/{digest(text)}"))
    fact = f"vpython: `-vpython-sha256` takes 64 hexadecimal digits, got `{pin[1:]}`\n"
    assert here.see("-vpython-sha256", pin[1:], address) == (2, "", fact)
    fact = "vpython: `-vpython-sha256` pins a script that is named by its address, and this one is not\n"
    assert here.see("-vpython-sha256", pin, "s.py") == (2, "", fact)


def test_runs_what_is_kept_where_nobody_answers(here: Stage) -> None:
    host = ScriptHost()
    text = SAY.format("kept")
    address = host.put("/kept.py", text)
    offline = "network access is disabled by `-vpython-offline`"
    code, _, err = here.see("-vpython-offline", address)
    assert code == 1
    assert err.startswith(f"vpython: {offline}, and `{address}` was not fetched before\n")
    assert here.see(address)[0] == 0

    runs = f"`{address}` runs as it was fetched, sha256 {digest(text)}\n"
    assert here.see("-vpython-offline", address) == (0, "kept\n", f"vpython: {offline}: {runs}")
    host.pages["/kept.py"] = (200, {"Content-Length": "99", "ETag": "new"}, b"print('half a fi")
    code, out, err = here.see(address)
    assert (code, out) == (0, "kept\n")
    assert err.startswith("vpython: the connection to ")
    assert err.endswith(runs)
    host.put("/kept.py", "", code=410)
    assert here.see(address)[:2] == (1, "")
    host.stop()
    code, out, err = here.see(address)
    assert (code, out) == (0, "kept\n")
    assert re.fullmatch(r"vpython: cannot connect to `[^`]*`: Connection refused.*: " + re.escape(runs), err)


def test_a_half_file_is_never_kept(here: Stage, plain: ScriptHost) -> None:
    half = b"print('half a fi"
    address = plain.put("/half.py", half, headers={"Content-Length": "99"})
    code, out, err = here.see(address)
    assert (code, out) == (1, "")
    assert err.startswith(f"vpython: cannot fetch `{address}`: the connection to `{plain.url}` broke: ")
    assert not list((here.root / "scripts-1").glob(f"*/{digest(half)}"))


LATIN = "# coding: latin-1\nprint(ascii('\xe9'), __file__[-9:])\n".encode("latin-1")
SENT: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "another encoding": ("/latin.py", LATIN, {}, "'\\xe9' /latin.py\n"),
    "line ends": ("/lines.py", BLOCK.replace("\n", "\r\n").format("").encode() + b"print(1)\r\n", {}, "1\n"),
    "mark": ("/mark.py", b"\xef\xbb\xbfprint(2)\n", {"Content-Type": "text/html"}, "2\n"),
    "gzip": ("/gz.py", gzip.compress(b"print(3)\n"), {"Content-Encoding": "gzip"}, "3\n"),
    "no suffix": ("/get/tool", WHERE.encode(), {}, "tool True ['tool']\n"),
    "query": ("/q.py?v=1&n=a/b.py", WHERE.encode(), {}, "q.py True ['q.py']\n"),
    "directory": ("/", WHERE.encode(), {}, "script.py True ['script.py']\n"),
    "escapes": ("/a%20b%2F..%2F\xfc.py", WHERE.encode(), {}, "a_b_..__.py True ['a_b_..__.py']\n"),
}


def cases(table: Iterable[str], ordinary: Iterable[str]) -> list[Any]:
    """Return the cases of a table, all but a few of them marked as thorough."""
    return [pytest.param(each, marks=[] if each in ordinary else pytest.mark.thorough) for each in table]


@pytest.mark.parametrize("case", cases(SENT, ("another encoding", "gzip", "query", "escapes")))
def test_runs_the_bytes_that_came(here: Stage, plain: ScriptHost, case: str) -> None:
    path, body, headers, out = SENT[case]
    plain.put(path.partition("?")[0].replace("\xfc", "%C3%BC"), body, headers=headers)
    assert here.see(plain.url + path)[:2] == (0, out)


def test_an_ipv6_host(here: Stage) -> None:
    try:
        host = ScriptHost(family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    assert here.see(host.put("/six.py", "print(6)\n"))[:2] == (0, "6\n")
    host.stop()


PAGE = b"\n<!DOCTYPE html>\n<title>Sign in</title>\n"
LARGE = b" " * (4194304 + 1)
GZIP = {"Content-Encoding": "gzip"}
# What comes, its status and headers; the exit code, and what is said.
REFUSED: dict[str, tuple[bytes, int, dict[str, str], int, str]] = {
    "page": (PAGE, 200, {}, 2, "`{}` is a page in HTML, not a Python script"),
    "missing": (b"", 404, {}, 1, "{cannot}answered with status 404"),
    "unknown": (b"", 304, {}, 1, "{cannot}says that it has not changed, and it is not known"),
    "large": (LARGE, 200, {}, 1, "{cannot}sent 4194305 bytes where at most 4194304 are allowed"),
    "bomb": (gzip.compress(LARGE), 200, GZIP, 1, "{cannot}sent more than 4194304 bytes"),
    "cut": (b"\x1f\x8b\x08", 200, GZIP, 1, "{cannot}sent a compressed body that is cut off"),
    "br": (b"x", 200, {"Content-Encoding": "br"}, 1, "{cannot}sent an encoded body, which was not asked for"),
    "file": (
        b"", 302, {"Location": "file:///etc/passwd"}, 1,
        "{cannot}redirects to `file:///etc/passwd`, which is refused",
    ),
    "downgrade": (
        b"", 302, {"Location": "http://localhost/s.py"}, 1,
        "{cannot}redirects to `http://localhost`, which is refused",
    ),
    "circle": (b"", 302, {"Location": "/circle.py"}, 1, "{cannot}redirects in a circle"),
}  # fmt: skip


@pytest.mark.parametrize("case", cases(REFUSED, ("page", "missing", "bomb", "downgrade")))
def test_runs_nothing_else(here: Stage, secure: ScriptHost, case: str) -> None:
    body, status, headers, code, message = REFUSED[case]
    address = secure.put(f"/{case}.py", body, code=status, headers=headers)
    seen = here.see(address)
    assert (seen[0], seen[1]) == (code, "")
    cannot = f"cannot fetch `{address}`: `{secure.url}` "
    assert seen[2].splitlines()[0] == "vpython: " + message.format(address, cannot=cannot)


def test_names_what_is_no_address(here: Stage) -> None:
    refused = {
        "http://example.org/s.py": "plain http to another machine is refused: `http://example.org`",
        "https:///s.py": "not an https address: `https:///s.py`",
        "https://host:0/s.py": "not an https address: `https://host:0`",
    }
    for address, fact in refused.items():
        code, out, err = here.see(address)
        assert (code, out, err.splitlines()[0]) == (2, "", f"vpython: {fact}")
    code, _, err = here.see("file:///s.py")
    assert code == 2
    assert err.endswith("/s.py`: No such file or directory\n\nhint: an address begins with https://\n")


def test_a_password_is_for_its_host_alone(alone: Stage, plain: ScriptHost, secure: ScriptHost) -> None:
    plain.asked.clear()
    secure.asked.clear()
    secure.put("/there.py", SAY.format("in"))
    plain.put("/private.py", "", code=302, headers={"Location": f"{secure.url}/there.py"})
    address = plain.url.replace("//", "//some-user:se%25cret@") + "/private.py?token=hidden"
    seen: list[Seen] = [alone.see("-vpython-log-level", level, address) for level in ("debug", "warning")]
    assert [each[:2] for each in seen] == [(0, "in\n")] * 2
    assert f"fetched `{plain.url}/private.py?…`, sha256" in seen[0][2]
    plain.put("/private.py", "", code=403)
    seen.append(alone.see(address))
    sent = [headers.get("Authorization") for _, headers in plain.asked]
    assert sent == ["Basic c29tZS11c2VyOnNlJWNyZXQ="] * 3
    assert [headers.get("Authorization") for _, headers in secure.asked] == [None] * 2

    settled(alone.root)
    files = [path for path in alone.root.rglob("*") if path.is_file() and "app-1" not in path.parts]
    written = b"".join(path.read_bytes() for path in files)
    written += "".join(map(str, [*seen, *files])).encode("utf-8", "surrogateescape")
    traces = (b"some-user", b"cret@", b"c29tZS11", b"token=hidden")
    assert [trace for trace in traces if trace in written] == []


def test_what_lies_around_does_not_count(here: Stage, plain: ScriptHost) -> None:
    here.put(".vpython3", spec("one"))
    here.put(".python-version", "3.1\n")
    here.put("neighbour.py", "print('not mine')")
    address = plain.put("/which.py", WHICH)
    assert here.see(address)[:2] == (0, "bare\n")
    assert here.see(plain.put("/block.py", BLOCK.format("") + WHICH))[:2] == (0, "bare\n")
    inside = f'"""\n[VPYTHON:BEGIN]\n{spec("two")}[VPYTHON:END]\n"""{WHICH}'
    assert here.see(plain.put("/inside.py", inside))[1] == "two\n"
    assert here.see("-vpython-spec", ".vpython3", address)[:2] == (0, "one\n")
    err = here.see(plain.put("/import.py", "import neighbour"))[2]
    assert "No module named 'neighbour'" in err
    err = here.see(plain.put("/missing.py", "import yaml"))[2]
    assert err.endswith("which is not in this environment: `-vpython-with pyyaml`\n")


def test_relative_paths_in_it_mean_nothing(here: Stage, plain: ScriptHost) -> None:
    more = '# [tool.uv.sources]\n# gizmo = { path = "gizmo.whl" }\n'
    text = BLOCK.replace("[]", "['gizmo']").format(more)
    code, _, err = here.see(plain.put("/path.py", text))
    fact = f"{kept(here, text)}:2:3: `tool.uv.sources.gizmo.path` is not absolute, and nothing lies beside"
    assert (code, err.splitlines()[1]) == (2, f"vpython: {fact} this spec: `gizmo.whl`")
    text = BLOCK.format('# [tool.vpython]\n# source = "directory:wheels"\n')
    code, _, err = here.see(plain.put("/source.py", text))
    fact = f"`{kept(here, text)}`: `directory:wheels` is a relative path, and the script is in no directory"
    assert (code, err.splitlines()[1]) == (2, f"vpython: {fact} of yours")
    code, _, err = here.see("-vpython-local-venv", plain.put("/venv.py", WHICH))
    fact = "`-vpython-local-venv` makes `.venv` beside a script, and this one has an address"
    assert (code, err.splitlines()[1]) == (2, f"vpython: {fact}")


def test_a_damaged_one_is_fetched_again(alone: Stage, plain: ScriptHost) -> None:
    text = SAY.format("whole")
    address = plain.put("/damaged.py", text)
    words = ("-vpython-sha256", digest(text), address)
    assert alone.see(*words)[0] == 0
    path = kept(alone, text)

    def damage() -> None:
        path.chmod(0o644)
        path.write_text(SAY.format("spoilt"))

    for each in ((address,), words):
        damage()
        assert alone.see(*each) == (0, "whole\n", "")
    damage()
    done = alone.run("-vpython-tool", "doctor")
    assert f"script {address}: `vpython-tool doctor --fix` drops it" in done.stdout
    done = alone.run("-vpython-tool", "doctor", "--fix")
    assert (done.returncode, path.exists()) == (0, False), done.stdout

    # Of an address with a query nothing is written from which it could be asked for again.
    words = (*words[:2], f"{address}?token=hidden")
    assert alone.see(*words)[0] == 0
    path = kept(alone, text)
    damage()
    fact = f"what was kept of `{address}?…` has other bytes than its name says: `{path}`"
    message = f"vpython: {fact}\n\nhint: start it by its address: it is fetched again\n"
    assert alone.see(*words) == (1, "", message)
    assert alone.see(*words) == (0, "whole\n", "")


def test_commands_know_it(alone: Stage, plain: ScriptHost) -> None:
    text = BLOCK.format("") + WHICH
    address = plain.put("/known.py", text)
    tool = "-vpython-tool"
    facts = json.loads(alone.must(tool, "explain", "--json", address))
    assert (facts["script"]["address"], facts["script"]["sha256"]) == (address, digest(text))
    made = alone.must("-vpython-sha256", digest(text), tool, "install", address)
    assert alone.must(tool, "which", "--environment", address) == made
    (row,) = json.loads(alone.must(tool, "list", "--json"))["environments"]
    (origin,) = row["made_for"]
    assert (origin["address"], origin["path"]) == (address, str(kept(alone, text)))
    refused = [(command, address) for command in ("add", "remove", "lock", "init", "upgrade", "link")]
    for command, name in (*refused, ("lock", str(kept(alone, text)))):
        code, out, err = alone.see(tool, command, name)
        assert (code, out) == (2, "")
        assert f"`{command}`" in err.splitlines()[0]
    asks = plain.put("/asks.py", text.replace("[]", "['six']"))
    assert "vpython-tool lock --embed" in alone.see("-vpython-locked", asks)[2]
    assert "1 environment, 1 fetched script" in alone.must(tool, "clean", address)
    assert not list(alone.root.glob(f"scripts-1/*/{digest(text)}"))


def test_prune_keeps_what_was_started(alone: Stage, plain: ScriptHost) -> None:
    texts = [SAY.format(name) for name in ("old", "new", "gone")]
    for text in texts[:2]:
        alone.see(plain.put("/pruned.py", text))
    alone.see(plain.put("/gone.py", texts[2]))
    old, new, gone = (kept(alone, text) for text in texts)
    past = time.time() - 30 * 86400
    for path in (old, gone):
        os.utime(path.parent, (past, past))
    alone.must("-vpython-tool", "prune", "--older-than", "7")
    assert [path.exists() for path in (old, new, gone)] == [False, True, False]


def test_in_a_root_for_this_start_alone(here: Stage, plain: ScriptHost) -> None:
    code, out, _ = here.see("-vpython-root", "", plain.put("/passing.py", WHERE))
    assert (code, out) == (0, "passing.py True ['passing.py']\n")
    assert not list(here.root.glob("scripts-1/*/*/passing.py"))
