"""What the documents tell a reader to type works and prints what they show; the parsers read the rest."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bootstrap import command_line
from tests.docs import markdown, reader
from tests.docs.test_links import DOCUMENTS, name_of
from tests.support.awkward_index import AwkwardIndex
from tests.support.harness import BASE, TOP, Harness
from vpy.commands import parser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.markdown import Block

# Those for users. `docs/reference.md` is made from the parsers' own table, and its examples are parsed there.
RUN = ("guide", "editors", "faq", "install", "mirror", "shims", "windows", "trust", "fleet")
READ = [TOP / "README.md", TOP / "SECURITY.md", *(TOP / "docs" / f"{name}.md" for name in RUN)]
INDEX = ("README.md", "editors.md")  # what they name is not among the wheels that are here
PROGRAM = re.compile(r"(?:.*/)?vpython(3|-tool)?(?:\.pyz|\.bat)?$")
PYTHONS = {"python", "python3", "py"}
PLACEHOLDER = re.compile(r"^\[|…|\*")
INDENTED = re.compile(r" {4,}(\$ |vpython|python|\./|cp |mkdir |pip |cipd )")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("wheels")
    reader.fill(folder)
    index = AwkwardIndex(folder)
    index.uploaded = {wheel.name: "2026-01-31T12:00:00Z" for wheel in folder.iterdir()}
    yield index.url
    index.stop()


@pytest.mark.parametrize("path", [path for path in READ if path.name not in INDEX], ids=name_of)
def test_commands_print_what_is_shown(path: Path, index: str, tmp_path: Path) -> None:
    visitor = reader.Reader(tmp_path, index, installs=path.name == "install.md")
    if path.name == "install.md":
        reader.lay_release(visitor.home)
    _check(path, visitor, visitor.home)


@pytest.mark.index
def test_commands_of_the_readme(tmp_path: Path) -> None:
    """They are typed in a checkout, with the index that this machine has."""
    visitor = reader.Reader(tmp_path, "", installs=True)
    _check(TOP / "README.md", visitor, reader.checkout(visitor.home / "vpython"))


@pytest.mark.thorough
@pytest.mark.index
def test_commands_of_editors_and_tools(tmp_path: Path) -> None:
    """The real tools, 40 wheels of them; of all that this shows only editors with windows are left out."""
    if shutil.which("node") is None:
        pytest.skip("no node here, which pyright runs on")
    visitor = reader.Reader(tmp_path, "")
    _check(TOP / "docs" / "editors.md", visitor, visitor.home)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with pipx and uv, which vpython installs from the index of this machine."""
    harness = Harness(tmp_path_factory.mktemp("tools"))
    harness.use_base_python()
    words = ("-vpython-with", "pipx", "-vpython-with", "uv", "-c", "import sys; print(sys.prefix)")
    done = harness.run(*words, timeout=300)
    assert done.returncode == 0, done.stderr
    commands = harness.place / "tools"
    commands.mkdir()
    for name in ("pipx", "uv"):
        (commands / name).symlink_to(f"{done.stdout.strip()}/bin/{name}")
    return commands


@pytest.mark.index
@pytest.mark.thorough
@pytest.mark.parametrize(("tool", "way"), [("pip", "pip"), ("pipx", "pipx"), ("uv", "uv tool")])
def test_commands_of_installers(tool: str, way: str, tools: Path, tmp_path: Path) -> None:
    """The real ones: what they install runs, is left to them by `self`, and goes whole."""
    path = TOP / "docs" / "install.md"
    visitor = reader.Reader(tmp_path, "", installs=True)
    reader.lay_release(visitor.home)
    environ = visitor.harness.environ
    environ["PATH"] = f"{environ['PATH']}{os.pathsep}{tools}"
    environ["PIPX_DEFAULT_PYTHON"] = environ["UV_PYTHON"] = str(BASE)
    taken = [each for each in markdown.blocks(path) if each.not_run.startswith(f"it takes {tool};")]
    install, uninstall = (replace(block, not_run="") for block in taken)
    _check(path, visitor, visitor.home, [install])

    commands = visitor.home / ("vpython-venv/bin" if tool == "pip" else ".local/bin")
    (visitor.home / "s.py").write_text("import sys; print(sys.base_prefix)")
    for _ in range(2):
        done = visitor.harness.run_command(commands / "vpython3", visitor.home / "s.py")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{sys.base_prefix}\n", "")
    shown = json.loads(visitor.harness.run_command(commands / "vpython-tool", "self", "--json").stdout)
    assert (shown["installed"]["by"], shown["damaged"]) == (way, [])
    assert shown["installed"]["upgrade"].endswith("WHEEL")
    done = visitor.harness.run_command(commands / "vpython-tool", "self", "update")
    assert (done.returncode, shown["installed"]["upgrade"] in done.stderr) == (2, True)

    _check(path, visitor, visitor.home, [uninstall])
    assert not [path for path in commands.iterdir() if path.name.startswith("vpython")]


def _check(path: Path, visitor: reader.Reader, cwd: Path, blocks: list[Block] | None = None) -> None:
    faults = _faults(path, visitor, cwd, blocks)
    assert not faults, "\n\n".join(faults)


