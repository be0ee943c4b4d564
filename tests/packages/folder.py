"""A directory of packages with what the tests put there, and a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpy.model import Pin, Wanted
from vpy.packages import repository
from vpy.packages.cipd.package_writer import Member
from vpy.packages.directory import DirectoryLoader, FolderReader
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpy.packages.loader import PackageLoader

NAME = "infra/python/wheels/demo-py3"
OTHER_ID = "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8C"


class Repository:
    """A directory of packages, its loader and its root."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "repo"
        self.layout = Layout(str(directory / "root"))
        self.reader = FolderReader(str(self.path))

    @property
    def loader(self) -> PackageLoader:
        return DirectoryLoader(self.reader, self.layout, f"directory:{self.path}")

    def put(
        self,
        name: str = NAME,
        text: str = "one",
        tags: Sequence[str] = ("version:1.0",),
        refs: Sequence[str] = (),
    ) -> str:
        source = self.directory / "source"
        source.write_text(text)
        members = [Member("demo.txt", str(source))]
        return repository.put(str(self.path), name, members, tags=tags, refs=refs, layout=self.layout)

    def file(self, name: str, instance: str) -> Path:
        return self.path / name / "+" / instance

    def pin(self, version: str = "version:1.0", name: str = NAME) -> Pin:
        (pin,) = self.loader.resolve([Wanted(name, name, version)]).pins
        return pin
