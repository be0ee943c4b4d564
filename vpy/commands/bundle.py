"""`bundle`: environments of scripts and specs as one archive, for machines without a network."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.config import Config
    from vpy.operations.context import Context
    from vpy.operations.declared import Declared
    from vpy.packages.oci.environment import Assembled
    from vpy.packages.oci.layout import Member

HEAD = """\
#!/bin/sh
# Runs a script in its environment, which is made from what lies beside this file: ./run SCRIPT [ARGUMENT...]
here=$(cd "$(dirname "$0")" && pwd) || exit 1
exec "$here/vpython.pyz" -vpython-source "oci:$here" "$@"
"""


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Write the archive, an OCI image layout with vpython's own file; or one file that runs one script."""
    from vpy.commands.support import target_images, text_output
    from vpy.operations.root import open_root
    from vpy.packages.oci import layout
    from vpy.system import files

    named = arguments.output or arguments.self
    path = os.path.join(request.cwd or "/", named)
    if os.path.isdir(path):
        raise UserError(f"`{path}` is a directory")
    if arguments.self:
        _check_one_script(arguments, context.config)
    open_root(context)
    with files.staging_directory(context.layout.staging, "bundle-") as stage:
        assembled, built, declared = target_images.assemble(request, arguments, stage, context)
        vpython = layout.Member("vpython.pyz", os.path.realpath(request.caller), 0o755)
        index, blobs = _kit(assembled)
        if arguments.self:
            script = os.path.join(request.cwd or "/", arguments.specs[0])
            if "://" in arguments.specs[0]:  # what was fetched has its spec in itself
                script = declared[0].source.path
            _write_self(path, script, declared[0], [vpython, *layout.heading(index), *blobs])
        else:
            layout.write(path, index, blobs, [layout.Member("run", HEAD.encode(), 0o755), vpython])
        account = target_images.account(assembled, built, file=named, size=os.path.getsize(path))
    if arguments.json:
        text_output.show_json(account)
    else:
        text_output.show(target_images.text(account))
    return 0


def _kit(assembled: Assembled) -> tuple[bytes, list[Member]]:
    """Return the index of a layout, and its blobs."""
    from vpy.packages.oci import image, layout
    from vpy.system.lean.dataclasses import replace

    index = replace(assembled.index, annotations=((image.REF_NAME, "kit"),))
    blobs: dict[str, bytes | str] = {**assembled.documents, **assembled.files}
    members = [layout.Member(layout.blob_name(digest), blobs[digest]) for digest in sorted(blobs)]
    return image.index_bytes([index]), members


def _check_one_script(arguments: Namespace, config: Config) -> None:
    """Raise UserError where a file would not run one script."""
    from vpy.spec.discover import is_spec

    if len(arguments.specs) != 1 or is_spec(arguments.specs[0], config):
        raise UserError("`--self` makes a file of one script", hint="name the script, and nothing else")


def _write_self(path: str, script: str, declared: Declared, kit: list[Member]) -> None:
    """Write the file that runs a script, with the script and the file of its spec in it."""
    from vpy.commands.support import self_running
    from vpy.packages.oci.layout import Member

    name, spec = os.path.basename(script), declared.source.path
    members = [*kit, Member(f"script/{name}", script)]
    words = ["-vpython-source", "oci:{kit}"]
    if spec != script:
        members.append(Member(f"spec/{os.path.basename(spec)}", spec))
        words += ["-vpython-spec", f"{{kit}}/spec/{os.path.basename(spec)}"]
    self_running.write(path, members, [*words, f"{{kit}}/script/{name}"])
