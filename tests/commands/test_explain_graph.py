"""`explain --why`, `--graph`, `--svg` with the built file, and the schema of the JSON of `explain`."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from tests.packages.conftest import SimpleIndex
from tests.support.harness import TOP, Harness
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = json.loads((TOP / "docs" / "explain.schema.json").read_text(encoding="utf-8"))
BLOCK = "# /// script\n# dependencies = [{}]\n# ///\n"
TEXT = 'wheel: < name: "infra/python/wheels/{}-py3" version: "version:1.0" match_tag: < abi: "none" > >\n'


class Shop(Harness):
    """The built file with an index on loopback, and scripts of which `s.py` has its environment."""

    def __init__(self, place: Path, index: SimpleIndex) -> None:
        super().__init__(place)
        self.use_loopback()
        self.environ["PIP_INDEX_URL"] = index.url

    def explain(self, *words: str | Path, code: int = 0, **how: Any) -> str:
        done = self.run("-vpython-tool", "explain", *words, **how)
        assert done.returncode == code, done.stderr
        self.said = done.stderr
        return done.stdout

    def json(self, *words: str | Path, code: int = 0, **how: Any) -> dict[str, Any]:
        """What `explain --json` prints, which the schema allows."""
        account: dict[str, Any] = json.loads(self.explain("--json", *words, code=code, **how))
        jsonschema_rs.validate(SCHEMA, account)
        return account


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    place = tmp_path_factory.mktemp("shop")
    wheels = place / "wheels"
    make_wheel(wheels, "requests", requires=("urllib3<3,>=1", "idna"))
    for name, version in (("urllib3", "1.5"), ("urllib3", "2.0"), ("idna", "3.10"), ("six", "1.0")):
        make_wheel(wheels, name, version)
    index = SimpleIndex(str(wheels))
    threading.Thread(target=index.server.serve_forever, daemon=True).start()
    shop = Shop(place, index)
    (place / "s.py").write_text(BLOCK.format("'requests<3', 'urllib3<2'"))
    (place / "new.py").write_text(BLOCK.format("'requests', 'six'"))
    done = shop.run("-vpython-tool", "install", "s.py")
    assert done.returncode == 0, done.stderr
    yield shop
    index.server.shutdown()
    index.server.server_close()


def test_why(shop: Shop) -> None:
    assert shop.explain("--why", "URLlib3", "s.py").splitlines() == [
        "s.py -> urllib3<2 (1.5)",
        "s.py -> requests<3 (1.0) -> urllib3<3,>=1 (1.5)",
    ]
    answer = shop.json("--why", "idna", "s.py")["why"]
    assert (answer["version"], answer["near"], answer["more"], answer["not_stored"]) == (
        "3.10",
        None,
        False,
        [],
    )
    assert [[step["requirement"] for step in chain] for chain in answer["chains"]] == [["requests<3", "idna"]]


def test_why_of_what_is_not_there(shop: Shop) -> None:
    answer = shop.json("--why", "urlib3", "s.py", code=1)["why"]
    assert (answer["version"], answer["near"], answer["chains"]) == (None, "urllib3", [])
    assert shop.said == "vpython: `urlib3` is not in the environment of `s.py`: did you mean `urllib3`?\n"
    assert shop.explain("--why", "numpy", "s.py", code=1) == ""
    assert shop.said == "vpython: `numpy` is not in the environment of `s.py`\n"


def test_why_where_wheels_are_not_stored(shop: Shop) -> None:
    """Nothing is installed for it; what the spec itself asks for is known."""
    before = sorted((shop.root / "wheels-1").iterdir())
    assert shop.explain("--why", "six", "new.py") == "new.py -> six (1.0)\n"
    fact = "wheels are not stored: `six`, `urllib3`"
    hint = "`vpython-tool install new.py` stores them"
    assert shop.said == f"vpython: requirements are missing from this: {fact}; {hint}\n"
    assert shop.json("--why", "six", "new.py")["why"]["not_stored"] == ["six", "urllib3"]
    assert sorted((shop.root / "wheels-1").iterdir()) == before
    assert len(shop.environments()) == 1


def test_graph(shop: Shop) -> None:
    assert shop.explain("--graph", "s.py").splitlines() == [
        "requests 1.0",
        "  urllib3 1.5  [urllib3<3,>=1]",
        "  idna 3.10",
        "urllib3 1.5",
    ]
    graph = shop.json("--graph", "--svg", "graph.svg", "s.py")["graph"]
    assert graph["asked"][0] == {"name": "requests", "requirement": "requests<3"}
    assert {row["name"]: len(row["requires"]) for row in graph["distributions"]} == {
        "requests": 2,
        "urllib3": 0,
        "idna": 0,
    }
    drawn = (shop.place / "graph.svg").read_text(encoding="utf-8")
    assert drawn == shop.explain("--svg", "-", "s.py")
    assert drawn.count("<rect") == 4
    assert shop.explain("--svg", ".", "s.py", code=2) == ""
    assert "is a directory" in shop.said
    assert shop.explain("--svg", "x", "--why", "six", "s.py", code=2) == ""
    assert shop.said == "vpython: `explain` takes `--why`, or `--graph` and `--svg`, not both\n"


def test_schema_of_a_script(shop: Shop) -> None:
    account = shop.json("s.py")
    assert (account["environment"]["state"], account["spec"]["kind"]) == ("ready", "script")


def test_schema_of_what_changed(shop: Shop) -> None:
    script = shop.place / "changing.py"
    script.write_text(BLOCK.format("'urllib3<2'"))
    assert shop.run("-vpython-tool", "install", script).returncode == 0
    script.write_text(BLOCK.format("'urllib3<3'"))
    account = shop.json(script)
    said = "spec: dependencies changed: urllib3<2 -> urllib3<3; urllib3 1.5 -> 2.0"
    assert account["summary"] == f"a new environment would be made because: {said}"
    assert [row["kind"] for row in account["before"][0]["differences"]] == ["spec", "distribution"]
    account = shop.json("-vpython-with", "six", script)
    assert "-vpython-with, -vpython-dev: new: six" in account["before"][0]["changes"]


def test_schema_of_a_lockfile(shop: Shop) -> None:
    script = shop.place / "locked.py"
    script.write_text(BLOCK.format("'requests'"))
    assert shop.run("-vpython-tool", "install", script).returncode == 0
    # What the lockfile pins is older than what the start took.
    wheels = {path.name: path for path in (shop.place / "wheels").iterdir()}
    pins = []
    for name in ("requests-1.0", "urllib3-1.5", "idna-3.10"):
        project, _, version = name.partition("-")
        digest = _sha256(wheels[f"{name}-py3-none-any.whl"])
        pins.append(f"{project}=={version} --hash=sha256:{digest}\n")
    (shop.place / "locked.py.uv.lock").write_text("".join(pins))
    account = shop.json("-vpython-frozen", script)
    assert (account["lockfile"]["format"], account["lockfile"]["distributions"]) == ("uv-requirements", 3)
    assert account["before"][0]["changes"] == ["lockfile: now followed", "urllib3 2.0 -> 1.5"]


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_schema_of_other_specs(shop: Shop) -> None:
    (shop.place / "toml").mkdir()
    (shop.place / "toml" / "vpython.toml").write_text('dependencies = ["six; os_name == \'x\'", "idna"]\n')
    assert shop.json("-m", "idna", cwd=shop.place / "toml")["spec"]["format"] == "toml"
    (shop.place / "requirements.txt").write_text("idna==3.10\n")
    assert shop.json("requirements.txt")["spec"]["format"] == "requirements"
    bare = shop.place / "bare.py"
    bare.write_text("")
    account = shop.json(bare)
    assert (account["spec"]["kind"], account["resolved"]) == ("empty", None)
    assert shop.json("--graph", bare)["graph"]["distributions"] == []
    shop.explain("--why", "six", bare, code=1)
    assert shop.said == "vpython: `six` is not in the bare environment\n"


def test_schema_of_a_text_spec(shop: Shop) -> None:
    repository = shop.place / "repository"
    shop.pack(
        repository,
        *(shop.place / "wheels" / f"{name}-py3-none-any.whl" for name in ("six-1.0", "requests-1.0")),
    )
    (shop.place / "old.py").write_text("")
    (shop.place / "old.py.vpython3").write_text(
        TEXT.format("six") + TEXT.format("requests") + TEXT.format("absent").replace('"none"', '"cp27m"')
    )
    how: dict[str, Any] = {"env": {"VPYTHON_PACKAGE_SOURCE": f"directory:{repository}"}}
    account = shop.json("old.py", **how)
    assert {row["state"] for row in account["packages"]} == {"resolved", "skipped"}
    chain = "old.py.vpython3 -> infra/python/wheels/six-py3 version:1.0 (1.0)\n"
    assert shop.explain("--why", "six", "old.py", **how) == chain


def test_schema_of_what_is_not_known(shop: Shop) -> None:
    script = shop.place / "unknown.py"
    script.write_text(BLOCK.format("'nowhere'"))
    account = shop.json("-vpython-interpreter", "/nowhere/python3", script)
    assert account["python"]["executable"] is None
    done = shop.run("-vpython-offline", "-vpython-tool", "explain", "--json", script)
    account = json.loads(done.stdout)
    jsonschema_rs.validate(SCHEMA, account)
    assert account["environment"]["state"] == "unresolved"
    assert shop.explain("--why", "six", script, code=2) == ""
    assert "nowhere" in shop.said


def test_the_schema_is_strict() -> None:
    """It is one, and each object in it names all its keys."""
    jsonschema_rs.meta.validate(SCHEMA)
    objects = [each for each in _all(SCHEMA) if each.get("type") == "object" and "properties" in each]
    assert len(objects) > 20
    assert all(each["additionalProperties"] is False for each in objects)
    assert all(set(each["required"]) == set(each["properties"]) for each in objects)


def _all(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _all(each)
