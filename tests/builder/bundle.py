"""A bundle within the built file, read as its format is written down."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import zipfile


class Bundle:
    """What lies in a bundle of `outer`."""

    def __init__(self, outer: zipfile.ZipFile, name: str) -> None:
        told, data = outer.read(name).split(b"\n\n", 1)
        self._members: dict[str, bytes] = {}
        for line in told.decode("utf-8").splitlines():
            size, path = line.split(" ", 1)
            assert path not in self._members
            self._members[path], data = data[: int(size)], data[int(size) :]
        assert not data

    def namelist(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        return self._members[name]
