"""Completion as the shells themselves do it, where they are installed; each script names everything."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from vpy.commands import completion, table

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
SCRIPTS = {
    "bash": completion.bash,
    "zsh": completion.zsh,
    "fish": completion.fish,
    "powershell": completion.powershell,
}
OPTIONS = [option.name for option in table.GLOBAL_OPTIONS]

# The words behind `vpython`, the last one to be completed, and what is offered.
CASES: list[tuple[tuple[str, ...], list[str]]] = [
    (("-vpython-o",), ["-vpython-offline"]),
    (("-vpython-",), sorted(name for name in OPTIONS if name.startswith("-vpython-"))),
    (("-vpython-log-level", ""), ["debug", "error", "info", "warning"]),
    (("-vpython-tool", "p"), ["pack", "prune", "push"]),
    (("-vpython-tool", ""), list(table.NAMES)),
    (("-vpython-offline", "-vpython-tool", "ver"), ["verify", "version"]),
    (("-vpython-tool", "prune", "--o"), ["--older-than"]),
    (
        ("-vpython-tool", "prune", "--"),
        ["--dry-run", "--help", "--json", "--keep-used-by", "--max-size", "--older-than"],
    ),
    (("-vpython-tool", "pack", "--repo", "lea"), ["leaf/"]),
    (("-vpython-tool", "completion", "f"), ["fish"]),
    (("-vpython-tool", "help", "ver"), ["verify", "version"]),
    (("-vpython-spec", "al"), ["alpha.py"]),
    (("al",), ["alpha.py"]),
    (("-vpython-tool", "explain", "be"), ["beta.py"]),
    (("-vpython-tool", "mirror", "-o", "leaf", "al"), ["alpha.py"]),
]

# The same behind `vpython-tool`.
TOOL_CASES: list[tuple[tuple[str, ...], list[str]]] = [
    (("p",), ["pack", "prune", "push"]),
    (("",), list(table.NAMES)),
    (("-vpython-o",), ["-vpython-offline"]),
    (("-vpython-root", "leaf", "ver"), ["verify", "version"]),
    (("-vpython-offline", "prune", "--o"), ["--older-than"]),
    (("explain", "be"), ["beta.py"]),
]


def bash(script: Path, words: tuple[str, ...], name: str) -> str:
    quoted = " ".join(f"'{word}'" for word in (name, *words))
    return f"""
        source {script}
        complete -p {name} | grep -q -- '-F _vpython'
        COMP_WORDS=({quoted}); COMP_CWORD={len(words)}
        _vpython {name}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """


def fish(script: Path, words: tuple[str, ...], name: str) -> str:
    line = " ".join((name, *words))
    return f"source {script}; complete -C '{line}'"


def zsh(script: Path, words: tuple[str, ...], name: str) -> str:
    """Complete in a terminal of zsh's own, since its completion runs nowhere else.

    The quotes in what is printed tell it from the echo of the line that prints it.
    """
    line = " ".join((name, *words))
    return f"""
        zmodload zsh/zpty
        zpty inner zsh -f -i
        send() {{ zpty -w inner "$1"; }}
        send 'PROMPT=; stty -echo; unsetopt beep; LISTMAX=0; COLUMNS=1000; zmodload zsh/complist'
        send 'autoload -Uz compinit; compinit -D; source {script}'
        send 'compadd() {{ local -a got; builtin compadd -O got "$@"; print -l -- "OFF""ER:${{(@)^got}}"; }}'
        send "zstyle ':completion:*' completer _complete"
        send "zle -C offer list-choices offer_all; offer_all() {{ _main_complete; print DO''NE:; exit; }}"
        send "bindkey '^X' offer; print REA''DY:"
        zpty -r -m inner seen '*READY:'
        zpty -w -n inner '{line}'$'\\C-x'
        zpty -r -m inner seen '*DONE:'
        print -r -- "$seen"
    """


def offers(shell: str, tmp_path: Path, words: tuple[str, ...], name: str = "vpython") -> list[str]:
    """Return what a shell offers for the last of the words, in a directory with a few files."""
    work = tmp_path / "work"
    (work / "leaf").mkdir(parents=True, exist_ok=True)
    for file in ("alpha.py", "beta.py"):
        (work / file).touch()
    script = tmp_path / "_vpython"
    script.write_text(SCRIPTS[shell](), encoding="utf-8")
    code = {"bash": bash, "fish": fish, "zsh": zsh}[shell](script, words, name)
    command = {
        "bash": ["bash", "--norc", "--noprofile", "-c", code],
        "fish": ["fish", "--no-config", "-c", code],
        "zsh": ["zsh", "-f", "-c", code],
    }[shell]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    lines = [line.partition("\t")[0] for line in done.stdout.splitlines() if line.strip()]
    if shell == "zsh":
        lines = re.findall(r"OFFER:([^\r\n]*)", done.stdout)
    lines = [line.rstrip("/") for line in lines if line]
    return sorted({f"{line}/" if (work / line).is_dir() else line for line in lines})


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("words", "offered"), CASES, ids=lambda item: "_".join(item)[:40])
def test_offers(shell: str, tmp_path: Path, words: tuple[str, ...], offered: list[str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    assert offers(shell, tmp_path, words) == offered


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("words", "offered"), TOOL_CASES, ids=lambda item: "_".join(item)[:40])
def test_offers_behind_the_short_name(
    shell: str, tmp_path: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    assert offers(shell, tmp_path, words, "vpython-tool") == offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_file_with_a_space_in_its_name(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "two words.py").touch()
    assert offers(shell, tmp_path, ("-vpython-tool", "install", "two")) == ["two words.py"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_each_script_names_everything(shell: str) -> None:
    script = SCRIPTS[shell]()
    for command in table.COMMANDS:
        assert command.name in script
        names = [option.name for option in command.all_options]
        assert [name for name in names if name not in script and f"-l {name[2:]}" not in script] == []
    assert [name for name in OPTIONS if name not in script and f"-o {name[1:]}" not in script] == []


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_the_shell_can_read_it(tmp_path: Path, shell: str, check: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    script = tmp_path / "completion"
    script.write_text(SCRIPTS[shell](), encoding="utf-8")
    assert subprocess.run([shell, check, script], capture_output=True, check=False).stderr == b""
