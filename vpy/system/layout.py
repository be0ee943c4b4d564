"""Layout of the root: every path and every format version; no other module joins them."""

from __future__ import annotations

import os

from vpy.system.lean.dataclasses import value

ENVIRONMENTS = "environments-1"
WHEELS = "wheels-1"
PACKAGES = "packages-1"
RESOLUTIONS = "resolutions-1"
PAGES = "pages-2"
INTERPRETERS = "interpreters-1"
PYTHONS = "pythons-1"
RECORDS = "records-1"
COPIES = "copies-1"
SCRIPTS = "scripts-1"
APP = "app-1"
LOCKS = "locks"
STAGING = "staging"
LOGS = "logs"
TRASH = "trash"
CACHEDIR_TAG = "CACHEDIR.TAG"

# Files of an environment that come neither from its venv template nor from a wheel.
OWN_FILES = frozenset({"complete", "complete.aside", "used", "why.json"})
HOOK = "_vpython_start"  # the start hook, in site-packages, and the file that runs it
HOOK_PTH = "00_vpython.pth"

# Digits of a hash that name a thing. Where a path may have 259 characters, what lies below needs them more.
KEY = 26 if os.name == "nt" else 40
DIGEST = 26 if os.name == "nt" else 64

_NAMES = (
    ENVIRONMENTS, WHEELS, PACKAGES, RESOLUTIONS, PAGES, INTERPRETERS, PYTHONS, RECORDS, COPIES, SCRIPTS, APP,
)  # fmt: skip
_ROOMS = tuple(name.rpartition("-")[0] for name in _NAMES)


@value
class Layout:
    """Root of the cache: a directory of mode 0700 that belongs to the user."""

    root: str

    def environment(self, key: str) -> str:
        """Return the directory of an environment."""
        return os.path.join(self.root, ENVIRONMENTS, key)

    @property
    def environments(self) -> str:
        """Directory of all environments."""
        return os.path.join(self.root, ENVIRONMENTS)

    def wheel(self, sha256: str, scheme: str) -> str:
        """Return the installed tree of one wheel for one scheme (minor version, platform, layout)."""
        if os.name == "nt":
            scheme = scheme.replace("-win_", "").replace("-win", "")
        return os.path.join(self.root, WHEELS, sha256[:DIGEST], scheme)

    @property
    def wheels(self) -> str:
        """Directory of installed wheels."""
        return os.path.join(self.root, WHEELS)

    def package(self, instance_id: str) -> str:
        """Return the path of a verified package file."""
        return os.path.join(self.root, PACKAGES, instance_id)

    @property
    def packages(self) -> str:
        """Directory of package files."""
        return os.path.join(self.root, PACKAGES)

    def resolution(self, digest: str) -> str:
        """Return the path of a cached answer."""
        return os.path.join(self.root, RESOLUTIONS, digest)

    @property
    def resolutions(self) -> str:
        """Directory of cached answers."""
        return os.path.join(self.root, RESOLUTIONS)

    @property
    def pages(self) -> str:
        """Directory of what an index said: its pages, and METADATA of its wheels."""
        return os.path.join(self.root, PAGES)

    def interpreter(self, digest: str) -> str:
        """Return the directory with `probe.json` and the venv template of one base Python."""
        return os.path.join(self.root, INTERPRETERS, digest)

    @property
    def interpreters(self) -> str:
        """Directory of probes and venv templates."""
        return os.path.join(self.root, INTERPRETERS)

    @property
    def records(self) -> str:
        """Directory of the records of starts."""
        return os.path.join(self.root, RECORDS)

    def copy(self, sha256: str) -> str:
        """Return the copy, under its own hash, of bytes that were parsed."""
        return os.path.join(self.root, COPIES, sha256)

    @property
    def copies(self) -> str:
        """Directory of the copies that records compare with."""
        return os.path.join(self.root, COPIES)

    def address(self, digest: str) -> str:
        """Return the directory of what was fetched from one address: each version in one of its own."""
        return os.path.join(self.root, SCRIPTS, digest)

    def address_of(self, script: str) -> str | None:
        """Return the directory of the address that a kept script came from; None for any other path."""
        directory = os.path.dirname(os.path.dirname(script))
        return directory if os.path.dirname(directory) == self.scripts else None

    @property
    def scripts(self) -> str:
        """Directory of scripts that were fetched from their addresses."""
        return os.path.join(self.root, SCRIPTS)

    @property
    def apps(self) -> str:
        """Directory of vpython's own unpacked code."""
        return os.path.join(self.root, APP)

    def python(self, instance_id: str) -> str:
        """Return the directory of an unpacked package: a hermetic Python, or another vpython."""
        return os.path.join(self.root, PYTHONS, instance_id)

    @property
    def pythons(self) -> str:
        """Directory of unpacked packages."""
        return os.path.join(self.root, PYTHONS)

    def lock(self, kind: str, name: str) -> str:
        """Return a lock file, which is made once and never removed."""
        return os.path.join(self.root, LOCKS, f"{kind}-{name}")

    @property
    def store_lock(self) -> str:
        """Lock that builders share while they use the store; a prune that removes holds it exclusively."""
        return self.lock("store", "all")

    @property
    def prune_lock(self) -> str:
        """Lock that the one running prune holds."""
        return self.lock("prune", "all")

    @property
    def prune_stamp(self) -> str:
        """File whose mtime is the last time that the whole root was pruned."""
        return os.path.join(self.root, LOCKS, "pruned")

    @property
    def locks(self) -> str:
        """Directory of the lock files."""
        return os.path.join(self.root, LOCKS)

    @property
    def staging(self) -> str:
        """Directory where things are made before they get their final name, on the same filesystem."""
        return os.path.join(self.root, STAGING)

    @property
    def logs(self) -> str:
        """Directory of what failed builds printed."""
        return os.path.join(self.root, LOGS)

    @property
    def trash(self) -> str:
        """Directory where removed things wait for their deletion."""
        return os.path.join(self.root, TRASH)

    def discarded(self, name: str) -> str:
        """Return a new name in the trash for something called `name`."""
        return os.path.join(self.root, TRASH, f"{name[:80]}-{os.urandom(8).hex()}")

    def other_formats(self) -> list[str]:
        """Return the rooms of format versions that this build does not know: `environments-2`."""
        found = []
        for name in os.listdir(self.root):
            room, _, version = name.rpartition("-")
            if room in _ROOMS and version.isdecimal() and version.isascii() and name not in _NAMES:
                found.append(os.path.join(self.root, name))
        return sorted(found)

    def is_environments(self, room: str) -> bool:
        """Return whether a room, of whatever format version, is one of environments."""
        return os.path.basename(room).rpartition("-")[0] == _ROOMS[0]

    @property
    def cachedir_tag(self) -> str:
        """Mark of a cache, which backup programs pass over."""
        return os.path.join(self.root, CACHEDIR_TAG)
