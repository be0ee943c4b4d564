"""Processes of this machine, as far as it tells of them."""

from __future__ import annotations

import os


def is_any_of(directory: str) -> bool:
    """Whether a process was started as a program below `directory`; False where the system does not tell.

    Linux: the first word of `/proc/PID/cmdline` (proc(5)). Processes of other PID namespaces are not seen.
    """
    if os.name != "posix":
        return False
    prefix = os.fsencode(os.path.join(directory, ""))
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return False
    return any(_first_word(number, len(prefix)) == prefix for number in numbers)


def _first_word(number: str, most: int) -> bytes:
    try:
        descriptor = os.open(f"/proc/{number}/cmdline", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
