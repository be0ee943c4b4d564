"""Stand-in for the `rich` that pip brings: its messages become plain text, and nothing is drawn.

pip imports rich and pygments, 90 modules, for colours and progress bars. What it prints goes to the debug log
here, so a fifth of the time that it takes to load is saved.
"""

from __future__ import annotations

import re
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

PACKAGE = "pip._vendor.rich"
_MODULES = (
    "console", "highlighter", "live", "logging", "markup", "measure", "progress", "segment", "style",
    "text", "theme", "traceback",
)  # fmt: skip
# As in rich: a tag is no tag behind an odd number of backslashes.
_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?\])")
_CLOSING = re.compile(r"(\\*)(\[/?\])")


def escape(text: str) -> str:
    """Return a text in which nothing is a tag."""
    return _TAG.sub(lambda found: f"{found[1] * 2}\\{found[2]}", text)


def _without_tags(text: str) -> str:
    def replace(found: re.Match[str]) -> str:
        backslashes, is_escaped = divmod(len(found[1]), 2)
        return "\\" * backslashes + (found[2] if is_escaped else "")

    return _CLOSING.sub(replace, _TAG.sub(replace, text))


class Text:
    """Text without its colours."""

    def __init__(self, text: object = "", *_: object, **__: object) -> None:
        self.plain = str(text)

    @classmethod
    def from_markup(cls, text: str, *_: object, **__: object) -> Text:
        """Return what is between the tags."""
        return cls(_without_tags(text))

    @classmethod
    def assemble(cls, *parts: Any, **_: object) -> Text:
        """Return the parts, of which some are (text, style), in one."""
        return cls("".join(str(part[0] if isinstance(part, tuple) else part) for part in parts))

    def __add__(self, other: object) -> Text:
        return Text(f"{self}{other}")

    def __str__(self) -> str:
        return self.plain


class _Options:
    ascii_only = True


class Console:
    """Console that prints texts, and of what renders itself the parts."""

    def __init__(self, *_: object, file: TextIO | None = None, no_color: bool = True, **__: object) -> None:
        self.file = file or sys.stdout
        self.no_color = no_color

    def print(self, renderable: Any = "", **_: object) -> None:
        """Print what pip's handler of log records hands on."""
        self.file.write("".join(f"{line}\n" for line in self._lines(renderable)))
        self.file.flush()

    def _lines(self, renderable: Any) -> list[str]:
        if isinstance(renderable, str):
            return _without_tags(renderable).splitlines() or [""]
        if isinstance(renderable, Text):
            return renderable.plain.splitlines() or [""]
        inner = getattr(renderable, "renderable", None)
        if inner is not None:  # `IndentedRenderable` of pip
            return [" " * renderable.indent + line for line in self._lines(inner)]
        parts = renderable.__rich_console__(self, _Options())
        return [line for part in parts for line in self._lines(part)]


def _handler() -> type:
    """Return the handler of log records that pip's own one is made of."""
    import logging

    class RichHandler(logging.Handler):
        def __init__(self, console: Console, **_: object) -> None:
            super().__init__()
            self.console = console

        def render_message(self, _: logging.LogRecord, message: str) -> Text:
            return Text(message)

    return RichHandler


class _Undrawn:
    """What only draws, or says how."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> type[_Undrawn]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Undrawn


def install() -> None:
    """Let pip import this instead of rich; call it before anything of pip is imported."""
    package = _Module(PACKAGE)
    package.__path__ = []
    modules = {name: _Module(f"{PACKAGE}.{name}") for name in _MODULES}
    vars(modules["markup"]).update(escape=escape)
    vars(modules["text"]).update(Text=Text)
    vars(modules["console"]).update(Console=Console, ConsoleRenderable=object)
    vars(modules["logging"]).update(RichHandler=_handler())
    vars(package).update(modules)
    sys.modules[PACKAGE] = package
    sys.modules.update((module.__name__, module) for module in modules.values())
