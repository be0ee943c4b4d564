"""`upgrade` with the built file on real git repositories: what it finds, changes, shows and leaves."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.operations.test_legacy_specs import BLOCK, GUARDED, SHEBANG, SPEC, TABLES, contents, fill
from tests.packages.conftest import SimpleIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness


class Checkout:
    """A git repository, and the built file that runs in it."""

    def __init__(self, harness: Harness, place: Path) -> None:
        self.harness = harness
        self.place = place
        place.mkdir()

    def git(self, *words: str, cwd: Path | None = None) -> None:
        named = ("-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "init.defaultBranch=main")
        done = self.harness.run_command("git", *named, *words, cwd=cwd or self.place)
        assert done.returncode == 0, done.stderr

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")

    def run(self, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
        return self.harness.run("-vpython-tool", "upgrade", *words, **{"cwd": self.place, **how})

    def says(self, *words: str, **how: Any) -> list[str]:
        """The lines on stdout, with paths from the checkout."""
        done = self.run(*words, **how)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.replace(f"{self.place}/", "").splitlines()

    def files(self) -> dict[str, str]:
        return {path: text for path, text in contents(self.place).items() if not path.startswith(".git/")}


@pytest.fixture
def folder(harness: Harness, tmp_path: Path) -> Checkout:
    return Checkout(harness, tmp_path / "checkout")


@pytest.fixture
def checkout(folder: Checkout) -> Checkout:
    folder.git("init", "--quiet")
    return folder


LEGACY = {
    "build/.vpython3": SPEC,
    "tools/one.py": f"{SHEBANG}pass\n",
    "tools/one.py.vpython3": SPEC,
    "tools/two": f"{SHEBANG}\n{GUARDED}\npass\n",
}
CONVERTED = {
    "build/vpython.toml": TABLES,
    "tools/one.py": f"{SHEBANG}{BLOCK}\npass\n",
    "tools/two": f"{SHEBANG}\n{BLOCK}\npass\n",
}


def test_a_checkout(checkout: Checkout) -> None:
    others = {
        "a.txt": GUARDED,
        "data.py": "x = 1\n",
        "out/gen.py": GUARDED,
        ".hidden/s.py": GUARDED,
        ".gitignore": "/out/\n",
    }
    fill(checkout.place, LEGACY | others)
    (checkout.place / "link.py").symlink_to("tools/two")
    (checkout.place / "away").symlink_to("tools")
    checkout.commit()
    fill(checkout.place, {"untracked.py": GUARDED})

    done = checkout.says("-legacy", ".")
    assert done == [
        "build/.vpython3: now build/vpython.toml",
        "tools/one.py.vpython3: now a PEP 723 block in tools/one.py",
        "tools/two: now a PEP 723 block",
        "untracked.py: now a PEP 723 block",
    ]
    after = {**CONVERTED, **others, "untracked.py": BLOCK}
    linked = {"link.py": CONVERTED["tools/two"]}
    assert checkout.files() == after | linked
    assert checkout.says("-legacy", ".") == []
    assert checkout.files() == after | linked


@pytest.mark.parametrize(
    "words",
    [
        ("-vpython-tool", "upgrade", "-legacy", "-vpython-keep-legacy", "."),
        ("-vpython-keep-legacy", "-vpython-tool", "upgrade", "-legacy", "."),
        ("-vpython-tool", "upgrade", "--legacy", "--keep-legacy", "."),
    ],
)
def test_text_specs_may_be_kept(folder: Checkout, words: tuple[str, ...]) -> None:
    """Outside a repository too, where nothing is ignored."""
    fill(folder.place, LEGACY)
    for _ in range(2):
        done = folder.harness.run(*words, cwd=folder.place)
        assert (done.returncode, done.stderr) == (0, "")
        assert folder.files() == LEGACY | CONVERTED


def test_a_lockfile_goes_with_its_text_spec(folder: Checkout) -> None:
    """What it pins nobody asks for any more; one of a spec that is kept stays."""
    lockfiles = {
        f"{name}.versions": "a\n" for name in ("build/.vpython3", "tools/one.py.vpython3", "tools/two")
    }
    fill(folder.place, LEGACY | lockfiles)
    assert folder.run("-legacy", "-vpython-keep-legacy", "build").returncode == 0
    assert folder.files() == LEGACY | lockfiles | {"build/vpython.toml": TABLES}
    patch = folder.says("-legacy", "--dry-run", ".")
    assert [line for line in patch if line.endswith(".versions")] == [
        f"--- a/{name}" for name in sorted(lockfiles)
    ]
    assert folder.says("-legacy", ".") == [
        "build/.vpython3: removed, build/vpython.toml says the same"
        "; its lockfile build/.vpython3.versions is removed, `vpython-tool lock` makes another",
        "tools/one.py.vpython3: now a PEP 723 block in tools/one.py"
        "; its lockfile tools/one.py.vpython3.versions is removed, `vpython-tool lock` makes another",
        "tools/two: now a PEP 723 block; "
        "its lockfile tools/two.versions is removed, `vpython-tool lock` makes another",
    ]
    assert folder.files() == CONVERTED


def test_paths_are_files_and_directories(checkout: Checkout) -> None:
    fill(checkout.place, {**LEGACY, "other/.vpython3": SPEC, "out/s.py": GUARDED, ".gitignore": "out\n"})
    checkout.says("-legacy", "tools/two", "build")
    assert checkout.files()["tools/two"] == CONVERTED["tools/two"]
    assert checkout.files()["build/vpython.toml"] == TABLES
    assert checkout.files()["other/.vpython3"] == SPEC
    (checkout.place / "link").symlink_to("tools/two")
    for path, fact in [
        ("gone", "there is no `gone`"),
        ("link", f"`{checkout.place}/link` is a link, or git ignores it"),
        ("out/s.py", f"`{checkout.place}/out/s.py` is a link, or git ignores it"),
    ]:
        done = checkout.run("-legacy", path)
        assert (done.returncode, done.stderr) == (2, f"vpython: {fact}\n")


def test_a_repository_in_it_is_searched_by_its_own_rules(checkout: Checkout) -> None:
    inner = checkout.place / "third_party"
    fill(inner, {"s.py": GUARDED, "out.py": GUARDED, ".gitignore": "out.py\n"})
    checkout.git("init", "--quiet", cwd=inner)
    assert checkout.says("-legacy", ".") == ["third_party/s.py: now a PEP 723 block"]
    assert (inner / "out.py").read_text() == GUARDED


def test_what_cannot_be_said_stays_and_the_rest_goes_on(checkout: Checkout) -> None:
    wrong = SPEC.replace("version:1.16.0", "latest")
    fill(checkout.place, {**LEGACY, "a/.vpython3": wrong, "b.py": "# [VPYTHON:BEGIN]\n# x\n"})
    fill(checkout.place, {"old/.vpython3": "python_version: '2.7'\n"})
    done = checkout.run("-legacy", ".")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 3)
    assert done.stderr.replace(f"{checkout.place}/", "").splitlines() == [
        "vpython: old/.vpython3: Python 2.7 is not supported for running: environments are made for 3.8 "
        "or newer",
        "vpython: a/.vpython3:4:9: not a version of an index: `latest` of `infra/python/wheels/six-py3`; "
        "it has no refs: write `version:X`, which `vpython-tool find six` lists",
        "b.py:1:3: `[VPYTHON:BEGIN]` without `[VPYTHON:END]`",
    ]
    assert checkout.files() == CONVERTED | {
        "a/.vpython3": wrong,
        "b.py": "# [VPYTHON:BEGIN]\n# x\n",
        "old/.vpython3": "python_version: '2.7'\n",
    }
    fill(checkout.place, {"old.py": "# [VPYTHON:BEGIN]\n# python_version: '2.7'\n# [VPYTHON:END]\n"})
    done = checkout.run("-legacy", "old", "old.py")
    assert (done.returncode, done.stdout, done.stderr.count("2.7 is not supported")) == (0, "", 2)


def test_a_dry_run_is_a_patch(checkout: Checkout) -> None:
    older = {"build/.vpython": SPEC, "cut.py": GUARDED.removesuffix("\n")}
    fill(checkout.place, LEGACY | older)
    checkout.commit()
    done = checkout.run("-legacy", "--dry-run", ".")
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.files() == LEGACY | older
    assert done.stdout.startswith("--- /dev/null\n+++ b/build/vpython.toml\n@@ -0,0 +1,5 @@\n")
    patch = checkout.place.parent / "patch"
    patch.write_text(done.stdout)
    checkout.git("apply", str(patch))
    patched = checkout.files()
    checkout.git("reset", "--quiet", "--hard")
    checkout.git("clean", "--quiet", "--force", "-d")
    checkout.says("-legacy", ".")
    assert checkout.files() == patched == CONVERTED | {"cut.py": BLOCK.removesuffix("\n")}


def test_json(checkout: Checkout) -> None:
    fill(
        checkout.place,
        {".vpython3": SPEC.replace("1.16.0", "1.16.0.chromium.1"), "b.py": "# [VPYTHON:BEGIN]\n#"},
    )
    note = "`six` 1.16.0.chromium.1 is taken as 1.16.0: an index has only that"
    for words, more in (("--dry-run",), True), ((), False):
        done = checkout.run("-legacy", "--json", *words, ".")
        assert done.returncode == 1
        assert note in done.stderr
        account = json.loads(done.stdout)
        assert ("diff" in account) == more
        if more:
            assert account.pop("diff").startswith("--- /dev/null\n+++ b/vpython.toml\n")
        assert account == {
            "dry_run": more,
            "converted": [
                {
                    "from": f"{checkout.place}/.vpython3",
                    "to": f"{checkout.place}/vpython.toml",
                    "removed": [f"{checkout.place}/.vpython3"],
                    "notes": [note],
                }
            ],
            "left": [
                {
                    "path": f"{checkout.place}/b.py",
                    "reason": f"{checkout.place}/b.py:1:3: `[VPYTHON:BEGIN]` without `[VPYTHON:END]`",
                }
            ],
        }


MODERN = {
    "vpython.toml": TABLES,
    "deep/x.vpython.toml": TABLES,
    "deep/s.py": BLOCK,
    "deep/tool": f"{SHEBANG}{BLOCK}",
    "deep/plain.py": "pass\n",
    "deep/guarded.py": GUARDED,
    "deep/nothing.py": "# /// script\n# dependencies = []\n# ///\n",
    "deep/.vpython3": SPEC,
    "deep/notes.txt": BLOCK,
    ".hidden/s.py": BLOCK,
    "out/s.py": BLOCK,
    ".gitignore": "out\n",
}
SPECS = ["deep/s.py", "deep/tool", "deep/x.vpython.toml", "vpython.toml"]


def test_specs_that_have_changed(checkout: Checkout) -> None:
    fill(checkout.place, MODERN)
    assert checkout.says("--dry-run", ".") == SPECS
    checkout.git("add", "--all")
    assert checkout.says("--dry-run", "deep") == SPECS[:3]
    checkout.commit()
    done = checkout.run("--dry-run", ".")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "vpython: git finds no script or spec changed: `-all` takes every one\n"
    assert checkout.says("--dry-run", "-all", ".") == SPECS
    assert checkout.says("--dry-run", "deep/s.py") == ["deep/s.py"]

    fill(
        checkout.place,
        {"deep/s.py": f"{BLOCK}\n1\n", "deep/näw file.py": BLOCK, "vpython.toml": f"# x\n{TABLES}"},
    )
    checkout.git("add", "vpython.toml")
    (checkout.place / "deep" / "tool").unlink()
    (checkout.place / "link.py").symlink_to("deep/s.py")
    changed = ["deep/näw file.py", "deep/s.py", "vpython.toml"]
    assert checkout.says("--dry-run", ".") == changed
    done = checkout.run("--dry-run", "--json", "deep", cwd=checkout.place)
    paths = [f"{checkout.place}/{path}" for path in changed[:2]]
    assert json.loads(done.stdout) == {"dry_run": True, "specs": paths}


def test_what_a_branch_changed_counts(checkout: Checkout) -> None:
    fill(checkout.place, {"one.py": BLOCK, "two.py": BLOCK})
    checkout.commit()
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")
    fill(checkout.place, {"two.py": f"{BLOCK}\n1\n"})
    checkout.commit()
    assert checkout.says("--dry-run", ".") == ["two.py"]


def test_a_hook_of_git_does_not_lead_it_astray(checkout: Checkout) -> None:
    fill(checkout.place, MODERN)
    other = checkout.place.parent / "other"
    other.mkdir()
    checkout.git("init", "--quiet", cwd=other)
    steering = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": "index"}
    assert checkout.says("--dry-run", ".", env=steering) == SPECS


def test_outside_a_repository(folder: Checkout) -> None:
    fill(folder.place, MODERN)
    assert folder.says("--dry-run", "-all", ".") == sorted([*SPECS, "out/s.py"])
    for env in ({}, {"PATH": "/nowhere"}):
        done = folder.harness.run(
            "-vpython-tool", "upgrade", "--dry-run", ".", cwd=folder.place, env=env, door="python"
        )
        assert (done.returncode, done.stderr) == (
            2,
            f"vpython: `{folder.place}` is in no git repository, so nothing says what has changed\n\n"
            "hint: `-all` takes every script and spec below it\n",
        )


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("--dry-run", "gone"), "there is no `gone`"),
        (("-legacy",), "`upgrade` needs PATH"),
        (("-lagacy", "."), "unknown option `-lagacy` of `upgrade`: did you mean `--legacy`?"),
    ],
)
def test_a_wrong_command_line(checkout: Checkout, words: tuple[str, ...], fact: str) -> None:
    fill(checkout.place, MODERN)
    done = checkout.run(*words)
    assert (done.returncode, done.stderr) == (2, f"vpython: {fact.format(checkout.place)}\n")


def test_a_repository_that_git_does_not_trust_is_an_error(checkout: Checkout) -> None:
    fill(checkout.place, {"s.py": GUARDED})
    (checkout.place / ".git" / "config").write_text("[broken\n")
    done = checkout.run("-legacy", ".")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vpython: git failed: fatal: bad config line 1 in file ")
    assert checkout.files() == {"s.py": GUARDED}


def test_a_kill_leaves_whole_files(checkout: Checkout) -> None:
    """At any point each script and spec is as before or as after, and the next run ends the work."""
    before = {f"{number}/{path}": text for number in range(30) for path, text in LEGACY.items()}
    after = {f"{number}/{path}": text for number in range(30) for path, text in CONVERTED.items()}
    fill(checkout.place, before)
    began = time.monotonic()
    checkout.says("-legacy", "--dry-run", ".")
    seconds = time.monotonic() - began
    command = [str(checkout.harness.file), "-vpython-tool", "upgrade", "-legacy", "."]
    chance = random.Random(5)
    for _ in range(5):
        shutil.rmtree(checkout.place / "0")
        fill(checkout.place, before)
        for left in checkout.place.rglob("vpython.toml"):
            left.unlink()
        child = subprocess.Popen(
            command, cwd=checkout.place, env=checkout.harness.surroundings(), start_new_session=True
        )
        time.sleep(seconds * chance.uniform(0.3, 1.0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        there = {path: text for path, text in checkout.files().items() if not path.endswith(".new")}
        assert all(text in (before.get(path), after.get(path)) for path, text in there.items())
        for path in set(before) - set(there):  # what has gone is in its other file
            other = path.replace(".vpython3", "vpython.toml" if path.endswith("/.vpython3") else "")
            assert there[other] == after[other]
        checkout.says("-legacy", ".")
        assert {path: text for path, text in checkout.files().items() if not path.endswith(".new")} == after


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SimpleIndex]:
    for name in ("six", "other"):
        make_wheel(tmp_path / "wheels", name, "1.16.0")
    served = SimpleIndex(str(tmp_path / "wheels"))
    threading.Thread(target=served.server.serve_forever, daemon=True).start()
    yield served
    served.server.shutdown()
    served.server.server_close()


def test_what_has_changed_is_locked_again(checkout: Checkout, index: SimpleIndex) -> None:
    checkout.harness.use_loopback()
    checkout.harness.environ["PIP_INDEX_URL"] = index.url
    block = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["%s"]\n# ///\n'
    fill(checkout.place, {"s.py": block % "six", "t.py": block % "gone", "old.py": block % "other"})
    checkout.git("add", "old.py")
    checkout.git("commit", "--quiet", "--message", "x")
    done = checkout.run(".")
    assert (done.returncode, done.stdout) == (1, f"{checkout.place}/s.py.uv.lock: 1 distribution, new\n")
    assert f"{checkout.place}/t.py: " in done.stderr
    assert "`gone`" in done.stderr
    assert sorted(checkout.files()) == ["old.py", "s.py", "s.py.uv.lock", "t.py"]
    (checkout.place / "t.py").unlink()
    done = checkout.run("-all", "--json", ".")
    assert done.returncode == 0, done.stderr
    locked = json.loads(done.stdout)["locked"]
    assert [(row["path"], row["new"]) for row in locked] == [
        (f"{checkout.place}/old.py.uv.lock", True),
        (f"{checkout.place}/s.py.uv.lock", False),
    ]


def test_a_script_runs_as_before(folder: Checkout, index: SimpleIndex) -> None:
    folder.harness.use_loopback()
    folder.harness.environ["PIP_INDEX_URL"] = index.url
    spec = SPEC.replace('python_version: "3.11"\n', "")
    elsewhere = spec.replace("six", "other").replace(">", 'match_tag: <platform: "win32">\n>')
    program = "import importlib.util as u, six\nprint(six.VERSION, u.find_spec('other'))\n"
    fill(
        folder.place,
        {"a/s.py": program, "a/.vpython3": spec + elsewhere, "t.py": program, "t.py.vpython3": spec},
    )
    scripts = [folder.place / "a" / "s.py", folder.place / "t.py"]
    for script in scripts:
        done = folder.harness.run("-vpython-source", "index", script)
        assert (done.returncode, done.stdout) == (0, "1.16.0 None\n"), done.stderr
    folder.says("-legacy", ".")
    spec_option = ("-vpython-spec", "a/.vpython3")
    for _ in range(2):
        done = folder.harness.run(*spec_option, "-c", "import six; print(six.VERSION)", cwd=folder.place)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.16.0\n", "")
    (record,) = [path for path in folder.harness.records() if "spec=" in path.name]
    assert f"{folder.place}/a/.vpython3" in record.read_text()
    assert sorted(folder.files()) == ["a/s.py", "a/vpython.toml", "t.py"]
    for script in scripts:
        done = folder.harness.run(script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.16.0 None\n", "")
