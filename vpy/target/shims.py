"""Pythons behind the shims of version managers, found in the managers' own files: no shim is run."""

from __future__ import annotations

import os

from vpy.model import Observation
from vpy.system import files
from vpy.target.installations import observe_no_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LARGEST = 64 * 1024
_SHIM = "is a shim of "


def behind(path: str, reason: str, environ: Mapping[str, str], observe: Callable[..., None]) -> str | None:
    """Return the Python that a shim stands for where the user chose it for everywhere; None for no answer.

    `reason` is that of `why_skipped`. What a manager reads in the working directory does not count,
    since a script is started from any. `observe` takes what the answer depends on.
    """
    manager = reason.removeprefix(_SHIM) if reason.startswith(_SHIM) else ""
    name = os.path.basename(path)
    for version, directory in _chosen(manager, environ, observe):
        program = os.path.join(directory, version, "bin", name)
        if files.is_file(program):
            return program
        observe(*observe_no_program(program))
    return None


def _chosen(
    manager: str, environ: Mapping[str, str], observe: Callable[..., None]
) -> Iterator[tuple[str, str]]:
    """Yield each version that is chosen for everywhere, and the directory of all versions."""
    home = _variable("HOME", environ, observe)
    if manager == "pyenv":
        top = _variable("PYENV_ROOT", environ, observe) or os.path.join(home, ".pyenv")
        versions = _variable("PYENV_VERSION", environ, observe).split(":")
        if versions == [""] and os.path.isabs(top):
            versions = _read(os.path.join(top, "version"), observe).split()
        directory = os.path.join(top, "versions")
    elif manager == "asdf":
        top = _variable("ASDF_DATA_DIR", environ, observe) or os.path.join(home, ".asdf")
        versions = _variable("ASDF_PYTHON_VERSION", environ, observe).split()
        versions = versions or _tool_versions(os.path.join(home, ".tool-versions"), observe)
        directory = os.path.join(top, "installs", "python")
    elif manager in ("mise", "rtx"):
        shared = _variable("XDG_DATA_HOME", environ, observe) or os.path.join(home, ".local", "share")
        top = _variable("MISE_DATA_DIR", environ, observe) or os.path.join(shared, manager)
        versions = _variable("MISE_PYTHON_VERSION", environ, observe).split()
        versions = versions or _mise_versions(home, environ, observe)
        directory = os.path.join(top, "installs", "python")
    else:
        return
    if os.path.isabs(directory):
        plain = (version for version in versions if version and os.sep not in version)
        yield from ((version, directory) for version in plain if version not in ("system", ".", ".."))


def _mise_versions(home: str, environ: Mapping[str, str], observe: Callable[..., None]) -> list[str]:
    """Return what mise's configuration of the user says, else what asdf's file does, which mise reads too."""
    base = _variable("XDG_CONFIG_HOME", environ, observe) or os.path.join(home, ".config")
    text = _read(os.path.join(base, "mise", "config.toml"), observe)
    if text:
        import tomllib

        try:
            chosen = tomllib.loads(text).get("tools", {}).get("python", [])
        except (ValueError, AttributeError):
            chosen = []
        chosen = chosen.get("version", "") if isinstance(chosen, dict) else chosen
        versions = [chosen] if isinstance(chosen, str) else chosen
        if found := [version for version in versions if isinstance(version, str) and version]:
            return found
    return _tool_versions(os.path.join(home, ".tool-versions"), observe)


def _tool_versions(path: str, observe: Callable[..., None]) -> list[str]:
    for line in _read(path, observe).splitlines():
        name, *versions = line.partition("#")[0].split() or [""]
        if name == "python":
            return versions
    return []


def _variable(name: str, environ: Mapping[str, str], observe: Callable[..., None]) -> str:
    text = environ.get(name)
    observe(Observation("unset", (name,)) if text is None else Observation("variable", (name, text)))
    return text or ""


def _read(path: str, observe: Callable[..., None]) -> str:
    """Return the text of a small file, which is observed; "" where it cannot be read."""
    if not os.path.isabs(path):
        return ""
    try:
        data = files.read_bytes(path, _LARGEST)
    except OSError:
        observe(Observation("no-file", (path,)))
        return ""
    observe(Observation("content", (path, data.decode("latin-1"))))
    return data.decode("utf-8", "replace")
