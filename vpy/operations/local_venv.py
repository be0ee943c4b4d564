"""Local venv of a start: made where `-vpython-local-venv` asks for it, kept current by starts like it."""

from __future__ import annotations

import os
import sys

from vpy.environment import local_venv
from vpy.errors import VpythonError
from vpy.system.lean import hashlib
from vpy.wheels import script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.operations.context import Context

SHAPING = ("spec", "interpreter", "source", "manifest", "python", "with", "dev")


def refresh(request: Request, spec: str | None, environment: str, purelib: str, context: Context) -> None:
    """Make `.venv` beside the spec of a start where it is asked for, or was made for a start like this one.

    `purelib` is where an `environment` has its packages, relative to it.
    What is not asked for does not stop a start: it is a warning where it fails.
    """
    is_asked = bool(request.options.get("local-venv"))
    path = local_venv.beside(spec or request.cwd or "")
    if not is_asked and not _is_like(local_venv.read(path), request, spec):
        return

    limits = script.limits_of(context.config, sys.platform)
    origin = local_venv.Origin(
        path=path,
        environment=environment,
        spec=spec,
        options=_digest(request),
        again=_command(request),
    )
    try:
        local_venv.ensure(origin, purelib, lambda data, old, new: script.retarget(data, old, new, limits))
    except VpythonError as error:
        if is_asked:
            raise
        context.terminal.warning(error.message)


def account(request: Request, spec: str | None, environment: str | None) -> dict[str, str] | None:
    """Return the `.venv` beside a spec as JSON has it, None where vpython has made none.

    Its `state` is `current`, `stale`, or `other`: made for another script or with other options.
    """
    path = local_venv.beside(spec or request.cwd or "")
    origin = local_venv.read(path)
    if origin is None:
        return None
    state = "stale" if _is_like(origin, request, spec) else "other"
    if origin.environment == environment and os.path.exists(os.path.join(environment, "complete")):
        state = "current"
    return {"path": path, "state": state, "environment": origin.environment, "again": origin.again}


def _is_like(origin: local_venv.Origin | None, request: Request, spec: str | None) -> bool:
    """Return whether a `.venv` was made for this spec, with the options that this request has."""
    return origin is not None and (origin.spec, origin.options) == (spec, _digest(request))


def _digest(request: Request) -> str:
    """Return a digest of the options that shape an environment: there may be a password in them."""
    values = [(name, request.options.get(name)) for name in SHAPING if request.options.get(name)]
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()


def _command(request: Request) -> str:
    """Return the command that makes the `.venv` of a request again, without passwords."""
    import shlex

    words = [word for word in request.options.words if "local-venv" not in word]
    words = ["…" if "://" in word and "@" in word else word for word in words]
    target = [request.command.target] if request.command.kind == "script" else []
    command = shlex.join(["vpython-tool", "-vpython-local-venv", *words, "install", *target])
    return f"cd {shlex.quote(request.cwd or '/')} && {command}"
