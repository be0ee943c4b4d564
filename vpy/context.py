"""What every step of one start shares: the settings, the root, the surroundings, the terminal."""

from __future__ import annotations

from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vpy.config import Config
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.host import HostPython


@value
class Context:
    """Made once per start by `cli`. `now` gives seconds since the epoch; `app` holds our own code.

    `host` is a Python that loads pip already, where that was begun.
    """

    config: Config
    layout: Layout
    environ: Mapping[str, str]
    terminal: Terminal
    app: str
    offline: bool
    now: Callable[[], float]
    host: HostPython | None = None
