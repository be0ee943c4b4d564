"""Whatever changes in a tree: where every observation still holds, the choice is the same."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.tree import clear, hold, plant, search
from vpy.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.model import SpecSource

BLOCK = "# /// script\n# dependencies = []\n# ///\n"
GUARDED = "# [VPYTHON:BEGIN]\n# wheel {}\n# [VPYTHON:END]\n"
SPEC = st.sampled_from(["", 'python_version: "3.8"', "/"])
PLACES = ["s.py.vpython3", "a.vpython3", "a/s.py.vpython3", "a/b.vpython3", "a/b/s.py.vpython3", "l.vpython3"]
PLACES += ["l.py.vpython3", "a/l.py.vpython3", "w.vpython3", "a/b/__main__.py.vpython3"]
PLACES += [f"{directory}{name}" for directory in ("", "a/", "a/b/") for name in (".vpython3", "vpython.toml")]
MARKS = [f"{directory}{name}" for directory in ("", "a/", "a/b/") for name in (".gclient", "__init__.py")]
SCRIPT = st.sampled_from(["print(1)\n", BLOCK, GUARDED])

TREES = st.fixed_dictionaries(
    {
        ".gclient": st.just(""),
        "default": st.sampled_from(["", 'python_version: "3.9"']),
        "s.py": SCRIPT,
        "a/s.py": SCRIPT,
        "a/b/s.py": SCRIPT,
        "a/b/__main__.py": SCRIPT,
        "a/l.py": st.sampled_from(["->../s.py", "->s.py", "->b/s.py", "->b"]),
        "l": st.sampled_from(["->a", "->a/b"]),
    },
    optional=dict.fromkeys(PLACES, SPEC) | {name: st.sampled_from(["", "/"]) for name in MARKS[1:]},
)
STARTS = st.sampled_from(
    [(name, "script", "") for name in ("s.py", "a/s.py", "a/b/s.py", "a/b", "a/l.py", "l/s.py", "l/../s.py")]
    + [("mod", "module", cwd) for cwd in ("", "a", "a/b", "l")]
    + [("pass", "command", "l"), (BLOCK, "command", "a"), ("", "none", "a/b")]
)
DEFAULTS = st.sampled_from([{}, {"VPYTHON_DEFAULT_SPEC": ""}, {"VPYTHON_DEFAULT_SPEC": "default"}])


@pytest.fixture(scope="module")
def ground() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as top:
        yield os.path.realpath(top)


def choice(start: tuple[str, str, str], top: str, environ: dict[str, str]) -> SpecSource | None:
    target, kind, cwd = start
    try:
        return search(target, kind=kind, cwd=os.path.join(top, cwd), environ=absolute(environ, top)).source
    except UserError:
        return None


def absolute(environ: dict[str, str], top: str) -> dict[str, str]:
    return {name: text and os.path.join(top, text) for name, text in environ.items()}


@settings(max_examples=600, deadline=None)
@given(TREES, TREES, STARTS, DEFAULTS, DEFAULTS, st.data())
def test_observations_are_complete(
    ground: str,
    before: dict[str, str],
    other: dict[str, str],
    start: tuple[str, str, str],
    environ: dict[str, str],
    later: dict[str, str],
    data: st.DataObject,
) -> None:
    # A tree that differs in a few names, since one that differs in all is easily told.
    names = data.draw(st.lists(st.sampled_from(sorted(before | other)), max_size=3))
    after = {name: content for name, content in before.items() if name not in names}
    after |= {name: other[name] for name in names if name in other}
    clear(ground)
    plant(ground, before)
    target, kind, cwd = start
    try:
        first = search(target, kind=kind, cwd=os.path.join(ground, cwd), environ=absolute(environ, ground))
    except UserError:
        return
    assert hold(first.observations, absolute(environ, ground))
    clear(ground)
    plant(ground, after)
    if hold(first.observations, absolute(later, ground)):
        assert choice(start, ground, later) == first.source
