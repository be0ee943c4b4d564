"""Note of a lock's owner in the lock file: its process number and its progress, for those that wait.

The doors read it before anything of `vpy` can be imported, and `vpy.system.run_once` writes it: the
format is here, below both, and this is the one module of the doors that `vpy.system` knows.
"""

from __future__ import annotations

SILENCE = 2.0  # seconds of waiting before the first message
AGAIN = 10.0  # seconds from one message to the next
LONGEST = 300  # characters of a note


def waiting(path: str, work: str) -> str:
    """Return a message about the process that holds the lock `path` and does `work`, with its progress."""
    number, text = read_owner(path)
    who = f"process {number}" if number else "another process"
    return f"waiting for {who}, which {work}" + (f": {text}" if text else "")


def read_owner(path: str) -> tuple[str, str]:
    """Return the process number of the lock's holder and its progress; "" for what is not known."""
    try:
        with open(path, "rb", 0) as file:
            first = file.read(2 * LONGEST).split(b"\n")[0]
    except OSError:
        return "", ""
    number, _, text = first.decode("utf-8", "replace").partition(" ")
    return (number, text) if number.isdecimal() else ("", "")
