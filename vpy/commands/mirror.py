"""`-vpython-tool mirror`: copy what specs need into a directory that any web server can serve."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Copy what is there, printing each thing, then raise one error for all that is missing.

    Packages go to `DIR/NAME/+/INSTANCE_ID`, which `directory:DIR` reads; wheels of PEP 508
    requirements to `DIR/simple`, which `index:…/simple/` reads (PEP 503).
    """
    from vpy.commands import verify
    from vpy.commands.support import invocation, mirror_copy, platform_matrix, text_output
    from vpy.operations.root import open_root
    from vpy.packages import repository
    from vpy.system import locks

    directory = os.path.join(request.cwd or "/", arguments.output)
    open_root(context)
    requests = invocation.each(request, arguments, context)
    matrices = [platform_matrix.matrix_of(asked, context) for asked in requests]

    copied: list[mirror_copy.Copied] = []
    waiting = f"waiting: another process writes to `{directory}`"
    lock = context.layout.lock("mirror", repository.lock_name(directory))
    with locks.exclusive(lock, waiting=lambda: context.terminal.warning(waiting)):
        for copy in mirror_copy.copy_all(matrices, directory, context):
            copied.append(copy)
            if not arguments.json:
                text_output.show(copy.text)
                sys.stdout.flush()
        repository.write_list(directory)

    if arguments.json:
        account = {
            "directory": directory,
            "packages": [
                {"name": copy.name, "instance_id": copy.instance_id} for copy in copied if copy.instance_id
            ],
            "wheels": [copy.name for copy in copied if not copy.instance_id],
        }
        text_output.show_json(account)
    verify.warn(matrices, context)
    verify.raise_failures(matrices)
    return 0
