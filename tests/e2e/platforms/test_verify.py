"""`verify`: every package on every platform, all that is missing at once."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.e2e.platforms.conftest import PLATFORMS, PREFIX, TAGS, cells
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.platforms.conftest import Yard
    from tests.packages.cipd.server import Service
    from tests.packages.conftest import SimpleIndex

EVERY = pytest.mark.parametrize("source", ["directory", "cipd", "index"], indirect=True)
NATIVE = ("native/${vpython_platform}", "2.0")


@EVERY
def test_all_is_there(yard: Yard, source: str) -> None:
    spec = yard.spec(("pure-py3", "1.0"), NATIVE)
    done = yard.tool(source, "verify", spec)
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(done) == {
        f"{PREFIX}pure-py3 version:1.0": ["ok"] * 4,
        f"{PREFIX}native/${{vpython_platform}} version:2.0": ["ok"] * 4,
    }
    assert done.stdout.splitlines()[-1].split() == ["result", "ok"]
    assert yard.harness.environments() == []


@EVERY
def test_all_that_is_missing(yard: Yard, source: str) -> None:
    """Two entries fail in their own ways; both are told, each with its platforms, behind a whole table."""
    spec = yard.spec(("pure-py3", "9"), NATIVE, tags=(*TAGS, "win32"))
    done = yard.tool(source, "verify", spec)
    assert done.returncode == 1
    assert cells(done) == {
        f"{PREFIX}pure-py3 version:9": ["missing"] * 5,
        f"{PREFIX}native/${{vpython_platform}} version:2.0": ["ok"] * 4 + ["missing"],
    }
    first, second = done.stderr.split("\n\n")[0].splitlines()
    assert first.startswith(f"vpython: `{PREFIX}pure-py3` version:9, on every platform: ")
    assert second.startswith(f"`{PREFIX}native/${{vpython_platform}}` version:2.0, on windows-386 cp311: ")
    assert done.stdout.splitlines()[-1] == "result       6 missing"


@EVERY
def test_rules_leave_packages_out(yard: Yard, source: str) -> None:
    text = yard.spec(("pure-py3", "1.0"), NATIVE, tags=(*TAGS, "win32")).read_text()
    spec = yard.place / "rules.vpython3"
    spec.write_text(text.replace('version:2.0"', 'version:2.0" not_match_tag: < platform: "win32" >'))
    done = yard.tool(source, "verify", spec)
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(done)[f"{PREFIX}native/${{vpython_platform}} version:2.0"] == ["ok"] * 4 + ["-"]


@pytest.mark.parametrize("source", ["directory"], indirect=True)
def test_for_programs(yard: Yard, source: str) -> None:
    done = yard.tool(source, "verify", "--json", yard.spec(("pure-py3", "9"), NATIVE))
    assert done.returncode == 1
    (told,) = json.loads(done.stdout)
    assert not told["whole"]
    assert [row["platform"] for row in told["platforms"]] == list(PLATFORMS)
    pure, native = told["packages"]
    assert {cell["state"] for cell in pure["platforms"]} == {"missing"}
    assert native["platforms"][3]["package"] == f"{PREFIX}native/windows-amd64_cp311_cp311"
    assert native["platforms"][3]["wheels"] == ["native-2.0-cp311-cp311-win_amd64.whl"]
    assert native["platforms"][3]["instance_id"].endswith("C")


@pytest.mark.parametrize("source", ["directory"], indirect=True)
def test_the_ways_to_name_a_spec(yard: Yard, source: str) -> None:
    """By its own name, by -vpython-spec, by a script beside it or with it inside, several at once."""
    spec = yard.spec(("pure-py3", "1.0"), name="beside.py.vpython3")
    script = yard.place / "beside.py"
    script.write_text("")
    inline = yard.place / "inline.py"
    rows = "".join(f"# {line}\n" for line in spec.read_text().splitlines())
    inline.write_text(f"# [VPYTHON:BEGIN]\n{rows}# [VPYTHON:END]\n")
    for words in ((spec,), (script,), (inline,)):
        done = yard.tool(source, "verify", *words)
        assert (done.returncode, len(cells(done))) == (0, 1), done.stderr
    done = yard.harness.run("-vpython-source", source, "-vpython-spec", spec, "-vpython-tool", "verify")
    assert (done.returncode, len(cells(done))) == (0, 1)
    bad = yard.spec(("pure-py3", "9"), name="bad.vpython3")
    broken = yard.place / "broken.vpython3"
    broken.write_text("wheel <")
    done = yard.tool(source, "verify", spec, bad, broken)
    assert done.returncode == 1
    assert done.stdout.count("result") == 2
    assert f"{bad}: `{PREFIX}pure-py3` version:9, on every platform: " in done.stderr
    assert f"{broken}:1:7: " in done.stderr


def test_names_that_no_platform_can_fill_in(yard: Yard) -> None:
    source = yard.pack()
    done = yard.tool(source, "verify", yard.spec(("pure-py3", "1.0"), ("a/${none}", "1")))
    assert done.returncode == 1
    assert {cell for row in cells(done).values() for cell in row} == {"?"}
    assert "every platform: " in done.stderr
    assert f"unknown variable `${{none}}` in `{PREFIX}a/${{none}}`" in done.stderr
    spec = yard.place / "open.vpython3"
    spec.write_text('verify_pep425_tag: { platform: "win32" }\n')
    done = yard.tool(source, "verify", spec)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "hint: give it `python`, `abi` and `platform`"


def test_wrong_words(yard: Yard) -> None:
    done = yard.tool("", "verify", "none.py")
    assert (done.returncode, done.stderr) == (2, "vpython: there is no `none.py`\n")
    done = yard.tool("", "verify", "-c", "pass")
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: there is no spec here\n\nhint: name a script or a spec")


def test_the_default_platforms(yard: Yard) -> None:
    """They take the Python that the spec asks for; one that verifies another Python is warned."""
    source = yard.pack()
    done = yard.tool(source, "verify", yard.spec(("pure-py3", "1.0"), tags=()))
    assert (done.returncode, done.stderr) == (0, "")
    heads = [line.split() for line in done.stdout.splitlines() if "linux-amd64" in line or "cp311" in line]
    assert len(heads[0]) == 6
    assert heads[1] == ["cp311"] * 6
    text = yard.spec(("pure-py3", "1.0")).read_text()
    other = yard.place / "other.vpython3"
    other.write_text(text.replace('"3.11"', '"3.12"'))
    done = yard.tool(source, "verify", other)
    assert done.returncode == 0
    assert "python_version `3.12` is not verified: its verify_pep425_tag are for `cp311`" in done.stderr


def test_packages_that_contradict_each_other(yard: Yard) -> None:
    yard.make("pure", "1.0", "py3-none-any", "pure-py3")
    source = yard.pack()
    other = make_wheel(yard.place / "others", "pure", "3.0")
    done = yard.harness.run(
        *("-vpython-tool", "pack", "-repo", yard.place / "repository", "-name", f"{PREFIX}twin-py3", other)
    )
    assert done.returncode == 0
    done = yard.tool(source, "verify", yard.spec(("pure-py3", "1.0"), ("twin-py3", "3.0")))
    assert done.returncode == 1
    assert (
        "hold two wheels of `pure`: `pure-1.0-py3-none-any.whl`, `pure-3.0-py3-none-any.whl`" in done.stderr
    )


@pytest.mark.parametrize("source", ["index"], indirect=True)
def test_two_versions_of_a_project(yard: Yard, source: str) -> None:
    """Two package names that mean one project of an index, at versions that differ."""
    done = yard.tool(source, "verify", yard.spec(("pure-py3", "1.0"), ("pure-py2_py3", "1.1"), tags=TAGS[:1]))
    assert done.returncode == 1
    assert (
        "hold two wheels of `pure`: `pure-1.1-py3-none-any.whl`, `pure-1.0-py3-none-any.whl`" in done.stderr
    )


def test_a_package_with_the_wrong_wheel(yard: Yard) -> None:
    """It resolves, and offers nothing: the table tells the platform, the error what there is."""
    wheel = yard.wheels / "native-2.0-cp311-cp311-win_amd64.whl"
    name = f"{PREFIX}native/linux-arm64_cp311_cp311"
    wrong = yard.wheels / "native-2.0-cp311-cp311-manylinux2014_aarch64.whl"
    wrong.unlink()
    source = yard.pack()
    done = yard.harness.run("-vpython-tool", "pack", "-repo", yard.place / "repository", "-name", name, wheel)
    assert done.returncode == 0
    done = yard.tool(source, "verify", yard.spec(NATIVE))
    assert done.returncode == 1
    assert cells(done)[f"{PREFIX}native/${{vpython_platform}} version:2.0"] == ["ok", "missing", "ok", "ok"]
    assert ", on linux-arm64 cp311: no wheel of `native` 2.0 for `cp311-cp311-linux_arm64`" in done.stderr
    assert "there is `native-2.0-cp311-cp311-win_amd64.whl`" in done.stderr


def test_a_service_that_is_away(yard: Yard, service: Service) -> None:
    yard.fill(service)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"cipd:http://127.0.0.1:{free.getsockname()[1]}"
    spec = yard.spec(("pure-py3", "1.0"), NATIVE)
    done = yard.tool(nobody, "verify", spec)
    assert done.returncode == 1
    assert {cell for row in cells(done).values() for cell in row} == {"?"}
    assert done.stdout.splitlines()[-1] == "result       8 not known"
    assert done.stderr.splitlines()[-1].startswith("hint: -vpython-source index takes the packages")
    done = yard.tool(f"cipd:{service.rpc_url}", "verify", spec)
    assert done.returncode == 0


class TestRequirements:
    def write(self, yard: Yard, *requirements: str, python: str = ">=3.11") -> str:
        listed = ", ".join(f'"{each}"' for each in requirements)
        path = yard.place / "vpython.toml"
        path.write_text(f'requires-python = "{python}"\ndependencies = [{listed}]\n')
        return str(path)

    @pytest.fixture
    def source(self, yard: Yard, simple_index: Callable[[str], SimpleIndex]) -> str:
        make_wheel(yard.wheels, "above", "1.0", requires=("native>=2", 'pure; sys_platform == "win32"'))
        return f"index:{simple_index('wheels').url}"

    def test_they_are_resolved_for_each_platform(self, yard: Yard, source: str) -> None:
        spec = self.write(yard, "above==1.0", "pure==1.1; sys_platform == 'win32'")
        done = yard.tool(source, "verify", spec)
        assert done.returncode == 1
        table = cells(done)
        # The default platforms: linux, mac and windows, each twice; `native` is not there for all of them.
        assert table["pure==1.1"] == ["-", "-", "-", "-", "ok", "?"]
        assert table["above==1.0"] == ["ok", "ok", "?", "ok", "ok", "?"]
        assert (
            "mac-amd64 cp311, windows-386 cp311: no wheel of `native>=2` (wanted by above 1.0) fits"
            in done.stderr
        )

    def test_one_that_is_missing_hides_no_other(self, yard: Yard, source: str) -> None:
        done = yard.tool(source, "verify", self.write(yard, "pure", "nothing==1", "native==2.0"))
        assert done.returncode == 1
        table = cells(done)
        assert table["nothing==1"] == ["missing"] * 6
        assert table["pure"] == ["ok"] * 6
        assert table["native==2.0"] == ["ok", "ok", "missing", "ok", "ok", "missing"]
        assert "`nothing==1`, on every platform: the index has no project `nothing`" in done.stderr

    def test_a_newer_python(self, yard: Yard, source: str) -> None:
        done = yard.tool(source, "verify", self.write(yard, "pure", python=">=3.12"))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("cp312") == 6
