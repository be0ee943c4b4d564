"""Build of a wheel from its sdist (PEP 517), by pip in the target's own Python, isolated from all else.

The pip is the one that this Python brings for its environments, since no other is sure to run in it; where
it brings none, vpython's own.
"""

from __future__ import annotations

import math
import os
import re
import shutil

from bootstrap.shown import without_passwords
from vpy.environment import seeds
from vpy.errors import ToolError, UnreachableError
from vpy.operations.build_rules import UNANSWERED
from vpy.packages.freshness import cutoff_at
from vpy.packages.index.builds import Builder, BuiltWheel
from vpy.system import files, fork, process
from vpy.system.lean import contextlib, json
from vpy.system.network.retry import retry_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vpy.model import Interpreter, Sources, Spec
    from vpy.operations.context import Context
    from vpy.packages.index.builds import Buildable

# What shapes a compiled file besides the sdist and the Python.
_COMPILER_VARIABLES = (
    "ARCHFLAGS", "CC", "CFLAGS", "CPPFLAGS", "CXX", "CXXFLAGS", "LDFLAGS", "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
)  # fmt: skip
# Settings of pip that are about installing, or would make it refuse to build.
_FOREIGN_SETTINGS = (
    "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_NO_BINARY", "PIP_NO_BUILD_ISOLATION", "PIP_ONLY_BINARY",
    "PIP_PREFIX", "PIP_REQUIREMENT", "PIP_REQUIRE_HASHES", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_USER",
    "PIP_QUIET", "PIP_VERBOSE", "PIP_WHEEL_DIR", "PIP_USE_PEP517", "PIP_LOG", "PIP_PYTHON", "PIP_PLATFORM",
)  # fmt: skip
_PROGRAM = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'pip'; "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
# Module of pip that stands for its collector of links.
_COLLECTOR = b"""\
import sys
from pip._internal import build_rules
from pip._internal.index import own_collector
build_rules.attach(own_collector)
sys.modules[__name__] = own_collector
"""
# Old sources need an old setuptools: what their log says, and the newest that will do.
_OLDER_SETUPTOOLS = ((r"use_2to3 is invalid", "58"), (r"No module named '(pkg_resources|imp)'", "81"))
_NAMED = 3  # of what is being built
_PIP_TIMEOUT = 15  # seconds for which pip waits for an answer by default
_UNANSWERED = re.compile(rf"{re.escape(UNANSWERED)}(\S+): (.+)")
_REASON = re.compile(r"\s*(?:.*fatal error|(?:\w+\.)*\w*(?:Error|Exception)|error): ?\S")
_HINTS = (
    (r"No such file or directory: '?(gcc|cc|clang|c\+\+|g\+\+|x86_64-linux-gnu-gcc)", "a compiler"),
    (r"command '[^']*(gcc|cc|clang|g\+\+)' failed: No such file", "a compiler"),
    (r"(command|Unable to find|not find) .*(cargo|rustc)|Rust toolchain", "a Rust compiler"),
    (r"Python\.h: No such file", "the headers of this Python (Debian: python3-dev)"),
    (r"(\w[\w./-]*\.h): No such file", "the headers that the log names"),
    (r"pkg-config", "pkg-config and the headers of the library that the log names"),
    (r"Microsoft Visual C\+\+ .* is required", "the Microsoft C++ Build Tools"),
)


def builder(sources: Sources, interpreter: Interpreter, spec: Spec, context: Context) -> Builder:
    """Return the builder of wheels for a target; build requirements come from the same sources."""
    identity: list[object] = [
        interpreter.executable,
        list(interpreter.signature),
        interpreter.version_text,
        interpreter.platform,
        _compiler(context.environ),
    ]
    projects = _projects(spec)
    if rules := _rules(sources, spec):
        identity.append(rules)
    yard = WheelYard(sources, interpreter, spec, context)
    return Builder(yard, identity, _forbidden(projects, context), projects)


def looking(spec: Spec, context: Context) -> Builder:
    """Return a builder that builds nothing, but says what may be built for a spec."""
    projects = _projects(spec)
    return Builder(None, [], _forbidden(projects, context), projects)


def _rules(sources: Sources, spec: Spec) -> list[object]:
    """Return what of a spec and its sources decides which build requirements are taken; [] for nothing.

    A wheel that was built by other rules is another wheel: an index may have its own setuptools.
    """
    resolution = spec.resolution
    index = sources.index.address if sources.index is not None else None
    rows: list[object] = [
        without_passwords(index.asked) if index is not None else "",
        sorted(map(without_passwords, sources.find_links)),
        list(map(without_passwords, resolution.indexes)),
        sorted([each.project, without_passwords(each.index)] for each in resolution.sources if each.index),
        resolution.exclude_newer,
        sorted(spec.resolution.build_constraints),
    ]
    return rows if any(rows) else []


