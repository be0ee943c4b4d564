"""Fixtures for tests that run the built file, and surroundings that do not depend on who runs the tests."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
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
# Looking for garbage takes half of the time until all is collected (`pytest_collection_finish`).
gc.disable()

MEMORY = "/dev/shm"
ROOM = 6 << 30  # bytes that must be free there, and in memory, of which the tests take a fifth


def _lie_in_memory() -> None:
    """Let pytest's directories lie in memory where there is room and programs may run, unless TMPDIR is set.

    A disk's filesystem takes a fifth of the time of all tests: they make and remove a million files.
    """
    if os.environ.keys() & {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} or not os.path.isfile("/proc/meminfo"):
        return
    try:
        found = os.statvfs(MEMORY)
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = dict(line.split(":", 1) for line in file)
    except OSError:
        return
    available = int(rows.get("MemAvailable", "0").split()[0]) << 10
    if min(found.f_bavail * found.f_frsize, available) >= ROOM and not found.f_flag & os.ST_NOEXEC:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = MEMORY


_lie_in_memory()

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
    "e2e/trust/test_overlay.py",
    "e2e/trust/test_power_cut.py",
)
# Of those the tests that show that the theme works at all.
ORDINARY = ("test_is_written", "test_is_followed", "test_upgrade", "test_is_locked_again", "test_read_only")
# Of these tests, whose cases go the same way, so many of the first are no thorough ones; none where another
# test, which takes less, sees what is of the same kind.
FIRST_CASES = {
    "builder/test_hosts.py::test_any_name_in_any_place": 3,
    "builder/test_hosts.py::test_hostile_pythonpath": 2,
    "commands/test_explain.py::test_explains_real_specs": 3,
    "commands/test_upgrade.py::test_a_kill_leaves_whole_files": 0,
    "e2e/cache/test_clean.py::test_what_it_is_called": 4,
    "e2e/cache/test_list.py::test_garbage": 2,
    "e2e/fleet/test_store.py::test_a_bad_store_costs_one_line": 1,
    "e2e/hostile/test_command.py::test_option_that_a_command_does_not_know": 6,
    "e2e/hostile/test_command.py::test_said": 12,
    "e2e/hostile/test_escapes.py::test_of_a_script": 4,
    "e2e/hostile/test_escapes.py::test_of_a_text_spec": 3,
    "e2e/hostile/test_escapes.py::test_of_an_option": 8,
    "e2e/hostile/test_packages.py::test_configuration_of_pip_names_no_index": 3,
    "e2e/hostile/test_passwords.py::test_no_error_shows_it": 1,
    "e2e/hostile/test_passwords.py::test_of_starts_nothing_is_left": 4,
    "e2e/hostile/test_root.py::test_planted_lock": 0,
    "e2e/hostile/test_root.py::test_something_else_stands_there": 3,
    "e2e/lockfiles/test_lock.py::test_commands_know_of_an_embedded_one": 0,
    "e2e/lockfiles/test_lock.py::test_the_index_is_away": 0,
    "e2e/lockfiles/test_packages.py::test_is_followed": 1,
    "e2e/prune/test_held.py::test_goes_on": 8,
    "e2e/real/test_chromium_specs.py::test_every_top_level_module_imports": 0,
    "e2e/settings/test_keys.py::test_direct_references": 2,
    "e2e/settings/test_keys.py::test_the_password_of_an_index_stays_in_the_spec": 2,
    "e2e/shims/test_whole.py::test_from_a_fresh_checkout": 1,
    "e2e/start/test_children.py::test_the_hook_on_every_python": 3,
    "e2e/start/test_isolation.py::test_an_environment_of_each_python": 3,
    "e2e/start/test_places.py::test_a_pwd_that_is_not_true": 3,
    "e2e/start/test_places.py::test_odd_names": 5,
    "e2e/start/test_places.py::test_the_root_lies_in_an_odd_place": 3,
    "e2e/start/test_records.py::test_a_spoilt_record_is_done_without": 0,
    "e2e/start/test_run.py::test_words": 8,
    "e2e/start/test_seeds.py::test_doctor_looks_at_them": 0,
    "e2e/start/test_seeds.py::test_root_with_any_name": 3,
    "e2e/trust/test_faults.py::test_ended_while_building": 3,
    "e2e/trust/test_kills.py::test_kills_at_random_points": 0,
    "e2e/trust/test_own_code.py::test_a_long_start": 2,
    "e2e/trust/test_own_code.py::test_code_that_fails_anew_is_not_begun_for_ever": 0,
    "e2e/trust/test_own_code.py::test_the_rest_of_pip": 1,
    "e2e/trust/test_spoilt_files.py::test_a_spoilt_file": 2,
    "operations/test_wheel_build.py::test_what_another_distribution_needs": 0,
    "packages/index/test_loader.py::test_other_settings_of_pip_do_not_matter": 3,
    "prune/test_run.py::test_linked_room": 3,
    "wheels/test_install.py::test_killed_at_any_moment": 3,
    "wheels/test_pip_install.py::test_everything_a_wheel_can_bring": 2,
    "wheels/test_pip_install.py::test_real_wheels": 0,
    "wheels/test_script.py::test_scripts_run_in_any_directory": 6,
    "wheels/test_script.py::test_sources_mean_the_same_in_any_directory": 5,
}


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was collected: it is there until the end."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as thorough what `SECOND_WAYS`, `THOROUGH_FILES` and `FIRST_CASES` say."""
    seen: Counter[str] = Counter()
    for item in items:
        values = (
            item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        )
        is_second = any(values.get(name) in others for name, others in SECOND_WAYS.items())
        is_special = item.path.as_posix().endswith(THOROUGH_FILES) and not item.name.startswith(ORDINARY)
        name = item.nodeid.removeprefix("tests/").partition("[")[0]
        is_more = not is_second and seen[name] >= FIRST_CASES.get(name, len(items))
        seen[name] += not is_second
        if is_second or is_special or is_more:
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
