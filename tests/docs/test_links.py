"""Each relative link of the Markdown leads to a file, and to a heading in it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs import markdown
from tests.support.harness import TOP

if TYPE_CHECKING:
    from pathlib import Path

SKIPPED = {"build", "dist", "vendor"}
DOCUMENTS = sorted(
    path
    for path in TOP.rglob("*.md")
    if not SKIPPED.intersection(path.relative_to(TOP).parts)
    and not any(part.startswith(".") for part in path.relative_to(TOP).parts)
)


def name_of(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links(path: Path) -> None:
    broken = [f"line {line}: {target}" for line, target in markdown.links(path) if not _leads(path, target)]
    assert not broken


def _leads(path: Path, target: str) -> bool:
    if target.startswith(("https://", "http://", "mailto:")):
        return True
    name, _, anchor = target.partition("#")
    file = path.parent / name if name else path
    if not file.exists():
        return False
    return not anchor or (file.suffix == ".md" and anchor in markdown.anchors(file))


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`: three\n## It\n[a](page.md#one-two-three) [b](#it) [c](#no) ![d](no.svg)\n")
    assert [target for _, target in markdown.links(page) if not _leads(page, target)] == ["#no", "no.svg"]


def test_a_document_is_reached_from_the_readme() -> None:
    """What nobody links to nobody reads."""
    seen, waiting = set(), [TOP / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for _, target in markdown.links(path):
            file = (path.parent / target.partition("#")[0]).resolve()
            if file.suffix == ".md" and file.is_file():
                waiting.append(file)
    documents = {path for path in DOCUMENTS if path.parent in (TOP, TOP / "docs")}
    assert {name_of(path) for path in documents - seen} == set()


def test_every_picture_is_one(tmp_path: Path) -> None:
    import xml.etree.ElementTree as ElementTree

    for path in sorted((TOP / "docs").glob("*.svg")):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg", path


def test_documents_are_those_of_the_checkout() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        assert {name_of(path) for path in DOCUMENTS} == {
            name for name in listed.stdout.splitlines() if not SKIPPED.intersection(name.split("/"))
        }
