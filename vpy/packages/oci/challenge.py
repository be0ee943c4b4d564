"""Challenges of `WWW-Authenticate` (RFC 9110, section 11), of which one header may hold several."""

from __future__ import annotations

import re

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 16 << 10
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (RFC 9110's word for a word)
_SEPARATORS = re.compile(r"[ \t,]*")
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")[ \t]*(?=,|$)')
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+|(?=,)|$)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")


@value
class Challenge:
    """One way to log in: its scheme and the names of its parameters in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse(text: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header's text; what cannot be read ends it."""
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    text = text[:LONGEST]
    place = 0
    while True:
        separators = _SEPARATORS.match(text, place)
        place = separators.end() if separators else place
        if match := _PARAMETER.match(text, place):
            if not found:
                break
            name, plain, quoted = match.groups()
            parameters.setdefault(name.lower(), plain or re.sub(r"\\(.)", r"\1", quoted or ""))
        elif match := _SCHEME.match(text, place):
            parameters = {}
            found.append(Challenge(match[1].lower(), parameters))
            is_parameter = _PARAMETER.match(text, match.end())
            match = (not is_parameter and _TOKEN68.match(text, match.end())) or match
        else:
            break
        place = match.end()
    return tuple(found)
