"""Archives inside the file: modules as code and as sources, at fixed dates, so that builds reproduce."""

from __future__ import annotations

import importlib.util
import io
import marshal
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from builder.vendor import BuildError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
# Compiles modules without the docstrings of modules and functions, a tenth of all code: sources keep them.
# Those of classes stay: a dataclass without one asks `inspect` for a text, a slow import.
COMPILE = """
import ast, marshal, sys
def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    if tree.body and isinstance(tree.body[0], ast.Pass):  # nothing may stand before `from __future__`
        del tree.body[0]
    return tree
codes = []
for name, data in marshal.loads(sys.stdin.buffer.read()):
    try:
        tree = without_docstrings(ast.parse(data, name))
        codes.append(marshal.dumps(compile(tree, name, "exec", 0, True, 0)))
    except (SyntaxError, ValueError) as error:
        sys.exit(f"{name}: {error}")
sys.stdout.buffer.write(marshal.dumps(codes))
"""
# Modules whose code is left out, since no start of ours comes by them. Their sources are there: a
# module that is imported after all is compiled then. A test watches what pip's two jobs import.
UNCOMPILED = re.compile(
    r"""
    # pip's commands but the one that runs; pip as a program; what builds, lists, installs in place
    pip/_internal/( commands/(?!__init__|download) | cli/(auto|main) | main\. | self_outdated | wheel_builder
      | locations/_dist | metadata/pkg_res | models/installation | network/xmlrpc
      | operations/(build/wheel|check|freeze) | resolution/legacy | utils/(_jaraco|entrypoints) )
    | pip/_vendor/( pkg_resources/ | tomli(_w)?/ | pyproject_hooks/_in_process/_in )
    | pip/_vendor/( idna/(cli|codec|compat|uts46) | packaging/(metadata|ranges) | requests/help )
    # colours and displays, for which `vpy.wheels.plain_rich` stands in
    | pip/_vendor/(rich|pygments)/
    | vendor/google/protobuf/( compiler | internal/(\w+_benchmark|testing_) | testdata | util )
    # what a message is but text: JSON, types for other programs
    | vendor/google/protobuf/( json_ | proto(_builder|_json|_text)?\.py | service_reflection
      | (any|api|duration|empty|field_mask|source_context|struct|timestamp|type|wrappers)(_pb2)?\.py )
    # what locks by other means than the kernel's
    | vendor/filelock/( _async_lock | _identity | _soft | _sqlite | asyncio )
    | vendor/packaging/( dependency_groups | direct_url | metadata | ranges )
    # what the pip of a build gets a copy of
    | vpy/operations/build_rules\.py
    # other systems, other programs, tests
    | .*/( emscripten | http2/connection | licenses | contrib/pyopenssl | __main__
      | (android|ios|testing|pytest_plugin)\.py )
    """,
    re.VERBOSE,
)
HOOK = "vpy/environment/hook.py"  # environments get a copy of its source
# Names the modules of pip that installing imports, at once and on its way; a test installs and sees no other.
INSTALLING = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in "operations.install.wheel", "metadata.importlib", "utils.temp_dir":
    importlib.import_module("pip._internal." + name)
print(*(name for name in sys.modules if name.partition(".")[0] == "pip"), sep="\\n")
"""
ALL_OF = "pip/_vendor/distlib/"  # whatever scripts are made of


def compiled(modules: Mapping[str, bytes]) -> dict[str, bytes]:
    """Code that this Python takes without looking at the source (PEP 552, unchecked hash).

    A Python that has done nothing else compiles it: what else is in memory decides which of the
    constants marshal refers back to, and so the bytes.
    """
    job = marshal.dumps(sorted(modules.items()))
    command = [sys.executable, "-I", "-S", "-X", "no_debug_ranges", "-c", COMPILE]
    ended = subprocess.run(command, input=job, capture_output=True, check=False)
    if ended.returncode:
        raise BuildError(f"cannot compile: {ended.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    codes: list[bytes] = marshal.loads(ended.stdout)  # noqa: S302  (our own child's)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    return {
        name: head + importlib.util.source_hash(modules[name]) + code
        for name, code in zip(sorted(modules), codes, strict=True)
    }


def beside(name: str) -> str:
    """Return the name of compiled code without a source, as zipimport and the import system expect it."""
    return name + "c"


def cached(name: str) -> str:
    """Return the name of the compiled code of a source that is there."""
    directory, _, module = name.rpartition("/")
    return f"{directory}/__pycache__/{module[:-3]}.{sys.implementation.cache_tag}.pyc".removeprefix("/")


def with_code(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the members, and compiled code for each module that is likely to be imported."""
    modules = {name: data for name, data in members.items() if name.endswith(".py")}
    codes = compiled({name: data for name, data in modules.items() if not UNCOMPILED.match(name)})
    return {**members, **{beside(name): code for name, code in codes.items()}}


def parted(members: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the members that the builder's Python needs, modules as code; and the sources of that code."""
    both = with_code(members)
    sources = {name: data for name, data in members.items() if beside(name) in both}
    code = {name: data for name, data in both.items() if name not in sources}
    if HOOK in sources:
        code[HOOK] = sources.pop(HOOK)
        code[cached(HOOK)] = code.pop(beside(HOOK))
    return code, sources


def archive(members: Mapping[str, bytes], *, head: bytes = b"", deflated: Container[str] = ()) -> bytes:
    """Return a zip of the members behind `head`: sorted, at a fixed date, with directory entries.

    Members of an archive that is deflated as a whole are stored inside it, to make one stream. The
    doors are stored too: a start then needs no zlib, which PYTHONPATH could replace.
    """
    out = io.BytesIO()
    out.write(head)
    directories = {
        "/".join(name.split("/")[:depth]) + "/" for name in members for depth in range(1, name.count("/") + 1)
    }
    with zipfile.ZipFile(out, "a") as result:
        for _, name in sorted((name.replace("__pycache__/", ""), name) for name in {*members, *directories}):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = (0o40755 << 16) | 0x10 if name in directories else 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if name in deflated else zipfile.ZIP_STORED
            result.writestr(info, members.get(name, b""), compresslevel=9)
    return out.getvalue()


def bundle(members: Mapping[str, bytes]) -> bytes:
    """Return the members as one file: their sizes and names, then all their bytes."""
    head = "".join(f"{len(members[name])} {name}\n" for name in sorted(members))
    return f"{head}\n".encode() + b"".join(members[name] for name in sorted(members))


def installing(vendor: Path, pip: Mapping[str, bytes]) -> set[str]:
    """Return the members of pip, modules and data, that installing a wheel needs."""
    command = [sys.executable, "-I", "-S", "-c", INSTALLING, str(vendor)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BuildError(f"cannot import pip: {ended.stderr.strip().splitlines()[-1]}")
    stems = {name.replace(".", "/") for name in ended.stdout.split()}
    modules = {f"{stem}{end}" for stem in stems for end in (".py", "/__init__.py")}
    return {name for name in pip if name in modules or name.startswith(ALL_OF)}
