"""Which Python is asked for besides the spec: `-vpython-python`, the user's file, `.python-version`."""

from __future__ import annotations

import os
import re

from vpy.errors import UserError
from vpy.model import Observation
from vpy.operations import settings
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.request import Request
    from vpy.model import Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.operations.settings import Setting

VERSION_FILE = ".python-version"
LARGEST = 4096
_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_FREE_THREADED = re.compile(r"\d+\.\d+t")  # as such a build calls its command (PEP 703)
_SPECIFIER = re.compile(r"(===|~=|==|!=|<=|>=|<|>)")


@value
class Choice:
    """Requirements on the Python: a spec that has them, a path that must be it, who asks for it."""

    spec: Spec
    explicit: str | None = None
    asked_by: str = ""
    observations: tuple[Observation, ...] = ()


def choose(request: Request, context: Context, spec: Spec, source: SpecSource | None) -> Choice:
    """Return the spec as the search for a Python takes it, and the path that must be taken, if any."""
    explicit = request.options.get("interpreter")
    if explicit:
        return Choice(spec, os.path.join(request.cwd or "/", explicit))
    setting = settings.python(request, context)
    is_open = not (spec.python_version or spec.requires_python)
    if setting.text and (is_open or not os.path.isabs(setting.origin)):
        return _of_setting(setting, spec, context)
    if (
        source is not None
        and source.format in ("script", "requirements")
        and is_open
        and not source.is_fetched
    ):
        return _of_version_file(source.path, spec, context, setting.observations)
    return Choice(spec, observations=setting.observations if is_open else ())


def _of_setting(setting: Setting, spec: Spec, context: Context) -> Choice:
    text = setting.text
    rows = setting.observations
    if _VERSION.fullmatch(text):
        return Choice(_with_version(spec, text, setting.origin), None, setting.origin, rows)
    if _SPECIFIER.match(text):
        both = ",".join(filter(None, (spec.requires_python, text)))
        return Choice(replace(spec, requires_python=both), None, setting.origin, rows)
    if os.sep in text or (os.altsep and os.altsep in text):
        return Choice(spec, os.path.join(setting.directory, text), setting.origin, rows)
    name = f"python{text}" if _FREE_THREADED.fullmatch(text) else text
    path, more = _command(name, context)
    return Choice(spec, path, setting.origin, (*rows, *more))


def _with_version(spec: Spec, text: str, origin: str) -> Spec:
    """Return the spec for this version; raise UserError where it names another one."""
    own = spec.python_version
    if not own or f"{text}.".startswith(f"{own}."):
        return replace(spec, python_version=text)
    if f"{own}.".startswith(f"{text}."):
        return spec
    raise UserError(f"`{origin}` asks for Python {text}, the spec wants python_version `{own}`")


def _command(name: str, context: Context) -> tuple[str, tuple[Observation, ...]]:
    """Return the first command of a name on PATH; that a shim stands for one is seen by the search."""
    import shutil

    from vpy.target import installations, shims

    path = shutil.which(name, path=context.environ.get("PATH", ""))
    if path is None:
        raise UserError(
            f"there is no `{name}` on PATH", hint="give a version, the name of a command or a path"
        )
    rows: list[Observation] = [Observation("command", (name, path))]
    reason = installations.why_skipped(path, os.name)
    if reason:
        path = shims.behind(path, reason, context.environ, lambda *found: rows.extend(found)) or path
    return path, tuple(rows)


def _of_version_file(script: str, spec: Spec, context: Context, rows: tuple[Observation, ...]) -> Choice:
    """Follow the first `.python-version` beside a script or above it, as pyenv and uv read it."""
    observations = list(rows)
    for path in _version_files(script, context.config.barrier):
        from vpy.system import files

        try:
            data = files.read_bytes(path, LARGEST)
        except OSError:
            observations.append(Observation("no-file", (path,)))
            continue
        observations.append(Observation("content", (path, data.decode("latin-1"))))
        lines = data.decode("utf-8", "replace").splitlines()
        words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        text = words[0].removeprefix("cpython").lstrip("@-") if words else ""
        if not _VERSION.fullmatch(text):
            context.terminal.warning(f"`{path}` names no version of Python: it is not followed")
            break
        return Choice(replace(spec, python_version=text), None, path, tuple(observations))
    return Choice(spec, observations=tuple(observations))


def _version_files(script: str, barrier: str) -> Iterator[str]:
    """Yield where the file may be: from the script's directory up to the one that holds the barrier."""
    directory = os.path.dirname(os.path.abspath(script))
    while True:
        yield os.path.join(directory, VERSION_FILE)
        parent = os.path.dirname(directory)
        if parent == directory or os.path.exists(os.path.join(directory, barrier)):
            return
        directory = parent
