"""`init`: a new script with a PEP 723 block, or a new `vpython.toml`."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context

SHEBANG = "#!/usr/bin/env vpython3\n"
BODY = """

def main() -> None:
    print("Hello from {name}!")


if __name__ == "__main__":
    main()
"""


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Write the file; a script that is there already gets a block, and stays as it is otherwise."""
    from vpy.commands.support import invocation, spec_edits, text_output
    from vpy.operations.root import open_root
    from vpy.spec import edit

    invocation.check_local(arguments.file, request, context)
    path = os.path.join(request.cwd or "/", arguments.file)
    requires = arguments.requires_python
    if requires is None:
        open_root(context)
        requires = spec_edits.requires_this_python(request, context)
    is_toml = path.endswith(".toml")
    before = _read(path)
    if is_toml and before is not None:
        raise UserError(f"`{path}` already exists", hint="`vpython-tool add` adds requirements to it")
    if is_toml:
        text = edit.new_tables(requires)
    elif before is None:
        body = BODY.format(name=os.path.basename(path).replace("\\", "\\\\").replace('"', '\\"'))
        text = SHEBANG + edit.new_block(requires) + body
    else:
        start = "" if before.startswith("#!") or arguments.file.endswith(".pyw") else SHEBANG
        text = edit.with_block(start + before, edit.new_block(requires), path)
    edit.write(path, text, executable=not is_toml)
    if arguments.json:
        text_output.show_json({"file": path, "requires_python": requires})
    else:
        text_output.show(path)
    return 0


def _read(path: str) -> str | None:
    """Return the text of a file; None where there is none."""
    from vpy.spec import edit

    if not os.path.lexists(path):
        return None
    return edit.read(path)
