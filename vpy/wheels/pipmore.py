"""The rest of pip, for a pip that lies in two archives: put into the first one, which it is imported from.

`pip.zip` holds what installing a wheel imports, `pip-more.zip` beside it what else there is, each
member deflated by itself: what a first start does not need is copied then, not unpacked.
"""

from __future__ import annotations

import os
import sys
import zipimport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

HERE = os.path.dirname(os.path.abspath(__file__))
REST = os.path.join(os.path.dirname(HERE), "pip-more.zip")


class Rest:
    """A finder for the modules of a package whose other modules lie in the first archive."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _: object = None) -> ModuleSpec | None:
        if not path or not path[0].startswith(HERE):
            return None
        try:
            return zipimport.zipimporter(REST + path[0][len(HERE) :]).find_spec(name)
        except zipimport.ZipImportError:
            return None


sys.meta_path.append(Rest)