def _projects(spec: Spec) -> frozenset[str]:
    """Return the projects that a spec forbids to build, by their normalized names."""
    if not spec.no_build:
        return frozenset()
    from packaging.utils import canonicalize_name

    return frozenset(name if name == "*" else canonicalize_name(name) for name in spec.no_build)


def _forbidden(projects: frozenset[str], context: Context) -> Callable[[str], str]:
    """Return a function that says who forbids to build a project."""

    def who(project: str) -> str:
        from packaging.utils import canonicalize_name

        from vpy.operations import settings

        if anywhere := settings.no_build(context):
            return anywhere
        return "[tool.uv] of the spec" if projects & {"*", canonicalize_name(project)} else ""

    return who


def _compiler(environ: Mapping[str, str]) -> list[object]:
    """Return what tells one compiler and its settings from another: variables, path, size and time."""
    command = (environ.get("CC") or "cc").split()[:1]
    path = shutil.which(command[0], path=environ.get("PATH")) if command else None
    seen: list[object] = [environ.get(name, "") for name in _COMPILER_VARIABLES]
    if path:
        path = os.path.realpath(path)
        seen += [path, *files.signature(path)]
    return seen


class WheelYard:
    """Yard that builds wheels for a target, as many at once as there are processors."""

    def __init__(self, sources: Sources, interpreter: Interpreter, spec: Spec, context: Context) -> None:
        self.workers = fork.processors()
        self._sources = sources
        self._interpreter = interpreter
        self._spec = spec
        self._context = context
        self._children = process.Children()
        self._doing: list[str] = []
        self._done = self._count = 0

    @contextlib.contextmanager
    def open(self, count: int) -> Iterator[None]:
        """Show what is being built of so many while the block runs."""
        self._done, self._count = 0, count
        with self._context.terminal.status.stage(self._text):
            yield

    def _text(self) -> str:
        """Return what is being built now, in one line."""
        doing = list(self._doing)
        if not doing:
            return "building wheels"
        named = ", ".join(doing[:_NAMED])
        more = f" and {len(doing) - _NAMED} more" if len(doing) > _NAMED else ""
        return f"building {named}{more} from {'its' if len(doing) == 1 else 'their'} source"

    def announce(self, source: Buildable) -> None:
        """Say that a wheel is being built, since it may take minutes."""
        self._context.terminal.warning(f"building {source.title} from its source")

    def stop(self) -> None:
        """End all builds."""
        self._children.end()

    def build(self, source: Buildable, directory: str) -> BuiltWheel:
        """Build a wheel below a directory, in a directory of its own."""
        status = self._context.terminal.status
        self._doing.append(source.title)
        try:
            with files.staging_directory(self._context.layout.staging, "build-") as stage:
                return self._build(source, directory, stage)
        finally:
            self._doing.remove(source.title)
            self._done += 1
            if self._count > 1:
                status.count(self._done, self._count, "wheels")

    def _build(self, source: Buildable, directory: str, stage: str) -> BuiltWheel:
        context = self._context
        tree = source.tree(stage, self._children.run)
        out = os.path.join(stage, "wheel")
        pip = _pip(self._interpreter, stage, context)
        _write_rules(pip, self._spec, context)
        environ = _environ(self._sources, stage, context)
        words = ["wheel", "-v", "--no-deps", "--use-pep517", "--no-input", "--wheel-dir", out, tree]
        command = [self._interpreter.executable, "-I", "-c", _PROGRAM, pip, *words]
        log = ""
        for pattern, limit in (("", None), *_OLDER_SETUPTOOLS):
            if not re.search(pattern, log):
                continue
            constraints = _constraints(limit, self._spec, stage)
            try:
                finished = self._children.run(command, environ={**environ, **constraints}, cwd=stage)
            except OSError as error:
                raise ToolError(f"cannot start `{command[0]}`: {error.strerror}") from error
            log += (finished.stdout + finished.stderr).decode("utf-8", "replace")
            built = [name for name in _listed(out) if name.endswith(".whl")]
            if finished.code == 0 and len(built) == 1:
                final = os.path.join(directory, built[0])
                files.replace(os.path.join(out, built[0]), final)
                return BuiltWheel(final, _requirements(log))
        raise _failure(source, log, context)


