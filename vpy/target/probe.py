"""One probe of one Python, remembered for as long as its file and this machine stay what they are."""

from __future__ import annotations

import os

from vpy.model import Interpreter, Tags
from vpy.system import files, jsontext
from vpy.system.digest import sha256
from vpy.target.claim import first_or_told
from vpy.target.questions import ProbeError, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.system.layout import Layout

FORMAT = 1
OLDEST = (3, 8)  # what environments are made for

_FIELDS = ("executable", "version_text", "implementation", "platform", "base_prefix", "landmark")


def probe(path: str, *, layout: Layout, environ: Mapping[str, str]) -> Interpreter:
    """Return what the Python behind `path` is: the base of a venv, the binary behind a wrapper.

    A link is followed to the real file first, and what a real binary answers is kept under the
    root; a wrapper script is asked each time, since its answer may hang on anything. Raises
    ProbeError for what is no CPython 3.8 or newer with a `venv` module.
    """
    if "\0" in path:
        raise ProbeError(path, "is not there")
    real = os.path.realpath(path)
    if is_indirect(real):
        return _interpreter(path, ask(path, environ))
    try:
        signature = files.signature(real)
    except (OSError, ValueError) as error:
        raise ProbeError(path, "is not there") from error
    name = digest(real, signature)
    kept = layout.interpreter(name) + os.sep + "probe.json"

    def recall() -> Interpreter | str | None:
        return _recall(kept)

    known = recall()
    if known is None:
        with first_or_told(layout.lock("probe", name[:2]), recall) as told:
            known = _probe_anew(path, real, kept, environ) if told is None else told
    if isinstance(known, str):
        raise ProbeError(path, known)
    return known


def _probe_anew(path: str, real: str, kept: str, environ: Mapping[str, str]) -> Interpreter | str:
    facts = ask(real, environ)
    reason = _unsuitable(facts)
    if reason:
        _remember(kept, {"format": FORMAT, "unsuitable": reason})
        return reason
    interpreter = _interpreter(path, facts)
    _remember(kept, {"format": FORMAT, **_to_json(interpreter)})
    return interpreter


def is_indirect(real: str) -> bool:
    """Whether a file is no Python itself but leads to one: a script, or a binary of another name."""
    if not os.path.basename(real).lower().startswith("python") or real.lower().endswith((".bat", ".cmd")):
        return True
    try:
        return files.read_bytes(real, 2) == b"#!"
    except OSError:
        return False


def digest(executable: str, signature: tuple[int, int, int]) -> str:
    """Name what one probe is good for: a file as it is now, on this kernel and C library."""
    parts = [str(FORMAT), executable, *map(str, signature), *_machine()]
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _machine() -> tuple[str, ...]:
    """What tags and markers hang on beside the file: a root may be shared, a system upgraded."""
    if not hasattr(os, "uname"):
        import sys

        return tuple(map(str, getattr(sys, "getwindowsversion", tuple)()))
    name = os.uname()
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        library = ""
    return name.sysname, name.release, name.version, name.machine, library


def _unsuitable(facts: dict[str, Any]) -> str:
    """Why no environment can ever be made with it, or ""."""
    if facts["implementation"] != "cpython":
        return f"is not CPython but {facts['implementation']} {facts['version_text']}"
    if tuple(facts["version"][:2]) < OLDEST:
        return f"is Python {facts['version_text']}, older than {OLDEST[0]}.{OLDEST[1]}"
    return ""


def _interpreter(path: str, facts: dict[str, Any]) -> Interpreter:
    reason = _unsuitable(facts)
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
        return _made(facts)
    except OSError as error:
        told = f"is Python {facts['version_text']} that does not know where it lies"
        raise ProbeError(path, told) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProbeError(path, "does not answer as a Python does") from error


def _made(facts: dict[str, Any]) -> Interpreter:
    from vpy.target.compatible import tags_for

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
        tags=Tags.of(tags_for(facts)),
        markers=tuple(sorted(facts["markers"].items())),
        scheme=_scheme(facts["scheme"], (major, minor)),
    )


def _scheme(told: dict[str, str], version: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    """The layout of a venv, with `/` between names.

    Distributions patch the schemes for their own packages (`dist-packages`, `local/…`); a venv
    has neither. Headers lie where pip puts them in a venv: `include/site/pythonX.Y`.
    """
    python = f"python{version[0]}.{version[1]}"
    paths = {name: path.replace(os.sep, "/") for name, path in told.items()}
    for name in ("purelib", "platlib"):
        if not paths[name].endswith("/site-packages") or paths[name].startswith("local/"):
            paths[name] = f"lib/{python}/site-packages"
    if paths["scripts"].startswith("local/"):
        paths["scripts"], paths["data"] = "bin", "."
    return tuple(sorted({**paths, "headers": f"include/site/{python}"}.items()))


def _recall(kept: str) -> Interpreter | str | None:
    """What was kept: an interpreter, or why it is none; None where nothing of use is there."""
    try:
        facts = jsontext.loads(files.read_bytes(kept))
        if facts["format"] != FORMAT:
            return None
        if "unsuitable" in facts:
            return str(facts["unsuitable"])
        found = _from_json(facts)
        current = files.signature(found.executable) == found.signature and files.is_file(found.landmark)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    return found if current else None


def _remember(kept: str, facts: dict[str, Any]) -> None:
    """Keep it for the next time; a root that cannot be written is none the worse for it."""
    try:
        files.write_bytes(kept, jsontext.dumps(facts).encode())
    except OSError:
        pass


def _to_json(item: Interpreter) -> dict[str, Any]:
    """Tags as rows of (python, abi, which list of platforms): a thousand tags are forty such rows."""
    platforms: list[tuple[str, ...]] = []
    for _, _, names in item.tags.rows:
        if names not in platforms:
            platforms.append(names)
    return {
        **{name: getattr(item, name) for name in _FIELDS},
        "version": item.version,
        "signature": item.signature,
        "markers": item.markers,
        "scheme": item.scheme,
        "platforms": platforms,
        "tags": [(python, abi, platforms.index(names)) for python, abi, names in item.tags.rows],
    }


def _from_json(facts: dict[str, Any]) -> Interpreter:
    texts = {name: facts[name] for name in _FIELDS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a text is none")
    major, minor, patch = facts["version"]
    size, mtime, inode = facts["signature"]
    return Interpreter(
        **texts,
        version=(int(major), int(minor), int(patch)),
        signature=(int(size), int(mtime), int(inode)),
        tags=Tags((str(python), str(abi), facts["platforms"][which]) for python, abi, which in facts["tags"]),
        markers=tuple((str(name), str(text)) for name, text in facts["markers"]),
        scheme=tuple((str(name), str(text)) for name, text in facts["scheme"]),
    )
