"""Registries: what is pushed is there once; a store never decides what is installed, unless it is trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.hostile_registry import HostileRegistry

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.e2e.lockfiles.site import Site
    from tests.support.hostile_registry import Handler

    Lie = Callable[[HostileRegistry], None]


@pytest.fixture
def registry() -> Iterator[HostileRegistry]:
    registry = HostileRegistry()
    yield registry
    registry.stop()


def address(registry: HostileRegistry, tag: str = "") -> str:
    return f"oci://{registry.host}/tools/demo{tag and f':{tag}'}"


def pushed(site: Site, registry: HostileRegistry, script: str = "s.py") -> dict[str, Any]:
    """Push without an error, and return what is said of it."""
    done = site.run("-vpython-tool", "push", "--json", script, script=address(registry, "1"))
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert isinstance(account, dict)
    return account


def afresh(
    site: Site, registry: HostileRegistry | None, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start in a root that has nothing, with the registry as its store."""
    site.harness.root = site.place / f"root-{len(list(site.place.glob('root*')))}"
    site.harness.environ["VPYTHON_VIRTUALENV_ROOT"] = str(site.harness.root)
    surroundings = {}
    if registry is not None:
        registry.requests.clear()
        surroundings["VPYTHON_STORE"] = address(registry)
    return site.run(*words, env={**surroundings, **(env or {})})


def wheels_asked(site: Site) -> list[str]:
    return [path for path, _ in site.index.asked if path.startswith("/files/") and path.endswith(".whl")]


def test_push_sends_what_is_missing_and_a_start_takes_it(site: Site, registry: HostileRegistry) -> None:
    site.script("a")
    first = pushed(site, registry)
    assert first["sent"] == 3  # two wheels, and what they are the answer to
    sent = {site.sha256(name) for name in ("a-2.0-py3-none-any.whl", "b-1.1-py3-none-any.whl")}
    assert sent <= {digest.partition(":")[2] for digest in registry.blobs}
    again = pushed(site, registry)
    assert (again["sent"], again["digest"]) == (0, first["digest"])

    site.index.stop()
    source = ("-vpython-source", address(registry, "1"))
    cold = afresh(site, None, *source)
    registry.always["GET"] = lambda handler: handler.answer(500)
    warm = site.run(*source)
    assert (cold.returncode, cold.stdout, cold.stderr) == (0, "2.0 1.1\n", "")
    assert (warm.returncode, warm.stdout, warm.stderr) == (0, "2.0 1.1\n", "")


def test_a_store_is_asked_first(site: Site, registry: HostileRegistry) -> None:
    site.script("a")
    site.locked()
    pushed(site, registry)
    done = afresh(site, registry)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert site.index.asked == []
    assert registry.asked() == ["GET blobs"] * 2


def test_what_a_store_lacks_comes_from_the_source(site: Site, registry: HostileRegistry) -> None:
    site.script("a")
    site.locked()
    pushed(site, registry)
    del registry.blobs[f"sha256:{site.sha256('b-1.1-py3-none-any.whl')}"]
    done = afresh(site, registry)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert wheels_asked(site) == ["/files/b-1.1-py3-none-any.whl"]


def _other_bytes(registry: HostileRegistry) -> None:
    registry.blobs = {digest: b"x" * len(data) for digest, data in registry.blobs.items()}


def _cut_off(registry: HostileRegistry) -> None:
    registry.always["GET"] = lambda handler: handler.answer(200, {}, b"x" * 40, length=4000)


def _fails(registry: HostileRegistry) -> None:
    registry.always["GET"] = lambda handler: handler.answer(503, {"Retry-After": "20"}, b"full")


def _wants_a_login(registry: HostileRegistry) -> None:
    registry.always["GET"] = lambda handler: handler.answer(401, {"WWW-Authenticate": 'Basic realm="x"'})


def _stalls(registry: HostileRegistry) -> None:
    def fault(_: Handler) -> None:
        registry.ended.wait(60)

    registry.always["GET"] = fault


def _endless(registry: HostileRegistry) -> None:
    def fault(handler: Handler) -> None:
        handler.answer(200, {}, b"", length=1 << 40)
        try:
            while not registry.ended.is_set():
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    registry.always["GET"] = fault


def _hangs_up(registry: HostileRegistry) -> None:
    registry.always["GET"] = lambda handler: handler.hang_up()


@pytest.mark.parametrize(
    "lie",
    [
        _other_bytes,
        _stalls,
        _fails,
        pytest.param(_cut_off, marks=pytest.mark.thorough),
        pytest.param(_wants_a_login, marks=pytest.mark.thorough),
        pytest.param(_endless, marks=pytest.mark.thorough),
        pytest.param(_hangs_up, marks=pytest.mark.thorough),
    ],
)
def test_a_bad_store_costs_one_line(site: Site, registry: HostileRegistry, lie: Lie) -> None:
    site.script("a")
    site.locked()
    pushed(site, registry)
    lie(registry)
    done = afresh(site, registry)
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n"), done.stderr
    assert done.stderr.startswith(f"vpython: the store `{address(registry)}` is left out: ")
    assert done.stderr.count("\n") == 1
    assert len(registry.requests) <= 2  # each file is asked for once, and nothing again


