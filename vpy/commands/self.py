"""`self`: vpython's own file, whether it is whole and the newest; and its replacement by another."""

from __future__ import annotations

import os
import sys

from vpy.commands.support import text_output
from vpy.errors import ToolError, UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.operations.own_file import OwnFile
    from vpy.operations.releases import Release, Releases

WAYS = {
    "cipd": "by CIPD",
    "checkout": "not at all: from a checkout",
    "file": "as a file",
    "manifest": "by a manifest",
    "pip": "as a wheel, by pip",
    "pipx": "as a wheel, by pipx",
    "uv pip": "as a wheel, by uv pip",
    "uv tool": "as a wheel, by uv tool",
}


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Show the file, look whether there is a newer one, or replace it."""
    from vpy.operations import own_file, releases, self_update

    verb, version = _words(arguments)
    own = own_file.find(request, context)
    if not verb:
        return _show(request, own, context, arguments)
    if verb == "update":
        self_update.refuse_what_others_installed(own)
    there = releases.Releases(releases.setting_of(arguments.releases, request.cwd or "/", context), context)
    if verb == "check":
        return _check(there, context, arguments)
    return _update(own, there, version, context, arguments)


def _words(arguments: Namespace) -> tuple[str, str]:
    """Return what is to be done (`check`, `update`, "" to show) and the version that is named."""
    words = arguments.action
    if len(words) > 2 or (arguments.check and words):
        raise UserError(f"`self` takes `--check`, or `update` and a version, got `{' '.join(words)}`")
    if arguments.check:
        return "check", ""
    if not words and (arguments.force or arguments.releases):
        raise UserError("`--force` and `--releases` of `self` go with `update` or `--check`")
    return words[0] if words else "", words[1] if len(words) > 1 else ""


def _show(request: Request, own: OwnFile, context: Context, arguments: Namespace) -> int:
    """Show what this file is; return 1 where it is not what it should be."""
    account = _account(request, own, context)
    if arguments.json:
        text_output.show_json(account)
    else:
        text_output.show(text_output.render(_sections(account, context)))
    if account["damaged"]:
        raise ToolError(
            [f"`{path}` is not as `{own.record}` has it" for path in account["damaged"]],
            hint=f"`{own.upgrade}` installs it again" if own.upgrade else "copy the file again",
        )
    return 0


def _account(request: Request, own: OwnFile, context: Context) -> dict[str, Any]:
    from bootstrap import BUILD
    from vpy.operations import settings
    from vpy.system import files

    expected = dict(own.expected)
    found = {path: files.sha256_of(path) for path in (own.path, *expected) if os.path.isfile(path)}
    place = settings.releases(context)
    return {
        "version": context.config.version,
        "build": BUILD,
        "called": request.caller,
        "file": own.path,
        "sha256": found.get(own.path),
        "checked_by": own.record or None,
        "damaged": [path for path, digest in expected.items() if found.get(path) != digest],
        "installed": {"by": own.way, "upgrade": own.upgrade or None},
        "python": {"version": ".".join(map(str, sys.version_info[:3])), "path": sys.executable},
        "releases": {"at": place.text or None, "from": place.origin},
    }


def _sections(account: dict[str, Any], context: Context) -> list[tuple[str, list[str]]]:
    shorten = text_output.shortener(context.environ)
    way = account["installed"]["by"]
    upgrade = account["installed"]["upgrade"]
    called = f"called as {shorten(account['called'])}"
    checked = account["checked_by"]
    said = (
        f"is not what {shorten(checked or '')} has"
        if account["damaged"]
        else f"as {shorten(checked or '')} has it"
    )
    place = account["releases"]
    return [
        ("version", [f"{account['version']}  (build {account['build']})"]),
        ("file", [shorten(account["file"]), *([called] if account["called"] != account["file"] else [])]),
        ("sha256", [account["sha256"] or "-", *([said] if checked else [])]),
        (
            "installed",
            [WAYS.get(way, f"by {way}"), *([f"upgraded by: {shorten(upgrade)}"] if upgrade else [])],
        ),
        ("runs on", [f"Python {account['python']['version']}  {shorten(account['python']['path'])}"]),
        (
            "releases",
            [f"{shorten(place['at'])}  ({shorten(place['from'])})" if place["at"] else "none are named"],
        ),
    ]


def _check(there: Releases, context: Context, arguments: Namespace) -> int:
    """Say whether there is a newer version; return 1 where there is."""
    newest = there.newest(context.config.version)
    is_newer = _compared(newest, context) > 0
    if arguments.json:
        account = {"version": context.config.version, "newest": newest.version, "is_newest": not is_newer}
        text_output.show_json(account)
    elif is_newer:
        text_output.show(f"{newest.version} is there, this is {context.config.version}")
    else:
        text_output.show(f"{context.config.version} is the newest")
    return int(is_newer)


def _compared(release: Release, context: Context) -> int:
    """Return 1 for a release that is newer than this version, 0 for the same, -1 for an older one."""
    from packaging.version import Version

    theirs, ours = Version(release.version), Version(context.config.version)
    return (theirs > ours) - (theirs < ours)


def _update(own: OwnFile, there: Releases, version: str, context: Context, arguments: Namespace) -> int:
    """Replace the file by the newest release, or by the one that is named."""
    from bootstrap import BUILD
    from vpy.operations import self_update

    before = self_update.OwnBytes(own.path)
    release = there.named(version) if version else there.newest(context.config.version)
    order = _compared(release, context)
    if order < 0 and not (version or arguments.force):
        raise ToolError(
            f"{release.version}, the newest at {there.shown}, is older than this, {context.config.version}",
            hint=f"`vpython-tool self update {release.version}` goes back to it",
        )
    replaced = []
    if order or (arguments.force and before.sha256 != release.sha256):
        replaced = self_update.replace(before, there.fetch(release), release, context)
    elif before.sha256 == release.sha256:
        self_update.write_sidecar(own.path, release)
    if arguments.json:
        versions = {
            "from": {"version": context.config.version, "build": BUILD},
            "to": {"version": release.version, "build": release.build},
        }
        text_output.show_json({**versions, "replaced": replaced})
    elif replaced:
        shorten = text_output.shortener(context.environ)
        where = ", ".join(map(shorten, replaced))
        text_output.show(f"{context.config.version} -> {release.version}: {where}")
    else:
        is_same = before.sha256 == release.sha256
        more = "" if is_same else f", other bytes than at {there.shown}: `--force` takes those"
        text_output.show(f"{release.version} is here already{more}")
    return 0
