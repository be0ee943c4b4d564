"""The target: a Python, the tag that stands for it, the values package names are filled in with."""

from __future__ import annotations

from vpy.model import Target
from vpy.target.tags import preferred
from vpy.target.template import values_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Interpreter


def choose(interpreter: Interpreter) -> Target:
    """Return the target that `interpreter` makes: its preferred tag and the template values."""
    tag = preferred(interpreter.tags)
    return Target(interpreter=interpreter, tag=tag, template=tuple(sorted(values_for(tag).items())))
