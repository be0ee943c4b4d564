"""`-vpython-tool doctor [--fix]`: is everything in the root what it was when it was made?

Environments are held against the stored wheels and skeletons, these against the hashes of when they
were made, packages and kept copies against the hash that is their name.
"""

from __future__ import annotations

import hashlib
import os
import sys

from vpy import story
from vpy.environment import doctor, skeleton
from vpy.errors import UserError, VpythonError
from vpy.model import StoredWheel
from vpy.system import locks
from vpy.value import value
from vpy.wheels import audit, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from vpy.context import Context
    from vpy.environment.doctor import Case
    from vpy.model import Interpreter
    from vpython import Request

    Kind = Literal["package", "copy", "wheel", "skeleton", "environment"]

MOST_SHOWN = 10


@value
class Finding:
    """Something that is not as it was: facts by path in it ("" for the thing itself)."""

    kind: Kind
    path: str
    facts: Mapping[str, str]


@value
class Report:
    """What was looked at, and what was found."""

    looked: Mapping[str, int]
    findings: tuple[Finding, ...]


def run(request: Request, context: Context) -> int:
    """Print a line for each fault, and with `--fix` for each repair; 1 where anything stays wrong."""
    words = request.options.tool_words
    if words not in ([], ["--fix"]):
        raise UserError(f"`doctor` takes `--fix` or nothing, got `{' '.join(words)}`")
    if not os.path.isdir(context.layout.root):
        return 0
    from vpython_root import check

    check(context.layout.root)
    with locks.shared(context.layout.store_lock):
        report = examine(context)
    for finding in report.findings:
        _show(finding, context.layout.root)
    looked = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in report.looked.items())
    found = f"{len(report.findings)} not as made" if report.findings else "all as made"
    context.terminal.warning(f"looked at {looked}: {found}")
    if not report.findings:
        return 0
    if not words:
        return 1
    from vpy.tools import mend

    return mend.run(report.findings, request, context)


def _show(finding: Finding, root: str) -> None:
    place = os.path.relpath(finding.path, root)
    for path, fact in sorted(finding.facts.items())[:MOST_SHOWN]:
        print(f"{place}/{path}: {fact}" if path else f"{place}: {fact}")
    if len(finding.facts) > MOST_SHOWN:
        print(f"{place}: and {len(finding.facts) - MOST_SHOWN} more")


def examine(context: Context) -> Report:
    """Look at everything; what a prune takes away meanwhile is not missed."""
    examination = _Examination(context)
    findings = [
        *examination.named_by_hash("package", context.layout.packages),
        *examination.named_by_hash("copy", context.layout.copies),
        *examination.wheels(),
        *examination.skeletons(),
        *examination.environments(),
    ]
    return Report(examination.looked, tuple(findings))


class _Examination:
    def __init__(self, context: Context) -> None:
        self.layout = context.layout
        self.environ = context.environ
        self.limits = script.limits_of(context.config, sys.platform)
        self.looked = {"environment": 0, "wheel": 0, "package": 0}
        self._trees: dict[str, audit.Audited] = {}
        self._interpreters: dict[str, Interpreter | None] = {}

    def _count(self, kind: str) -> None:
        if kind in self.looked:
            self.looked[kind] += 1

    def named_by_hash(self, kind: Kind, room: str) -> Iterator[Finding]:
        for path in _entries(room):
            self._count(kind)
            if fact := _hash_fault(kind, path):
                yield Finding(kind, path, {"": fact})

    def wheels(self) -> Iterator[Finding]:
        for directory in _entries(self.layout.wheels):
            for path in _entries(directory):
                if ".dropped-" in path:
                    continue
                self._count("wheel")
                sha256 = os.path.basename(directory)
                audited = audit.audit(StoredWheel(f"sha256 {sha256}", sha256, path))
                self._trees[path] = audited
                if audited.faults:
                    yield Finding("wheel", path, audited.faults)

    def skeletons(self) -> Iterator[Finding]:
        for path in _entries(self.layout.interpreters):
            if not os.path.isdir(os.path.join(path, "tree")):
                continue
            made = skeleton.recall(path)
            facts = {"": "cannot be read"} if made is None else doctor.skeleton_faults(made)
            if facts:
                yield Finding("skeleton", path, facts)

    def environments(self) -> Iterator[Finding]:
        for key in doctor.keys(self.layout):
            if doctor.is_being_made(self.layout, key):
                continue
            self._count("environment")
            case = doctor.case_of(self.layout, key)
            facts = {"": case} if isinstance(case, str) else self._facts(case)
            if facts and os.path.lexists(self.layout.environment(key)):
                yield Finding("environment", self.layout.environment(key), facts)

    def _facts(self, case: Case) -> dict[str, str]:
        facts = doctor.frame_faults(self.layout, case)
        interpreter = self._interpreter(case.python)
        if interpreter is None:
            return facts
        known: set[str] = set()
        told = True  # whether everything that brought files is here to name them
        for tree in self._trees_of(case, interpreter):
            if tree is None or tree.manifest is None:
                told = False
                continue
            python = story.python_in(case.path, interpreter)
            facts |= audit.differences(tree, case.path, python, self.limits)
            known |= {file[4] for file in tree.manifest.files}
        frame = skeleton.recall(self.layout.interpreter(case.skeleton))
        if frame is None:
            return facts
        facts |= doctor.skeleton_differences(frame, case.path)
        known |= {*frame.plain, *frame.placed, *(path for path, _ in frame.links)}
        return facts | (doctor.strangers(case.path, known) if told else {})

    def _trees_of(self, case: Case, interpreter: Interpreter) -> Iterator[audit.Audited | None]:
        scheme = store.scheme_id(interpreter)
        for _, sha256 in case.wheels:
            yield self._trees.get(self.layout.wheel(sha256, scheme))

    def _interpreter(self, executable: str) -> Interpreter | None:
        """The base Python as it is now; None where it does not run."""
        from vpy.target import probe

        if executable not in self._interpreters:
            try:
                found = probe.probe(executable, layout=self.layout, environ=self.environ)
            except VpythonError:
                found = None
            self._interpreters[executable] = found
        return self._interpreters[executable]


def _hash_fault(kind: Kind, path: str) -> str:
    from vpy.packages import cipd

    name = os.path.basename(path)
    try:
        if kind == "package":
            number, digest = cipd.reference_from_id(name)
            algorithm = cipd.ALGORITHMS[number]
        else:
            algorithm, digest = "sha256", name
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except UserError:
        return "has no name of ours"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == digest else "has other bytes than its name says"


def _entries(directory: str) -> list[str]:
    """What lies in a directory, but for what is being made; nothing where it is a link to one."""
    try:
        if os.path.islink(directory):
            return []
        names = os.listdir(directory)
    except OSError:
        return []
    return [os.path.join(directory, name) for name in sorted(names) if not name.startswith(".")]
