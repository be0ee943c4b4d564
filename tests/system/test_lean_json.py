"""JSON by the parser in C alone, where nobody has imported `json`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.harness import TOP

# Each is no JSON: the parser in C takes its error from `json`, which is not there.
NONE = ['{"a": "', '{"a"', "[1,", '"\\u12"', "{1: 2}", "[" * 100_000, "nul", "", "1 2"]


@pytest.mark.parametrize("text", NONE, ids=range(len(NONE)))
def test_what_is_no_json(text: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TOP)!r}); from vpy.system.lean import json\n"
        "assert 'json' not in sys.modules\n"
        "try: json.loads(sys.stdin.buffer.read())\n"
        "except ValueError: print('none')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], input=text, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("none\n", "")
