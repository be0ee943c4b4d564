"""Scripts that come by stdin: the spec inside counts, and Python reads them as if nobody had looked."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import DOORS, WHICH, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Door

TEXT_BLOCK = """\
# [VPYTHON:BEGIN]
# wheel: <name: "infra/python/wheels/one-py3" version: "version:1.0">
# [VPYTHON:END]
"""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("words", [("-",), (), ("-u", "-", "a")])
def test_block_is_read_from_a_pipe_and_a_file(stage: Stage, door: Door, words: tuple[str, ...]) -> None:
    text = TEXT_BLOCK + WHICH
    result = " ".join(["one", *words[2:]]) + "\n"
    for _ in range(2):
        assert stage.see(*words, door=door, stdin=text) == (0, result, "")
    path = stage.put("s.txt", text)
    assert from_file(stage, path, *words) == (0, result, "")
    plain = " ".join(["bare", *words[2:]]) + "\n"
    assert stage.see(*words, door=door, stdin=WHICH) == (0, plain, "")


def from_file(stage: Stage, path: Path, *words: str, skipped: int = 0) -> tuple[int, str, str]:
    with path.open("rb", buffering=0) as file:
        file.seek(skipped)
        ended = subprocess.run(
            [stage.file, *words],
            cwd=stage.work,
            env=stage.surroundings({"PWD": str(stage.work)}),
            stdin=file,
            capture_output=True,
            check=False,
            text=True,
        )
    return ended.returncode, ended.stdout, ended.stderr


def test_position_of_a_file_counts(stage: Stage) -> None:
    path = stage.put("s.txt", TEXT_BLOCK + WHICH)
    assert from_file(stage, path, "-", skipped=len(TEXT_BLOCK)) == (0, "bare\n", "")


def test_tracebacks_and_the_rest_of_stdin(stage: Stage) -> None:
    text = f"{TEXT_BLOCK}import sys\nprint(sys.argv, sys.stdin.read(), __name__)\n1 / 0\n"
    code, out, err = stage.see("-", "x", stdin=text)
    assert (code, out) == (1, "['-', 'x']  __main__\n")
    assert 'File "<stdin>", line 6, in <module>' in err


def test_large_script(stage: Stage) -> None:
    text = TEXT_BLOCK + WHICH + "# filler\n" * 900_000 + "print('end')\n"
    assert stage.see("-", stdin=text) == (0, "one\nend\n", "")


def test_script_block_and_its_mistakes(stage: Stage) -> None:
    block = "# /// script\n# dependencies = []\n# ///\n"
    assert stage.see("-", stdin=block + WHICH) == (0, "bare\n", "")
    code, out, err = stage.see("-", stdin="# /// script\n# dependencies = 1\n# ///\n")
    shown = "  |\n2 | dependencies = 1\n  | ^\n"
    assert (code, out, err) == (2, "", f"vpython: <stdin>:2:3: `dependencies` is not a list\n{shown}")
    code, out, err = stage.see("-", stdin="\n#/// script\n" + WHICH)
    fact = "not a PEP 723 block, so it is ignored: its first line is `#/// script`, not `# /// script`"
    assert (code, out, err) == (0, "bare\n", f"vpython: <stdin>:2:1: {fact}\n")


@pytest.mark.parametrize("words", [("-V",), ("-i",), ("-c", "print(1)"), ("-m", "platform")])
def test_stdin_of_others_is_left_alone(stage: Stage, words: tuple[str, ...]) -> None:
    """A pipe that never ends holds up only those that read it."""
    for door in DOORS:
        command = [stage.file] if door == "head" else ["python3", stage.file]
        with subprocess.Popen(
            [*command, *words],
            cwd=stage.work,
            env=stage.surroundings({"PWD": str(stage.work)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as child:
            assert child.stdin is not None
            if words == ("-i",):
                child.stdin.write(b"print(6 * 7, flush=True)\n")
                child.stdin.flush()
                assert child.stdout is not None
                assert any(b"42" in line for line in iter(child.stdout.readline, b""))
                child.stdin.close()
            assert child.wait(60) == 0
