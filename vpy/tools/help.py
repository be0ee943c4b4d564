"""`-help`: our options, then Python's own."""

from __future__ import annotations

import sys

from vpy.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.context import Context

TEXT = """\
vpython {version}: python in the environment a script declares

usage: vpython [vpython's options] [python's options] [script | -m module | -c code | -] [arguments]

A spec is looked for, in this order: -vpython-spec; SCRIPT{suffix} beside the script; a PEP 723
block or [VPYTHON:BEGIN] … [VPYTHON:END] in it; {toml} or {suffix} in its directory or one above
(for -m, -c, - and no script: from the working directory); VPYTHON_DEFAULT_SPEC; nothing at all.

  -vpython-spec FILE          use this spec, search for none
  -vpython-root DIR           the cache of environments (VPYTHON_VIRTUALENV_ROOT); here {root}
  -vpython-interpreter FILE   the base Python (VPYTHON_INTERPRETER)
  -vpython-source SOURCE      where packages come from: cipd[:URL], directory:PLACE, index[:URL]
                              (VPYTHON_PACKAGE_SOURCE); by default {source}
  -vpython-manifest FILE      another manifest than the one beside this file (VPYTHON_MANIFEST)
  -vpython-offline            touch no network (VPYTHON_OFFLINE)
  -vpython-log-level LEVEL    debug, info, warning, error (VPYTHON_LOG_TRACE=1: debug)
  -vpython-local-venv         also point .venv beside the spec at the environment
  -vpython-tool NAME …        run a tool instead of Python:
      install   make the environment, do not run        explain   say what would be used, and why
      verify    has every platform every package?       find      the versions of a package, by platform
      mirror    copy what specs need to a directory     pack      make package files of wheels
      ensure    deploy what an ensure file pins         tags      a Python's tags, best first
      doctor    check the cache, and mend it            prune     remove what nobody uses
      version   what this file is and carries

python's options:
"""


def run(context: Context) -> int:
    """Print both helps on stdout."""
    config = context.config
    print(
        TEXT.format(
            version=config.version,
            suffix=config.suffix,
            toml=config.toml_name,
            root=context.layout.root,
            source=config.default_source,
        )
    )
    finished = process.run([sys.executable, "-h"], environ=context.environ)
    print(finished.stdout.decode("utf-8", "replace"), end="")
    return 0
