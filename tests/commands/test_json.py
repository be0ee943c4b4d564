"""JSON of every command that reports: printed alone, with the exit code that the text has."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import PREFIX, Explainer, spec
from tests.support.hostile_registry import HostileRegistry
from tests.support.wheelmaker import make_wheel
from vpy.commands import table

if TYPE_CHECKING:
    from pathlib import Path

ONE = f"{PREFIX}one-py3"


def of(explainer: Explainer, name: str, *argv: object, code: int = 0) -> Any:
    done = explainer.run("-vpython-tool", name, *map(str, argv), "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def script(explainer: Explainer) -> Path:
    explainer.write("s.py.vpython3", spec("one-py3"))
    return explainer.write("s.py", "raise SystemExit('it ran')")


def test_every_command_is_tried_here() -> None:
    tried = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {command.name for command in table.COMMANDS if command.reports} <= tried


def test_install(explainer: Explainer, script: Path) -> None:
    first = of(explainer, "install", script)
    (environment,) = explainer.harness.environments()
    assert first == {
        "environment": str(environment),
        "python": str(environment / "bin" / "python"),
        "is_new": True,
    }
    assert os.access(first["python"], os.X_OK)
    assert of(explainer, "install", script) == {**first, "is_new": False}


def test_explain(explainer: Explainer, script: Path) -> None:
    assert of(explainer, "explain", script)["packages"][0]["name"] == ONE


def test_tags(explainer: Explainer, script: Path) -> None:
    assert of(explainer, "tags", script)["tags"]
    assert of(explainer, "tags", "3") == of(explainer, "tags")


def test_version(explainer: Explainer) -> None:
    assert {"version", "build", "python", "vendored"} == set(of(explainer, "version"))


def test_self(explainer: Explainer) -> None:
    """That of `--check` and `update` is in tests/e2e/own."""
    report = of(explainer, "self")
    assert report["file"] == str(explainer.harness.file)
    assert report["installed"] == {"by": "file", "upgrade": None}
    assert report["releases"] == {"at": None, "from": "built in"}


def test_find(explainer: Explainer) -> None:
    newest, oldest = of(explainer, "find", "one")
    assert newest == {"name": ONE, "version": "version:2.0", "refs": [], "platforms": {"every platform": []}}
    assert oldest["version"] == "version:1.0"


def test_verify(explainer: Explainer, script: Path) -> None:
    (matrix,) = of(explainer, "verify", script)
    assert (matrix["whole"], matrix["packages"][0]["name"]) == (True, ONE)
    explainer.write("s.py.vpython3", spec("one-py3@9.0"))
    (matrix,) = of(explainer, "verify", script, code=1)
    assert not matrix["whole"]


def test_mirror(explainer: Explainer, script: Path) -> None:
    directory = explainer.place / "mirror"
    expected = {
        "directory": str(directory),
        "packages": [{"name": ONE, "instance_id": explainer.ids["one-py3@1.0"]}],
        "wheels": [],
    }
    assert of(explainer, "mirror", script, "-o", directory) == expected


def test_pack(explainer: Explainer) -> None:
    wheel = make_wheel(explainer.place / "wheels", "fresh")
    directory = explainer.place / "repository"
    packed = of(explainer, "pack", "--repo", directory, wheel, "--ref", "latest")
    (row,) = packed["packages"]
    assert packed["directory"] == str(directory)
    assert row == {
        "name": f"{PREFIX}fresh-py3",
        "instance_id": row["instance_id"],
        "tags": ["version:1.0"],
        "refs": ["latest"],
    }
    assert (directory / row["name"] / "+" / row["instance_id"]).is_file()


def test_ensure(explainer: Explainer) -> None:
    text = f"$ResolvedVersions x.versions\n@Subdir sub\n{ONE} version:2.0\n"
    file = explainer.write("x.ensure", text)
    row = {"name": ONE, "version": "version:2.0", "instance_id": explainer.ids["one-py3@2.0"]}
    resolved = of(explainer, "ensure", file, "--resolve")
    assert resolved == {"packages": [{"subdir": "", **row}]}
    deployed = of(explainer, "ensure", file, "--root", explainer.place / "site")
    assert deployed == {"packages": [{"subdir": "sub", **row}]}


def test_bundle(explainer: Explainer, script: Path) -> None:
    kit = explainer.place / "kit.tar"
    account = of(explainer, "bundle", script, "-o", kit)
    assert account["bytes"] < kit.stat().st_size == account["size"]
    (environment,) = account["environments"]
    assert environment["spec"] == f"{script.name}.vpython3"
    assert environment["files"] == [f"{ONE.replace('/', '+')}.cipd"]
    assert account["blobs"] == 1


def test_push(explainer: Explainer, script: Path) -> None:
    registry = HostileRegistry()
    try:
        address = f"oci://{registry.host}/tools/demo:1"
        account = of(explainer, "push", script, address)
    finally:
        registry.stop()
    assert account["reference"] == address
    assert account["digest"] in registry.manifests
    assert (account["sent"], account["blobs"]) == (2, 1)


def test_which(explainer: Explainer, script: Path) -> None:
    found = of(explainer, "which", script)
    (environment,) = explainer.harness.environments()
    assert found == {
        "python": str(environment / "bin" / "python"),
        "bin": str(environment / "bin"),
        "environment": str(environment),
        "key": environment.name,
        "spec": f"{script}.vpython3",
    }


def test_config(explainer: Explainer, script: Path) -> None:
    report = of(explainer, "config", script)
    rows = {row["name"]: (row["value"], row["from"]) for row in report["settings"]}
    assert rows["source"] == (explainer.source, "VPYTHON_PACKAGE_SOURCE")
    assert rows["root"] == (str(explainer.harness.root), "VPYTHON_VIRTUALENV_ROOT")
    assert report["user_file"] == {
        "path": str(explainer.place / "home/.config/vpython/config.toml"),
        "exists": False,
    }


def test_init(explainer: Explainer) -> None:
    made = of(explainer, "init", "new.py", "--requires-python", ">=3.8")
    assert made == {"file": str(explainer.place / "new.py"), "requires_python": ">=3.8"}


def test_add(explainer: Explainer, script: Path) -> None:
    added = of(explainer, "add", script, "two==1.0")
    assert added == {"file": f"{script}.vpython3", "added": [f"{PREFIX}two-py3@version:1.0"]}


def test_remove(explainer: Explainer, script: Path) -> None:
    assert of(explainer, "remove", script, "one") == {"file": f"{script}.vpython3", "removed": [ONE]}


def test_link(explainer: Explainer, script: Path) -> None:
    directory = explainer.place / "bin"
    made = of(explainer, "link", script, "--directory", directory)
    assert made == {"path": str(directory / "s"), "script": str(script)}


def test_unlink(explainer: Explainer, script: Path) -> None:
    directory = explainer.place / "bin"
    of(explainer, "link", script, "--directory", directory)
    assert of(explainer, "unlink", "s", "--directory", directory) == {"removed": [str(directory / "s")]}


def test_tree(explainer: Explainer, script: Path) -> None:
    (row,) = of(explainer, "tree", script)["distributions"]
    assert (row["name"], row["asked_for_by"], row["requires"]) == ("one", ["spec"], [])


def test_outdated(explainer: Explainer, script: Path) -> None:
    """No index answers here: a warning for each, no row."""
    explainer.harness.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/"
    explainer.harness.environ["PIP_RETRIES"] = "0"
    assert of(explainer, "outdated", script) == []


def test_prune(explainer: Explainer, script: Path) -> None:
    explainer.run("-vpython-tool", "install", script)
    (environment,) = explainer.harness.environments()
    would = of(explainer, "prune", "--older-than", "0", "--dry-run")
    assert (would["dry_run"], would["left"], environment.is_dir()) == (True, None, True)
    assert f"environments-1/{environment.name}" in [row["path"] for row in would["removed"]]
    assert would["freed"] == sum(row["size"] for row in would["removed"]) > 0
    did = of(explainer, "prune", "--older-than", "0", "--max-size", "1G")
    assert not environment.exists()
    assert did["left"] > 0


def test_clean(explainer: Explainer, script: Path) -> None:
    explainer.run("-vpython-tool", "install", script)
    report = of(explainer, "clean", script)
    assert [row["name"] for row in report["removed"] if row["kind"] == "environments"] == [str(script)]
    assert (report["in_use"], report["kept"], report["left"]) == (0, [], None)
    assert of(explainer, "clean", script)["removed"] == []


def test_list(explainer: Explainer, script: Path) -> None:
    explainer.run("-vpython-tool", "install", script)
    report = of(explainer, "list")
    assert set(report) == {"environments", "being_made", "launchers"}
    (row,) = report["environments"]
    assert row["made_for"] == [{"kind": "script", "path": str(script), "address": None, "exists": True}]


def test_size(explainer: Explainer, script: Path) -> None:
    explainer.run("-vpython-tool", "install", script)
    report = of(explainer, "size")
    assert report["root"] == str(explainer.harness.root)
    assert report["size"] == sum(part["size"] for part in report["parts"]) > 0


def test_doctor(explainer: Explainer, script: Path) -> None:
    nothing = {"environment": 0, "wheel": 0, "package": 0}
    assert of(explainer, "doctor") == {"examined": nothing, "damaged": [], "repairs": []}
    explainer.run("-vpython-tool", "install", script)
    report = of(explainer, "doctor")
    assert (report["examined"]["environment"], report["damaged"]) == (1, [])
    (environment,) = explainer.harness.environments()
    module = next(environment.glob("lib/*/site-packages/one*.py"))
    module.unlink()
    report = of(explainer, "doctor", code=1)
    (damaged,) = report["damaged"]
    assert (damaged["kind"], damaged["path"]) == ("environment", str(environment))
    assert list(damaged["facts"].values()) == ["is missing"]
    assert damaged["hint"] == "`vpython-tool doctor --fix` makes it again"
    assert damaged["name"] == f"environment {environment.name[:8]} of {script}"
    report = of(explainer, "doctor", "--fix")
    assert report["repairs"] == [{"path": str(environment), "action": "made again", "whole": True}]
    assert of(explainer, "doctor")["damaged"] == []


def test_upgrade(explainer: Explainer, script: Path) -> None:
    (row,) = of(explainer, "upgrade", "-legacy", explainer.place)["converted"]
    assert (row["from"], row["to"], row["removed"]) == (
        f"{script}.vpython3",
        str(script),
        [f"{script}.vpython3"],
    )


def test_lock(explainer: Explainer, script: Path) -> None:
    """A text spec of an empty source, whose packages no default platform lacks."""
    (row,) = of(explainer, "lock", script)
    assert (row["path"], row["new"], row["packages"]) == (f"{script}.vpython3.versions", True, 1)
    assert [change["name"] for change in row["changes"]] == [ONE]
