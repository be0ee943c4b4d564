#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging>=24", "uv==0.13.8"]
# ///
"""Compare the versions that vpython, pip and uv choose for the sets of `sets.txt`, on the same pages.

    dist/vpython.pyz bench/answers.py [--only TEXT]… [--record FILE]

The real index is asked for pages and METADATA, once: they are kept below `--work`, as are the answers of pip
and uv; take it away for those of today. pip is the vendored one, so build first. Where answers differ is
printed; the exit code is 1 where a difference is not explained in `sets.txt`. `--record` writes what vpython
read, and the answers, for the tests (`tests/vectors/same_answers.json.xz`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caching_index import CachingIndex
from packaging.markers import default_environment
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name
from packaging.version import Version
from timing import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[1]
VENDOR = TOP / "build" / "vendor"
SETS = Path(__file__).with_name("sets.txt")
FIELDS = ("Requires-Python:", "Requires-Dist:", "Provides-Extra:", "Name:", "Version:")
LIMIT = 600.0

# Version of each project by its normalized name; None for no answer.
Answer = dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Requirements, who answers otherwise ("" for nobody) and why."""

    name: str
    requirements: tuple[str, ...]
    differs: str
    reason: str


class Forks:
    """Program of the tests that resolves one set after another, in a process that has imported pip."""

    def __init__(self, environ: dict[str, str]) -> None:
        program = str(TOP / "tests" / "support" / "resolve_many.py")
        words = [sys.executable, "-I", "-S", program, str(VENDOR), str(TOP)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
        )

    def ask(self, job: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(job), file=self._process.stdin, flush=True)
        row = json.loads(self._process.stdout.readline())
        if row["answer"] is None:
            raise BenchError(f"`resolve_many.py` failed: {row['said'].strip()}")
        return row["answer"]

    def stop(self) -> None:
        self._process.communicate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Where all three ask; `environ` has nobody's configuration."""

    url: str
    uv: str
    forks: Forks
    place: Path
    environ: dict[str, str]
    target: dict[str, Any]

    def pip(self, each: Set) -> Answer:
        with tempfile.NamedTemporaryFile(dir=self.place) as report:
            words = ["install", "--isolated", "--quiet", "--dry-run", "--ignore-installed", "--no-cache-dir"]
            words += ["--only-binary", ":all:", "--break-system-packages", "--disable-pip-version-check"]
            words += ["--index-url", self.url, "--report", report.name, *each.requirements]
            if self.forks.ask({"pip": words}):
                return None
            rows = json.loads(Path(report.name).read_text())["install"]
        return {
            canonicalize_name(row["metadata"]["name"]): str(Version(row["metadata"]["version"]))
            for row in rows
        }

    def vpython(self, each: Set) -> Answer:
        """Ask the program that resolves for vpython."""
        requirements = [{"text": text, "hashes": []} for text in each.requirements]
        fixed = {"directory": "", "dependencies": True, "look": True, "index": self.url}
        answer = self.forks.ask({**self.target, **fixed, "requirements": requirements})
        if answer["errors"]:
            return None
        return {row["name"]: row["version"] for row in answer["wheels"]}

    def ask_uv(self, each: Set) -> Answer:
        words = [self.uv, "pip", "compile", "-", "--no-config", "--quiet", "--no-header", "--no-annotate"]
        words += ["--only-binary", ":all:", "--python", sys.executable, "--index-url", self.url]
        ended = _ended(words, self.environ, "\n".join(each.requirements))
        if ended.returncode:
            return None
        lines = [line for line in ended.stdout.splitlines() if "==" in line]
        return {
            canonicalize_name(name): str(Version(version.partition(";")[0].strip()))
            for name, _, version in (line.partition("==") for line in lines)
        }


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the versions that vpython, pip and uv choose")
    parser.add_argument("--only", action="append", help="sets with this in their name; repeatable")
    parser.add_argument("--record", type=Path, help="write what was read, and the answers, for the tests")
    parser.add_argument("--index", default="https://pypi.org/simple/", help="the real index")
    parser.add_argument("--uv", default=_beside("uv"), help="the program uv")
    parser.add_argument("--work", type=Path, default=TOP / "build" / "answers", help="what was fetched")
    arguments = parser.parse_args()
    sets = [each for each in read_sets() if not arguments.only or any(t in each.name for t in arguments.only)]
    index = CachingIndex(arguments.index, arguments.work.absolute())
    try:
        return compare(sets, index, arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        index.stop()


def compare(sets: list[Set], index: CachingIndex, arguments: argparse.Namespace) -> int:
    """Ask all three, print the differences; return 1 where one is not explained."""
    if not arguments.uv:
        raise BenchError("no `uv` on PATH: give one by `--uv`")
    asker = _asker(index.url, arguments)
    ours = [_timed("vpython", asker.vpython, each) for each in sets]
    read = sorted(index.looked_at)
    with ThreadPoolExecutor(2) as workers:
        pips = workers.submit(_all, "pip", asker.pip, sets, asker.place)
        uvs = workers.submit(_all, "uv", asker.ask_uv, sets, asker.place)
    asker.forks.stop()
    rows: list[dict[str, Any]] = [
        {"set": each, "vpython": mine, "pip": pip, "uv": uv}
        for each, mine, pip, uv in zip(sets, ours, pips.result(), uvs.result(), strict=True)
    ]
    unexplained = [row for row in rows if otherwise(row) != row["set"].differs]
    print(table(rows))
    answered = sum(row["vpython"] is not None for row in rows)
    print(f"\n{len(rows)} sets, {answered} with an answer; {len(unexplained)} not as `sets.txt` says")
    if arguments.record:
        record(arguments.record, rows, index, read, asker.target)
    return 1 if unexplained else 0


def read_sets() -> list[Set]:
    """Return the sets of `sets.txt`."""
    found = []
    for line in SETS.read_text().splitlines():
        if line.startswith("#"):
            continue
        whole, _, note = line.partition(" ! ")
        name, *requirements = whole.split(" | ")
        differs, _, reason = note.partition(": ")
        found.append(Set(name=name, requirements=tuple(requirements), differs=differs, reason=reason))
    return found


def otherwise(row: dict[str, Any]) -> str:
    """Return who answers otherwise than vpython: "", "pip", "uv" or "pip and uv"."""
    return " and ".join(name for name in ("pip", "uv") if row[name] != row["vpython"])


def table(rows: list[dict[str, Any]]) -> str:
    """Return the differences, in Markdown: a line for each project of a set that got other versions."""
    lines = ["| set | project | vpython | pip | uv | why |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        if not otherwise(row):
            continue
        answers = [row[name] for name in ("vpython", "pip", "uv")]
        if None in answers:
            cells = ["no answer" if answer is None else f"{len(answer)} projects" for answer in answers]
            lines.append(_line(row["set"].name, "", *cells, row["set"].reason))
            continue
        for project in sorted(set().union(*answers)):
            cells = [answer.get(project, "-") for answer in answers]
            if len(set(cells)) > 1:
                lines.append(_line(row["set"].name, project, *cells, row["set"].reason))
    return "\n".join(lines)


def record(
    path: Path, rows: list[dict[str, Any]], index: CachingIndex, read: list[str], target: dict[str, Any]
) -> None:
    """Write what vpython read, as little of it as a resolution needs; hashes are left out."""
    pages = {
        project: None if files is None else [_short(file) for file in files]
        for project, files in sorted(index.pages.items())
    }
    metadata = {name: _fields(index.known_metadata(name)) for name in read}
    sets = [
        {
            "name": row["set"].name,
            "requirements": row["set"].requirements,
            "pip": row["pip"],
            "uv": row["uv"],
        }
        for row in rows
    ]
    whole = {
        "recorded": time.strftime("%Y-%m-%d"),
        "target": target,
        "sets": sets,
        "pages": pages,
        "metadata": metadata,
    }
    data = json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{path}: {path.stat().st_size:,} bytes, {len(pages)} pages, {len(metadata)} times METADATA")


def _short(file: dict[str, Any]) -> list[Any]:
    """Return the file name, `requires-python` and whether it is yanked; what is as usual is left out."""
    row = [file["filename"], file["requires-python"] or "", bool(file["yanked"])]
    while not row[-1]:
        row.pop()
    return row


def _fields(data: bytes) -> list[str]:
    """Return the lines of METADATA that a resolution reads, long ones joined."""
    head = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    lines = head.replace("\n ", " ").replace("\n\t", " ").split("\n")
    return [line for line in lines if line.startswith(FIELDS)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _all(who: str, ask: Callable[[Set], Answer], sets: list[Set], directory: Path) -> list[Answer]:
    """Ask for all sets, and keep the answers: pages are kept, too, so that nothing changes them."""
    (directory / who).mkdir(exist_ok=True)
    answers = []
    for each in sets:
        path = directory / who / hashlib.sha256(repr(each.requirements).encode()).hexdigest()
        if not path.exists():
            path.write_text(json.dumps(_timed(who, ask, each)))
        answers.append(json.loads(path.read_text()))
    return answers


def _timed(who: str, ask: Callable[[Set], Answer], each: Set) -> Answer:
    begun = time.monotonic()
    answer = ask(each)
    print(f"bench: {who}, {each.name}: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    return answer


def _asker(url: str, arguments: argparse.Namespace) -> Asker:
    place = arguments.work.absolute()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
    shutil.rmtree(place / "uv-cache", ignore_errors=True)
    own = {"HOME": str(place), "NO_PROXY": "127.0.0.1", "UV_CACHE_DIR": str(place / "uv-cache")}
    target = {
        "tags": [[tag.interpreter, tag.abi, tag.platform] for tag in sys_tags()],
        "markers": default_environment(),
        "version": list(sys.version_info[:3]),
    }
    environ = {**kept, **own}
    return Asker(url=url, uv=arguments.uv, forks=Forks(environ), place=place, environ=environ, target=target)


def _beside(name: str) -> str | None:
    """Return a program of this environment, else of PATH."""
    path = os.path.join(sysconfig.get_path("scripts"), name)
    return path if os.path.exists(path) else shutil.which(name)


def _ended(words: list[str], environ: dict[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=text, capture_output=True, text=True, check=False, env=environ, timeout=LIMIT
    )


if __name__ == "__main__":
    sys.exit(main())
