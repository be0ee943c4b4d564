"""Location of the root, and the check that only this user can write to it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from bootstrap.command_line import Options

ROOT_NAME = "vpython-root"
ELSEWHERE = "name another with -vpython-root DIR"


_temporary: list[str] = []


def fail(message: str, code: int, hint: str = "") -> NoReturn:
    """Say why on stderr, and how to go on; end here and now."""
    remove_temporary()
    from bootstrap.shown import line

    text = f"vpython: {line(message)}\n" + (f"\nhint: {line(hint)}\n" if hint else "")
    try:
        os.write(2, text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
    os._exit(code)


def working_directory(environ: dict[str, str]) -> str | None:
    """Return the cwd as the shell names it, where that is true; None where it was deleted."""
    try:
        if os.name == "nt":
            return os.getcwd()
        here = os.stat(".")
        named = environ.get("PWD", "")
        if named.startswith("/") and os.path.normpath(named) == named:
            there = os.stat(named)
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                return named
        return os.getcwd()
    except OSError:
        try:
            return os.getcwd()
        except OSError:
            return None


def make_temporary(prefix: str = "vpython-root.") -> str:
    """Make a directory for this start alone; `remove_temporary` or a failure removes it."""
    import tempfile

    result = tempfile.mkdtemp(prefix=prefix)
    _temporary.append(result)
    return result


def remove_temporary() -> None:
    """Remove the temporary directories that this process made."""
    for result in _temporary:
        import shutil

        shutil.rmtree(result, ignore_errors=True)


def straight(path: str, cwd: str) -> str:
    """Return a script's path without `..`: by name where no link stands before it, else the real directory.

    Records are kept by path, and specs are searched upward by path, so both must mean this script.
    """
    if os.name == "nt" or ".." not in path.split("/"):
        return path
    whole = os.path.join(cwd, path)
    plain = os.path.normpath(whole)
    directory, name = os.path.split(whole.rstrip("/"))
    if name in (".", ".."):
        return plain if _is_same(plain, whole) else os.path.realpath(whole)
    if _is_same(os.path.dirname(plain), directory):
        return plain
    return os.path.join(os.path.realpath(directory), name)


def _is_same(item: str, other: str) -> bool:
    try:
        return os.path.samefile(item, other)
    except (OSError, ValueError):
        return False


def locate(options: Options, environ: dict[str, str], cwd: str | None) -> tuple[str, bool]:
    """Return the root's absolute path and whether it is a temporary one, which is "" until it is made."""
    named = options.get("root")
    if named is None:
        named = environ.get("VPYTHON_VIRTUALENV_ROOT")
    if named is not None:
        if not named:
            return "", True
        return os.path.normpath(os.path.join(cwd or "/", named)), False
    if os.name == "nt":
        cache = environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
        return os.path.join(cache, ROOT_NAME), False
    cache = environ.get("XDG_CACHE_HOME", "")
    if not cache.startswith("/"):
        home = environ.get("HOME") or os.path.expanduser("~")
        library = os.path.join(home, "Library", "Caches")
        cache = library if os.path.isdir(library) else os.path.join(home, ".cache")
    return os.path.join(cache, f"{ROOT_NAME}.{os.getuid()}"), False


def elsewhere(root: str, environ: dict[str, str]) -> str:
    """Return the root for a user without a cache that can be written: one below TMPDIR; else `root`.

    That is any uid in a container, or a service without a home.
    """
    if os.name == "nt" or os.path.exists(root):
        return root
    parent = os.path.dirname(root)
    while os.path.isabs(parent) and not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if os.path.isabs(root) and os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
        return root
    directory = environ.get("TMPDIR", "")
    directory = directory if os.path.isabs(directory) else "/tmp"  # noqa: S108 (it is made for this user alone)
    found = os.path.join(directory, os.path.basename(root))
    return found if os.path.isdir(found) or os.access(directory, os.W_OK | os.X_OK) else root


def is_private(path: str, *others: str) -> bool:
    """Return whether only this user can have written to directories and files; False where one is missing.

    Each belongs to this user, as does a link in its place, and no one else may write to it. Windows
    keeps a user's cache apart by other means.
    """
    if os.name != "posix":
        return True
    user = os.geteuid()
    try:
        for each in (path, *others):
            found = os.stat(each)
            if found.st_uid != user or found.st_mode & 0o022 or os.lstat(each).st_uid != user:
                return False
    except OSError:
        return False
    return True


def check(root: str) -> None:
    """Refuse a root that another user could have written to; make it, 0700, where it is missing."""
    try:
        found = os.stat(root)
    except FileNotFoundError:
        return _make(root)
    except OSError as error:
        fail(f"cannot read the root `{root}`: {error.strerror}", 1, ELSEWHERE)
    if found.st_mode & 0o170000 != 0o040000:
        fail(f"the root `{root}` is not a directory", 1, ELSEWHERE)
    if os.name == "posix":
        if found.st_uid != os.geteuid() or os.lstat(root).st_uid != os.geteuid():
            fail(f"the root `{root}` belongs to another user", 1, ELSEWHERE)
        if found.st_mode & 0o022:
            fail(f"the root `{root}` can be written by others", 1, f"chmod go-w '{root}'")
        _check_entries(root)
    return None


def _check_entries(root: str) -> None:
    """Refuse what another user put into the root while others could write to it."""
    user = os.geteuid()
    try:
        foreign = [
            entry.path for entry in os.scandir(root) if entry.stat(follow_symlinks=False).st_uid != user
        ]
    except OSError:
        return
    if foreign:
        fail(f"`{foreign[0]}` belongs to another user", 1, f"remove '{foreign[0]}'")


def _make(root: str) -> None:
    try:
        os.makedirs(os.path.dirname(root) or "/", exist_ok=True)
        os.mkdir(root, 0o700)
    except FileExistsError:
        if not os.path.exists(root):
            fail(f"the root `{root}` is a broken link", 1, ELSEWHERE)
        check(root)
    except OSError as error:
        fail(f"cannot make the root `{root}`: {error.strerror}", 1, ELSEWHERE)
