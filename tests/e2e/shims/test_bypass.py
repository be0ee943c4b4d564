"""`VPYTHON_BYPASS`, as the shim of depot_tools has it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.shims.checkout import Checkout

SENTENCE = "manually managed python not supported by chrome operations"
PYTHON = "#!/bin/sh\nprintf 'python3\\n'\nprintf '<%s>' \"$@\"\n"


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=" ".join)
@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ((), ""),
        (("s.py", "a b", ""), "<s.py><a b><>"),
        (("-vpython-spec", "f", "s.py"), "<s.py>"),
        (("-vpython-spec=f", "s.py"), "<s.py>"),
        (("-vpython-unheard-of", "f", "-u", "s.py"), "<-u><s.py>"),
        (("s.py", "-vpython-spec", "f", "x"), "<s.py><x>"),
        (("-vpython-spec=f", "--", "s.py", "-vpython-spec", "f"), "<--><s.py><-vpython-spec><f>"),
        (("-vpython-spec",), ""),
        (("-vpython-spec", "-vpython-tool", "s.py"), "<s.py>"),
        (("--", "-vpython-tool"), "<--><-vpython-tool>"),
    ],
)
def test_words_of_ours_go(
    checkout: Checkout, shell: tuple[str, ...], words: tuple[str, ...], rest: str
) -> None:
    box = checkout.tools(("printf",), python3=PYTHON)
    program = shutil.which(shell[0])
    if program is None:
        pytest.skip(f"`{shell[0]}` is not installed")
    done = checkout.run(*words, shell=(program, *shell[1:]), tools=box, env={"VPYTHON_BYPASS": SENTENCE})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "python3\n" + (rest or "<>")


@pytest.mark.parametrize(
    "words", [("-vpython-tool", "install"), ("-vpython-tool=verify",), ("x", "-vpython-tools")]
)
def test_a_tool_has_nothing_to_do(checkout: Checkout, words: tuple[str, ...]) -> None:
    done = checkout.run(*words, tools=checkout.tools(()), env={"VPYTHON_BYPASS": SENTENCE})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_python_to_become(checkout: Checkout) -> None:
    done = checkout.run("s.py", tools=checkout.tools(()), env={"VPYTHON_BYPASS": SENTENCE})
    assert done.returncode == 1
    assert done.stderr == "vpython: `VPYTHON_BYPASS` is set, and PATH has no `python3`\n"


def test_only_the_exact_sentence(checkout: Checkout) -> None:
    checkout.pin()
    assert checkout.run("x", env={"VPYTHON_BYPASS": "1"}).stdout == "vpython3 1\nx\n"
