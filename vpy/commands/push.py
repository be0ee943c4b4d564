"""`push`: environments of scripts and specs into a repository of an OCI registry."""

from __future__ import annotations

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Upload what the repository lacks: files first, the index by its tag last."""
    from vpy.commands.support import target_images, text_output
    from vpy.operations import sources
    from vpy.operations.root import open_root
    from vpy.packages.oci import reference
    from vpy.packages.oci.push import push
    from vpy.system import files

    *arguments.specs, address = arguments.items
    named = reference.parse(address)
    if named.digest:
        raise UserError(f"`{named}` names a digest, which only its content decides", hint="name a tag")
    open_root(context)
    if context.offline:
        raise UserError("a push needs a network", hint="run it without -vpython-offline")
    with files.staging_directory(context.layout.staging, "push-") as stage:
        assembled, built, _ = target_images.assemble(request, arguments, stage, context)
        registry = sources.registry(str(named), context)
        with context.terminal.status.stage(f"uploading to `{named}`"):
            sent = push(assembled, registry, tag=named.tag or "latest", mount=arguments.mount or ())
        account = target_images.account(
            assembled, built, reference=str(named), digest=assembled.index.digest, sent=sent
        )
    if arguments.json:
        text_output.show_json(account)
    else:
        text_output.show(target_images.text(account))
    return 0
