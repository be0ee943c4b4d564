"""Files called python that must not be asked: what they answer hangs on the directory, or worse."""

from __future__ import annotations

import os

from vpy.system import files

# A script that hands over to a version manager, or to us. The name alone in a path does not
# count: `exec ~/.pyenv/versions/3.11.7/bin/python3 "$@"` is an honest wrapper.
_MANAGER = (
    rb"""(?:^|[\s/\\"'(])(pyenv|asdf|mise|rtx)(?:\.exe|\.bat)?["']?\s+(?:exec|x|init|which|shell|where)\b"""
    rb"""|^\#\ (asdf)-plugin:"""
    rb"""|(?:^|[\s/\\"'])(vpython)3?(?:\.pyz|\.py|\.bat)?["']?(?=\s|$)"""
)
_PYENV = b'/pyenv" exec "$program" "$@"'  # how its own shims end: the expression's import would cost more
_HEAD = 8192  # bytes of a script that are looked at


def why_passed_over(path: str, platform: str) -> str:
    """Say why the command at `path` is not asked unless somebody names it; "" where it may be.

    `platform` is `sys.platform`. Known are shims of pyenv, asdf and mise, other programs' links
    called python, our own launcher, Windows' app aliases and Apple's developer-tools stub.
    """
    if not os.path.isabs(path):
        return "is found by a relative PATH entry"
    if platform == "win32" and "\\microsoft\\windowsapps\\" in path.lower():
        return "is an alias of the Windows store"
    real = os.path.realpath(path)
    if os.path.basename(real).startswith("vpython"):
        return "is a vpython"
    if platform == "darwin" and real.startswith("/usr/bin/"):
        return "may be Apple's developer-tools stub"
    try:
        head = files.read_bytes(real, _HEAD)
    except OSError:
        return "cannot be read"
    if head.startswith(b"#!") or real.lower().endswith((".bat", ".cmd")):
        if _PYENV in head:
            return "is a shim of pyenv"
        import re

        found = re.search(_MANAGER, head, re.MULTILINE)
        name = next(filter(None, found.groups())).decode() if found else ""
        return f"is a shim of {name}" if name else ""
    if not os.path.basename(real).lower().startswith("python"):
        return f"is a link to `{real}`, which is no Python"
    return ""


def version_in_name(path: str) -> tuple[int, ...]:
    """(3, 11) for what is, links followed, a binary called `python3.11`; else ()."""
    name = os.path.basename(os.path.realpath(path))
    major, _, rest = name.removeprefix("python").partition(".")
    minor = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    named = name.startswith("python") and len(major) == 1 and major.isdecimal() and minor
    return (int(major), int(minor)) if named else ()
