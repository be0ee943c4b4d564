"""A reader of the documents: a home, the commands that are installed in it, one shell per document."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from builder.vendor import requirements
from tests.builder.checkout import Checkout
from tests.support.harness import BUILT, TOP, Harness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.markdown import Block, Command

HOME = "/home/me"
END = "\x01end"
NAMES = ("vpython", "vpython3", "vpython-tool")
# The versions that the documents show, whatever those are that the code is taken from; None: its own.
VERSIONS: dict[str, tuple[str | None, ...]] = {
    "packaging": ("26.2", "26.3"),
    "tomlkit": ("0.15.2",),
    "pytest": ("9.2.0",),
    "pluggy": (None,),
    "iniconfig": (None,),
    "pygments": (None,),
}
BOT = ("CI", "SWARMING_BOT_ID", "SWARMING_HEADLESS")


def fill(folder: Path) -> None:
    """Lay wheels of real projects there, made of what the build fetched and of what these tests run with."""
    pins = requirements(TOP / "vendor" / "requirements.txt")
    for project, versions in VERSIONS.items():
        if project in pins:
            (wheel,) = (TOP / "build" / "wheels").glob(f"{project}-{pins[project][0]}-*.whl")
            with zipfile.ZipFile(wheel) as opened:
                files = {name: opened.read(name) for name in opened.namelist()}
        else:
            files = _installed(importlib.metadata.distribution(project))
        for version in versions:
            _repack(folder, files, version)


def _installed(distribution: importlib.metadata.Distribution) -> dict[str, bytes]:
    """Return the files of an installed distribution, without scripts and compiled code."""
    names = [str(file) for file in distribution.files or ()]
    return {
        name: Path(str(distribution.locate_file(name))).read_bytes()
        for name in names
        if not name.startswith("..") and "__pycache__" not in name
    }


def _repack(folder: Path, files: dict[str, bytes], version: str | None) -> None:
    """Write a wheel of these files, by another version where one is given."""
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    stem = record.partition(".dist-info/")[0]
    name, _, old = stem.partition("-")
    new = version or old
    kept = {}
    for path, data in files.items():
        if path == record or path.endswith((".dist-info/INSTALLER", ".dist-info/REQUESTED")):
            continue
        if path.endswith(".py"):
            data = re.sub(rb"""(["'])%b\1""" % re.escape(old.encode()), rb"\g<1>%b\1" % new.encode(), data)
        if path.endswith(".dist-info/METADATA"):
            data = data.replace(b"\nVersion: %b\n" % old.encode(), b"\nVersion: %b\n" % new.encode(), 1)
        kept[path.replace(f"{stem}.dist-info/", f"{name}-{new}.dist-info/")] = data
    kept[f"{name}-{new}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in kept).encode()
    with zipfile.ZipFile(folder / f"{name}-{new}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in kept.items():
            wheel.writestr(path, data)


def checkout(place: Path) -> Path:
    """Copy what a clone has and the wheels that were fetched before; what was built is not in it."""
    Checkout(place)
    for name in ("examples", "tests", "shims", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TOP / name, place / name, ignore=ignored, dirs_exist_ok=True)
    return place


def lay_release(home: Path) -> None:
    """Lay there what a build makes: the wheel, and a directory of releases with the file of this home."""
    from builder import release, wheel

    about = release.project()
    name = wheel.file_name("vpython-pyz", about["version"], wheel.ANY)
    data = wheel.wheel(BUILT.read_bytes(), "vpython-pyz", about, wheel.ANY, b"{}")
    (home / name).write_bytes(data)
    release.publish([home / "vpython.pyz"], home / "releases")


class Reader:
    """Types what a document shows, in a home and with a cache of its own, which `explain` looks at."""

    def __init__(self, place: Path, index: str, *, installs: bool = False) -> None:
        self.harness = Harness(place)
        self.harness.use_base_python()
        self.home = place / "home"
        bin_directory = self.home / ".local" / "bin"
        if installs:  # it says how, and has the file
            shutil.copy(BUILT, self.home / "vpython.pyz")
        else:
            bin_directory.mkdir(parents=True)
            shutil.copy(BUILT, bin_directory / "vpython")
            for name in NAMES[1:]:
                (bin_directory / name).symlink_to("vpython")
        environ = self.harness.environ
        for name in [*BOT, "VPYTHON_VIRTUALENV_ROOT", "PIP_FIND_LINKS"]:
            environ.pop(name, None)
        if index:
            self.harness.use_loopback()
            environ["PIP_INDEX_URL"] = index
        environ["PATH"] = f"{bin_directory}{os.pathsep}{environ['PATH']}"
        environ["COLUMNS"] = "100"

    def read(self, blocks: list[Block], cwd: Path) -> Iterator[tuple[Command, str, int]]:
        """Do what the blocks say in their order; yield each command, what it printed and its exit code."""
        with _Shell(self.harness.environ, cwd) as shell:
            for block in blocks:
                if block.file:
                    path = Path(shell.directory(), block.file)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text, encoding="utf-8")
                    path.chmod(0o755 if block.text.startswith("#!") else 0o644)
                elif block.language in ("sh", "console") and not block.not_run:
                    for command in block.commands():
                        output, code = shell.type(command.text)
                        yield command, output.replace(str(self.home), HOME), code


class _Shell:
    """One `sh` that is given a command at a time."""

    def __init__(self, environ: dict[str, str], cwd: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environ,
            encoding="utf-8",
        )

    def __enter__(self) -> _Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def directory(self) -> str:
        return self.type("pwd -P")[0].strip()

    def type(self, command: str) -> tuple[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # The group keeps the shell's own input from the command; `(exit N)` is what `echo $?` shows then.
        # Its output is this shell's, too: a line of ours ends it, whether or not it ends with a newline.
        text = f'{{ {command}\n}} </dev/null\n_s=$?; printf "{END} %s\\n" "$_s"; (exit "$_s")\n'
        self._process.stdin.write(text)
        self._process.stdin.flush()
        output = ""
        for line in self._process.stdout:
            before, ended, code = line.partition(END)
            output += before
            if ended:
                return output, int(code)
        raise AssertionError(f"the shell ended: {command}: {output}")


def is_shown(shown: tuple[str, ...], output: str) -> bool:
    """Return whether a document shows this output: `…` stands for any text, alone on a line for any lines."""
    pattern = ""
    for line in shown:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    return re.fullmatch(pattern, output if output.endswith("\n") or not output else output + "\n") is not None
