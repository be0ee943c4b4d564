"""Files of pins from the OCI repository that is asked before their source: by their hash, or not at all."""

from __future__ import annotations

import os

from vpy.errors import VpythonError
from vpy.operations import oci_store, settings, sources
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.model import Pin
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.packages.loader import Arrived
    from vpy.packages.oci.file_store import FileStore

WRITE_BACK = "VPYTHON_STORE_WRITE_BACK"


class ReadThrough:
    """Store of one start, asked for each file once; `arrived` gets a link in `stage` to what came."""

    def __init__(self, plan: Plan, context: Context, stage: str, arrived: Arrived) -> None:
        self._plan = plan
        self._context = context
        self._stage = stage
        self._arrived = arrived
        self._setting = settings.store(context, plan.spec).address
        self._asked: set[str] = set()
        self._came: set[str] = set()
        self._opened: FileStore | None = None

    def bring(self, pins: Sequence[Pin], sizes: Mapping[str, int] | None = None) -> frozenset[str]:
        """Fetch the files of pins that are neither installed nor here; return the ids of all that ever came.

        `sizes` are in bytes by sha256, 0 for not known. What the store lacks, or does not give in time, is
        left to the source; nothing is raised but for an address that is none.
        """
        if self._is_usable():
            missing = _missing(pins, self._plan, self._context)
            missing = {sha256: pin for sha256, pin in missing.items() if sha256 not in self._asked}
            if missing:
                self._asked.update(missing)
                known = {**_sizes(self._plan), **(sizes or {})}
                self._store().bring({each: known.get(each, 0) for each in missing}, self._receiver(missing))
        return frozenset(self._came)

    def _is_usable(self) -> bool:
        is_local = all(source.local_path for source in self._plan.sources.members)
        return bool(self._setting.text) and not self._context.offline and not is_local

    def _store(self) -> FileStore:
        """Return the store, the same each time: one that failed is not asked again."""
        if self._opened is None:
            self._opened = oci_store.file_store(self._setting, self._context)
        return self._opened

    def _receiver(self, missing: Mapping[str, Pin]) -> Callable[[str, str], None]:
        def came(sha256: str, path: str) -> None:
            pin = missing[sha256]
            # Of a wheel where the index's loader has its link: it is looked into after it was installed, too.
            prefix = "" if pin.filename else "from-store-"
            own = os.path.join(self._stage, f"{prefix}{pin.instance_id}")
            try:
                files.link_or_copy(path, own)
            except FileNotFoundError:  # another process has installed it, and removed its file
                return
            self._came.add(pin.instance_id)
            self._arrived(pin, own)

        return came

    def write_back(self, pins: Sequence[Pin], paths: Sequence[str]) -> None:
        """Put what a start has fetched from its source into the store, where a variable says that it may.

        It is found there by what it answers. Nothing is written of what the command line added, or where
        some of it was installed before: then its files are not here. A store that fails costs one line.
        """
        plan, context, setting = self._plan, self._context, self._setting
        is_ours = plan.spec.dependencies and not plan.added and not plan.spec.resolution.sources
        if not (setting.text and context.environ.get(WRITE_BACK) and is_ours) or context.offline:
            return
        if not all(map(os.path.exists, paths)):
            return
        from vpy.operations import target_environments
        from vpy.operations.declared import Declared
        from vpy.packages.oci import environment
        from vpy.packages.oci.push import push

        source, interpreter = plan.discovery.source, plan.interpreter
        declared = Declared(source, plan.spec, interpreter, plan.sources)
        made = target_environments.of_files(declared, interpreter, pins, paths)
        registry = oci_store.repository(setting, context)
        try:
            if registry.manifest(made.question) is None:
                push(environment.assemble([made]), registry, tag=None)
        except VpythonError as error:
            context.terminal.warning(f"not written to the store `{setting.text}`: {error.summary}")


def _missing(pins: Sequence[Pin], plan: Plan, context: Context) -> dict[str, Pin]:
    """Return the pins whose files a start needs and has not, by their sha256."""
    from vpy.packages.cipd.names import SHA256, reference_from_id

    is_stored = sources.is_stored(plan.interpreter, context)
    missing = {}
    for pin in pins:
        algorithm, sha256 = reference_from_id(pin.instance_id)
        if algorithm != SHA256 or (pin.filename and is_stored(sha256)):
            continue
        if not os.path.exists(context.layout.package(pin.instance_id)):
            missing[sha256] = pin
    return missing


def _sizes(plan: Plan) -> Mapping[str, int]:
    """Return the sizes of files that a lockfile has, in bytes by their sha256."""
    if plan.lockfile is None:
        return {}
    return {file.sha256: file.size for each in plan.lockfile.distributions for file in each.files}
