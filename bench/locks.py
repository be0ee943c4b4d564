#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["uv==0.13.8"]
# ///
"""Compare the lockfiles that `vpython-tool lock` and `uv pip compile --universal` make for some requirements.

    dist/vpython.pyz bench/locks.py [--only TEXT]… [--show]

The real index is asked. Of each set a line is printed: whether the texts are the same (versions, markers,
order and who asked) and whether the hashes are, and the seconds that each took. `--show` prints the lines that
differ. The exit code is 1 where anything does.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[1]
BUILT = TOP / "dist" / "vpython.pyz"
LIMIT = 600.0
# `requires-python`, then requirements.
SETS = (
    (">=3.9", "requests<3", "rich"),
    (">=3.10", "pandas", "matplotlib"),
    (">=3.11", "fastapi[standard]", "uvicorn[standard]"),
    (">=3.10", "django", "djangorestframework", "celery[redis]"),
    (">=3.9", "boto3", "s3fs"),
    (">=3.11", "ipython", "click", "colorama"),
    (">=3.9,<3.13", "scikit-learn"),
    (">=3.10", "sqlalchemy[asyncio]", "psycopg2-binary"),
    (">=3.10", "cryptography", "paramiko", "fabric"),
    (">=3.11", "docopt", "pyyaml"),
    (">=3.9", "importlib-metadata", "typing-extensions", "tomli; python_version<'3.11'"),
    (">=3.11", "pywin32; sys_platform=='win32'", "psutil", "tqdm"),
)


def main() -> int:
    """Lock each set by both; print how they compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="TEXT", help="sets with this text alone")
    parser.add_argument("--show", action="store_true", help="print the lines that differ")
    arguments = parser.parse_args()
    is_different = False
    print("text       hashes     uv      vpython  set")
    for python, *requirements in SETS:
        name = f"{python} {' '.join(requirements)}"
        if arguments.only and not any(text in name for text in arguments.only):
            continue
        uv_seconds, expected = timed(by_uv, python, requirements)
        own_seconds, found = timed(by_vpython, python, requirements)
        rows = [lines_of(text) for text in (expected, found)]
        hashes = [hashes_of(text) for text in (expected, found)]
        states = ["same" if one == two else "different" for one, two in (rows, hashes)]
        is_different = is_different or states != ["same", "same"]
        print(f"{states[0]:9}  {states[1]:9}  {uv_seconds:4.1f} s  {own_seconds:4.1f} s   {name}", flush=True)
        if arguments.show:
            for line in difflib.unified_diff(*rows, "uv", "vpython", n=0, lineterm=""):
                print(f"    {line}")
    return int(is_different)


def timed(lock: Callable[[str, list[str]], str], python: str, requirements: list[str]) -> tuple[float, str]:
    """Return the seconds that a lock took, and its text."""
    began = time.monotonic()
    text = lock(python, requirements)
    return time.monotonic() - began, text


def by_uv(python: str, requirements: list[str]) -> str:
    """Return what uv prints for requirements on its standard input."""
    oldest = re.search(r"\d+\.\d+", python)
    assert oldest is not None
    options = ("--universal", "--generate-hashes", "--no-header", "--quiet", "--python-version", oldest[0])
    return run("uv", "pip", "compile", "-", *options, text="\n".join(requirements))


def by_vpython(python: str, requirements: list[str]) -> str:
    """Return the lockfile in uv's format that vpython writes beside a script."""
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "s.py")
        listed = ", ".join(f'"{each}"' for each in requirements)
        script.write_text(
            f'# /// script\n# requires-python = "{python}"\n# dependencies = [{listed}]\n# ///\n'
        )
        run(sys.executable, str(BUILT), "-vpython-tool", "lock", "--format", "uv", str(script))
        return Path(directory, "s.py.uv.lock").read_text()


def run(*argv: str, text: str = "") -> str:
    """Return what a command prints; end with its last words where it fails."""
    done = subprocess.run(
        argv,
        input=text,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "CI": ""},
    )
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def lines_of(text: str) -> list[str]:
    """Return the lines of a lockfile without its hashes."""
    return [line.removesuffix(" \\") for line in text.splitlines() if "--hash=" not in line]


def hashes_of(text: str) -> list[str]:
    """Return the hashes of a lockfile, sorted."""
    return sorted(re.findall(r"--hash=(\S+)", text))


if __name__ == "__main__":
    sys.exit(main())
