"""PEP 751 lockfile as a spec: what it locks is what is asked for."""

from __future__ import annotations

from vpy.model import Spec
from vpy.spec.lockfile import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import SpecSource
    from vpy.spec.lockfile.model import LockedDistribution


def parse(source: SpecSource) -> Spec:
    """Return the spec that a `pylock.toml` is; raise UserError for what is no lockfile."""
    lockfile = read.read(source.text.encode(), source.path, "pylock")
    return Spec(
        requires_python=lockfile.requires_python,
        dependencies=tuple(map(_requirement, lockfile.distributions)),
    )


def _requirement(distribution: LockedDistribution) -> str:
    text = f"{distribution.name}=={distribution.version}" if distribution.version else distribution.name
    return f"{text} ; {distribution.marker}" if distribution.marker else text
