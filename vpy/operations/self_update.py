"""Replacement of vpython's own file: made aside, tried, renamed. Running vpythons keep the old one."""

from __future__ import annotations

import os
import stat
import sys

from vpy.errors import ToolError, UserError
from vpy.operations.own_file import COMMANDS, SIDECAR
from vpy.system import files
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.operations.context import Context
    from vpy.operations.own_file import OwnFile
    from vpy.operations.releases import Release

PASSING = ".vpython-new-"
TRIAL_SECONDS = 120.0
AGAIN = "run it again"
KEEPERS = {
    "checkout": "the checkout that it is in",
    "cipd": "CIPD",
    "manifest": "a manifest",
}


class OwnBytes:
    """Bytes of vpython's own file as this process found them, to tell whether they are still the same."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.signature = _signature(path)
        self.sha256 = files.sha256_of(path)

    def check(self) -> None:
        """Raise ToolError where the file is not the one that was found."""
        try:
            found = _signature(self.path)
        except OSError as error:
            raise ToolError(f"`{self.path}` is gone: {error.strerror}", hint=AGAIN) from error
        if found != self.signature:
            raise ToolError(f"`{self.path}` was changed by another process meanwhile", hint=AGAIN)


def _signature(path: str) -> tuple[str, ...]:
    return files.signature_fields(os.stat(path))


def refuse_what_others_installed(own: OwnFile) -> None:
    """Raise UserError where somebody else keeps the file, or where it cannot be replaced."""
    if own.upgrade:
        kept = f"`{own.path}` is kept by {KEEPERS.get(own.way, own.way)}, not by itself"
        raise UserError(kept, hint=f"`{own.upgrade}` brings another version")
    directory = os.path.dirname(own.path)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UserError(
            f"cannot replace `{own.path}`: its directory cannot be written",
            hint="run it as a user who may write there",
        )


def replace(own: OwnBytes, data: bytes, release: Release, context: Context) -> list[str]:
    """Put a release in the place of vpython's own file, and of its copies by vpython's other names beside it.

    Return the paths that were replaced. The mode and the owner stay. Raises ToolError, and changes nothing,
    where the new file does not run here, or where the old one was changed meanwhile.
    """
    from vpy.system import locks

    directory = os.path.dirname(own.path)
    with locks.directory(directory), _errors(own.path):
        _remove_abandoned(directory)
        own.check()
        copies = list(_copies(own))
        replaced = []
        with _staged(own.path, data) as staged:
            try_out(staged, release, context)
            own.check()
            files.replace(staged, own.path)
            replaced.append(own.path)
        for path, is_link in copies:
            with _staged(path, None if is_link else data, own.path) as staged:
                files.replace(staged, path)
            replaced.append(path)
        write_sidecar(own.path, release)
        files.sync_directory(directory)
    return replaced


def write_sidecar(path: str, release: Release) -> None:
    """Let the file beside it that holds its sha256, where there is one, hold that of the release."""
    beside = path + SIDECAR
    if os.path.isfile(beside):
        files.write_bytes(beside, f"{release.sha256}  {os.path.basename(path)}\n".encode(), mode=0o644)


def try_out(path: str, release: Release, context: Context) -> None:
    """Run a new file, which must be the version and the build that the release says it is."""
    import json

    from vpy.system import process

    environ = {
        name: text
        for name, text in process.clean_environ(context.environ).items()
        if not name.startswith("VPYTHON_")
    }
    command = [sys.executable, "-I", "-S", path, "-vpython-root", "", "-vpython-tool", "version", "--json"]
    ended = process.run(command, environ=environ, timeout=TRIAL_SECONDS)
    fact = f"vpython {release.version} does not run here"
    if ended.code:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].removeprefix("vpython: ") if lines else f"exit code {ended.code}"
        raise ToolError(f"{fact}: {reason}")
    try:
        found = json.loads(ended.stdout)
        version, build = found["version"], found["build"]
    except (ValueError, KeyError, TypeError):
        raise ToolError(f"{fact}: it does not say what it is") from None
    if (version, build) != (release.version, release.build):
        said = f"it is {version} (build {build}), not {release.version} (build {release.build})"
        raise ToolError(f"{fact}: {said}")


def _copies(own: OwnBytes) -> Iterator[tuple[str, bool]]:
    """Yield vpython's other names beside its file that are the same bytes, and whether by a hard link."""
    directory = os.path.dirname(own.path)
    for path in (os.path.join(directory, name) for name in COMMANDS):
        if path == own.path or os.path.islink(path) or not os.path.isfile(path):
            continue
        is_link = os.path.samefile(path, own.path)
        if is_link or files.sha256_of(path) == own.sha256:
            yield path, is_link


@contextlib.contextmanager
def _staged(path: str, data: bytes | None, linked: str = "") -> Iterator[str]:
    """Yield a new file beside `path`, on disk: `data` with its mode and owner, or a link to `linked`."""
    passing = files.temporary_name(os.path.dirname(path), PASSING)
    try:
        if data is None:
            os.link(linked, passing)
        else:
            _write(passing, data, os.stat(path))
        yield passing
    finally:
        with contextlib.suppress(OSError):
            os.unlink(passing)


def _write(passing: str, data: bytes, like: os.stat_result) -> None:
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if os.name == "posix":
            if (like.st_uid, like.st_gid) != (os.fstat(descriptor).st_uid, os.fstat(descriptor).st_gid):
                os.chown(descriptor, like.st_uid, like.st_gid)
            os.chmod(descriptor, stat.S_IMODE(like.st_mode))
        os.fsync(descriptor)


def _remove_abandoned(directory: str) -> None:
    """Remove what an update that was killed left there: who holds the directory is the only one at work."""
    for name in os.listdir(directory):
        if name.startswith(PASSING):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(directory, name))


@contextlib.contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ToolError(f"cannot replace `{path}`: {reason}") from error
