"""Variables of `-vpython-env-file FILE`: lines `NAME=VALUE`, as other programs read them."""

from __future__ import annotations

import os

from bootstrap.command_line import CommandError

LARGEST = 1 << 20
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


def read(path: str) -> dict[str, str]:
    """Return the variables of a file; raise CommandError, with the line, for what is none."""
    try:
        with open(path, "rb") as file:
            text = os.fsdecode(file.read(LARGEST + 1))
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read `{path}`: {getattr(error, 'strerror', None) or error}") from None
    if len(text) > LARGEST:
        raise CommandError(f"cannot read `{path}`: more than {LARGEST >> 20} MiB")
    found = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        bare = line.strip().removeprefix("export ").strip()
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        name = name.rstrip()
        if not equals or not name.replace("_", "a").isalnum() or name[0].isdigit() or "\0" in value:
            raise CommandError(f"{path}:{number}:1: expected NAME=VALUE")
        found[name] = _value(value.strip(), f"{path}:{number}:{line.index('=') + 2}")
    return found


def _value(text: str, where: str) -> str:
    """Return a value without its quotes and the comment behind it."""
    quote = text[:1]
    if quote not in ("'", '"') or not text:
        return text.partition(" #")[0].rstrip()
    parts: list[str] = []
    rest = iter(text[1:])
    for character in rest:
        if character == quote:
            behind = "".join(rest).strip()
            if behind and not behind.startswith("#"):
                raise CommandError(f"{where}: text after the closing quote")
            return "".join(parts)
        if character == "\\" and quote == '"':
            following = next(rest, "")
            parts.append(ESCAPES.get(following, f"\\{following}"))
        else:
            parts.append(character)
    raise CommandError(f"{where}: a quote is not closed")
