"""JSON without the import cost of `json`, which compiles regular expressions.

The standard library's own parser and writer in C do the work, called as `json` calls them; where
they are not to be had that way, `json` itself is asked. The text is the same to the letter.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLANKS = " \t\n\r"


class _Reading:
    """Settings that the C parser reads from a `json.JSONDecoder`."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(text: str) -> float:
        return float(text)


def loads(data: bytes | str) -> Any:
    """Return the value that a JSON text in UTF-8 says; ValueError where it says none."""
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogatepass")
    try:
        import _json

        context: Any = _Reading
        scan = _json.make_scanner(context)
    except (ImportError, AttributeError, TypeError):
        import json

        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    start = len(text) - len(text.lstrip(_BLANKS))
    try:
        value, end = scan(text, start)
    except (StopIteration, SystemError):  # the last: the parser finds no `json` to take its error from
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text[end:].strip(_BLANKS):
        raise ValueError("more than one JSON value")
    return value


def dumps(item: object, *, sort_keys: bool = False) -> str:
    """Return the JSON text of a value, in ASCII; TypeError for what JSON has no form for."""
    try:
        import _json

        write = _json.make_encoder(
            {}, _refuse, _json.encode_basestring_ascii, None, ": ", ", ", sort_keys, False, True
        )
        return "".join(write(item, 0))
    except (ImportError, AttributeError):
        import json

        return json.dumps(item, sort_keys=sort_keys)


def _refuse(item: object) -> Any:
    raise TypeError(f"no JSON for {type(item).__name__}")
