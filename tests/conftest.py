"""Fixtures for tests that run the built file, and surroundings that do not depend on who runs the tests."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.harness import BUILT, FIRST_ROOMS, Harness, contents, settled
from tests.support.wheelmaker import spec_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a shell, `nohup` or a supervisor may have set for its jobs, and children inherit.
INHERITED = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM", "SIGCHLD", "SIGUSR1", "SIGUSR2")


def _reset_surroundings() -> None:
    """Let children start with default signals and the usual umask, under `nohup` and in the background too.

    A signal that is ignored stays without effect here, by a handler that does nothing: only what is
    ignored is inherited by a new program (execve(2)), a handler is not.
    """
    for name in INHERITED:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)


_reset_surroundings()

# No test fails because a machine is slow, or others keep it busy.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# What comes by the same code again: the door in Python beside the head, other formats of lockfiles.
SECOND_WAYS = {"door": ("python",), "kind": ("uv",), "name": ("s.py.uv.lock", "s.py.lock")}
# Files about what rarely changes, and breaks only with something that other tests see, too.
THOROUGH_FILES = (
    "e2e/hostile/test_archives.py",
    "e2e/hostile/test_disk.py",
    "e2e/lockfiles/test_packages.py",
    "e2e/platforms/test_nginx.py",
    "e2e/trust/test_repair.py",
)
# Of those the tests that show that the theme works at all.
ORDINARY = ("test_is_written", "test_is_followed", "test_upgrade", "test_is_locked_again", "test_read_only")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as thorough what `SECOND_WAYS` and `THOROUGH_FILES` say."""
    for item in items:
        values = (
            item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        )
        is_second = any(values.get(name) in others for name, others in SECOND_WAYS.items())
        is_special = item.path.as_posix().endswith(THOROUGH_FILES) and not item.name.startswith(ORDINARY)
        if is_second or is_special:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def first_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a root after first starts, which others begin with; no test may change a file that it has.

    One start is without a spec, one with a text spec, whose environments have seeds.
    """
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    place = tmp_path_factory.mktemp("first")
    harness = Harness(place)
    harness.use_base_python()
    spec = place / "text.vpython3"
    spec.write_text(spec_text())
    for words in (("-c", "pass"), ("-vpython-spec", spec, "-c", "pass")):
        done = harness.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
    settled(harness.root)
    before = {room: contents(harness.root / room) for room in FIRST_ROOMS}
    yield harness.root
    assert {room: contents(harness.root / room) for room in FIRST_ROOMS} == before


@pytest.fixture
def harness(tmp_path: Path, first_root: Path) -> Harness:
    """The built file with a root in which something was started before, but nothing is installed."""
    harness = Harness(tmp_path)
    harness.begin_with(first_root)
    return harness
