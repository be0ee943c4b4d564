"""Marks of what may not be on disk yet: a power cut may take its bytes and leave its name.

Who makes something in the root first leaves a mark there that names this boot of the machine. It goes
when a process in the background has seen all to disk (`vpy/operations/settle.py`). A start that finds
the mark of another boot makes again what came since. A mark is a link, whose text is no data
of a file: a journal that has the names which came after it has the mark too.
"""

from __future__ import annotations

import os

BOOT = "/proc/sys/kernel/random/boot_id"
IN_MEMORY = "/dev/shm"  # noqa: S108  (a file there lasts as long as the boot does)
PREFIX = "unsettled-"

_ours: dict[tuple[str, str], str] = {}


def boot() -> str:
    """Return the id of this boot of the machine; "" where the system tells none."""
    try:
        with open(BOOT, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def mark(root: str, work: str) -> None:
    """Leave this process's mark for one kind of work, before any of it gets its final name."""
    if (root, work) in _ours or not (now := boot()):
        return
    path = os.path.join(root, f"{PREFIX}{now}-{work}-{os.getpid():x}-{os.urandom(4).hex()}")
    try:
        os.symlink(now, path)
    except OSError:  # a root that cannot be written: what is to be made there says so
        return
    _ours[root, work] = path


def ours() -> list[str]:
    """Return the marks that this process has left."""
    return list(_ours.values())


def marks(root: str, *, of_this_boot: bool) -> list[str]:
    """Return the marks in the root that were left in this boot, or in any other one."""
    try:
        names = [name for name in os.listdir(root) if name.startswith(PREFIX)]
    except OSError:
        return []
    if not names:
        return []
    now = f"{PREFIX}{boot()}-"
    return [os.path.join(root, name) for name in sorted(names) if name.startswith(now) == of_this_boot]


def token() -> str | None:
    """Return the path of a file that the next boot will not have; None where there can be none."""
    import stat

    now = boot()
    if not now or os.name != "posix":
        return None
    path = os.path.join(IN_MEMORY, f"vpython-{os.geteuid()}-{now}")
    try:
        if not os.path.lexists(path):
            if not _is_in_memory():
                return None
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            os.close(os.open(path, flags, 0o600))
        found = os.lstat(path)
    except OSError:
        return None
    return path if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() else None


def _is_in_memory() -> bool:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        rows = [line.split(" ") for line in file]
    kinds = [row[row.index("-") + 1] for row in rows if row[4] == IN_MEMORY]
    return kinds[-1:] == ["tmpfs"]


def sync(root: str) -> None:
    """See all that was written in the root's filesystem to disk."""
    try:
        import ctypes

        descriptor = os.open(root, os.O_RDONLY)
        try:
            failed = ctypes.CDLL(None).syncfs(descriptor)
        finally:
            os.close(descriptor)
    except (ImportError, OSError, AttributeError, TypeError):
        failed = 1
    if failed and hasattr(os, "sync"):
        os.sync()
