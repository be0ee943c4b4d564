"""Starts by other programs: cron, systemd, a git hook, a container with any uid, a poor terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.e2e.start.stage import Stage, spec
from tests.support.harness import TOP, settled

SYSTEM = "/usr/bin:/bin"


@pytest.fixture
def script(stage: Stage) -> Path:
    stage.put("s.py.vpython3", spec("one"))
    return stage.put("s.py", "import one, sys; print(one.VERSION, sys.stdin.read())", mode=0o755)


def run(stage: Stage, *words: str | Path, env: dict[str, str], cwd: str | Path = "/") -> tuple[int, str, str]:
    source = {"VPYTHON_PACKAGE_SOURCE": stage.environ["VPYTHON_PACKAGE_SOURCE"]}
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd, env={**source, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def has_system_python() -> bool:
    """Whether a Python that can run vpython is in the directories of services."""
    found = shutil.which("python3", path=SYSTEM)
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    return found is not None and subprocess.call([found, "-c", code]) == 0


@pytest.mark.parametrize("home", [True, False], ids=["cron", "systemd"])
def test_a_service(stage: Stage, script: Path, home: bool) -> None:
    """Cron has a HOME and little of a PATH, a unit of systemd no HOME: a cold and a warm start."""
    if not has_system_python():
        pytest.skip("no Python of the system")
    env = {"PATH": SYSTEM, "VPYTHON_VIRTUALENV_ROOT": str(stage.place / "root of its own")}
    env |= {"HOME": str(stage.place / "home"), "SHELL": "/bin/sh", "LOGNAME": "x"} if home else {}
    for _ in range(2):
        assert run(stage, stage.file, script, env=env) == (0, "1.0 \n", "")


def test_without_a_home_that_can_be_written(stage: Stage) -> None:
    """The root is one among the temporary files, kept for later starts: also for a uid without a name."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        for name in ("sealed", "temporary"):
            (place / name).mkdir()
        shutil.copy(stage.file, place / "vpython3")
        (place / "s.py").write_text("print('it ran')")
        words: list[str | Path] = [place / "vpython3", place / "s.py"]
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                pytest.skip("no setpriv to become another user")
            words = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", *words]
        for path, mode in ((place, 0o755), (place / "vpython3", 0o755), (place / "temporary", 0o777)):
            path.chmod(mode)
        (place / "sealed").chmod(0o555)
        (place / "s.py").chmod(0o644)
        home = str(place / "sealed" / "nobody")
        env = {"PATH": stage.environ["PATH"], "TMPDIR": str(place / "temporary"), "HOME": home}
        for _ in range(2):
            assert run(stage, *words, env=env) == (0, "it ran\n", "")
        (root,) = (place / "temporary").glob("vpython-root.*")
        assert root.stat().st_mode & 0o777 == 0o700
        settled(root)
    finally:
        subprocess.call(["chmod", "-R", "u+rwX", place])
        shutil.rmtree(place)


def test_a_git_hook(stage: Stage) -> None:
    if not shutil.which("git"):
        pytest.skip("no git here")
    env = {**stage.surroundings(), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    git = ["git", "-C", str(stage.work), "-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run([*git, "init", "-q"], env=env, check=True)
    hooks = stage.work / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    stage.put(".git/hooks/pre-commit.vpython3", spec("two"))
    hook = f"#!{stage.file}\nimport two; raise SystemExit('refused by ' + two.VERSION)\n"
    stage.put(".git/hooks/pre-commit", hook, mode=0o755)
    for _ in range(2):
        done = subprocess.run(
            [*git, "commit", "-q", "--allow-empty", "-m", "x"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, "refused by 1.0\n")


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"TERM": "dumb"}, {"COLUMNS": "40"}])
def test_a_terminal_that_can_little(stage: Stage, script: Path, variables: dict[str, str]) -> None:
    """What is shown has no control characters, and under C nothing that it cannot print."""
    for words in (("-help",), ("-vpython-tool", "help"), ("-vpython-tool", "explain", script)):
        code, out, err = stage.see(*words, env={**variables, "PYTHONUTF8": None})
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert "\r" not in out


def test_the_hooks_of_pre_commit_run(stage: Stage, script: Path) -> None:
    """Each entry of the file does what it says, by the words that pre-commit would give it."""
    text = (TOP / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"^  entry: (.*)$", text, re.MULTILINE)
    assert [entry.split()[0] for entry in entries] == ["vpython3", "sh"]
    (stage.place / "vpython3").symlink_to(stage.file)
    env = {**stage.surroundings(), "PATH": f"{stage.place}:{stage.environ['PATH']}"}
    for entry, file in zip(entries, ("s.py.vpython3", "s.py"), strict=True):
        done = subprocess.run(
            ["sh", "-c", f'{entry} "$@"', "hook", file],
            cwd=stage.work,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
