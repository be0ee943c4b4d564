"""Fetch one source distribution, as it is, from the index that pip is configured for.

Runs as a program, with vpython's own pip on the path: `fetch.py PROJECT VERSION SHA256 FILE`. `pip
download` would also run the project's build.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any


def fetch(project: str, version: str, sha256: str, target: str) -> None:
    from pip._internal.commands.download import DownloadCommand

    command: Any = DownloadCommand("download", "")
    options, _ = command.parse_args([])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        for candidate in finder.find_all_candidates(project):
            if str(candidate.version) == version and not candidate.link.is_wheel:
                answer = session.get(candidate.link.url_without_fragment)
                answer.raise_for_status()
                if hashlib.sha256(answer.content).hexdigest() != sha256:
                    sys.exit(f"`{candidate.link.filename}` is another one than it was")
                with open(f"{target}.new", "wb") as file:
                    file.write(answer.content)
                os.replace(f"{target}.new", target)
                return
    sys.exit(f"the index has no source distribution of {project} {version}")


if __name__ == "__main__":
    fetch(*sys.argv[1:])
