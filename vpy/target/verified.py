"""Pythons that are not here: what each tag to verify stands for.

A tag to verify names a platform by the oldest tag that its Pythons know, as package names do. What is
looked for is a wheel for a Python of that platform as it is in use today: `config.toml` says how new its
C library or macOS is, unless the tag itself names a newer macOS, or a version of the C library (PEP 600).
"""

from __future__ import annotations

import re

from vpy.errors import UserError
from vpy.model import Interpreter, Tag, Tags
from vpy.target.compatible import manylinux
from vpy.target.demand import Demand, parse_version
from vpy.target.tags import platform_for
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.model import Spec

    Version = tuple[int, int]

LAST_PATCH = 99  # a Python of today has the newest patch, whichever that is
MINORS = range(8, 15)
_PYTHON = re.compile(r"([a-z]+)(\d)_?(\d*)")
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_(.+)")
_MACHINES = {"linux-386": "i686", "linux-amd64": "x86_64", "linux-arm64": "aarch64", "mac-amd64": "x86_64",
             "mac-arm64": "arm64", "mac-386": "i386",
             "windows-amd64": "AMD64", "windows-386": "x86", "windows-arm64": "ARM64"}  # fmt: skip
_SYSTEMS = {
    "linux": ("Linux", "linux", "posix"),
    "mac": ("Darwin", "darwin", "posix"),
    "windows": ("Windows", "win32", "nt"),
}


@value
class Systems:
    """How new the systems behind the tags are: the GNU C library's version, and macOS's."""

    glibc: Version
    macos: Version


def tags_to_verify(spec: Spec, defaults: Sequence[Tag]) -> tuple[Tag, ...]:
    """The spec's own tags, else the platforms of `defaults`, with the Python that the spec asks for.

    UserError for a tag of the spec that leaves its Python or its platform open.
    """
    if not spec.verify_tags:
        return tuple(dict.fromkeys(_of_python(tag, spec) for tag in defaults))
    whole = []
    for tag in spec.verify_tags:
        if not (tag.python and tag.abi and tag.platform):
            raise UserError(
                f"`verify_pep425_tag` {tag} leaves a field open",
                hint="give it `python`, `abi` and `platform`",
            )
        whole.append(tag)
    return tuple(dict.fromkeys(whole))


def _of_python(tag: Tag, spec: Spec) -> Tag:
    """The default tag, of the minor version that the spec wants where it wants another."""
    own = python_of(tag)
    minor = parse_version(spec.python_version)[:2] if spec.python_version else ()
    if spec.requires_python:
        demand = Demand(spec.python_version, spec.requires_python)
        fitting = [(3, each) for each in MINORS if demand.may_be((3, each))]
        minor = own if not fitting or own in fitting else fitting[0]
    if len(minor) < 2 or minor == own:
        return tag
    python = f"cp{minor[0]}{minor[1]}"
    flags = "" if minor >= (3, 8) else "mu" if minor[0] == 2 and tag.platform.count("linux") else "m"
    return Tag(python, python + flags, tag.platform)


def python_of(tag: Tag) -> tuple[int, ...]:
    """(3, 11) of `cp311`, (3,) of `py3`; () where it names none."""
    found = _PYTHON.fullmatch(tag.python)
    return tuple(int(part) for part in found.groups()[1:] if part) if found else ()


def interpreter_for(tag: Tag, systems: Systems) -> Interpreter:
    """A Python for which `tag` stands: its tags, best first, and its PEP 508 environment; it cannot be run.

    UserError where the tag names no Python.
    """
    from packaging import tags

    version = python_of(tag)
    if not version:
        raise UserError(f"the tag `{tag}` names no version of Python", hint="write it as `cp311`")
    platforms = list(dict.fromkeys([tag.platform, *_platforms(tag, systems)]))
    platforms = [each for each in platforms if each != "any"]
    found = [tags.Tag(tag.python, tag.abi, tag.platform)]
    if tag.python.startswith("cp") and len(version) > 1 and tag.abi != "none":
        found += tags.cpython_tags(version, [tag.abi], platforms)
    if len(version) > 1:
        found += tags.compatible_tags(version, tag.python, platforms)
    else:
        found += [tags.Tag(tag.python, "none", each) for each in (*platforms, "any")]
    numbers = (version[0], version[1] if len(version) > 1 else 0, LAST_PATCH)
    return Interpreter(
        executable="",
        version=numbers,
        version_text=".".join(map(str, numbers)),
        implementation="cpython",
        platform=tag.platform,
        base_prefix="",
        landmark="",
        signature=(0, 0, 0),
        tags=Tags.of(dict.fromkeys(Tag(each.interpreter, each.abi, each.platform) for each in found)),
        markers=tuple(sorted(_markers(tag, numbers).items())),
        scheme=(),
    )


def _platforms(tag: Tag, systems: Systems) -> Iterator[str]:
    """The platforms, best first, that a wheel for such a system may name."""
    from packaging import tags

    system, _, machine = (platform_for(tag) or "").partition("-")
    if system == "linux":
        named = _GLIBC.fullmatch(tag.platform)
        glibc = (int(named[1]), int(named[2])) if named else systems.glibc
        architecture = _MACHINES.get(f"linux-{machine}") or (named[3] if named else _rest(tag.platform))
        yield from manylinux(architecture, [architecture], glibc)
        yield f"linux_{architecture}"
    elif system == "mac":
        named = re.match(r"macosx_(\d+)_(\d+)_", tag.platform)
        own = (int(named[1]), int(named[2])) if named else (0, 0)
        yield from tags.mac_platforms(max(own, systems.macos), _MACHINES.get(f"mac-{machine}", "x86_64"))


def _rest(platform: str) -> str:
    return platform.partition("_")[2]


def _markers(tag: Tag, version: tuple[int, int, int]) -> dict[str, str]:
    """PEP 508. What nobody can know of a system (its kernel's release and version) is empty."""
    platform = platform_for(tag) or "linux-amd64"
    name, sys_platform, os_name = _SYSTEMS[platform.partition("-")[0]]
    machine = _MACHINES.get(platform) or _rest(tag.platform)
    text = ".".join(map(str, version))
    return {
        "implementation_name": "cpython",
        "implementation_version": text,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": name,
        "platform_version": "",
        "python_full_version": text,
        "python_version": f"{version[0]}.{version[1]}",
        "sys_platform": sys_platform,
    }
