"""Git repositories, read by the user's own `git`: what revisions mean, and the files of a commit.

Nothing of a repository is run or believed: no hooks, no settings, no protocol but `https`, `ssh` and, for a
repository of this machine, `file`. git asks nobody for a password; one in a URL goes by a setting in its
environment, which is in no arguments and no file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from urllib.parse import urlsplit

from bootstrap.shown import without_passwords
from vpy.errors import ToolError, UnreachableError, UserError
from vpy.packages.freshness import OUTAGE_SECONDS, REF_SECONDS, Freshness
from vpy.system import files, process, sealed
from vpy.system.lean import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.system.layout import Layout
    from vpy.system.process import Finished
    from vpy.system.vcs_url import Reference

    Run = Callable[..., Finished]

_ANSWER_SECONDS = 60.0  # for which the list of a repository's refs is waited for
_STALLED_SECONDS = 30  # after which a transfer that brings nothing ends
# What git takes from around it when it is called by a hook or in a work tree of its own.
_FOREIGN = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE", "GIT_TEMPLATE_DIR", "GIT_WORK_TREE",
)  # fmt: skip
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_FACT = re.compile(r"(?:fatal|error|ERROR|ssh): (.+)")


class Repositories:
    """Repositories that references name; `environ` are the user's variables.

    What a branch or a tag means is kept in the root, and asked again by the rules of all refs: after a day,
    and where an answer from before the `since` of `freshness` does not count.
    """

    def __init__(
        self, *, environ: Mapping[str, str], layout: Layout, freshness: Freshness, offline: bool
    ) -> None:
        self._environ = environ
        self._layout = layout
        self._freshness = Freshness(freshness.now, freshness.since, REF_SECONDS)
        self._offline = offline

    def commit(self, reference: Reference, *, refresh: bool = False) -> tuple[str, int]:
        """Return the commit id that a reference means, and until when that counts, 0 for ever.

        With `refresh` the repository is asked, whatever it said before.
        """
        if reference.is_commit:
            return reference.revision, 0
        question = ["git-1", reference.plain_url, reference.revision]
        path = self._layout.resolution(hashlib.sha256(json.dumps(question).encode()).hexdigest())
        known, asked = _read(path)
        if known and not refresh and self._freshness.holds(asked):
            return known, self._freshness.until(asked)
        if self._offline and not reference.is_local:
            if known:
                return known, int(self._freshness.now()) + OUTAGE_SECONDS
            raise _offline(reference)
        commit, now = self._asked(reference), self._freshness.now()
        with files.disk_errors("write", path):
            files.write_bytes(path, sealed.dump({"commit": commit, "asked": now}))
        return commit, self._freshness.until(now)

    def _asked(self, reference: Reference) -> str:
        """Ask the repository what a revision means: a branch, then a tag, as pip does, then any ref."""
        revision = reference.revision or "HEAD"
        words = ["ls-remote", "--quiet", "--", reference.plain_url, revision, f"{revision}^{{}}"]
        printed = self._git(words, reference, process.run, timeout=_ANSWER_SECONDS)
        refs = {name: commit for commit, _, name in (line.partition("\t") for line in printed.splitlines())}
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", f"refs/{revision}", revision):
            if found := refs.get(f"{name}^{{}}") or refs.get(name):
                return found
        if _ABBREVIATED.fullmatch(revision):
            return self._whole(reference)
        raise _unknown(reference)

    def _whole(self, reference: Reference) -> str:
        """Return the commit whose id begins as the revision does."""
        with files.staging_directory(self._layout.staging, "git-") as stage:
            words = ["clone", "--quiet", "--bare", "--template=", "--", reference.plain_url, "bare"]
            self._git(words, reference, process.run, cwd=stage)
            words = [
                "rev-parse",
                "--quiet",
                "--verify",
                "--end-of-options",
                f"{reference.revision}^{{commit}}",
            ]
            try:
                return self._git(words, reference, process.run, cwd=os.path.join(stage, "bare")).strip()
            except UnreachableError:
                raise _unknown(reference) from None

    def check_out(self, reference: Reference, directory: str, run: Run) -> str:
        """Write the files of a commit, with its history and submodules, below a directory; return their path.

        Submodules are as pip has them, but of no repository on this machine unless this one is. `run` runs
        git as `process.run` does.
        """
        if self._offline and not reference.is_local:
            raise _offline(reference)
        tree = os.path.join(directory, "tree")
        lazily = [] if reference.is_local else ["--filter=blob:none"]
        words = ["clone", "--quiet", "--no-checkout", *lazily, "--template=", "--", reference.plain_url, tree]
        self._git(words, reference, run, cwd=directory)
        try:
            self._git(["cat-file", "-e", f"{reference.revision}^{{commit}}"], reference, run, cwd=tree)
        except UnreachableError:  # no branch and no tag leads to it
            self._git(["fetch", "--quiet", "origin", reference.revision], reference, run, cwd=tree)
        self._git(["checkout", "--quiet", "--detach", reference.revision, "--"], reference, run, cwd=tree)
        if os.path.lexists(os.path.join(tree, ".gitmodules")):
            words = ["submodule", "--quiet", "update", "--init", "--recursive"]
            self._git(words, reference, run, cwd=tree)
        path = os.path.join(tree, *reference.subdirectory.split("/"))
        if not os.path.isdir(path):
            raise UserError(f"`{reference.text()}` has no directory `{reference.subdirectory}`")
        return path

    def _git(
        self,
        words: Sequence[str],
        reference: Reference,
        run: Run,
        *,
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Return what git prints; raise UnreachableError with what it says where it fails."""
        try:
            done = run(["git", *words], environ=self._variables(reference), cwd=cwd, timeout=timeout)
        except OSError as error:
            raise ToolError(
                f"cannot start `git`, which `{reference.text()}` needs: {error.strerror}",
                hint="install git, and let PATH lead to it",
            ) from error
        if done.code:
            said = done.stderr.decode("utf-8", "replace")
            facts = _FACT.findall(said) or said.strip().splitlines()[-1:] or [f"it ended with {done.code}"]
            if done.code == process.KILLED and timeout:
                facts = [f"no answer within {timeout:.0f} s"]
            raise UnreachableError(
                f"git cannot read `{reference.plain_url}`: {without_passwords(facts[0])}",
                hint="with -vpython-offline only what was resolved before is used",
            )
        return done.stdout.decode("utf-8", "replace")

    def _variables(self, reference: Reference) -> dict[str, str]:
        """Return the variables of git: the user's, without what would let it ask, or run others' code."""
        settings = {
            "advice.detachedHead": "false",
            "core.fsmonitor": "false",
            "core.hooksPath": os.devnull,
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(_STALLED_SECONDS),
        }
        if reference.login is not None:
            host = urlsplit(reference.plain_url)
            code = base64.b64encode(":".join(reference.login).encode()).decode()
            settings[f"http.{host.scheme}://{host.netloc}/.extraHeader"] = f"Authorization: Basic {code}"
        environ = {name: text for name, text in self._environ.items() if name not in _FOREIGN}
        known = environ.get("GIT_CONFIG_COUNT", "")
        count = int(known) if known.isdecimal() else 0
        for number, (name, text) in enumerate(settings.items(), count):
            environ[f"GIT_CONFIG_KEY_{number}"], environ[f"GIT_CONFIG_VALUE_{number}"] = name, text
        return {
            **environ,
            "GIT_CONFIG_COUNT": str(count + len(settings)),
            "GIT_ALLOW_PROTOCOL": "file:https:ssh" if reference.is_local else "https:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GCM_INTERACTIVE": "never",
            "LC_ALL": "C",
        }


def _offline(reference: Reference) -> UnreachableError:
    return UnreachableError(
        f"not in the root, and network access is disabled by `-vpython-offline`: `{reference.text()}`",
        hint="run it once without -vpython-offline",
    )


def _unknown(reference: Reference) -> UserError:
    return UserError(f"`{reference.plain_url}` has no branch, tag or commit `{reference.revision or 'HEAD'}`")


def _read(path: str) -> tuple[str, float]:
    """Return the commit that was kept, and when it was asked for; "" for none."""
    try:
        row = sealed.read(path)
        return str(row["commit"]), float(row["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0.0
