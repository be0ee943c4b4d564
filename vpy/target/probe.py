"""Probe of a Python: a short script that it runs, and the cache of what the script reports."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.model import Interpreter, Tags
from vpy.system import files, locks, sealed
from vpy.system.lean import contextlib, json
from vpy.system.lean.hashlib import sha256
from vpy.target.tags import compatible_tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vpy.system.layout import Layout
    from vpy.system.process import Finished

    # An interpreter, the reason why a Python is unsuitable, or None where nothing is known.
    Answer = Interpreter | str | None

OLDEST = (3, 8)  # the oldest Python that environments are built on
TIMEOUT = 10.0  # seconds
# PyPy is taken where it is asked for by its name or path, never found.
IMPLEMENTATIONS = ("cpython", "pypy")

_FORMAT = 1  # of the cached `probe.json`; also part of its directory's name
_FIELDS = ("executable", "version_text", "implementation", "platform", "base_prefix", "landmark")
_MARK = b"vpython-facts:"
_VARIABLES = {
    # macOS answers 10.16 to a Python that was built for an older one, unless asked not to.
    "SYSTEM_VERSION_COMPAT": "0",
    # A vpython behind the path must neither build an environment nor start a probe of its own.
    "VPYTHON_BYPASS": "manually managed python not supported by chrome operations",
}

# Runs on CPython 2.7 and 3.4+ and PyPy; what comes after the version only where an environment can be built.
_SCRIPT = r"""
import sys
sys.path[:] = [path for path in sys.path if path]
import json, os, platform, struct, sysconfig

def version_of(info):
    kind = "" if info[3] == "final" else info[3][0] + str(info[4])
    return ".".join(map(str, info[:3])) + kind

def base():
    path = getattr(sys, "_base_executable", None) or sys.executable
    for _ in range(10 if path == sys.executable else 0):
        outer = outside(path)
        if outer is None:
            break
        path = outer
    return path

def outside(venv):
    scripts = os.path.dirname(os.path.abspath(venv))
    for directory in (scripts, os.path.dirname(scripts)):
        settings = {}
        try:
            config = os.path.join(directory, "pyvenv.cfg")
            with open(config, encoding="utf-8", errors="surrogateescape") as lines:
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
        "suffix": sysconfig.get_config_var("EXT_SUFFIX"),
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
if sys.version_info >= (3, 8) and facts["implementation"] in ("cpython", "pypy"):
    facts.update(rest())
sys.stdout.write("\nvpython-facts:" + json.dumps(facts) + "\n")
"""


class ProbeError(ToolError):
    """Raised for a path at which there is no Python to build on; `reason` is to be read after the path."""

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"`{path}` {reason}", hint=hint)
        self.path = path
        self.reason = reason


def probe(path: str, *, layout: Layout, environ: Mapping[str, str]) -> Interpreter:
    """Return the base Python behind `path`: of a venv its base, of a wrapper script what it runs.

    Links are followed first. The answer of a real binary is cached in the root; a wrapper script is
    run each time, since its answer may depend on anything. Raises ProbeError for what is no CPython
    or PyPy 3.8 or newer with a `venv` module.
    """
    if "\0" in path:
        raise ProbeError(path, "does not exist")
    real = os.path.realpath(path)
    if is_indirect(real):
        return _interpreter(path, _report(path, environ))

    try:
        key = cache_key(real, files.signature(real))
    except (OSError, ValueError) as error:
        raise ProbeError(path, "does not exist") from error
    cached = layout.interpreter(key) + os.sep + "probe.json"

    answer = _cache_get(cached)
    if answer is None:
        with first_or_answer(layout.lock("probe", key[:2]), lambda: _cache_get(cached)) as found:
            answer = _probe_binary(path, real, cached, environ) if found is None else found
    if isinstance(answer, str):
        raise ProbeError(path, answer)
    return answer


def _probe_binary(path: str, real: str, cached: str, environ: Mapping[str, str]) -> Interpreter | str:
    facts = _report(real, environ)
    reason = _why_unsuitable(facts)
    if reason:
        _cache_put(cached, {"format": _FORMAT, "unsuitable": reason})
        return reason

    interpreter = _interpreter(path, facts)
    _cache_put(cached, {"format": _FORMAT, **_to_json(interpreter)})
    return interpreter


def is_indirect(real: str) -> bool:
    """Return whether a file leads to a Python without being one: a script, or a binary of another name."""
    is_named = os.path.basename(real).lower().startswith(("python", "pypy"))
    if not is_named or real.lower().endswith((".bat", ".cmd")):
        return True
    try:
        return files.read_bytes(real, 2) == b"#!"
    except OSError:
        return False


def _report(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Run the script by the Python at `path`; return the facts that it reports.

    It runs isolated and without `site`. A Python too old to know `-I` is run a second time without
    it, so that its version can be reported. Raises ProbeError where no facts come.
    """
    finished = _run(path, ("-I", "-S"), environ)
    if finished.code == 2 and b"-I" in finished.stderr:
        finished = _run(path, ("-E", "-s", "-S"), environ)
    return _parse_report(path, finished)


