"""`-vpython-tool tags [--json] [PYTHON_VERSION | SCRIPT | -m MODULE | -c CODE]`: tags, best first."""

from __future__ import annotations

import json
import re

from vpy import decision
from vpy.model import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vpy.context import Context
    from vpy.target.search import Found
    from vpython import Request

VERSION = re.compile(r"\d+(\.\d+){0,2}")


def run(request: Request, context: Context) -> int:
    """Print the tags of the Python that a script would get, or that a version means."""
    from vpy import cli
    from vpy.tools import page

    words = request.options.tool_words
    as_json = words[:1] == ["--json"]
    cli.open_root(context)
    told = account(find(request, words[1:] if as_json else words, context))
    if as_json:
        page.show(json.dumps(told, indent=1))
        return 0
    short = page.shortener(context.environ)
    python = f"{told['python']['version']}  {short(told['python']['executable'])}"
    page.show(page.render([("python", [python]), *page.target_sections(told), ("tags", told["tags"])]))
    return 0


def find(request: Request, words: Sequence[str], context: Context) -> Found:
    """The Python of `words`: one version number, or a command line whose spec says which."""
    from vpy.tools import subject

    if len(words) == 1 and VERSION.fullmatch(words[0]):
        return decision.find_interpreter(request, context, Spec(python_version=words[0]))
    asked = subject.of(request, words)
    return decision.find_interpreter(asked, context, decision.read_spec(asked, context)[1])


def account(found: Found) -> dict[str, Any]:
    """The Python, its tags best first, the one that stands for it, what templates are filled in with."""
    from vpy.target import choice
    from vpy.tools import explain

    target = choice.choose(found.interpreter)
    return {
        "python": {"executable": found.interpreter.executable, "version": found.interpreter.version_text},
        **explain.target(target.tag, dict(target.template), assumed=False),
        "tags": list(found.interpreter.tags.texts()),
    }
