"""Every path under the root, and every format version: nothing else joins them."""

from __future__ import annotations

import os

from vpy.value import value

ENVIRONMENTS = "environments-1"
WHEELS = "wheels-1"
PACKAGES = "packages-1"
RESOLUTIONS = "resolutions-1"
INTERPRETERS = "interpreters-1"
PYTHONS = "pythons-1"
RECORDS = "records-1"
COPIES = "copies-1"
APP = "app-1"
LOCKS = "locks"
STAGING = "staging"
TRASH = "trash"
CACHEDIR_TAG = "CACHEDIR.TAG"

# Digits of a hash that name a thing. Where a path may have 259 characters, what lies below needs them more.
KEY = 26 if os.name == "nt" else 40
DIGEST = 26 if os.name == "nt" else 64

_NAMES = (ENVIRONMENTS, WHEELS, PACKAGES, RESOLUTIONS, INTERPRETERS, PYTHONS, RECORDS, COPIES, APP)
_ROOMS = tuple(name.rpartition("-")[0] for name in _NAMES)


@value
class Layout:
    """The root: a directory of mode 0700 that belongs to the user."""

    root: str

    def environment(self, key: str) -> str:
        return os.path.join(self.root, ENVIRONMENTS, key)

    @property
    def environments(self) -> str:
        return os.path.join(self.root, ENVIRONMENTS)

    def wheel(self, sha256: str, scheme: str) -> str:
        """The installed tree of one wheel for one scheme (minor version, platform, layout)."""
        if os.name == "nt":
            scheme = scheme.replace("-win_", "").replace("-win", "")
        return os.path.join(self.root, WHEELS, sha256[:DIGEST], scheme)

    @property
    def wheels(self) -> str:
        return os.path.join(self.root, WHEELS)

    def package(self, instance_id: str) -> str:
        return os.path.join(self.root, PACKAGES, instance_id)

    @property
    def packages(self) -> str:
        return os.path.join(self.root, PACKAGES)

    def resolution(self, digest: str) -> str:
        return os.path.join(self.root, RESOLUTIONS, digest)

    @property
    def resolutions(self) -> str:
        return os.path.join(self.root, RESOLUTIONS)

    def interpreter(self, digest: str) -> str:
        """A directory that holds `probe.json` and `skeleton` for one base Python."""
        return os.path.join(self.root, INTERPRETERS, digest)

    @property
    def interpreters(self) -> str:
        return os.path.join(self.root, INTERPRETERS)

    @property
    def records(self) -> str:
        return os.path.join(self.root, RECORDS)

    def copy(self, sha256: str) -> str:
        """Bytes that were parsed, kept for comparison, under their own hash."""
        return os.path.join(self.root, COPIES, sha256)

    @property
    def copies(self) -> str:
        return os.path.join(self.root, COPIES)

    @property
    def apps(self) -> str:
        return os.path.join(self.root, APP)

    def python(self, instance_id: str) -> str:
        """An unpacked package: a hermetic Python, or another vpython."""
        return os.path.join(self.root, PYTHONS, instance_id)

    @property
    def pythons(self) -> str:
        return os.path.join(self.root, PYTHONS)

    def lock(self, kind: str, name: str) -> str:
        """A lock file; it is made once and never removed."""
        return os.path.join(self.root, LOCKS, f"{kind}-{name}")

    @property
    def store_lock(self) -> str:
        """Shared by whoever makes something of what is stored, held alone by whoever takes it away."""
        return self.lock("store", "all")

    @property
    def prune_lock(self) -> str:
        return self.lock("prune", "all")

    @property
    def prune_stamp(self) -> str:
        """A file whose mtime is the last time that the whole root was pruned."""
        return os.path.join(self.root, LOCKS, "pruned")

    @property
    def locks(self) -> str:
        return os.path.join(self.root, LOCKS)

    @property
    def staging(self) -> str:
        """Where things are made before they have their final name: the same filesystem."""
        return os.path.join(self.root, STAGING)

    @property
    def trash(self) -> str:
        return os.path.join(self.root, TRASH)

    def discarded(self, name: str) -> str:
        """A new name in the trash for something called `name`."""
        return os.path.join(self.root, TRASH, f"{name[:80]}-{os.urandom(8).hex()}")

    def other_formats(self) -> list[str]:
        """Rooms of format versions that this build does not know: `environments-2`."""
        found = []
        for name in os.listdir(self.root):
            room, _, version = name.rpartition("-")
            if room in _ROOMS and version.isdecimal() and version.isascii() and name not in _NAMES:
                found.append(os.path.join(self.root, name))
        return sorted(found)

    def is_environments(self, room: str) -> bool:
        """Whether a room, of whatever format version, is one of environments."""
        return os.path.basename(room).rpartition("-")[0] == _ROOMS[0]

    @property
    def cachedir_tag(self) -> str:
        return os.path.join(self.root, CACHEDIR_TAG)