@pytest.mark.parametrize("lie", [None, pytest.param(_other_bytes, marks=pytest.mark.thorough)])
def test_an_unlocked_spec_takes_what_its_index_names(
    site: Site, registry: HostileRegistry, lie: Lie | None
) -> None:
    """Pages and METADATA come from the index, wheels by the page's hash from a store that lacks one."""
    site.script("a")
    pushed(site, registry)
    del registry.blobs[f"sha256:{site.sha256('b-1.1-py3-none-any.whl')}"]
    if lie:
        lie(registry)
    site.index.offers = True
    done = afresh(site, registry, env={"VPYTHON_STORE_WRITE_BACK": "" if lie else "1"})
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n")
    assert done.stderr.count("\n") == (1 if lie else 0)
    assert sorted(wheels_asked(site)) == [
        *(["/files/a-2.0-py3-none-any.whl"] if lie else []), "/files/b-1.1-py3-none-any.whl"
    ]  # fmt: skip
    assert registry.asked().count("GET blobs") == 2


@pytest.mark.thorough
def test_what_was_resolved_by_other_metadata_is_refused(site: Site, registry: HostileRegistry) -> None:
    """A wheel of the store is compared with the METADATA of the index, as one of the index is."""
    site.script("a")
    pushed(site, registry)
    site.index.offers = True
    name = "a-2.0-py3-none-any.whl"
    site.index.lies[f"/files/{name}.metadata"] = site.index.metadata(name) + b"Summary: other\n"
    done = afresh(site, registry)
    assert done.returncode == 2
    assert "has other METADATA than the index gave for it" in done.stderr


def test_a_store_that_is_none(site: Site) -> None:
    site.script("a")
    done = afresh(site, None, env={"VPYTHON_STORE": "https://registry.example"})
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: VPYTHON_STORE: ")


def _configure(site: Site, text: str) -> dict[str, str]:
    """Write the user's configuration file; return the variable by which it is found."""
    directory = site.place / "config" / "vpython"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(site.place / "config")}


def test_a_resolution_counts_where_the_store_is_trusted(site: Site, registry: HostileRegistry) -> None:
    site.script("a")
    pushed(site, registry)
    trusting = _configure(site, f'store = "{address(registry)}"\nstore-trust = "resolutions"\n')

    done = afresh(site, None, "-vpython-log-level", "info", env=trusting)
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n")
    assert site.index.asked == []
    assert f"resolved as `{address(registry)}:vpython-" in done.stderr

    site.script("a<2")  # another question
    done = afresh(site, None, env=trusting)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0 1.1\n", "")
    assert site.pages()

    site.script("a")
    not_trusting = _configure(site, f'store = "{address(registry)}"\n')
    done = afresh(site, None, env=not_trusting)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert site.pages()


def test_a_spec_makes_nobody_trusted(site: Site, registry: HostileRegistry) -> None:
    """A store that the spec names gives files, and what the user trusts is another."""
    path = site.script("a")
    table = f'# [tool.vpython]\n# store = "{address(registry)}"\n# ///\nimport'
    path.write_text(path.read_text().replace("# ///\nimport", table))
    pushed(site, registry)
    done = afresh(site, None, env=_configure(site, 'store-trust = "resolutions"\n'))
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert site.pages()


@pytest.mark.thorough
def test_a_resolution_of_something_else_is_not_followed(site: Site, registry: HostileRegistry) -> None:
    site.script("b<1.1", name="t.py", shows="b")
    pushed(site, registry, "t.py")
    (other,) = [data for name, data in registry.manifests.items() if name.startswith("vpython-")]
    site.script("a")
    pushed(site, registry)
    for name in [name for name in registry.manifests if name.startswith("vpython-")]:
        registry.manifests[name] = other
    trusting = _configure(site, f'store = "{address(registry)}"\nstore-trust = "resolutions"\n')
    done = afresh(site, None, env=trusting)
    assert (done.returncode, done.stdout) == (0, "2.0 1.1\n")
    assert "has for this spec is not followed: `a` is not in it" in done.stderr
    assert done.stderr.count("\n") == 1


def test_write_back(site: Site, registry: HostileRegistry) -> None:
    site.script("a")
    writing = {"VPYTHON_STORE_WRITE_BACK": "1"}
    done = afresh(site, registry, env=writing)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert len(registry.blobs) == 3
    (question,) = [name for name in registry.manifests if ":" not in name]
    assert question.startswith("vpython-")

    done = afresh(site, registry, env=writing)  # another bot, with the same question
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert not [each for each in registry.asked() if each.startswith(("PUT", "POST"))]

    registry.always = dict.fromkeys(("POST", "PUT"), lambda handler: handler.answer(403))
    site.script("a<2")
    done = afresh(site, registry, env=writing)
    assert (done.returncode, done.stdout) == (0, "1.0 1.1\n")
    assert done.stderr.startswith(f"vpython: not written to the store `{address(registry)}`: ")
    assert done.stderr.count("\n") == 1
