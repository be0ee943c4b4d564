"""Spec that asks for something, with what a start of it would take, for commands about its packages."""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Interpreter, Sources, Spec, SpecSource


@value
class Declared:
    """Spec, the file that it is in, the Python that it runs on here, and where its packages come from."""

    source: SpecSource
    spec: Spec
    interpreter: Interpreter
    packages: Sources