def _run(path: str, options: tuple[str, ...], environ: Mapping[str, str]) -> Finished:
    from vpy.system import process

    variables = {**process.clean_environ(environ), **_VARIABLES}
    variables.pop("VPYTHON_INTERPRETER", None)
    try:
        return process.run([path, *options, "-c", _SCRIPT], environ=variables, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise ProbeError(path, f"cannot be started: {why}") from error


def _parse_report(path: str, finished: Finished) -> dict[str, Any]:
    if finished.code == -9:
        raise ProbeError(path, f"gave no answer within {TIMEOUT:g} s, or was killed")
    if finished.code:
        raise ProbeError(path, _failure(finished))

    for line in finished.stdout.splitlines():
        if line.startswith(_MARK):
            try:
                facts = json.loads(line[len(_MARK) :])
            except (ValueError, RecursionError):
                break
            if _has_version(facts):
                return dict(facts)
    raise ProbeError(path, "does not answer like a Python")


def _has_version(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and isinstance(facts.get("implementation"), str)
        and isinstance(facts.get("version_text"), str)
        and isinstance(facts.get("version"), list)
        and len(facts["version"]) == 3
        and all(isinstance(number, int) for number in facts["version"])
    )


def _failure(finished: Finished) -> str:
    """Return how a child failed, with its last line of output unless that only quotes the script."""
    lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
    why = f": {lines[-1].strip()[:200]}" if lines and "sys.path[:]" not in lines[-1] else ""
    if finished.code < 0:
        return f"was killed by signal {-finished.code}{why}"
    return f"is not a working Python: it ended with code {finished.code}{why}"


def _why_unsuitable(facts: dict[str, Any]) -> str:
    """Return why no environment can be built on a Python whatever is installed for it; "" where one can."""
    if facts["implementation"] not in IMPLEMENTATIONS:
        return f"is neither CPython nor PyPy but {facts['implementation']} {facts['version_text']}"
    if tuple(facts["version"][:2]) < OLDEST:
        return f"is Python {facts['version_text']}, older than {OLDEST[0]}.{OLDEST[1]}"
    return ""


def _interpreter(path: str, facts: dict[str, Any]) -> Interpreter:
    """Return the interpreter that `facts` describe; raise ProbeError where it cannot be used."""
    reason = _why_unsuitable(facts)
    if reason:
        raise ProbeError(path, reason)
    if not facts.get("venv"):
        name = "python" + ".".join(map(str, facts["version"][:2]))
        raise ProbeError(
            path,
            f"is Python {facts['version_text']} without the `venv` module",
            hint=f"install the package that holds it (Debian: `{name}-venv`)",
        )

    try:
        return _from_facts(facts)
    except OSError as error:
        reason = f"is Python {facts['version_text']} that cannot tell where it is installed"
        raise ProbeError(path, reason) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProbeError(path, "does not answer like a Python") from error


def _from_facts(facts: dict[str, Any]) -> Interpreter:
    major, minor, patch = facts["version"]
    os.stat(facts["landmark"])
    return Interpreter(
        executable=facts["executable"],
        version=(major, minor, patch),
        version_text=facts["version_text"],
        implementation=facts["implementation"],
        platform=facts["platform"],
        base_prefix=facts["base_prefix"],
        landmark=facts["landmark"],
        signature=files.signature(facts["executable"]),
        tags=Tags.of(compatible_tags(facts)),
        markers=tuple(sorted(facts["markers"].items())),
        scheme=_venv_scheme(facts["scheme"], f"{_name(facts['implementation'])}{major}.{minor}"),
    )


def _name(implementation: str) -> str:
    """Return what the directories of an implementation are called."""
    return "pypy" if implementation == "pypy" else "python"


def _venv_scheme(reported: dict[str, str], python: str) -> tuple[tuple[str, str], ...]:
    """Return the paths of a venv below its prefix, with `/` between names, from those that were reported.

    Distributions patch the schemes for their own packages (`dist-packages`, `local/…`); a venv
    has neither. `python` is the name of the directory for a version, `pythonX.Y`. Headers are where pip puts
    them in a venv: `include/site/pythonX.Y`.
    """
    paths = {name: path.replace(os.sep, "/") for name, path in reported.items()}
    for name in ("purelib", "platlib"):
        if not paths[name].endswith("/site-packages") or paths[name].startswith("local/"):
            paths[name] = f"lib/{python}/site-packages"
    if paths["scripts"].startswith("local/"):
        paths["scripts"], paths["data"] = "bin", "."
    version = python.lstrip("abcdefghijklmnopqrstuvwxyz")
    return tuple(sorted({**paths, "headers": f"include/site/python{version}"}.items()))


def cache_key(executable: str, signature: tuple[int, int, int]) -> str:
    """Return the key of a probe's answer: it holds for one state of a file, one kernel and one C library."""
    parts = [str(_FORMAT), executable, *map(str, signature), *_host()]
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _host() -> tuple[str, ...]:
    """Return what tags and markers depend on beside the file: a root may be shared, a system upgraded."""
    if not hasattr(os, "uname"):
        import sys

        return tuple(map(str, getattr(sys, "getwindowsversion", tuple)()))

    name = os.uname()
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        library = ""
    return name.sysname, name.release, name.version, name.machine, library


def _cache_get(path: str) -> Answer:
    """Return the cached answer; None where there is none, or its executable or library has changed."""
    try:
        facts = sealed.read(path)
        if facts["format"] != _FORMAT:
            return None
        if "unsuitable" in facts:
            return str(facts["unsuitable"])
        interpreter = _from_json(facts)
        signature = files.signature(interpreter.executable)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    current = signature == interpreter.signature and files.is_file(interpreter.landmark)
    return interpreter if current else None


def _cache_put(path: str, facts: dict[str, Any]) -> None:
    try:
        files.write_bytes(path, sealed.dump(facts))
    except OSError:
        pass  # a root that cannot be written only costs the next start a probe


def _to_json(interpreter: Interpreter) -> dict[str, Any]:
    """Return the cached form of an interpreter.

    Its tags are rows of (python, abi, index in `platforms`): forty rows instead of a thousand tags.
    """
    platforms: list[tuple[str, ...]] = []
    for _, _, names in interpreter.tags.rows:
        if names not in platforms:
            platforms.append(names)

    return {
        **{name: getattr(interpreter, name) for name in _FIELDS},
        "version": interpreter.version,
        "signature": interpreter.signature,
        "markers": interpreter.markers,
        "scheme": interpreter.scheme,
        "platforms": platforms,
        "tags": [(python, abi, platforms.index(names)) for python, abi, names in interpreter.tags.rows],
    }


def _from_json(facts: dict[str, Any]) -> Interpreter:
    texts = {name: facts[name] for name in _FIELDS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a field is not a string")

    major, minor, patch = facts["version"]
    size, mtime, inode = facts["signature"]
    platforms = facts["platforms"]
    return Interpreter(
        **texts,
        version=(int(major), int(minor), int(patch)),
        signature=(int(size), int(mtime), int(inode)),
        tags=Tags((str(python), str(abi), platforms[index]) for python, abi, index in facts["tags"]),
        markers=tuple((str(name), str(text)) for name, text in facts["markers"]),
        scheme=tuple((str(name), str(text)) for name, text in facts["scheme"]),
    )


@contextlib.contextmanager
def first_or_answer(lock: str, get: Callable[[], Answer]) -> Iterator[Answer]:
    """Let the first process with this lock file work, and yield what `get` returns to the others.

    The others wait until the first has ended, even by a crash. The first gets what `get` returns too,
    which may have been put meanwhile. Without a lock file (the root cannot be written) None is yielded.
    """
    try:
        locks.ensure_lock_file(lock)
    except OSError:
        yield None
        return

    with locks.flocked(lock, alone=True, wait=False) as first:
        if first:
            yield get()
            return
    with locks.flocked(lock, alone=False):
        answer = get()
    yield answer
