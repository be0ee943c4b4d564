"""Shared surroundings of the stages of one start."""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vpy.config import Config
    from vpy.operations.bootstrap_manifest import BootstrapManifest
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython


@value
class Context:
    """Settings, root, variables and terminal of one start, made once by `cli`.

    `now` returns seconds since the epoch; what a source answered before `fresh_since` is asked for again.
    `builds`: wheels may be built from sdists. `app` is the directory that holds vpython's own code.
    `manifest` is the manifest beside vpython, read once; None where this start needs none. `host` is a
    Python that is loading pip already, where one was started ahead.
    """

    config: Config
    layout: Layout
    environ: Mapping[str, str]
    terminal: Terminal
    app: str
    offline: bool
    now: Callable[[], float]
    fresh_since: float = 0.0
    builds: bool = True
    manifest: BootstrapManifest | None = None
    host: HostPython | None = None
