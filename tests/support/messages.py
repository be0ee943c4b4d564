"""Every text that vpython may show, read off its sources: templates, as their authors wrote them.

`python3 -m tests.support.messages` writes them to `tests/golden/messages.txt`, to be read as prose.
Help texts are not in it: `docs/reference.md` has them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests" / "golden" / "messages.txt"
HOW = "python3 -m tests.support.messages"

# What is no prose, or the same as in docs/reference.md: scripts for shells, drawings, help.
WITHOUT = {"vpy/commands/completion.py", "vpy/commands/support/graph_svg.py", "vpy/commands/table.py"}
SHELL = ("vpython.sh", "shims/vpython3", "shims/vpython3.bat")

# Methods whose text is shown, and what it is called in the list.
SPEAKERS = {
    "add": "and then",
    "debug": "trace",
    "error": "error",
    "info": "info",
    "stage": "status",
    "warn": "warning",
    "warning": "warning",
}
# Rows of the tables that help is made of, and what takes patterns.
HELP = {"Command", "Example", "Option", "Positional", "Variable", "compile", "add_argument"}
ERROR = re.compile(r"_?[A-Z]\w*Error$")
# Texts that programs read: code, patterns, lists of names, names in the root.
NO_PROSE = re.compile(
    r"\n *[a-z_]+.*\n|^#!|^import |\\[\w.+(*]|\.\*|\(\w+[^ ()]*\||\?:|^[^ ]*(?: [^ .,:;]+){25}"
    r"|\) and \{|application/"
)
PROSE = re.compile(r"[a-z]{2,}[,:;`]* (?:`|\x00)*[a-z\x00]|\x00[`,:;]* [a-z]{2,}")


class Message(NamedTuple):
    """Text of one place in the sources: what it is, the template, and the hint that goes with it."""

    kind: str
    text: str
    hint: str | None = None


def collect() -> dict[str, list[Message]]:
    """Return the messages of each module, in their order there."""
    modules = [TOP / "vpython.py", *sorted(TOP.glob("bootstrap/*.py")), *sorted(TOP.glob("vpy/**/*.py"))]
    found = {}
    for path in modules:
        name = path.relative_to(TOP).as_posix()
        if name not in WITHOUT:
            found[name] = messages_of(path.read_text(encoding="utf-8"))
    for name in SHELL:
        found[name] = shell_messages_of((TOP / name).read_text(encoding="utf-8"))
    return {name: messages for name, messages in found.items() if messages}


def messages_of(text: str) -> list[Message]:
    """Return the messages of one module in Python."""
    tree = ast.parse(text)
    return list(_Reader(_docstrings(tree)).read(tree, None))


def shell_messages_of(text: str) -> list[Message]:
    """Return what a script for a shell prints with vpython's name in front, and what it fails with."""
    found = []
    for line in text.splitlines():
        if match := re.search(r"""(?:echo|printf) ['"]?vpython: (.*?)(?:\\n'.*|['"])? 1?>&2""", line):
            found.append(match[1])
        elif match := re.search(r"""\b(?:_vpython_)?fail (["'])(.*)\1""", line):
            found.append(match[2].replace("\\", ""))
    return [Message("error", each) for each in found if PROSE.search(each.replace("$", "\x00"))]


def _docstrings(tree: ast.Module) -> set[ast.expr]:
    return {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    }


class _Reader:
    """Reader of one module's tree."""

    def __init__(self, docstrings: set[ast.expr]) -> None:
        self._docstrings = docstrings

    def read(self, node: ast.AST, kind: str | None) -> Iterator[Message]:
        """Yield the messages below a node; `kind` is what a text right here would be."""
        if node in self._docstrings:
            return
        if isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.keyword):
            yield from self.read(node.value, "hint" if node.arg == "hint" else None)
        elif (text := template(node)) is not None:
            if _is_prose(text, kind):
                yield Message(kind or "text", text)
        else:
            inner = kind if isinstance(node, ast.IfExp | ast.List | ast.Tuple | ast.BoolOp) else None
            keys = node.keys if isinstance(node, ast.Dict) else ()
            for child in ast.iter_child_nodes(node):
                if child not in keys:
                    yield from self.read(child, inner)

    def _call(self, call: ast.Call) -> Iterator[Message]:
        name = _called(call.func)
        if name in HELP:
            return
        kind = "error" if ERROR.match(name) else SPEAKERS.get(name)
        hint = next((each.value for each in call.keywords if each.arg == "hint"), None)
        hint_text = template(hint) if hint is not None else None
        yield from self.read(call.func, None)
        texts = [message for each in call.args for message in self.read(each, kind)]
        if hint_text is not None and texts:
            texts[-1] = texts[-1]._replace(hint=hint_text)
            hint = None
        yield from texts
        for each in call.keywords:
            if each.arg != "hint" or hint is not None:
                yield from self.read(each, None)


def _is_prose(text: str, kind: str | None) -> bool:
    words = re.sub(r"\x01[^\x02]*\x02", "\0", text)
    if NO_PROSE.search(words):
        return False
    says_something = kind not in (None, "and then") and re.search(r"[A-Za-z]{2,}", words)
    return bool(says_something or PROSE.search(words))


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def template(node: ast.AST) -> str | None:
    """Return the text of a literal; what is filled in is between two controls; None for others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left), template(node.right)
        if left is not None or right is not None:
            return (left or _filled(node.left)) + (right or _filled(node.right))
    return None


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return _filled(node.value, f"!{chr(node.conversion)}" if node.conversion > 0 else "")
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _filled(node: ast.expr, conversion: str = "") -> str:
    return f"\x01{_named(node)}{conversion}\x02"


def _named(node: ast.AST) -> str:
    """Return what a reader needs to know of an expression: what it is about, or the texts it chooses from."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return f"{_named(node.value)}.{node.attr}".removeprefix("self.")
    if isinstance(node, ast.Subscript | ast.Starred):
        return _named(node.value)
    if isinstance(node, ast.IfExp):
        return f"{_named(node.body)}|{_named(node.orelse)}"
    if isinstance(node, ast.BoolOp):
        return "|".join(map(_named, node.values))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values)).replace("\x01", "<").replace("\x02", ">")
    if isinstance(node, ast.Call):
        if node.args:
            return _named(node.args[0] if _called(node.func) != "map" else node.args[-1])
        return _named(node.func)
    if isinstance(node, ast.GeneratorExp | ast.ListComp):
        return _named(node.elt)
    return "…"


def rendered(messages: dict[str, list[Message]]) -> str:
    """Return the page: modules by name, each text on a line of its own with its hint below."""
    lines = ["# Every text that vpython may show, for reading. To renew it: " + HOW]
    for name in sorted(messages):
        lines += ["", name]
        for message in messages[name]:
            lines.append(f"  {message.kind:8} {_line(message.text)}")
            if message.hint:
                lines.append(f"  {'':8}   hint: {_line(message.hint)}")
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    text = text.replace("\x01", "{").replace("\x02", "}")
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(rendered(collect()), encoding="utf-8")
