"""Finder for pip's modules in its two archives, which opens no file for a module.

`pip.zip` holds what installing a wheel imports, `pip-more.zip` beside it the rest, each member
deflated by itself: what a first start does not need is copied then, not unpacked. zipimport opens and reads
an archive again for each module; here it is mapped once, which is a fifth of the time that loading pip takes.

The build puts this module into `pip.zip`, where pip's own modules are found beside it.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
import zipimport
import zlib
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import TraversableResources
    from types import ModuleType

FIRST_ARCHIVE = os.path.dirname(os.path.abspath(__file__))
SECOND_ARCHIVE = os.path.join(os.path.dirname(FIRST_ARCHIVE), "pip-more.zip")
ENDS = (os.sep + "__init__.pyc", ".pyc")
LOCAL_HEADER, NAME_AND_EXTRA = (
    30,
    26,
)  # bytes of a local header, and where in it the sizes stand (APPNOTE 4.3.7)
CODE_HEADER = 16  # bytes in front of the code (PEP 552)


class PipArchive:
    """Archive that holds modules of pip, and the loader of each that is compiled."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._importers = {"": zipimport.zipimporter(path)}
        self._members = zipimport._zip_directory_cache[path]  # type: ignore[attr-defined] # noqa: SLF001
        with open(path, "rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find_spec(self, name: str, directory: str) -> ModuleSpec | None:
        """Return the specification of a module in a directory of the archive; None where it is not there."""
        stem = os.path.join(directory, name.rpartition(".")[2])
        for end in ENDS:
            if stem + end in self._members:
                origin = os.path.join(self.path, stem + end)
                spec = ModuleSpec(name, self, origin=origin)  # type: ignore[arg-type]  # it has the methods
                spec.has_location = True
                spec.loader_state = stem + end
                if end is ENDS[0]:
                    spec.submodule_search_locations = [os.path.join(FIRST_ARCHIVE, stem)]
                return spec
        return self._importer(directory).find_spec(name)

    def create_module(self, _: ModuleSpec) -> None:
        """Leave making the module to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code in it."""
        member = module.__spec__.loader_state if module.__spec__ else ""
        # distlib knows the files beside it by the type of its loader.
        module.__loader__ = self._importer(os.path.dirname(member))
        exec(marshal.loads(self._read(member)[CODE_HEADER:]), module.__dict__)  # noqa: S102, S302  (our own build's)

    def get_resource_reader(self, name: str) -> TraversableResources | None:
        """Return the reader of the files beside a package."""
        return self._importer(os.path.dirname(name.replace(".", os.sep))).get_resource_reader(name)

    def _importer(self, directory: str) -> zipimport.zipimporter:
        if directory not in self._importers:
            self._importers[directory] = zipimport.zipimporter(os.path.join(self.path, directory))
        return self._importers[directory]

    def _read(self, member: str) -> bytes:
        _, is_deflated, packed, _, start, *_ = self._members[member]
        sizes = self._data[start + NAME_AND_EXTRA : start + LOCAL_HEADER]
        start += LOCAL_HEADER + sum(int.from_bytes(sizes[at : at + 2], "little") for at in (0, 2))
        data = self._data[start : start + packed]
        return zlib.decompress(data, -zlib.MAX_WBITS) if is_deflated else data


class PipFinder:
    """Finder for the modules of pip's packages; the second archive is opened when the first lacks one."""

    def __init__(self) -> None:
        self._archives = [PipArchive(FIRST_ARCHIVE)]

    def find_spec(self, name: str, path: Sequence[str] | None = None, _: object = None) -> ModuleSpec | None:
        """Find a module of pip, in the first archive before the second."""
        if not path or not path[0].startswith(FIRST_ARCHIVE):
            return None
        directory = path[0][len(FIRST_ARCHIVE) + 1 :]
        found = self._archives[0].find_spec(name, directory)
        if found is None:
            if len(self._archives) == 1:
                self._archives.append(PipArchive(SECOND_ARCHIVE))
            found = self._archives[1].find_spec(name, directory)
        return found


sys.meta_path.insert(0, PipFinder())
