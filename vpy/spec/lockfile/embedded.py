"""Lockfile in a script's own PEP 723 block: `[tool.vpython.lock]`, which `lock --embed` writes.

A block of another type would be shorter, but PEP 723 lets nobody read one that no PEP has defined.
"""

from __future__ import annotations

import hashlib

from vpy.model import EmbeddedLock
from vpy.spec.lockfile import requirements
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vpy.spec.lockfile.model import Lockfile


def parse(lock: EmbeddedLock, path: str) -> Lockfile:
    """Return the lockfile in a script; raise UserError for what is no line of a lockfile."""
    text = "\n".join(lock.packages)
    digest = hashlib.sha256("\0".join((*lock.packages, lock.requires_python)).encode()).hexdigest()
    return replace(
        requirements.parse(text, path, digest),
        format="embedded",
        requires_python=lock.requires_python,
        requirements=lock.requirements,
        settings=lock.settings,
        direct=None,
    )


def of(lockfile: Lockfile) -> EmbeddedLock:
    """Return what a script carries of a lockfile: a line for each distribution."""
    return EmbeddedLock(
        packages=tuple(
            " ".join((each.requirement, *(f"--hash=sha256:{sha256}" for sha256 in sorted(each.hashes))))
            for each in lockfile.distributions
        ),
        requirements=lockfile.requirements or (),
        settings=lockfile.settings or (),
        requires_python=lockfile.declared_python or lockfile.requires_python,
    )


def table(lock: EmbeddedLock) -> dict[str, Any]:
    """Return the TOML table of a lockfile in a script."""
    settings = {"settings": list(lock.settings)} if lock.settings else {}
    return {
        "requires-python": lock.requires_python,
        "requirements": list(lock.requirements),
        **settings,
        "packages": list(lock.packages),
    }
