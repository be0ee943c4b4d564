"""Wheels as the pages of an index (PEP 503): `<project>/<file>`, with a page for each project."""

from __future__ import annotations

import hashlib
import html
import os
import re

from vpy.packages import repository
from vpy.packages.directory import PIECE
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = "index.html"
_HEAD = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.0"></head><body>\n'
_FOOT = "</body></html>\n"


def add(root: str, path: str, filename: str) -> str:
    """Copy the wheel at `path` to its place; returns that, or "" where these very bytes lie there already."""
    place = os.path.join(root, project_of(filename), filename)
    with files.disk_errors("write", place):
        if files.is_file(place) and digest_of(place) == digest_of(path):
            return ""
        os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
        files.write_bytes(place, files.read_bytes(path), mode=0o444)
    return place


def write_pages(root: str) -> None:
    """Write the page of each project that has files, and the page of all; what is right already stays."""
    if not os.path.isdir(root):
        return
    projects = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    for project in projects:
        place = os.path.join(root, project)
        repository.tidy(place)
        wheels = sorted(name for name in os.listdir(place) if name.endswith(".whl"))
        _write(place, [(f"{name}#sha256={digest_of(os.path.join(place, name))}", name) for name in wheels])
    _write(root, [(f"{project}/", project) for project in projects])


def _write(place: str, links: Sequence[tuple[str, str]]) -> None:
    rows = "".join(f'<a href="{html.escape(link)}">{html.escape(name)}</a><br>\n' for link, name in links)
    page, text = os.path.join(place, PAGE), f"{_HEAD}{rows}{_FOOT}".encode()
    with files.disk_errors("write", page):
        if not files.is_file(page) or files.read_bytes(page) != text:
            files.write_bytes(page, text, mode=0o644)


def project_of(filename: str) -> str:
    """The normalized name (PEP 503) of a wheel's project."""
    return re.sub(r"[-_.]+", "-", filename.partition("-")[0]).lower()


def digest_of(path: str) -> str:
    """The sha256 of a file, as hex."""
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            hasher.update(piece)
    return hasher.hexdigest()
