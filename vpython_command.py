"""The words of a start: vpython's own options, then Python's command line as CPython reads it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    Kind = Literal["none", "script", "module", "command", "stdin"]

VALUED = ("root", "spec", "interpreter", "source", "manifest", "log-level")
PLAIN = ("offline", "local-venv")
VARIABLES = {
    "interpreter": "VPYTHON_INTERPRETER",
    "source": "VPYTHON_PACKAGE_SOURCE",
    "manifest": "VPYTHON_MANIFEST",
    "offline": "VPYTHON_OFFLINE",
}
LEVELS = ("debug", "info", "warning", "error")


class CommandError(Exception):
    """A wrong command line: one line for the user, exit code 2."""


class PythonCommand:
    """What CPython would make of its words: its flags, what it runs, the words of that.

    `target` is the script's path as given, the module, the code, or "".
    """

    def __init__(self, flags: list[str], kind: Kind, target: str, rest: list[str], separator: bool) -> None:
        self.flags = flags
        self.kind: Kind = kind
        self.target = target
        self.rest = rest
        self.separator = separator

    def words(self) -> list[str]:
        """The same command line, each flag a word of its own."""
        middle: list[str] = {
            "none": [],
            "script": [self.target],
            "module": ["-m", self.target],
            "command": ["-c", self.target],
            "stdin": ["-"],
        }[self.kind]
        return [*self.flags, *(["--"] if self.separator else []), *middle, *self.rest]

    def skips_site(self) -> bool:
        return "-S" in self.flags


def parse_python(words: Sequence[str]) -> PythonCommand:
    """Read Python's own command line as CPython does (`Python/getopt.c`).

    Raises CommandError where `-c`, `-m`, `-W` or `-X` lacks its value.
    """
    flags: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        if word == "--":
            kind, target, rest = _script(words[number:])
            return PythonCommand(flags, kind, target, rest, True)
        if word == "-" or not word.startswith("-"):
            kind, target, rest = _script(words[number - 1 :])
            return PythonCommand(flags, kind, target, rest, False)
        if word.startswith("--"):
            flags.append(word)
            if word == "--check-hash-based-pycs" and number < len(words):
                flags.append(words[number])
                number += 1
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter not in "cmWX":
                flags.append("-" + letter)
                continue
            text = word[place:]
            if not text:
                if number == len(words):
                    raise CommandError(f"Python's option `-{letter}` lacks its value")
                text = words[number]
                number += 1
            if letter in "WX":
                flags += [f"-{letter}{text}"] if text else [f"-{letter}", ""]
                break
            return PythonCommand(
                flags, "command" if letter == "c" else "module", text, list(words[number:]), False
            )
    return PythonCommand(flags, "none", "", [], False)


def _script(words: Sequence[str]) -> tuple[Kind, str, list[str]]:
    if not words:
        return "none", "", []
    return ("stdin", "", list(words[1:])) if words[0] == "-" else ("script", words[0], list(words[1:]))


class Options:
    """vpython's own options, from the command line and, behind it, from variables."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.words: list[str] = []
        self.tool: str | None = None
        self.tool_words: list[str] = []
        self.help = False
        self.python_words: list[str] = []

    def get(self, name: str) -> str | None:
        return self.values.get(name)


def parse_options(words: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Split the words into ours and Python's; raises CommandError for a wrong one of ours."""
    options = Options()
    for name, variable in VARIABLES.items():
        if environ.get(variable):
            options.values[name] = environ[variable]
    if environ.get("VPYTHON_LOG_TRACE"):
        options.values["log-level"] = "debug"
    rest = list(words)
    while rest:
        name = rest[0].lstrip("-") if rest[0].startswith("-") and not rest[0].startswith("---") else ""
        if name in ("help", "h"):
            options.help = True
            return options
        if not name.startswith("vpython-"):
            break
        rest = _take(options, name[len("vpython-") :], rest)
        if options.tool is not None:
            options.tool_words = rest
            return options
    if rest[:1] == ["--"] and options.words:
        rest = rest[1:]
    options.python_words = rest
    return options


def _take(options: Options, option: str, rest: list[str]) -> list[str]:
    """Read one option of ours at the head of `rest`; return what follows it."""
    name, equals, text = option.partition("=")
    used = 1
    if name in PLAIN:
        if equals and text not in ("true", "false", "1", "0"):
            raise CommandError(f"option `-vpython-{name}` takes no value, got `{text}`")
        text = "" if text in ("false", "0") else "1"
    elif name in VALUED or name == "tool":
        if not equals:
            if len(rest) < 2:
                raise CommandError(f"option `-vpython-{name}` lacks its value")
            text, used = rest[1], 2
    else:
        raise CommandError(f"unknown option `-vpython-{name}`; `vpython -help` lists those there are")
    if name == "log-level" and text not in LEVELS:
        raise CommandError(f"unknown log level `{text}`: it is one of {', '.join(LEVELS)}")
    if name == "tool":
        options.tool = text
    else:
        options.values[name] = text
    options.words += rest[:used]
    return rest[used:]
