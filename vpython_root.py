"""Where the root lies, and whether it is fit to be one."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from vpython_command import Options

ROOT_NAME = "vpython-root"
ELSEWHERE = "name another with -vpython-root DIR"


_temporary: list[str] = []


def fail(message: str, code: int, hint: str = "") -> NoReturn:
    """Say why on stderr, and how to go on; end here and now."""
    remove_temporary()
    text = f"vpython: {message}\n" + (f"\nhint: {hint}\n" if hint else "")
    try:
        os.write(2, text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
    os._exit(code)


def working_directory(environ: dict[str, str]) -> str | None:
    """The cwd as the shell names it, where that is true; None where it is gone."""
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

    made = tempfile.mkdtemp(prefix=prefix)
    _temporary.append(made)
    return made


def remove_temporary() -> None:
    for made in _temporary:
        import shutil

        shutil.rmtree(made, ignore_errors=True)


def straight(path: str, cwd: str) -> str:
    """A script's path without `..`: by its name where no link stands before that, else by the real directory.

    Only so do records that are kept by path, and searches that go upward by path, speak of this script.
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


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def locate(options: Options, environ: dict[str, str], cwd: str | None) -> tuple[str, bool]:
    """The root's absolute path, and whether it is a temporary one: "" then, it is not made yet."""
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
    return None


def _make(root: str) -> None:
    try:
        os.makedirs(os.path.dirname(root) or "/", exist_ok=True)
        os.mkdir(root, 0o700)
    except FileExistsError:
        if not os.path.exists(root):
            fail(f"the root `{root}` is a link that leads nowhere", 1, ELSEWHERE)
        check(root)
    except OSError as error:
        fail(f"cannot make the root `{root}`: {error.strerror}", 1, ELSEWHERE)
