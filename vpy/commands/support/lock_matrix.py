"""Lockfile of a spec by platform and Python: whether it has a file for each, for `verify`."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from vpy.operations.context import Context
    from vpy.operations.declared import Declared
    from vpy.operations.lock_targets import LockTarget
    from vpy.spec.lockfile.model import LockedDistribution, Lockfile

    State = Literal["wheel", "sdist", "missing", "skipped"]

_SHOWN = {"wheel": "ok", "sdist": "sdist", "missing": "missing", "skipped": "-"}


@value
class LockMatrix:
    """Distributions of a lockfile by target: a row of (state, file name) for each of them.

    `faults` are targets that the lockfile is not for, and why.
    """

    path: str
    spec: str
    targets: tuple[LockTarget, ...]
    distributions: tuple[LockedDistribution, ...]
    rows: tuple[tuple[tuple[State, str], ...], ...]
    faults: tuple[tuple[LockTarget, str], ...]

    @property
    def is_whole(self) -> bool:
        """Whether it has all that every target needs."""
        return not self.faults and all(state != "missing" for row in self.rows for state, _ in row)


def find(lockable: Declared, context: Context) -> LockMatrix | None:
    """Return the matrix of a spec's lockfile; None where there is none.

    Where it does not name its files, the index is asked for them.
    """
    from vpy.operations import lock_export, lock_targets
    from vpy.spec.lockfile import find as lockfile_search
    from vpy.spec.lockfile import read

    found, _ = lockfile_search.of_requirements(lockable.source, lockable.spec)
    if found is None:
        return None
    lockfile = read.of_spec(found, lockable.spec)
    if lockfile.format != "pylock":
        lockfile = lock_export.with_files(
            lockfile, lockable.spec, lockable.packages, lockable.interpreter, context
        )
    targets = [
        target
        for target in lock_targets.targets_of(lockable.spec, lockable.interpreter, context)
        if not _is_left_out(target, lockfile)
    ]
    return _of(lockfile, lockable, targets, context)


def _is_left_out(target: LockTarget, lockfile: Lockfile) -> bool:
    """Return whether a lockfile is for fewer Pythons than its spec, as `lock` said, and not for this one."""
    from packaging.specifiers import SpecifierSet

    python = target.interpreter.version_text
    is_for = SpecifierSet(lockfile.requires_python).contains(python, prereleases=True)
    return lockfile.declared_python is not None and not is_for


def _of(
    lockfile: Lockfile, lockable: Declared, targets: Sequence[LockTarget], context: Context
) -> LockMatrix:
    from vpy.operations import wheel_build
    from vpy.spec.lockfile import select

    builder = wheel_build.builder(lockable.packages, lockable.interpreter, lockable.spec, context)
    faults, there = [], {}
    for target in targets:
        try:
            there[target] = set(select.applying(lockfile, target.interpreter))
        except UserError as error:
            faults.append((target, error.lines[0]))
    return LockMatrix(
        path=lockfile.path,
        spec=lockable.source.path,
        targets=tuple(targets),
        distributions=lockfile.distributions,
        rows=tuple(
            tuple(
                _cell(each, target, may_build=not builder.forbidden(each.name))
                if each in there.get(target, ())
                else ("skipped", "")
                for target in targets
            )
            for each in lockfile.distributions
        ),
        faults=tuple(faults),
    )


def _cell(distribution: LockedDistribution, target: LockTarget, *, may_build: bool) -> tuple[State, str]:
    from vpy.operations import locked_wheels

    file = locked_wheels.best_file(distribution, target.interpreter)
    if file is not None:
        return "wheel", file.filename
    if distribution.sdist is not None and may_build:
        return "sdist", distribution.sdist.filename
    return "missing", ""


def account(matrix: LockMatrix) -> dict[str, Any]:
    """Return the matrix as JSON has it."""
    return {
        "path": matrix.spec,
        "lockfile": matrix.path,
        "whole": matrix.is_whole,
        "targets": [str(target.tag) for target in matrix.targets],
        "distributions": [
            {
                "name": each.name,
                "version": each.version,
                "files": [{"state": state, "file": name or None} for state, name in row],
            }
            for each, row in zip(matrix.distributions, matrix.rows, strict=True)
        ],
        "faults": [{"tag": str(target.tag), "reason": reason} for target, reason in matrix.faults],
    }


def table(matrix: LockMatrix, shorten: Any) -> str:
    """Return the matrix as text: a column for each platform, in it what holds for all of its Pythons."""
    from vpy.commands.support import text_output
    from vpy.target.tags import cipd_platform

    platforms = list(dict.fromkeys(target.tag.platform for target in matrix.targets))
    names = {target.tag.platform: cipd_platform(target.tag) for target in matrix.targets}
    pythons = list(dict.fromkeys(f"{target.python[0]}.{target.python[1]}" for target in matrix.targets))
    rows: list[Sequence[str]] = [("", "", *(names.get(platform) or platform for platform in platforms))]
    for each, row in zip(matrix.distributions, matrix.rows, strict=True):
        by_platform: dict[str, dict[str, list[str]]] = {}
        for target, (state, _) in zip(matrix.targets, row, strict=True):
            states = by_platform.setdefault(target.tag.platform, {})
            states.setdefault(_SHOWN[state], []).append(f"{target.python[0]}.{target.python[1]}")
        rows.append((each.name, each.version, *(_summary(by_platform[name]) for name in platforms)))
    head = text_output.render(
        [
            ("spec", [shorten(matrix.spec)]),
            ("lockfile", [shorten(matrix.path)]),
            ("pythons", [" ".join(pythons)]),
        ]
    )
    result = text_output.render([("result", ["ok" if matrix.is_whole else "not whole"])])
    body = "\n".join(text_output.columns(rows))
    return f"{head}\n\n{body}\n\n{result}"


def _summary(states: dict[str, list[str]]) -> str:
    """Return one word for all Pythons, or each state with its Pythons; what is not needed is not said."""
    needed = {state: pythons for state, pythons in states.items() if state != "-"}
    if len(needed) < 2:
        return next(iter(needed), "-")
    return ", ".join(
        state if state == "ok" else f"{state} {' '.join(pythons)}" for state, pythons in needed.items()
    )


def failures(matrix: LockMatrix) -> list[str]:
    """Return a line for each distribution that lacks files, and for each target that is not locked."""
    lines = []
    for each, row in zip(matrix.distributions, matrix.rows, strict=True):
        lacking = [
            str(target.tag)
            for target, (state, _) in zip(matrix.targets, row, strict=True)
            if state == "missing"
        ]
        if lacking:
            lines.append(
                f"`{each.name}` {each.version} has no wheel for {', '.join(f'`{tag}`' for tag in lacking)}"
            )
    return [*lines, *dict.fromkeys(f"`{target.tag}`: {reason}" for target, reason in matrix.faults)]
