"""Compiled code in an environment's `__pycache__`: whether it is what its source compiles to.

Python takes a `.pyc` whose head names its source's size and time, or says that nothing is to be compared
(PEP 552). What follows the head is not looked at: so forged code runs while its source looks right.
"""

from __future__ import annotations

import os

from vpy.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FORGED = "is other code than its source compiles to"
UNREADABLE = "makes Python fail while it is compared with its source"

# Runs on the base Python, 3.8 and newer. A file that Python itself would not take is passed over.
_PROGRAM = r"""
import importlib.util, marshal, os, sys, types, warnings
warnings.simplefilter("ignore")
FIELDS = ["co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags", "co_code", "co_names",
          "co_varnames", "co_freevars", "co_cellvars", "co_name", "co_qualname", "co_firstlineno",
          "co_exceptiontable"]

def key(item):
    if isinstance(item, types.CodeType):
        return [getattr(item, name, None) for name in FIELDS] + [key(const) for const in item.co_consts]
    if isinstance(item, tuple):
        return ["tuple"] + [key(each) for each in item]
    if isinstance(item, frozenset):
        return ["frozenset"] + sorted(repr(key(each)) for each in item)
    return [type(item).__name__, repr(item)]

def is_taken(data, source):
    if data[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags = int.from_bytes(data[4:8], "little")
    if flags == 0:
        found = os.stat(source)
        expected = (int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little"))
        return expected == (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
    with open(source, "rb") as file:
        return not flags & 2 or data[8:16] == importlib.util.source_hash(file.read())

def is_other(path, source, level):
    with open(path, "rb") as file:
        data = file.read()
    if not is_taken(data, source):
        return False
    with open(source, "rb") as file:
        text = file.read()
    try:
        ours = compile(text, source, "exec", dont_inherit=True, optimize=level)
        return key(marshal.loads(data[16:])) != key(ours)
    except Exception:
        return True

top, tag = sys.argv[1], "." + sys.implementation.cache_tag
for parent, _, leaves in os.walk(top):
    for leaf in sorted(leaves) if os.path.basename(parent) == "__pycache__" else ():
        stem, found, rest = leaf.rpartition(tag)
        path = os.path.join(parent, leaf)
        source = os.path.join(os.path.dirname(parent), stem + ".py")
        level = {".pyc": 0, ".opt-1.pyc": 1, ".opt-2.pyc": 2}.get(rest)
        if not found or level is None or not os.path.isfile(source) or stem == "_vpython_start":
            continue
        sys.stdout.buffer.write(b"?" + os.fsencode(os.path.relpath(path, top)) + b"\n")
        sys.stdout.buffer.flush()
        if is_other(path, source, level):
            sys.stdout.buffer.write(b"!\n")
"""


def faults(python: str, environment: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the compiled files that do not come of their source: facts by path.

    `python` is the base Python, which compiles the sources again and runs nothing of them.
    """
    finished = process.run(
        [python, "-I", "-S", "-B", "-c", _PROGRAM, environment], environ=process.clean_environ(environ)
    )
    found: dict[str, str] = {}
    path = ""
    for row in finished.stdout.split(b"\n"):
        if row.startswith(b"?"):
            path = os.fsdecode(row[1:]).replace(os.sep, "/")
        elif row == b"!":
            found[path] = FORGED
    if finished.code and path:
        found[path] = UNREADABLE
    return found
