"""Examination of the root: everything in it compared with what it was when it was made."""

from __future__ import annotations

import hashlib
import os
import sys

from vpy.environment import compiled, seeds, venv_template, verify
from vpy.errors import UserError, VpythonError
from vpy.model import StoredWheel
from vpy.operations import environment, remote_script
from vpy.system.lean.dataclasses import value
from vpy.wheels import audit, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from vpy.environment.verify import Description
    from vpy.model import Interpreter
    from vpy.operations.context import Context

    Kind = Literal["package", "copy", "script", "wheel", "venv template", "environment"]


@value
class Finding:
    """Damaged thing: facts by path in it ("" for the thing itself)."""

    kind: Kind
    path: str
    facts: Mapping[str, str]


@value
class Report:
    """Result of an examination: how many things of each kind, and which are damaged."""

    looked: Mapping[str, int]
    findings: tuple[Finding, ...]


def examine(context: Context) -> Report:
    """Examine everything; what a prune removes meanwhile does not count as missing."""
    examination = _Examination(context)
    findings = [
        *examination.named_by_hash("package", context.layout.packages),
        *examination.named_by_hash("copy", context.layout.copies),
        *examination.scripts(),
        *examination.wheels(),
        *examination.templates(),
        *examination.environments(),
    ]
    return Report(examination.looked, tuple(findings))


class _Examination:
    """Examination in progress: what it has counted and read so far."""

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

    def scripts(self) -> Iterator[Finding]:
        for directory in _entries(self.layout.scripts):
            for version in _entries(directory):
                if os.path.basename(version) == remote_script.STATE:
                    continue
                paths = _entries(version)
                faults = {os.path.basename(path): remote_script.fault(path) for path in paths}
                facts = {name: fact for name, fact in faults.items() if fact}
                if len(paths) != 1:
                    facts = {"": f"has {len(paths)} files, not the script alone"}
                if facts and os.path.lexists(version):
                    yield Finding("script", version, facts)

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

    def templates(self) -> Iterator[Finding]:
        for path in _entries(self.layout.interpreters):
            if not os.path.isdir(os.path.join(path, "tree")):
                continue
            result = venv_template.load(path)
            facts = {"": "cannot be read"} if result is None else verify.template_faults(result)
            facts |= seeds.faults(path, os.path.join(path, venv_template.SEEDS), self.environ)
            if facts:
                yield Finding("venv template", path, facts)

    def environments(self) -> Iterator[Finding]:
        for key in verify.keys(self.layout):
            if verify.is_being_built(self.layout, key):
                continue
            self._count("environment")
            description = verify.describe(self.layout, key)
            facts = {"": description} if isinstance(description, str) else self._facts(description)
            if facts and os.path.lexists(self.layout.environment(key)):
                yield Finding("environment", self.layout.environment(key), facts)

    def _facts(self, description: Description) -> dict[str, str]:
        facts = verify.start_faults(self.layout, description)
        interpreter = self._interpreter(description.python)
        if interpreter is None:
            return facts
        known: set[str] = set()
        is_complete = True  # whether every source of files is here to name them
        for tree in self._trees_of(description, interpreter):
            if tree is None or tree.file_list is None:
                is_complete = False
                continue
            python = environment.python_in(description.path, interpreter)
            facts |= audit.differences(tree, description.path, python, self.limits)
            known |= {file[4] for file in tree.file_list.files}
        facts |= compiled.faults(description.python, description.path, self.environ)
        template = venv_template.load(self.layout.interpreter(description.template))
        if template is None:
            return facts
        facts |= verify.template_differences(template, description.path, known)
        known |= verify.template_paths(template)
        return facts | (verify.unknown_files(description.path, known) if is_complete else {})

    def _trees_of(self, description: Description, interpreter: Interpreter) -> Iterator[audit.Audited | None]:
        scheme = store.scheme_id(interpreter)
        for _, sha256 in description.wheels:
            yield self._trees.get(self.layout.wheel(sha256, scheme))

    def _interpreter(self, executable: str) -> Interpreter | None:
        """Return the base Python as it is now; None where it does not run."""
        from vpy.target import probe

        if executable not in self._interpreters:
            try:
                found = probe.probe(executable, layout=self.layout, environ=self.environ)
            except VpythonError:
                found = None
            self._interpreters[executable] = found
        return self._interpreters[executable]


def _hash_fault(kind: Kind, path: str) -> str:
    from vpy.packages.cipd import names

    name = os.path.basename(path)
    try:
        if kind == "package":
            number, digest = names.reference_from_id(name)
            algorithm = names.ALGORITHMS[number]
        else:
            algorithm, digest = "sha256", name
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except UserError:
        return "does not have a name that vpython gives"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == digest else "does not match the hash in its name"


def _entries(directory: str) -> list[str]:
    """Return the paths in a directory, without temporary ones; none for a link to a directory."""
    try:
        if os.path.islink(directory):
            return []
        names = os.listdir(directory)
    except OSError:
        return []
    return [os.path.join(directory, name) for name in sorted(names) if not name.startswith(".")]