def _pip(interpreter: Interpreter, stage: str, context: Context) -> str:
    """Return a directory of the build's own that `pip` is imported from by a target's Python."""
    import zipfile

    from vpy.operations import sources
    from vpy.wheels.pip_runner import REST_OF_PIP

    unpacked = os.path.join(stage, "pip")
    brought = [wheel for wheel in seeds.wheels_of(interpreter) if os.path.basename(wheel).startswith("pip-")]
    own = sources.host_python(context).pip
    parts = brought[:1] or [own, os.path.join(os.path.dirname(own), REST_OF_PIP)]
    if os.path.isdir(parts[0]):
        shutil.copytree(os.path.join(parts[0], "pip"), os.path.join(unpacked, "pip"))
        return unpacked
    for path in parts:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(unpacked)
    return unpacked


def _write_rules(pip: str, spec: Spec, context: Context) -> None:
    """Let the pip of a build follow the rules by which a spec is resolved (`build_rules`)."""
    resolution = spec.resolution
    rules = {
        "first": list(resolution.indexes),
        "pinned": {each.project: each.index for each in resolution.sources if each.index},
        "cutoff": cutoff_at(resolution.exclude_newer, context.now()) if resolution.exclude_newer else "",
        "retry_seconds": retry_seconds(context.environ),
    }
    package = os.path.join(pip, "pip", "_internal")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "build_rules.py")
    files.write_bytes(os.path.join(package, "build_rules.py"), files.read_bytes(source), mode=0o600)
    files.write_bytes(os.path.join(package, "build_rules.json"), json.dumps(rules).encode(), mode=0o600)
    collector = os.path.join(package, "index", "collector.py")
    for suffix in ("", "c"):
        if os.path.exists(collector + suffix):
            os.rename(collector + suffix, os.path.join(package, "index", f"own_collector.py{suffix}"))
    files.write_bytes(collector, _COLLECTOR, mode=0o600)


def _environ(sources: Sources, stage: str, context: Context) -> dict[str, str]:
    """Return the variables of a build: the user's, of pip's only how to reach an index."""
    from pathlib import Path

    environ = process.clean_environ(context.environ)
    for name in _FOREIGN_SETTINGS:
        environ.pop(name, None)
    if sources.index is not None and sources.index.address is not None:
        environ["PIP_INDEX_URL"] = sources.index.address.asked
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            environ.pop(name, None)
    if sources.find_links:
        # The variable is a list with blanks between, which a URL does not have.
        beside = [path if "://" in path else Path(path).as_uri() for path in sources.find_links]
        environ["PIP_FIND_LINKS"] = " ".join((environ.get("PIP_FIND_LINKS", ""), *beside)).strip()
    seconds = retry_seconds(context.environ)
    if seconds and seconds < _PIP_TIMEOUT:
        environ.pop("PIP_DEFAULT_TIMEOUT", None)
        environ["PIP_TIMEOUT"] = str(math.ceil(seconds))
    temporary = os.path.join(stage, "tmp")
    os.makedirs(temporary, exist_ok=True)
    return {
        **environ,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_PROGRESS_BAR": "off",
    }


def _constraints(limit: str | None, spec: Spec, stage: str) -> dict[str, str]:
    """Return the variables that narrow build requirements: as a spec does, and setuptools below a version."""
    lines = [*spec.resolution.build_constraints, *([f"setuptools<{limit}"] if limit is not None else [])]
    if not lines:
        return {}
    path = os.path.join(stage, "constraints.txt")
    files.write_bytes(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o644)
    return {"PIP_CONSTRAINT": path, "PIP_BUILD_CONSTRAINT": path}


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _requirements(log: str) -> tuple[str, ...]:
    """Return what pip says that it installed for the build, as `NAME-VERSION`."""
    found = re.findall(r"Successfully installed (.+)", log)
    return tuple(sorted({each for line in found for each in line.split()}))


def _failure(source: Buildable, log: str, context: Context) -> ToolError:
    """Return the error of a build; its log is kept until the next that fails, or a prune days later."""
    if unanswered := _UNANSWERED.search(log):
        url, fact = unanswered.groups()
        return UnreachableError(
            f"cannot get what the build of `{source.filename}` needs: {fact}: `{url}`",
            hint="with -vpython-offline only what was resolved before is used",
        )
    path = os.path.join(context.layout.logs, f"build-{source.log_name}.log")
    with files.disk_errors("write", path):
        files.write_bytes(path, log.encode(), mode=0o600)
    reasons = [
        line.strip()
        for line in log.splitlines()
        if _REASON.match(line) and "subprocess-exited" not in line and "WARNING" not in line
    ]
    fatal = [line for line in reasons if "fatal error" in line]
    reason = next(iter([*fatal[:1], *reasons[-1:]]), "its log says why")
    missing = next((what for pattern, what in _HINTS if re.search(pattern, log)), "")
    hint = f"install {missing}, or " if missing else "take "
    return ToolError(
        f"cannot build `{source.filename}` from its source: {reason[:200]}: `{path}`",
        hint=f"{hint}another version or another Python: `vpython-tool find {source.name}` shows the wheels",
    )
