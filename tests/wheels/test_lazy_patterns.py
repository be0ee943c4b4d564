"""Patterns that are compiled late mean what those mean that are compiled at once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

USES = """
import json, re, sys
if sys.argv[1] == "late":
    sys.path.insert(0, sys.argv[2])
    from vpy.wheels import lazy_patterns
    lazy_patterns.install()
words = re.compile(r"[a-z]+", re.IGNORECASE)
blank = re.compile(rb"\\s")
named = re.compile("(?P<first>a)(b)?")
try:
    re.compile("(").match("")
except re.error as error:
    wrong = str(error)
print(json.dumps([
    words.findall("Ab 1 cd"), re.sub(words, "x", "Ab 1 cd"), re.split(blank.pattern.decode(), "a b"),
    words.flags, words.pattern, re.compile(words).fullmatch("AB") is not None, re.compile(words).flags,
    [found.span() for found in re.finditer(words, "a b")], bool(re.match(blank, b" ")),
    named.groupindex["first"], named.groups, named.sub(r"\\2", "ab"), wrong,
    re.compile("a", re.X | re.S).flags,
    re.compile("a") == re.compile("b"),
]))
"""


def test_they_mean_the_same(request: pytest.FixtureRequest) -> None:
    python = [sys.executable, "-I", "-S", "-c", USES]
    top = str(request.config.rootpath)
    said = {way: subprocess.check_output([*python, way, top]) for way in ("at once", "late")}
    assert json.loads(said["late"]) == json.loads(said["at once"])
