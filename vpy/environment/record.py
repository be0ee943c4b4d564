"""The record of a choice: what the next start checks instead of choosing again."""

from __future__ import annotations

import os

from vpy.environment import hook
from vpy.system import digest, files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Observation
    from vpy.system.layout import Layout


def write(
    path: str, environment: str, landmark: str, observations: Sequence[Observation], layout: Layout
) -> bool:
    """Write the record at `path`; False where it cannot be kept.

    That is: a newline in a name, a root that cannot be written, a spec that was read from a pipe.

    Two lines for the head (environment, landmark), one row per observation (a kind and its
    fields, parted by NUL), `end`. Contents are kept as copies under their own hash.
    """
    rows = [os.fsencode(environment), os.fsencode(landmark)]
    if not path or any(b"\n" in row for row in rows):
        return False
    try:
        for observation in dict.fromkeys(observations):
            row = _row(observation, layout)
            if b"\n" in row or row.count(b"\0") != len(observation.fields) or _was_pipe(observation):
                return False
            rows.append(row)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        files.write_bytes(path, b"\n".join([*rows, b"end", b""]), mode=0o600)
    except OSError:
        return False
    return True


def _was_pipe(observation: Observation) -> bool:
    """Whether it tells of a pipe: nobody can read one twice, and its name is soon another's."""
    if observation.kind not in ("content", "real"):
        return False
    path = observation.fields[0]
    is_pipe = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return is_pipe and os.path.realpath(path) != os.devnull


def _row(observation: Observation, layout: Layout) -> bytes:
    fields = observation.fields
    if observation.kind == "content":
        fields = (fields[0], _keep(fields[1].encode("latin-1"), layout))
    return b"\0".join([observation.kind.encode(), *(os.fsencode(field) for field in fields)])


def _keep(data: bytes, layout: Layout) -> str:
    copy = layout.copy(digest.sha256(data).hexdigest())
    try:
        if files.read_bytes(copy) == data:
            os.utime(copy)
            return copy
    except OSError:
        pass
    files.write_bytes(copy, data, mode=0o600)
    return copy


def forget(path: str) -> None:
    """Remove the record at `path`: the next start decides anew."""
    try:
        os.unlink(path)
    except OSError:
        pass


def still_holds(path: str, search_path: str | None, environment: str) -> bool:
    """Whether the record at `path` is for `environment` and true now; `search_path` is the caller's PATH."""
    return hook.holds(path, search_path, environment)


def read(path: str) -> tuple[str, str] | None:
    """The environment and the landmark that a record names, or None."""
    try:
        lines = files.read_bytes(path).split(b"\n", 2)
        return os.fsdecode(lines[0]), os.fsdecode(lines[1])
    except (OSError, IndexError):
        return None
