"""One set of wheels, had from a directory, from the service, from an index; and specs that want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import package
from tests.packages.conftest import SimpleIndex, service, simple_index
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.cipd.server import Service
    from tests.support.harness import Harness

__all__ = ["service", "simple_index"]

PREFIX = "infra/python/wheels/"
TAGS = ("manylinux1_x86_64", "linux_arm64", "macosx_11_0_arm64", "win_amd64")
PLATFORMS = ("linux-amd64", "linux-arm64", "mac-arm64", "windows-amd64")
NATIVE = {
    "linux-amd64": "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "linux-arm64": "cp311-cp311-manylinux2014_aarch64",
    "mac-arm64": "cp311-cp311-macosx_11_0_arm64",
    "windows-amd64": "cp311-cp311-win_amd64",
}


class Yard:
    """The built file beside wheels: `pure` 1.0 and 1.1, `native` 2.0 for each platform."""

    def __init__(self, harness: Harness, place: Path) -> None:
        self.harness = harness
        self.place = place
        self.wheels = place / "wheels"
        self.made: dict[str, tuple[str, str]] = {}
        self.make("pure", "1.0", "py3-none-any", "pure-py3")
        self.make("pure", "1.1", "py3-none-any", "pure-py3")
        for platform, tag in NATIVE.items():
            self.make("native", "2.0", tag, f"native/{platform}_cp311_cp311")

    def make(self, project: str, version: str, tag: str, name: str) -> None:
        """A wheel, and what its package is called."""
        wheel = make_wheel(self.wheels, project, version, tag=tag)
        self.made[wheel.name] = (PREFIX + name, f"version:{version}")

    def fill(self, service: Service, *, without: tuple[str, ...] = ()) -> None:
        """Put all but some of the packages into the service."""
        for wheel, (name, tag) in self.made.items():
            if not name.endswith(without):
                service.put(name, package(name, {wheel: (self.wheels / wheel).read_bytes()}), tags=(tag,))

    def pack(self, *words: str) -> str:
        """A directory of all the packages, as a source."""
        repository = self.place / "repository"
        done = self.harness.run(
            "-vpython-tool", "pack", "-repo", repository, *words, *self.wheels.glob("*.whl")
        )
        assert done.returncode == 0, done.stderr
        return f"directory:{repository}"

    def spec(
        self, *wheels: tuple[str, str], tags: tuple[str, ...] = TAGS, name: str = "s.vpython3", more: str = ""
    ) -> Path:
        """A text spec that verifies platforms; a wheel is (name behind the prefix, version, …)."""
        rows = [
            f'wheel: < name: "{PREFIX}{name}" version: "version:{version}" {more} >'
            for name, version in wheels
        ]
        rows += [f'verify_pep425_tag: {{ python: "cp311" abi: "cp311" platform: "{tag}" }}' for tag in tags]
        path = self.place / name
        path.write_text("\n".join(['python_version: "3.11"', *rows]) + "\n")
        return path

    def tool(
        self, source: str, name: str, *words: str | Path, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """A tool's run; whatever it says is told as vpython tells things."""
        options = ("-vpython-source", source) if source else ()
        done = self.harness.run(*options, "-vpython-tool", name, *words, env=env)
        assert "Traceback" not in done.stderr
        assert done.stderr == "" or done.stderr.startswith("vpython: ")
        return done


@pytest.fixture
def yard(harness: Harness, tmp_path: Path) -> Yard:
    harness.use_loopback()
    return Yard(harness, tmp_path)


@pytest.fixture
def source(request: pytest.FixtureRequest, yard: Yard) -> str:
    """The yard's packages by the source that the test is run for: `directory`, `cipd` or `index`."""
    kind: str = request.param
    if kind == "directory":
        return yard.pack()
    if kind == "cipd":
        server: Service = request.getfixturevalue("service")
        yard.fill(server)
        return f"cipd:{server.rpc_url}"
    serve: Callable[[str], SimpleIndex] = request.getfixturevalue("simple_index")
    return f"index:{serve('wheels').url}"


def cells(done: subprocess.CompletedProcess[str]) -> dict[str, list[str]]:
    """The rows of a printed table: the last words of each line, as many as there are platforms."""
    lines = [line.split() for line in done.stdout.partition("wheel: <")[0].splitlines()]
    count = next(len(line) for line in lines if "linux-amd64" in line)
    return {" ".join(line[:-count]): line[-count:] for line in lines if len(line) > count}
