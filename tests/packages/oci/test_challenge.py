"""Challenges of `WWW-Authenticate`: several in one header, with words and quoted texts."""

from __future__ import annotations

import time

import pytest

from vpy.packages.oci.challenge import parse

BEARER = (
    "bearer",
    {"realm": "https://t.example/token?a=b", "service": "r", "scope": "repository:a:pull,push"},
)
CASES = {
    'Bearer realm="https://t.example/token?a=b",service="r",scope="repository:a:pull,push"': [BEARER],
    'bearer  REALM = "https://t.example/token?a=b" , Service=r, scope="repository:a:pull,push"': [BEARER],
    'Basic realm="a, \\"b\\"", charset=UTF-8': [("basic", {"realm": 'a, "b"', "charset": "UTF-8"})],
    "Basic": [("basic", {})],
    'Negotiate, Basic realm=""': [("negotiate", {}), ("basic", {"realm": ""})],
    "Negotiate YWJj==, ,Digest a=b": [("negotiate", {}), ("digest", {"a": "b"})],
    'Basic realm="x", Bearer realm="y",,scope="z"': [
        ("basic", {"realm": "x"}),
        ("bearer", {"realm": "y", "scope": "z"}),
    ],
    'Bearer realm="x", realm="y"': [("bearer", {"realm": "x"})],
    'Bearer realm="x': [("bearer", {})],
    'realm="x"': [],
    "": [],
    "\x00": [],
}


@pytest.mark.parametrize("text", CASES)
def test_read(text: str) -> None:
    assert [(each.scheme, each.parameters) for each in parse(text)] == CASES[text]


def test_a_long_one_takes_no_time() -> None:
    began = time.process_time()
    for text in ("a," * 50_000, 'a b="' + "\\" * 50_000, "a " * 50_000, "a=" * 50_000, "a" + " " * 50_000):
        parse(text)
    assert time.process_time() - began < 2
