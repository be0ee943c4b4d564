"""`-vpython-tool tags`: the tags of a Python, best first, and the values of package name variables."""

from __future__ import annotations

import re

from vpy.model import Spec
from vpy.operations import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.target.discovery import FoundInterpreter

VERSION = re.compile(r"\d+(\.\d+){0,2}")


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print the tags of the Python that a start would use, or of a version."""
    from vpy.commands.support import text_output
    from vpy.operations.root import open_root

    open_root(context)
    facts = account(find(arguments, request, context))
    if arguments.json:
        text_output.show_json(facts)
        return 0

    shorten = text_output.shortener(context.environ)
    python = f"{facts['python']['version']}  {shorten(facts['python']['executable'])}"
    sections = [("python", [python]), *text_output.target_sections(facts), ("tags", facts["tags"])]
    text_output.show(text_output.render(sections))
    return 0


def find(arguments: Namespace, request: Request, context: Context) -> FoundInterpreter:
    """Find the Python of a version number, or of a command line's spec."""
    from vpy.commands.support import invocation

    asked = invocation.of(request, arguments, context)
    if len(arguments.python) == 1 and VERSION.fullmatch(arguments.python[0]):
        return plan.find_interpreter(asked, context, Spec(python_version=arguments.python[0]))
    return plan.find_interpreter(asked, context, plan.read_spec(asked, context)[1])


def account(found: FoundInterpreter) -> dict[str, Any]:
    """Return the Python, its tags best first, the tag that names packages, and the template values."""
    from vpy.commands.support import explain_target
    from vpy.target import template

    target = template.target_for(found.interpreter)
    return {
        "python": {"executable": found.interpreter.executable, "version": found.interpreter.version_text},
        **explain_target.target(target.tag, dict(target.template), assumed=False),
        "tags": list(found.interpreter.tags.texts()),
    }
