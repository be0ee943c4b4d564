"""Platforms to verify: the interpreters that tags stand for, none of which need be on this machine.

A tag to verify names a platform by the oldest tag that its Pythons have, as package names do, but its
wheels are for Pythons of that platform as they are in use today. So `config.toml` says how new its C
library or macOS is, unless the tag itself names a newer macOS, or a version of the C library (PEP 600).
"""

from __future__ import annotations

import re

from vpy.errors import UserError
from vpy.model import Interpreter, Tag, Tags
from vpy.system.lean.dataclasses import value
from vpy.target.python_requirement import PythonRequirement, parse_version
from vpy.target.tags import cipd_platform, manylinux_platforms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpy.model import Spec

    Version = tuple[int, int]

_EVERY = "every"  # stands for all platforms of a target in tags that are made of it
LAST_PATCH = 99  # of a Python in use today: the newest, whichever that is
# Of a platform that a spec names, unless the spec wants another.
_PYTHON_TAG = "cp311"
_PLATFORMS = {
    "linux-386": "manylinux1_i686",
    "linux-amd64": "manylinux1_x86_64",
    "linux-arm64": "linux_arm64",
    "mac-amd64": "macosx_10_10_intel",
    "mac-arm64": "macosx_11_0_arm64",
    "windows-386": "win32",
    "windows-amd64": "win_amd64",
    "windows-arm64": "win_arm64",
}
MINORS = range(8, 16)  # of the Pythons that a spec may be verified for
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
    """Versions of the GNU C library and of macOS that the systems behind the tags have."""

    glibc: Version
    macos: Version


def tags_to_verify(spec: Spec, defaults: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return the spec's own tags, else its platforms or those of `defaults` with the Python that it wants.

    Raises UserError for a tag of the spec that leaves a field open, and for a platform that is unknown.
    """
    if spec.verify_platforms:
        defaults = [_platform_tag(name, defaults) for name in spec.verify_platforms]
    if not spec.verify_tags:
        return tuple(dict.fromkeys(_default_tag(tag, spec) for tag in defaults))

    for tag in spec.verify_tags:
        if not (tag.python and tag.abi and tag.platform):
            raise UserError(
                f"`verify_pep425_tag` {tag} leaves a field open",
                hint="give it `python`, `abi` and `platform`",
            )
    return tuple(dict.fromkeys(spec.verify_tags))


def _platform_tag(name: str, defaults: Sequence[Tag]) -> Tag:
    """Return the tag of a platform, by its name in packages or in wheels; `defaults` come first."""
    known = {each: Tag(_PYTHON_TAG, _PYTHON_TAG, platform) for each, platform in _PLATFORMS.items()}
    known |= {cipd_platform(tag) or "": tag for tag in reversed(defaults)}
    tag = Tag(_PYTHON_TAG, _PYTHON_TAG, name)
    if name not in known and not cipd_platform(tag):
        listed = ", ".join(f"`{each}`" for each in sorted(known))
        raise UserError(f"`verify-platforms`: unknown platform `{name}`", hint=f"it is one of {listed}")
    return known.get(name, tag)


def _default_tag(tag: Tag, spec: Spec) -> Tag:
    """Return a default tag, with the minor version that the spec wants where that is another."""
    own = version_of(tag)
    version = parse_version(spec.python_version)[:2] if spec.python_version else ()
    if spec.requires_python:
        requirement = PythonRequirement(spec.python_version, spec.requires_python)
        fitting = [(3, minor) for minor in MINORS if requirement.may_accept((3, minor))]
        version = own if not fitting or own in fitting else fitting[0]
    if len(version) < 2 or version == own:
        return tag

    # PEP 3149: `m` up to 3.7; a 2.7 of Linux also has wide characters.
    python = f"cp{version[0]}{version[1]}"
    flags = "" if version >= (3, 8) else "mu" if version[0] == 2 and tag.platform.count("linux") else "m"
    return Tag(python, python + flags, tag.platform)


def version_of(tag: Tag) -> tuple[int, ...]:
    """Return (3, 11) for `cp311`, (3,) for `py3`; () where the tag names no version of Python."""
    match = _PYTHON.fullmatch(tag.python)
    return tuple(int(part) for part in match.groups()[1:] if part) if match else ()


def interpreter_for(tag: Tag, systems: Systems) -> Interpreter:
    """Return the interpreter that a tag stands for: its tags and its markers, without any file.

    Raises UserError where the tag names no version of Python.
    """
    version = version_of(tag)
    if not version:
        raise UserError(f"the tag `{tag}` names no version of Python", hint="write it as `cp311`")

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
        tags=_tags(tag, version, systems),
        markers=tuple(sorted(_markers(tag, numbers).items())),
        scheme=(),
    )


def _tags(tag: Tag, version: tuple[int, ...], systems: Systems) -> Tags:
    """Return `tag`, then the tags of such a Python, best first, each once."""
    from packaging import tags

    named = dict.fromkeys([tag.platform, *_platforms(tag, systems)])
    platforms = tuple(platform for platform in named if platform != "any")
    # One platform stands for all of them, which follow one another: there are thousands of tags.
    every = [_EVERY] if platforms else []

    found: list[tuple[str, str, tuple[str, ...]]] = [(tag.python, tag.abi, (tag.platform,))]
    more: list[tags.Tag] = []
    if tag.python.startswith("cp") and len(version) > 1 and tag.abi != "none":
        more += tags.cpython_tags(version, [tag.abi], every)
    if len(version) > 1:
        more += tags.compatible_tags(version, tag.python, every)
    else:
        more += [tags.Tag(tag.python, "none", platform) for platform in (*every, "any")]
    found += [
        (each.interpreter, each.abi, platforms if each.platform == _EVERY else (each.platform,))
        for each in more
    ]
    return Tags(_each_once(found))


def _each_once(rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return rows of tags without those that stand in an earlier one; rows of one kind that meet are one."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    for python, abi, platforms in rows:
        before = known.get((python, abi), ())
        new = tuple(each for each in platforms if each not in before) if before else platforms
        known[python, abi] = (*before, *new)
        if new and found and found[-1][:2] == (python, abi):
            found[-1] = (python, abi, (*found[-1][2], *new))
        elif new:
            found.append((python, abi, new))
    return found


def _platforms(tag: Tag, systems: Systems) -> Iterator[str]:
    """Yield the platforms, best first, of the wheels that a system behind the tag can install."""
    from packaging import tags

    system, _, machine = (cipd_platform(tag) or "").partition("-")
    if system == "linux":
        named = _GLIBC.fullmatch(tag.platform)
        glibc = (int(named[1]), int(named[2])) if named else systems.glibc
        architecture = _MACHINES.get(f"linux-{machine}") or (named[3] if named else _rest(tag.platform))
        yield from manylinux_platforms(architecture, [architecture], glibc)
        yield f"linux_{architecture}"
    elif system == "mac":
        named = re.match(r"macosx_(\d+)_(\d+)_", tag.platform)
        own = (int(named[1]), int(named[2])) if named else (0, 0)
        yield from tags.mac_platforms(max(own, systems.macos), _MACHINES.get(f"mac-{machine}", "x86_64"))


def _rest(platform: str) -> str:
    return platform.partition("_")[2]


def _markers(tag: Tag, version: tuple[int, int, int]) -> dict[str, str]:
    """Return the PEP 508 markers; what no tag implies (the kernel's release and version) is empty."""
    platform = cipd_platform(tag) or "linux-amd64"
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
