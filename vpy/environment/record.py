"""Record of a start: the facts that the next start checks instead of planning again."""

from __future__ import annotations

import os

from vpy.environment import hook
from vpy.system import files
from vpy.system.lean import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Observation
    from vpy.system.layout import Layout


def write(
    path: str, environment: str, landmark: str, observations: Sequence[Observation], layout: Layout
) -> bool:
    """Write the record of a start at `path`; return False where there can be none.

    There can be none with a newline in a name, in a root that cannot be written, of a spec that was read
    from a pipe, and where it is not sure what of a URL is a password.

    A record has two lines for the head (environment, landmark), one row per observation (a kind and its
    fields, separated by NUL), then `end`. Contents are copied, under their own hash.
    """
    rows = [os.fsencode(environment), os.fsencode(landmark)]
    if not path or any(b"\n" in row for row in rows):
        return False
    try:
        for observation in dict.fromkeys(observations):
            row = _row(observation, layout)
            if b"\n" in row or row.count(b"\0") != len(observation.fields):
                return False
            if _is_of_pipe(observation) or _is_ambiguous(observation):
                return False
            rows.append(row)

        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        files.write_bytes(path, b"\n".join([*rows, b"end", b""]), mode=0o600)
    except OSError:
        return False
    return True


def _is_of_pipe(observation: Observation) -> bool:
    """Return whether the observation is of a pipe, which cannot be read again at the next start."""
    if observation.kind not in ("content", "real"):
        return False
    path = observation.fields[0]
    is_pipe = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return is_pipe and os.path.realpath(path) != os.devnull


def _is_ambiguous(observation: Observation) -> bool:
    """Return whether what a password is taken for has a quote in it.

    It may as well be two texts, such as `"https://host","a@b"`: a change of the host would be missed.
    """
    if observation.kind not in ("content", "variable") or "@" not in observation.fields[1]:
        return False
    text = observation.fields[1]
    bare = hook.without_passwords(text)
    quotes = "\"'`\\"
    return any(text.count(quote) != bare.count(quote) for quote in quotes)


def _row(observation: Observation, layout: Layout) -> bytes:
    """Return a row of the record; no password of a URL is in it, nor in the copy that it names."""
    kind, fields = observation.kind.encode(), observation.fields
    if observation.kind in ("content", "variable"):
        text = hook.without_passwords(fields[1])
        if text != fields[1]:
            kind += b"-without-passwords"
        fields = (
            fields[0],
            text if observation.kind == "variable" else _copy(text.encode("latin-1"), layout),
        )
    return b"\0".join([kind, *(os.fsencode(field) for field in fields)])


def _copy(data: bytes, layout: Layout) -> str:
    """Return the path of a copy of `data`; a copy that is there already counts as used now."""
    copy = layout.copy(hashlib.sha256(data).hexdigest())
    try:
        if files.read_bytes(copy) == data:
            os.utime(copy)
            return copy
    except OSError:
        pass
    files.write_bytes(copy, data, mode=0o600)
    return copy


def remove(path: str) -> None:
    """Remove the record at `path`, so that the next start plans again."""
    try:
        os.unlink(path)
    except OSError:
        pass


def still_holds(path: str, search_path: str | None, environment: str) -> bool:
    """Return whether the record is of `environment` and its facts hold; `search_path` is PATH."""
    return hook.holds(path, search_path, environment)


def read(path: str) -> tuple[str, str] | None:
    """Return the environment and the landmark that a record names, or None."""
    try:
        lines = files.read_bytes(path).split(b"\n", 2)
        return os.fsdecode(lines[0]), os.fsdecode(lines[1])
    except (OSError, IndexError):
        return None
