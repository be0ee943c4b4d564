"""What it was measured on: facts without names of hosts, users or paths."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from timing import Job, told

if TYPE_CHECKING:
    from yard import Yard


def facts(yard: Yard) -> dict[str, str]:
    """Names and values for the head of the page."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "filesystem": _filesystem(yard.place),
        "/bin/sh": os.path.basename(os.path.realpath("/bin/sh")),
        "Python of all": _version(yard.python, "-V"),
        "vpython": _vpython(yard),
        "uv": _version(yard.uv, "--version"),
        "pip": _version(yard.python, yard.pip, "--version"),
        "load at the start": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    cores = os.cpu_count()
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return f"{found[1] if found else platform.machine()}, {cores} logical cores"


def _filesystem(path: Path) -> str:
    """Return the type of the filesystem: of the longest mount point that the place lies under."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    under = [(mount[1], mount[2]) for mount in mounts if _lies_under(str(path), mount[1])]
    return max(under, key=lambda mount: len(mount[0]), default=("", "unknown"))[1]


def _lies_under(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def _version(*words: str) -> str:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\w+)+", ended.stdout)
    return found[0] if found else "unknown"


def _vpython(yard: Yard) -> str:
    job = Job(words=(str(yard.vpython), "-vpython-tool", "version"), environ=yard.environ)
    return told(job)[0].splitlines()[0].removeprefix("vpython ")
