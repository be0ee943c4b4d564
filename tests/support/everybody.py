"""What other users of this machine may run."""

from __future__ import annotations

import os
import subprocess


def python_for_everybody() -> str | None:
    """A Python on the usual PATH that can run us, and that other users may run."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        tell = [path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if os.path.exists(path) and not subprocess.run(tell, check=False).returncode:
            return path
    return None
