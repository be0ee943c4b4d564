"""Simple repository of wheels as files (PEP 503): `<project>/<file>`, with a page for each project."""

from __future__ import annotations

import html
import os
import re

from vpy.packages import repository
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = "index.html"
_HEAD = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.0"></head><body>\n'
_FOOT = "</body></html>\n"


def add(root: str, path: str, filename: str) -> str | None:
    """Copy the wheel at `path` into the repository; return its path there, None where it is there already."""
    final = os.path.join(root, project_of(filename), filename)
    directory = os.path.dirname(final)
    with files.disk_errors("write", final):
        os.makedirs(directory, mode=0o755, exist_ok=True)
        with repository.writing(directory):
            if files.is_file(final) and files.sha256_of(final) == files.sha256_of(path):
                return None
            files.write_bytes(final, files.read_bytes(path), mode=0o444)
    return final


def write_pages(root: str) -> None:
    """Write the page of each project that has files, and the page of all projects, where they changed."""
    if not os.path.isdir(root):
        return
    projects = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    for project in projects:
        directory = os.path.join(root, project)
        with files.disk_errors("write", directory), repository.writing(directory):
            wheels = sorted(name for name in os.listdir(directory) if name.endswith(".whl"))
            digests = [files.sha256_of(os.path.join(directory, name)) for name in wheels]
            links = [(f"{name}#sha256={digest}", name) for name, digest in zip(wheels, digests, strict=True)]
            _write_page(directory, links)
    with files.disk_errors("write", root), repository.writing(root):
        _write_page(root, [(f"{project}/", project) for project in projects])


def _write_page(directory: str, links: Sequence[tuple[str, str]]) -> None:
    """Write the page of a directory, with a link (address, text) in each line."""
    rows = "".join(f'<a href="{html.escape(link)}">{html.escape(text)}</a><br>\n' for link, text in links)
    repository.write_changed(os.path.join(directory, PAGE), f"{_HEAD}{rows}{_FOOT}".encode())


def project_of(filename: str) -> str:
    """Return the normalized name (PEP 503) of a wheel's project."""
    return re.sub(r"[-_.]+", "-", filename.partition("-")[0]).lower()
