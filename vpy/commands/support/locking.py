"""Specs that are locked: found and read, with the Python and the source that a start would take."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.operations.declared import Declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.operations.context import Context


def read(request: Request, context: Context, *, packages_too: bool = False) -> Declared:
    """Read the spec of a request; raise UserError where it has no requirements.

    With `packages_too` the packages of a text spec will do.
    """
    from vpy.operations import additions, plan, settings, source_setting, sources, spec_settings

    discovery, spec = plan.read_spec(request, context)
    if not spec.dependencies and not (packages_too and spec.wheels):
        is_there = discovery.source.kind != "empty"
        lacks = "asks for no packages" if packages_too else "has no `dependencies`"
        fact = f"`{discovery.source.path}` {lacks}" if is_there else "there is no spec here"
        named = "script that has a spec, or a spec" if packages_too else "PEP 723 script or a vpython.toml"
        raise UserError(fact, hint=f"name a {named}")
    if spec.dependencies and additions.are_asked_for(request):
        fact = "a lockfile covers only what the spec declares"
        raise UserError(fact, hint="leave out -vpython-with and -vpython-dev")
    if spec.dependencies:
        sources.begin_asking(context)
    found = plan.find_interpreter(request, context, spec, discovery.source)
    spec_settings.check_version(spec, context)
    setting = settings.source(request, context, spec)
    packages = source_setting.of_setting(setting, spec, context.environ)
    spec = spec_settings.without_replaced(spec, setting)
    return Declared(discovery.source, spec, found.interpreter, packages)
