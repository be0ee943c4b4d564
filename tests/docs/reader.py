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

from tests.builder.checkout import Checkout
from tests.support.harness import BUILT, TOP, Harness
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.markdown import Block, Command

HOME = "/home/me"
END = "\x01end"
NAMES = ("vpython", "vpython3", "vpython-tool")
REPACKED = ("pytest", "pluggy", "iniconfig", "pygments")
BOT = ("CI", "SWARMING_BOT_ID", "SWARMING_HEADLESS")


def fill(folder: Path) -> None:
    """Lay wheels of real projects there: those that the build fetched, and what these tests run with.

    Of packaging there is an older version too: the same code by another number.
    """
    for path in (TOP / "build" / "wheels").glob("*.whl"):
        if path.name.startswith(("packaging-", "tomlkit-")):
            shutil.copy(path, folder)
    for project in REPACKED:
        _repack(folder, importlib.metadata.distribution(project))
    (packaging,) = folder.glob("packaging-*.whl")
    with zipfile.ZipFile(packaging) as wheel:
        modules = {
            name: wheel.read(name).decode().replace("26.3", "26.2")
            for name in wheel.namelist()
            if name.endswith(".py")
        }
    make_wheel(folder, "packaging", "26.2", files=modules)


def _repack(folder: Path, distribution: importlib.metadata.Distribution) -> None:
    """Make a wheel of an installed distribution again, without the scripts and the compiled code."""
    files = [
        str(file)
        for file in distribution.files or ()
        if not str(file).startswith("..") and "__pycache__" not in str(file)
    ]
    kept = [name for name in files if ".dist-info/" not in name or name.endswith(("METADATA", "WHEEL"))]
    kept += [name for name in files if name.endswith("entry_points.txt")]
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    stem = record.partition(".dist-info/")[0]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in kept:
            wheel.write(str(distribution.locate_file(name)), name)
        wheel.writestr(record, "".join(f"{name},,\n" for name in [*kept, record]))


def checkout(place: Path) -> Path:
    """Copy what a clone has and the wheels that were fetched before; what was built is not in it."""
    Checkout(place)
    for name in ("examples", "tests", "shims", "docs"):
        shutil.copytree(TOP / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


class Reader:
    """Types what a document shows, in an empty home; what lies in the cache of `place` stays."""

    def __init__(self, place: Path, index: str) -> None:
        self.harness = Harness(place)
        self.harness.use_base_python()
        self.home = place / "home"
        for path in self.home.iterdir():
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            elif path.name != ".cache":
                shutil.rmtree(path)
        bin_directory = self.home / ".local" / "bin"
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
