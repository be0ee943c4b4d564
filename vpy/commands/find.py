"""`-vpython-tool find`: show which versions of a package there are, and for which platforms."""

from __future__ import annotations

import re

from vpy.commands.support import package_versions
from vpy.errors import MissingError, ToolError, UserError
from vpy.model import Spec
from vpy.operations import settings, source_setting, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.commands.support.package_versions import PackageVersion
    from vpy.model import Sources, Target
    from vpy.operations.context import Context

SHOWN = 10
ALL = 1_000_000


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print versions by platforms, the newest first, and the `wheel` entry of the newest."""
    from vpy.commands.support import text_output
    from vpy.operations import platform_targets
    from vpy.operations.root import open_root

    name = arguments.name
    if not name.strip("/"):
        raise UserError("`find` needs NAME")
    setting = settings.source(request, context)
    asked = source_setting.parse_setting(setting, context.environ)
    open_root(context)
    targets = platform_targets.verified(Spec(), context.config, "config.toml")
    most = ALL if arguments.all else SHOWN
    try:
        versions = _versions(name, most, asked, targets, context)
    except ToolError as error:
        # Nobody chose the service, and this name may well be a project's.
        if setting.origin != settings.BUILT_IN or "/" in name or context.offline:
            raise
        context.terminal.warning(f"{error.message}: asking the index, as -vpython-source index does")
        versions = package_versions.in_index(name, most, asked, targets, context)
    if not versions:
        raise UserError(f"there is no version of `{name}`")

    if arguments.json:
        text_output.show_json([account(version) for version in versions])
    else:
        projects = {package_versions.project(version.name) for version in versions}
        entry = f"\n\n{spec_entry(newest(versions), targets)}" if len(projects) == 1 else ""
        text_output.show(table(versions, most) + entry)
    return 0


def _versions(
    name: str, most: int, asked: Sources, targets: Sequence[Target], context: Context
) -> list[PackageVersion]:
    """Return the versions that the sources have, those of the first before others; UserError for none."""
    found: dict[tuple[str, str], PackageVersion] = {}
    absent = []
    for source in asked.members:
        try:
            if source.kind == "index":
                own = package_versions.in_index(name, most, asked.beside(source), targets, context)
            else:
                own = package_versions.in_catalogue(name, most, sources.catalogue(source, context), context)
        except MissingError as error:
            absent.append(error)
            continue
        for version in own:
            found.setdefault((version.name, version.version), version)
    if len(absent) == len(asked.members):
        raise absent[0]
    return list(found.values())


def account(version: PackageVersion) -> dict[str, object]:
    """Return the version as JSON has it; a platform without Pythons is for any Python."""
    return {
        "name": version.name,
        "version": version.version,
        "refs": list(version.refs),
        "platforms": {platform: list(pythons) for platform, pythons in version.platforms.items()},
    }


def table(versions: Sequence[PackageVersion], most: int) -> str:
    """Return a table for each package: its versions by platforms."""
    from vpy.commands.support import text_output

    blocks = []
    for name in dict.fromkeys(version.name for version in versions):
        own = [version for version in versions if version.name == name]
        platforms = sorted({platform for version in own for platform in version.platforms})
        rows = [("", *platforms)]
        for version in own[:most]:
            cells = (_pythons(version.platforms.get(platform)) for platform in platforms)
            refs = f" ({', '.join(version.refs)})" if version.refs else ""
            rows.append((f"{version.version}{refs}", *cells))
        blocks.append("\n".join([name, *(f"  {line}".rstrip() for line in text_output.columns(rows))]))
    return "\n\n".join(blocks)


def _pythons(tags: Sequence[str] | None) -> str:
    """Return `cp38…cp311 cp313` for a list, `-` for nothing, `ok` for any Python."""
    if tags is None:
        return "-"
    numbers = sorted(int(tag[3:]) for tag in tags if re.fullmatch(r"cp3\d+", tag))
    others = [tag for tag in tags if not re.fullmatch(r"cp3\d+", tag)]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [f"cp3{run[0]}" if len(run) == 1 else f"cp3{run[0]}…cp3{run[-1]}" for run in runs]
    return " ".join([*others, *shown]) or "ok"


def newest(versions: Sequence[PackageVersion]) -> PackageVersion:
    """Return the newest version that is no pre-release, of the package that has most platforms."""
    from vpy.commands.support.package_versions import EVERY

    releases = [version for version in versions if not _is_prerelease(version.version)] or versions
    first = {version.name: version for version in reversed(releases)}
    return max(first.values(), key=lambda version: (EVERY in version.platforms, len(version.platforms)))


def _is_prerelease(version: str) -> bool:
    return re.search(r"\d(a|b|rc|\.dev)\d", version) is not None


def spec_entry(version: PackageVersion, targets: Sequence[Target]) -> str:
    """Return the entry of a text spec, with a rule for each platform where some have no package."""
    from vpy.commands.support.package_versions import EVERY

    lines = ["wheel: <", f'  name: "{version.name}"', f'  version: "{version.version}"']
    present = [target for target in targets if dict(target.template).get("platform") in version.platforms]
    if EVERY not in version.platforms and present and len(present) < len(targets):
        lines += [f'  match_tag: < platform: "{_common_platform(target)}" >' for target in present]
    return "\n".join([*lines, ">"])


def _common_platform(target: Target) -> str:
    """Return a platform tag that each Python of the platform has: on Linux the plain one."""
    if "linux" in target.tag.platform:
        return f"linux_{dict(target.interpreter.markers)['platform_machine']}"
    return target.tag.platform
