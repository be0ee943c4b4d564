"""`config`: every setting of a start, its value, and where that comes from."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from bootstrap.request import Request
    from vpy.model import Spec
    from vpy.operations.context import Context
    from vpy.operations.settings import Setting


NO_HOME = "there is no home directory, and so no configuration file"


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for each setting, those of the script's spec among them where one is named."""
    from vpy.commands.support import fitted_table, invocation, text_output
    from vpy.operations import plan, settings

    asked = invocation.of(request, arguments, context)
    spec = plan.read_spec(asked, context)[1] if asked.command.kind != "none" else None
    rows = [
        {"name": name, "value": setting.text, "from": setting.origin}
        for name, setting in _settings(asked, context, spec)
    ]
    user = settings.user_path(context.environ)
    if arguments.json:
        file = {"path": user, "exists": os.path.isfile(user)}
        text_output.show_json({"settings": rows, "user_file": file})
        return 0
    shorten = text_output.shortener(context.environ)
    shown = [(row["name"], shorten(row["value"]) or "-", shorten(row["from"])) for row in rows]
    width = fitted_table.terminal_width()
    table = text_output.columns(shown)
    if width and max(map(len, table)) > width:  # one above the other
        table = text_output.columns(
            [pair for name, value, origin in shown for pair in ((name, value), ("", origin))]
        )
    state = "read" if os.path.isfile(user) else "does not exist"
    where = f"your configuration file is `{shorten(user)}` ({state})" if user else NO_HOME
    text_output.show("\n".join([*table, "", *text_output.wrapped(where, width)]))
    return 0


def _settings(request: Request, context: Context, spec: Spec | None) -> Iterator[tuple[str, Setting]]:
    """Yield the name and the value of each setting."""
    from vpy.operations import settings

    config = context.config
    yield "source", settings.source(request, context, spec)
    yield "python", settings.python(request, context)
    age = settings.refresh_after(context, spec)
    yield "refresh after", _built_in(age.text, age.origin)
    store = settings.store(context, spec)
    yield "store", store.address
    yield "store trust", store.trust
    for name in ("interpreter", "spec", "manifest", "offline", "log-level"):
        default = "warning" if name == "log-level" else ""
        found = settings.given(name, request)
        if name == "log-level" and found and context.environ.get("VPYTHON_LOG_TRACE"):
            found = _built_in(found.text, "VPYTHON_LOG_TRACE")
        yield name, found or _built_in(default)
    yield "root", _root(request, context)
    service = context.environ.get("CIPD_SERVICE_URL")
    yield "service", _built_in(service, "CIPD_SERVICE_URL") if service else _built_in(config.service)
    yield "releases", settings.releases(context)
    yield "prune after", _built_in(f"{config.prune_older_than_days:g} days")


def _built_in(text: str, origin: str = "") -> Setting:
    from vpy.operations import settings

    return settings.Setting(text, origin or settings.BUILT_IN, "/")


def _root(request: Request, context: Context) -> Setting:
    """Return the root of this start, and what it was chosen by."""
    from vpy.operations import settings

    found = settings.given("root", request)
    origin = found.origin if found else settings.BUILT_IN
    for name in ("XDG_CACHE_HOME", "VPYTHON_VIRTUALENV_ROOT"):
        if not found and name in context.environ:
            origin = name
    return settings.Setting(context.layout.root, origin, "/")
