"""`find`: versions by platforms from each source, the entry to paste, and names that come near."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.platforms.conftest import PLATFORMS, PREFIX, Yard, cells

if TYPE_CHECKING:
    from tests.packages.cipd.server import Service

EVERY = pytest.mark.parametrize("source", ["directory", "cipd", "index"], indirect=True)
NATIVE = f"{PREFIX}native/${{vpython_platform}}"


def entry_of(text: str) -> str:
    return text[text.index("wheel: <") :]


@EVERY
def test_a_native_project(yard: Yard, source: str) -> None:
    done = yard.tool(source, "find", "Native")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == NATIVE
    assert cells(done) == {"version:2.0": ["cp311"] * 4}
    own = ["linux_x86_64", "linux_aarch64", "macosx_11_0_arm64", "win_amd64"]
    rules = "".join(f'  match_tag: < platform: "{tag}" >\n' for tag in own)
    assert entry_of(done.stdout) == f'wheel: <\n  name: "{NATIVE}"\n  version: "version:2.0"\n{rules}>\n'


@EVERY
def test_the_entry_works_as_it_is(yard: Yard, source: str) -> None:
    """Pasted into a spec, it is what `verify` takes on every platform, those without a package too."""
    entries = [entry_of(yard.tool(source, "find", name).stdout) for name in ("pure", "native")]
    spec = yard.spec(tags=("manylinux1_x86_64", "linux_arm64", "macosx_10_10_intel", "win32"))
    spec.write_text(spec.read_text() + "".join(entries))
    done = yard.tool(source, "verify", spec)
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(done) == {
        f"{PREFIX}pure-py3 version:1.1": ["ok"] * 4,
        f"{NATIVE} version:2.0": ["ok", "ok", "-", "-"],
    }


@EVERY
def test_the_newest_first(yard: Yard, source: str) -> None:
    done = yard.tool(source, "find", "--json", "pure")
    told = json.loads(done.stdout)
    assert [row["version"] for row in told] == ["version:1.1", "version:1.0"]
    assert {row["name"] for row in told} == {f"{PREFIX}pure-py3"}


@EVERY
def test_whole_names(yard: Yard, source: str) -> None:
    done = yard.tool(source, "find", f"{PREFIX}pure-py3")
    assert done.returncode == 0
    assert '  version: "version:1.1"\n' in entry_of(done.stdout)


@pytest.mark.parametrize("source", ["directory", "cipd"], indirect=True)
def test_names_that_come_near(yard: Yard, source: str) -> None:
    done = yard.tool(source, "find", "nativ")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vpython: there is no package `nativ`\n\nhint: there is `native`\n"
    done = yard.tool(source, "find", "yaml")
    assert done.stderr == "vpython: there is no package `yaml`\n"
    assert yard.tool(source, "find", "infra/tools/none").returncode == 2


@pytest.mark.parametrize("source", ["index"], indirect=True)
def test_an_index_tells_no_names(yard: Yard, source: str) -> None:
    done = yard.tool(source, "find", "nativ")
    assert (done.returncode, done.stderr) == (2, "vpython: there is no package `nativ`\n")
    done = yard.tool(source, "find", "yaml")
    assert done.stderr.splitlines()[-1] == "hint: there is `pyyaml`"
    done = yard.tool(source, "find", "no name")
    assert done.stderr == "vpython: no project of an index is called `no name`\n"
    done = yard.tool("index:http://127.0.0.1:9/simple/", "find", "pure", PIP_RETRIES="0")
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: cannot ask the index: ")


def test_refs_and_old_versions(yard: Yard, service: Service) -> None:
    """Versions are in the order of PEP 440 however they came; `--all` shows more than the last ten."""
    from tests.packages.cipd.bench import package

    name = f"{PREFIX}many-py3"
    for minor in (9, 10, 2, 1, 3, 4, 5, 6, 7, 8, 11, 12, 0):
        data = package(name, {f"{minor}": b""})
        service.put(name, data, tags=(f"version:1.{minor}.chromium.1", f"build:{minor}"))
    service.put(name, package(name, {"x": b""}), tags=("version:2.0rc1",), refs=("latest",))
    source = f"cipd:{service.rpc_url}"
    done = yard.tool(source, "find", "many")
    lines = [line.split()[0] for line in done.stdout.splitlines() if "version:" in line and '"' not in line]
    assert len(lines) == 10
    assert lines[0] == "version:2.0rc1"
    assert "version:2.0rc1 (latest)" in done.stdout
    assert '"version:1.12.chromium.1"' in entry_of(done.stdout), "a release rather than what comes before one"
    service.put(name, package(name, {"again": b""}), tags=("version:1.12.chromium.10",))
    done = yard.tool(source, "find", "many")
    assert '"version:1.12.chromium.10"' in entry_of(done.stdout), "a later build of a version is newer"
    done = yard.tool(source, "find", "--all", "many")
    lines = [line.split()[0] for line in done.stdout.splitlines() if "version:" in line and '"' not in line]
    assert lines[1:5] == [
        f"version:1.{end}" for end in ("12.chromium.10", "12.chromium.1", "11.chromium.1", "10.chromium.1")
    ]
    assert len(lines) == 15


def test_other_packages_of_the_service(yard: Yard, service: Service) -> None:
    from tests.packages.cipd.bench import package

    for platform in ("linux-amd64", "mac-arm64"):
        name = f"infra/tools/thing/{platform}"
        service.put(name, package(name), refs=("stable",))
    service.put("secret/x", package("secret/x"))
    service.private.add("secret/x")
    done = yard.tool(f"cipd:{service.rpc_url}", "find", "infra/tools/thing")
    assert done.stdout.splitlines()[0] == "infra/tools/thing/${platform}"
    assert "  stable (stable)  ok           ok" in done.stdout.splitlines()
    done = yard.tool(f"cipd:{service.rpc_url}", "find", "secret/x")
    assert done.stderr == "vpython: there is no package `secret/x`\n"
    done = yard.harness.run(
        "-vpython-offline", "-vpython-source", f"cipd:{service.rpc_url}", "-vpython-tool", "find", "x"
    )
    assert done.stderr.startswith(f"vpython: cannot ask `cipd:{service.rpc_url}`: network access is disabled")


def test_a_tree_without_a_list(yard: Yard, service: Service) -> None:
    """Behind a web server only the list tells what is there."""
    from urllib.parse import unquote

    repository = yard.place / "repository"
    yard.pack()
    service.always["GET"] = lambda handler: (
        handler.answer(200, {}, path.read_bytes())
        if (path := repository / unquote(handler.path).lstrip("/")).is_file()
        else handler.answer(404, {}, b"")
    )
    source = f"directory:{service.storage_url}"
    assert list(cells(yard.tool(source, "find", "native")).values()) == [["cp311"] * len(PLATFORMS)]
    (repository / "packages.json").write_text("{}")
    assert f"`packages.json` of `{source}` is damaged" in yard.tool(source, "find", "native").stderr
    (repository / "packages.json").unlink()
    done = yard.tool(source, "find", "native")
    assert done.returncode == 1
    assert done.stderr.startswith(f"vpython: `{source}` has no list of its packages (`packages.json`)")


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ((), "`find` needs NAME"),
        (("a", "b"), "`find` takes one NAME, got `a b`"),
        (
            ("--none", "a"),
            "unknown option `--none` of `find`; `vpython-tool find --help` lists them",
        ),
        (("--jsn", "a"), "unknown option `--jsn` of `find`: did you mean `--json`?"),
        (("-json", "a"), "unknown option `-json` of `find`: did you mean `--json`?"),
        (("/",), "`find` needs NAME"),
    ],
)
def test_wrong_words(yard: Yard, words: tuple[str, ...], fact: str) -> None:
    done = yard.tool("index", "find", *words)
    assert (done.returncode, done.stderr) == (2, f"vpython: {fact}\n")
