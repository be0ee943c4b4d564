"""PEP 425 tags as the package service sees them: the one that names packages, and its platform."""

from __future__ import annotations

from vpy.model import Tag, Tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# CIPD architectures by the architecture in a tag; `arm…` not named here is `armv6l`.
_LINUX = {
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "x86_64": "amd64",
    "amd64": "amd64",
    "arm64": "arm64",
    "aarch64": "arm64",
    "mips": "mips32",
    "mipsel": "mips32",
    "mips64": "mips64",
    "riscv64": "riscv64",
    "ppc64": "ppc64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
_MAC = {
    "x86_64": "amd64",
    "intel": "amd64",
    "fat64": "amd64",
    "fat3": "amd64",
    "universal": "amd64",
    "arm64": "arm64",
    "i386": "386",
    "fat": "386",
    "fat32": "386",
}
_WINDOWS = {"win32": "386", "win_amd64": "amd64", "win_arm64": "arm64"}


def preferred(tags: Iterable[Tag]) -> Tag:
    """Return the tag that stands for a Python in package names; ValueError where there is none.

    The rules are those of the original's selector, which reads the tags in order and keeps the
    better one each time: first what has an ABI (or any platform) over what has neither, a specific
    platform over `any`, an ABI over `none`, the Python's own ABI over `abi3`, the better platform
    unless it costs the implementation, a specific implementation (`cp`) over `py`.
    """
    rows = (tags if isinstance(tags, Tags) else Tags.of(tags)).rows
    platforms = dict.fromkeys(platform for row in rows for platform in row[2])
    order = _platform_order(platforms)
    ranks = {platform: _platform_rank(platform, order) for platform in platforms}
    best: tuple[str, str, str] | None = None
    for python, abi, names in rows:
        for platform in names:
            if best is None or _is_better(python, abi, platform, best, ranks):
                best = (python, abi, platform)
    if best is None:
        raise ValueError("no tags to choose from")
    return Tag(*best)


def _is_better(
    python: str, abi: str, platform: str, best: tuple[str, str, str], ranks: Mapping[str, tuple[int, ...]]
) -> bool:
    best_python, best_abi, best_platform = best
    if _weight(abi, platform) > _weight(best_abi, best_platform):
        return True
    if best_platform == "any" != platform:
        return True
    if best_abi == "none" != abi:
        return True
    if best_abi in ("abi3", "none") and abi.startswith("cp3"):
        return True
    generic, best_generic = python.startswith("py"), best_python.startswith("py")
    if ranks[platform] < ranks[best_platform]:
        return best_generic or not generic
    return best_generic and not generic


def _weight(abi: str, platform: str) -> int:
    """How much a tag says in the original's count, where `any` counts and a missing field too."""
    return (abi != "none") + (platform == "any")


def _platform_order(platforms: Iterable[str]) -> str:
    """Which system's order of platforms holds: that of the first one that shows it."""
    for platform in platforms:
        if platform.startswith(("linux_", "manylinux1_")):
            return "linux"
        if _mac_version(platform) is not None:
            return "mac"
    return ""


def _platform_rank(platform: str, order: str) -> tuple[int, ...]:
    """Smaller is better: `manylinux1`, then `linux`; arm64, then intel, then the oldest macOS."""
    if order == "linux":
        return (0 if platform.startswith("manylinux1_") else 1 if platform.startswith("linux_") else 2,)
    version = _mac_version(platform) if order == "mac" else None
    if version is None:
        return (9,)
    architecture = platform.split("_", 3)[3]
    return ({"arm64": 0, "intel": 1}.get(architecture, 2), *version)


def _mac_version(platform: str) -> tuple[int, int] | None:
    """(major, minor) of a platform `macosx_<major>_<minor>_<architecture>`, else None."""
    parts = platform.split("_", 3)
    if len(parts) != 4 or parts[0] != "macosx":
        return None
    major, minor = parts[1:3]
    if not (major + minor).isascii() or not (major.isdigit() and minor.isdigit()) or len(major + minor) > 9:
        return None
    return int(major), int(minor)


def platform_for(tag: Tag) -> str | None:
    """Return the package service's platform (`linux-amd64`) for a tag; None where it names none.

    `universal2` is Intel where it claims a macOS before 11 (no arm64 was there yet), else arm64.
    """
    kind, _, rest = tag.platform.partition("_")
    if kind == "linux" or kind.startswith(("manylinux", "musllinux")):
        return _named("linux", _linux_architecture(kind, rest))
    if kind == "macosx":
        return _named("mac", _mac_architecture(tag.platform, rest))
    return _named("windows", _WINDOWS.get(tag.platform))


def _named(system: str, architecture: str | None) -> str | None:
    return f"{system}-{architecture}" if architecture else None


def _linux_architecture(kind: str, rest: str) -> str | None:
    if kind in ("manylinux", "musllinux"):  # PEP 600, PEP 656: the C library's version comes first
        parts = rest.split("_", 2)
        rest = parts[2] if len(parts) == 3 else ""
    return _LINUX.get(rest) or ("armv6l" if rest.startswith("arm") else None)


def _mac_architecture(platform: str, rest: str) -> str | None:
    if rest.endswith("universal2"):
        version = _mac_version(platform)
        return "arm64" if version and version >= (11, 0) else "amd64"
    if rest.endswith("x86_64"):
        return "amd64"
    return _MAC.get(rest.rpartition("_")[2])
