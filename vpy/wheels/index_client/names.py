"""Versions in the file names of a project's distributions, old ones of sdists too."""

from __future__ import annotations

import importlib

from vpy.system import sdist_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def version_of(filename: str, project: str) -> Any:
    """Return the version (PEP 440) of a project's wheel or sdist; None for what is no file of it."""
    utils = importlib.import_module("pip._vendor.packaging.utils")
    parse = importlib.import_module("pip._vendor.packaging.version").Version
    try:
        if not filename.endswith(".whl"):
            return parse(sdist_name.version_text(filename, project, utils.canonicalize_name))
        name, version, *_ = utils.parse_wheel_filename(filename)
    except ValueError:
        return None
    return version if name == utils.canonicalize_name(project) else None
