"""What a Python is asked about itself: one child, one short script, one line of JSON."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.system.process import Finished

TIMEOUT = 10.0  # seconds

_MARK = b"vpython-facts:"

_TOLD = {
    # macOS answers 10.16 to a Python that was built for an older one, unless told not to.
    "SYSTEM_VERSION_COMPAT": "0",
    # Where the file leads to a vpython, that one must not make an environment, nor ask in turn.
    "VPYTHON_BYPASS": "manually managed python not supported by chrome operations",
}

# Runs on CPython 2.7 and 3.4+; what comes after the version only where an environment can be made.
_SCRIPT = r"""
import sys
sys.path[:] = [place for place in sys.path if place]
import json, os, platform, struct, sysconfig

def version_of(info):
    kind = "" if info[3] == "final" else info[3][0] + str(info[4])
    return ".".join(map(str, info[:3])) + kind

def base():
    told = getattr(sys, "_base_executable", None) or sys.executable
    for _ in range(10 if told == sys.executable else 0):
        outer = outside(told)
        if outer is None:
            break
        told = outer
    return told

def outside(venv):
    here = os.path.dirname(os.path.abspath(venv))
    for place in (here, os.path.dirname(here)):
        settings = {}
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    name, _, text = line.partition("=")
                    settings[name.strip().lower()] = text.strip()
        except OSError:
            continue
        home = settings.get("home", "")
        end = ".exe" if os.name == "nt" else ""
        names = (os.path.basename(venv), "python%d.%d%s" % (sys.version_info[:2] + (end,)),
                 "python3" + end, "python" + end)
        for found in [settings.get("base-executable"), settings.get("executable")] + [
                os.path.join(home, name) for name in names if home]:
            if found and os.path.isfile(found):
                return found
    return None

def landmark():
    found = getattr(os, "__file__", "") or os.path.join(sysconfig.get_path("stdlib"), "os.py")
    if found.endswith(".pyc"):
        found = found[:-1]
    while not os.path.isfile(found) and os.path.dirname(found) != found:
        found = os.path.dirname(found)
    return found

def scheme():
    import importlib.util
    name = "venv" if sys.version_info >= (3, 11) else "nt" if os.name == "nt" else "posix_prefix"
    top = os.path.join(os.path.abspath(os.sep), "@")
    roots = dict.fromkeys(("base", "platbase", "installed_base", "installed_platbase"), top)
    paths = sysconfig.get_paths(name, roots)
    return {key: os.path.relpath(paths[key], top) for key in ("purelib", "platlib", "scripts", "data")}

def glibc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        return None

def rest():
    import importlib.util
    from importlib.machinery import EXTENSION_SUFFIXES
    debug = sysconfig.get_config_var("Py_DEBUG")
    if debug is None:
        debug = hasattr(sys, "gettotalrefcount") or "_d.pyd" in EXTENSION_SUFFIXES
    return {
        "executable": os.path.realpath(base()),
        "platform": sysconfig.get_platform(),
        "base_prefix": sys.base_prefix,
        "landmark": landmark(),
        "scheme": scheme(),
        "venv": importlib.util.find_spec("venv") is not None,
        "nodot": sysconfig.get_config_var("py_version_nodot"),
        "bits": struct.calcsize("P") * 8,
        "debug": bool(debug),
        "threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "glibc": glibc(),
        "mac": [platform.mac_ver()[0], platform.mac_ver()[2]],
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": version_of(sys.implementation.version),
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": platform.python_version(),
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "sys_platform": sys.platform,
        },
    }

facts = {
    "implementation": platform.python_implementation().lower(),
    "version": list(sys.version_info[:3]),
    "version_text": platform.python_version(),
}
if sys.version_info >= (3, 8) and facts["implementation"] == "cpython":
    facts.update(rest())
sys.stdout.write("\nvpython-facts:" + json.dumps(facts) + "\n")
"""


class ProbeError(ToolError):
    """A file that is no Python to build on: `reason` says why, to be read after its path."""

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"`{path}` {reason}", hint=hint)
        self.path = path
        self.reason = reason


def ask(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the Python at `path` says of itself; ProbeError where it says nothing of use.

    It runs isolated and without `site`. A Python too old to know `-I` is asked a second time
    without it, so that its version can be told.
    """
    finished = _run(path, ("-I", "-S"), environ)
    if finished.code == 2 and b"-I" in finished.stderr:
        finished = _run(path, ("-E", "-s", "-S"), environ)
    return _read(path, finished)


def _run(path: str, options: tuple[str, ...], environ: Mapping[str, str]) -> Finished:
    from vpy.system import process

    told = {**process.clean_environ(environ), **_TOLD}
    told.pop("VPYTHON_INTERPRETER", None)
    try:
        return process.run([path, *options, "-c", _SCRIPT], environ=told, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise ProbeError(path, f"cannot be started: {why}") from error


def _read(path: str, finished: Finished) -> dict[str, Any]:
    if finished.code == -9:
        raise ProbeError(path, f"gave no answer within {TIMEOUT:g} s, or was killed")
    if finished.code:
        raise ProbeError(path, _ending(finished))
    for line in finished.stdout.splitlines():
        if line.startswith(_MARK):
            try:
                facts = jsontext.loads(line[len(_MARK) :])
            except (ValueError, RecursionError):
                break
            if _is_answer(facts):
                return dict(facts)
    raise ProbeError(path, "does not answer as a Python does")


def _is_answer(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and isinstance(facts.get("implementation"), str)
        and isinstance(facts.get("version_text"), str)
        and isinstance(facts.get("version"), list)
        and len(facts["version"]) == 3
        and all(isinstance(number, int) for number in facts["version"])
    )


def _ending(finished: Finished) -> str:
    """How a child failed, with the last line it wrote unless that only quotes our script."""
    said = finished.stderr.decode("utf-8", "replace").strip().splitlines()
    why = f": {said[-1].strip()[:200]}" if said and "sys.path[:]" not in said[-1] else ""
    if finished.code < 0:
        return f"died of signal {-finished.code}{why}"
    return f"is no working Python: it ended with code {finished.code}{why}"
