"""Files below a path that may have a spec: all that git does not ignore, or those that have changed."""

from __future__ import annotations

import os

from bootstrap.shown import printable
from vpy.errors import ToolError, UserError
from vpy.model import SpecSource
from vpy.spec import inline, read
from vpy.spec.look import MAX_SEARCHED
from vpy.spec.text import MAX_SIZE, decode
from vpy.system import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vpy.config import Config

# Set where git runs a hook: they would name another repository than that of the path (`git rev-parse
# --local-env-vars`).
_STEERING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE")
_DIFF = ("diff", "--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff", "--diff-filter=d")
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard")
# Where a branch left what others see, as the original looks for it.
_UPSTREAM = ("origin/main...", "origin/master...")


def all_below(path: str, environ: Mapping[str, str]) -> list[str]:
    """Return the files at or below a path that git does not ignore; outside a repository, all.

    Links and hidden directories are passed over, other repositories below it are not.
    """
    return _chosen(path, _all(path, environ))


def changed_below(path: str, environ: Mapping[str, str]) -> list[str]:
    """Return the files at or below a directory that git finds modified or untracked.

    What the branch changed since it left `origin/main` counts too. Raises UserError outside a repository.
    """
    if not _in_repository(path, environ):
        raise UserError(
            f"`{printable(path)}` is in no git repository, so nothing says what has changed",
            hint="`-all` takes every script and spec below it",
        )
    return _chosen(path, _changed(path, environ))


def is_script(path: str) -> bool:
    """Return whether a file is a script by its name or its first line, and is text."""
    start = files.read_bytes(path, 1024)
    first = start.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    is_python = path.endswith(".py") or (first.startswith(b"#!") and b"python" in first)
    return is_python and b"\0" not in start


def has_requirements(path: str, config: Config) -> bool:
    """Return whether a file is a `vpython.toml` or a script that declares requirements.

    Raises UserError for one that cannot be read.
    """
    name = os.path.basename(path)
    source: SpecSource | None = None
    if name == config.toml_name or name.endswith(f".{config.toml_name}"):
        text = decode(files.read_bytes(path, MAX_SIZE + 1), path)
        source = SpecSource("common", "toml", path, text)
    elif is_script(path):
        source = inline.find(files.read_bytes(path, MAX_SEARCHED), path)
    return source is not None and source.format != "text" and bool(read.read(source).dependencies)


def _chosen(path: str, found: Iterable[str]) -> list[str]:
    """Return the files among some paths, sorted, without links and what is in hidden directories."""
    chosen = set()
    for each in found:
        below = os.path.relpath(each, path).split(os.sep)[:-1]
        is_hidden = any(name.startswith(".") and name != ".." for name in below)
        if not is_hidden and os.path.isfile(each) and not os.path.islink(each):
            chosen.add(each)
    return sorted(chosen)


def _all(path: str, environ: Mapping[str, str]) -> Iterator[str]:
    directory, names = (
        (path, ()) if os.path.isdir(path) else (os.path.dirname(path), (os.path.basename(path),))
    )
    if not _in_repository(directory, environ):
        yield from _walked(path)
        return
    listed = _git(
        ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *names), directory, environ
    )
    for each in listed:
        yield from _all(each, environ) if _is_repository(each) else (each,)


def _walked(path: str) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    for directory, below, names in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (os.path.join(directory, name) for name in names)


def _changed(directory: str, environ: Mapping[str, str]) -> Iterator[str]:
    listed = [
        *_git(_DIFF, directory, environ),
        *_git((*_DIFF, "--cached"), directory, environ),
        *_git(_UNTRACKED, directory, environ),
        *_since_upstream(directory, environ),
    ]
    for each in dict.fromkeys(listed):
        yield from _changed(each, environ) if _is_repository(each) else (each,)


def _since_upstream(directory: str, environ: Mapping[str, str]) -> list[str]:
    """Return what the branch has changed; nothing where there is no upstream to compare with."""
    for upstream in _UPSTREAM:
        done = _run((*_DIFF, upstream, "--"), directory, environ)
        if done is not None and done.code == 0:
            return _paths(done.stdout, directory)
    return []


def _is_repository(path: str) -> bool:
    """Return whether a path that git lists is a repository of its own, which it does not look into."""
    return os.path.lexists(os.path.join(path, ".git")) and not os.path.islink(path)


def _in_repository(directory: str, environ: Mapping[str, str]) -> bool:
    """Return whether a directory is in a git repository; raise ToolError where git cannot say."""
    done = _run(("rev-parse", "--is-inside-work-tree"), directory, environ)
    if done is None or b"not a git repository" in done.stderr:
        return False
    if done.code != 0:
        raise _failure(done.stderr)
    return done.stdout.strip() == b"true"


def _git(words: Iterable[str], directory: str, environ: Mapping[str, str]) -> list[str]:
    """Return the absolute paths that git lists, ending each with a zero byte."""
    done = _run(words, directory, environ)
    if done is None or done.code != 0:
        raise _failure(done.stderr if done else b"")
    return _paths(done.stdout, directory)


def _paths(listed: bytes, directory: str) -> list[str]:
    names = [os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name]
    return [os.path.join(directory, *name.split("/")) for name in names]


def _run(words: Iterable[str], directory: str, environ: Mapping[str, str]) -> process.Finished | None:
    """Run git in a directory; None where there is no git."""
    variables = {name: text for name, text in environ.items() if name not in _STEERING}
    # `GIT_OPTIONAL_LOCKS`: nothing is written; names of files are no patterns.
    variables |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"}
    try:
        return process.run(["git", *words], environ=variables, cwd=directory)
    except FileNotFoundError:
        return None


def _failure(said: bytes) -> ToolError:
    line = os.fsdecode(said).strip().partition("\n")[0]
    return ToolError(f"git failed: {line or 'no output'}")
