"""Second archive of pip, put on the path of the first one.

`pip.zip` holds what installing a wheel imports, `pip-more.zip` beside it the rest, each member
deflated by itself: what a first start does not need is copied then, not unpacked.

The build puts this module into `pip.zip`, where pip's own modules are found beside it.
"""

from __future__ import annotations

import os
import sys
import zipimport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

FIRST_ARCHIVE = os.path.dirname(os.path.abspath(__file__))
SECOND_ARCHIVE = os.path.join(os.path.dirname(FIRST_ARCHIVE), "pip-more.zip")


class SecondArchiveFinder:
    """Finder for the modules of a package whose other modules are in the first archive."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _: object = None) -> ModuleSpec | None:
        """Find a module of pip in the second archive."""
        if not path or not path[0].startswith(FIRST_ARCHIVE):
            return None
        directory = SECOND_ARCHIVE + path[0][len(FIRST_ARCHIVE) :]
        try:
            return zipimport.zipimporter(directory).find_spec(name)
        except zipimport.ZipImportError:
            return None


sys.meta_path.append(SecondArchiveFinder)
