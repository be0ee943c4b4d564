"""`export`: the lockfile of a spec in another format."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print the lockfile, or write it to a file."""
    from vpy.commands.support import invocation, locking, text_output
    from vpy.operations import lock_export
    from vpy.operations.root import open_root

    open_root(context)
    specs = [arguments.specs] if arguments.specs else []
    asked = invocation.for_files(request, specs, context) or [invocation.of_words(request, [])]
    spec = locking.read(asked[0], context)
    form: lock_export.Form = arguments.format or "requirements"
    text = lock_export.text_of(spec.source, spec.spec, spec.interpreter, spec.packages, form, context)
    if not arguments.output:
        text_output.show(text.rstrip("\n"))
        return 0
    text_output.put(text, arguments.output, request)
    return 0