def _faults(path: Path, visitor: reader.Reader, cwd: Path, blocks: list[Block] | None = None) -> list[str]:
    """Return what does not hold: a command that fails without an `echo $?`, or prints something else."""
    faults, failed = [], ""
    for command, output, code in visitor.read(markdown.blocks(path) if blocks is None else blocks, cwd):
        here = f"{path.name}:{command.line}: {command.text}"
        if failed and command.text != "echo $?":
            faults.append(failed)
        failed = f"{here}\nexit code {code}, and no `echo $?` shows it:\n{output}" if code else ""
        if command.output is not None and not reader.is_shown(command.output, output):
            faults.append("\n".join((here, "-- shown:", *command.output, "-- printed:", output)))
    return [*faults, failed] if failed else faults


def test_what_does_not_hold_is_found(tmp_path: Path) -> None:
    lines = [
        "<!-- file: a/b.txt -->", "```text", "one", "```", "```console", "$ cat a/b.txt", "two",
        "$ cd a && cat b.txt", "one", "$ (exit 3)", "$ echo $?", "3", "$ (exit 4)", "$ pwd",
        "/home/me/a", "```", "<!-- not run: it would end this -->", "```sh", "exit 5", "```", "```sh",
        "# a comment", "printf 'no %s' \\", "  newline", "false", "```",
    ]  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    visitor = reader.Reader(tmp_path, "http://127.0.0.1:9/")
    found = [fault.splitlines()[0].partition("page.md:")[2] for fault in _faults(page, visitor, visitor.home)]
    assert found == ["6: cat a/b.txt", "13: (exit 4)", "25: false"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_are_ones_that_the_parsers_know(path: Path) -> None:
    """Those in the prose and in tables too; a block that is not run has at least this."""
    faults = []
    for line, text in [*_typed(path), *markdown.spans(path)]:
        for words in _simple_commands(text):
            fault = _refusal(words)
            if fault:
                faults.append(f"line {line}: {text}: {fault}")
    assert not faults


def _typed(path: Path) -> Iterator[tuple[int, str]]:
    for block in markdown.blocks(path):
        if block.language in ("sh", "console"):
            yield from ((command.line, command.text) for command in block.commands())


def _simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command that is vpython, without what a shell does to them."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace_split = True
        tokens = list(lexer)
    except ValueError:  # a span that is no command: a lone quote
        return
    words: list[str] = []
    for token in [*tokens, ";"]:
        if token and set(token) <= set("();<>|&\n"):
            if _of_vpython(words):
                yield _of_vpython(words)
            words = ["redirected"] if set(token) & set("<>") else []
        else:
            words.append(token)


def _of_vpython(words: list[str]) -> list[str]:
    """Return the command from the name of vpython on, or nothing where it is another program's."""
    rest = list(words)
    while rest and (re.match(r"\w+=", rest[0]) or rest[0] in ("env", "exec", *PYTHONS)):
        rest.pop(0)
    return rest if rest and PROGRAM.match(rest[0]) else []


def _refusal(words: list[str]) -> str:
    """Return what the parsers have against a command, "" for nothing."""
    program = PROGRAM.match(words[0])
    assert program is not None
    words = [word for word in words[1:] if not PLACEHOLDER.search(word)]
    try:
        options = command_line.parse_options(words, {}, as_tool=program[1] == "-tool")
        if options.tool is None or options.help:
            return ""
        if not options.tool.isupper():  # `vpython-tool COMMAND`
            parser.parse(parser.find_command(options.tool), options.tool_words)
    except Exception as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("vpython-tool lock --chek s.py", "unknown option `--chek`"),
        ("A=1 vpython -vpython-ofline s.py", "unknown option `-vpython-ofline`"),
        ("true && python3 vpython.pyz -vpython-tool lok", "unknown command `lok`"),
        ("vpython s.py --chek", ""),
        ("vpython-tool export s.py > requirements.txt", ""),
        ("echo vpython-tool lok", ""),
    ],
)
def test_a_command_that_no_parser_knows_is_found(text: str, fault: str) -> None:
    assert " ".join(_refusal(words) for words in _simple_commands(text)).startswith(fault)


@pytest.mark.parametrize("path", READ, ids=name_of)
def test_no_command_hides_in_an_indented_block(path: Path) -> None:
    assert [line for line in markdown.prose(path) if INDENTED.match(line[1])] == []


@pytest.mark.parametrize("path", READ, ids=name_of)
def test_a_block_that_is_not_run_gives_a_reason(path: Path) -> None:
    for block in markdown.blocks(path):
        assert block.language, f"line {block.line}: a block without a language"
        assert not block.not_run or len(block.not_run.split()) >= 3
        if block.file:
            assert _is_named(path, block), f"line {block.line}: nobody reads that this is `{block.file}`"


def _is_named(path: Path, block: Block) -> bool:
    before = [text for line, text in markdown.prose(path) if line < block.line]
    return any(f"`{block.file}`" in text for text in before[-6:])


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        (("one", "two"), "one\ntwo\n", True),
        (("one",), "one\ntwo\n", False),
        (("one", "…"), "one\ntwo\nthree\n", True),
        (("…", "three"), "one\ntwo\nthree\n", True),
        (("o… (…)",), "one (two)\n", True),
        (("o…",), "one\ntwo\n", False),
        ((), "", True),
        ((), "one\n", False),
        (("a.c",), "abc\n", False),
    ],
)
def test_what_counts_as_shown(shown: tuple[str, ...], output: str, same: bool) -> None:
    assert reader.is_shown(shown, output) is same
