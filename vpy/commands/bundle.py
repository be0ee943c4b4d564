"""`bundle`: environments of scripts and specs as one archive, for machines without a network."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context

HEAD = """\
#!/bin/sh
# Runs a script in its environment, which is made from what lies beside this file: ./run SCRIPT [ARGUMENT...]
here=$(cd "$(dirname "$0")" && pwd) || exit 1
exec "$here/vpython.pyz" -vpython-source "oci:$here" "$@"
"""


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Write the archive: an OCI image layout, with vpython's own file and a head that runs it."""
    from vpy.commands.support import target_images, text_output
    from vpy.operations.root import open_root
    from vpy.packages.oci import image, layout
    from vpy.system import files
    from vpy.system.lean.dataclasses import replace

    path = os.path.join(request.cwd or "/", arguments.output)
    if os.path.isdir(path):
        raise UserError(f"`{path}` is a directory")
    open_root(context)
    with files.staging_directory(context.layout.staging, "bundle-") as stage:
        assembled, built = target_images.assemble(request, arguments, stage, context)
        index = replace(assembled.index, annotations=((image.REF_NAME, "kit"),))
        blobs: dict[str, bytes | str] = {**assembled.documents, **assembled.files}
        layout.write(
            path,
            image.index_bytes([index]),
            (layout.Member(layout.blob_name(digest), blobs[digest]) for digest in sorted(blobs)),
            [
                layout.Member("run", HEAD.encode(), 0o755),
                layout.Member("vpython.pyz", os.path.realpath(request.caller), 0o755),
            ],
        )
        account = target_images.account(assembled, built, file=arguments.output, size=os.path.getsize(path))
    if arguments.json:
        text_output.show_json(account)
    else:
        text_output.show(target_images.text(account))
    return 0
