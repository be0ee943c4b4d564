"""Environments of scripts and specs as blobs, and what is said of them, for `bundle` and `push`."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.operations.declared import Declared
    from vpy.packages.oci.environment import Assembled, TargetEnvironment


def assemble(
    request: Request, arguments: Namespace, stage: str, context: Context
) -> tuple[Assembled, list[TargetEnvironment], list[Declared]]:
    """Build the environments of a command's specs, and return these too; warn of targets left out."""
    from vpy.commands.support import invocation, locking
    from vpy.operations import target_environments
    from vpy.packages.oci import environment

    wanted = target_environments.Wanted(
        tuple(arguments.platform or ()), tuple(arguments.python_version or ()), is_every=arguments.all
    )
    built: list[TargetEnvironment] = []
    specs: list[Declared] = []
    requests = invocation.for_files(request, arguments.specs, context)
    for number, asked in enumerate(requests or [invocation.of_words(request, [])]):
        declared = locking.read(asked, context, packages_too=True)
        specs.append(declared)
        own_stage = os.path.join(stage, str(number))
        found = target_environments.build(declared, wanted, own_stage, request, context)
        for warning in found.warnings:
            context.terminal.warning(f"{declared.source.path}: {warning}")
        built += found.environments
    return environment.assemble(built), built, specs


def account(assembled: Assembled, built: list[TargetEnvironment], **more: object) -> dict[str, Any]:
    """Return what was done as JSON has it."""
    return {
        **more,
        "environments": [
            {
                "spec": each.spec,
                "python": each.python,
                "platform": f"{each.os}/{each.architecture}",
                "files": sorted(file.title for file in each.files),
            }
            for each in built
        ],
        "blobs": len(assembled.files),
        "bytes": sum(os.path.getsize(path) for path in assembled.files.values()),
    }


def text(account: Mapping[str, Any]) -> str:
    """Return what was done as text: each environment, then the whole."""
    from vpy.commands.support import text_output
    from vpy.system import status_line

    rows = [
        (each["spec"], f"Python {each['python']}", each["platform"], _files(len(each["files"])))
        for each in account["environments"]
    ]
    size = status_line.size(account["bytes"])
    if "sent" in account:
        end = f"{account['reference']} {account['digest']}\n{account['sent']} blobs sent, {size} in all"
    else:
        end = f"{account['file']}: {status_line.size(account['size'])}, {_files(account['blobs'])}"
    return "\n".join([*text_output.columns(rows), end])


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
