"""Command line of a start: vpython's own options, then Python's, as CPython reads it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    Kind = Literal["none", "script", "module", "command", "stdin"]

VALUED = (
    "root", "spec", "interpreter", "source", "manifest", "log-level", "python", "with", "env-file", "sha256",
)  # fmt: skip
PLAIN = ("offline", "refresh", "local-venv", "locked", "frozen", "dev", "no-build", "keep-legacy")
BETWEEN = "|"  # between the values of an option that is given more than once; no requirement has it
VARIABLES = {
    "interpreter": "VPYTHON_INTERPRETER",
    "source": "VPYTHON_PACKAGE_SOURCE",
    "manifest": "VPYTHON_MANIFEST",
    "offline": "VPYTHON_OFFLINE",
    "no-build": "VPYTHON_NO_BUILD",
}
SOURCES = ("cipd", "directory", "index")  # kinds of package sources, in front of an address
LEVELS = ("debug", "info", "warning", "error")
ADDRESSES = ("https://", "http://")


class CommandError(Exception):
    """Error in the command line: one line for the user, exit code 2."""


class PythonCommand:
    """Python's command line as CPython understands it: flags, what is run, its arguments.

    `target` is the script's path as given, the module, the code, or "".
    """

    def __init__(self, flags: list[str], kind: Kind, target: str, rest: list[str], separator: bool) -> None:
        self.flags = flags
        self.kind: Kind = kind
        self.target = target
        self.rest = rest
        self.separator = separator

    def words(self) -> list[str]:
        """Return the same command line, with each flag as an argument of its own."""
        middle: list[str] = {
            "none": [],
            "script": [self.target],
            "module": ["-m", self.target],
            "command": ["-c", self.target],
            "stdin": ["-"],
        }[self.kind]
        return [*self.flags, *(["--"] if self.separator else []), *middle, *self.rest]

    def skips_site(self) -> bool:
        """Return whether `-S` is among the flags, so that no start hook runs."""
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
        for path, letter in enumerate(word[1:], 2):
            if letter not in "cmWX":
                flags.append("-" + letter)
                continue
            text = word[path:]
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


def split_sources(text: str) -> list[str]:
    """Split a list of package sources at each comma that a source follows; others are part of an address."""
    sources: list[str] = []
    for part in text.split(","):
        if sources and part.strip().partition(":")[0] not in SOURCES:
            sources[-1] += f",{part}"
        else:
            sources.append(part)
    return [source.strip() for source in sources]


def is_address(script: str) -> bool:
    """Return whether a script is named by the address that it is fetched from."""
    return script[:8].lower().startswith(ADDRESSES)


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
        self.as_tool = False
        self.python_words: list[str] = []

    def get(self, name: str) -> str | None:
        """Return an option's value, or None."""
        return self.values.get(name)

    def drop(self, name: str) -> None:
        """Forget an option, as if it had not been given."""
        self.values.pop(name, None)
        kept, rest = [], self.words
        while rest:
            option, equals, _ = rest[0].lstrip("-").removeprefix("vpython-").partition("=")
            number = 2 if not equals and (option in VALUED or option == "tool") else 1
            kept += rest[:number] if option != name else []
            rest = rest[number:]
        self.words = kept


def parse_options(words: Sequence[str], environ: Mapping[str, str], *, as_tool: bool = False) -> Options:
    """Split the words into ours and Python's; raises CommandError for a wrong one of ours.

    Called `as_tool`, by the name `vpython-tool`, the first word is the command; none asks for help.
    """
    options = Options()
    options.as_tool = as_tool
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
    if as_tool:
        return _as_tool(options, rest)
    if rest[:1] == ["--"] and options.words:
        rest = rest[1:]
    options.python_words = rest
    return options


def _as_tool(options: Options, rest: list[str]) -> Options:
    """Read the command and its arguments behind the options."""
    if rest and rest[0] == "--version":
        rest = ["version", *rest[1:]]
    if not rest:
        options.help = True
        return options
    if rest[0].startswith("-"):
        raise CommandError(
            f"unknown option `{rest[0]}`: the command comes first, `vpython-tool --help` lists them"
        )
    options.words += ["-vpython-tool", rest[0]]
    options.tool, options.tool_words = rest[0], rest[1:]
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
        raise CommandError(f"unknown option `-vpython-{name}`{_suggestion(name)}")
    if name == "log-level" and text not in LEVELS:
        raise CommandError(f"unknown log level `{text}`: it is one of {', '.join(LEVELS)}")
    if name == "tool":
        options.tool = text
    elif name == "with" and name in options.values:
        options.values[name] += BETWEEN + text
    else:
        options.values[name] = text
    options.words += rest[:used]
    return rest[used:]


def _suggestion(name: str) -> str:
    """Return what to say behind a misspelt option of ours."""
    from difflib import get_close_matches

    near = get_close_matches(name, [*VALUED, *PLAIN, "tool"], n=1)
    return f": did you mean `-vpython-{near[0]}`?" if near else "; `vpython -help` lists them"
