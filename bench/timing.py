"""Runs children, one at a time or many at once, and keeps what each cost."""

from __future__ import annotations

import operator
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class BenchError(Exception):
    """Something that was to be measured failed: one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One child: its words, the first an absolute path, and all of its environment."""

    words: tuple[str, ...]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """What is measured under one name: jobs one after another, `count` times side by side.

    `before` is run ahead of every sample and is not timed.
    """

    name: str
    jobs: tuple[Job, ...]
    before: Callable[[], object] = lambda: None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples of one contestant, in the order of the rounds: seconds on the clock, seconds of CPU."""

    name: str
    seconds: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def cpu_median(self) -> float:
        return statistics.median(self.cpu)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    def ratios(self, other: Series) -> tuple[float, ...]:
        """Return how many times as long this one took, round by round."""
        return tuple(map(operator.truediv, self.seconds, other.seconds))

    def over(self, other: Series) -> Series:
        """Return what this one adds to `other`, round by round: both were measured in each."""
        return Series(
            name=self.name,
            seconds=tuple(map(operator.sub, self.seconds, other.seconds)),
            cpu=tuple(map(operator.sub, self.cpu, other.cpu)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What jobs took: seconds on the clock, of CPU, of it in user mode, and the most bytes of a process."""

    seconds: float = 0.0
    cpu: float = 0.0
    user: float = 0.0
    peak: int = 0

    def then(self, other: Cost) -> Cost:
        return Cost(
            seconds=self.seconds + other.seconds,
            cpu=self.cpu + other.cpu,
            user=self.user + other.user,
            peak=max(self.peak, other.peak),
        )


def interleave(contestants: Sequence[Contestant], rounds: int) -> dict[str, Series]:
    """Measure all contestants once per round, each round beginning with another one."""
    return {name: series_of(name, found) for name, found in costs(contestants, rounds).items()}


def costs(contestants: Sequence[Contestant], rounds: int) -> dict[str, tuple[Cost, ...]]:
    """Return what each contestant cost in each round.

    A first round, not counted, warms the caches of files and of the tools.
    """
    found: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds + 1):
        start = number % len(contestants)
        for contestant in (*contestants[start:], *contestants[:start]):
            contestant.before()
            found[contestant.name].append(sample(contestant))
    return {name: tuple(series[1:]) for name, series in found.items()}


def series_of(name: str, found: Sequence[Cost]) -> Series:
    return Series(
        name=name,
        seconds=tuple(cost.seconds for cost in found),
        cpu=tuple(cost.cpu for cost in found),
    )


def sample(contestant: Contestant) -> Cost:
    """Return what all jobs of the contestant cost, one after another."""
    cost = Cost()
    for job in contestant.jobs:
        cost = cost.then(run(job, contestant.count))
    return cost


def run(job: Job, count: int = 1) -> Cost:
    """Run a job `count` times at once; seconds until the last has ended.

    CPU and peak are the kernel's, of the children and of all children that those waited for.
    """
    with tempfile.TemporaryFile() as said:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
        ]
        begun = time.perf_counter()
        children = [
            os.posix_spawn(job.words[0], job.words, job.environ, file_actions=actions) for _ in range(count)
        ]
        ended = [os.wait4(child, 0) for child in children]
        seconds = time.perf_counter() - begun
        if any(status for _, status, _ in ended):
            said.seek(0)
            raise BenchError(
                f"`{' '.join(job.words)}` failed: {said.read().decode(errors='replace').strip()}"
            )
    usages = [usage for _, _, usage in ended]
    return Cost(
        seconds=seconds,
        cpu=sum(usage.ru_utime + usage.ru_stime for usage in usages),
        user=sum(usage.ru_utime for usage in usages),
        peak=max(usage.ru_maxrss for usage in usages) * 1024,
    )


def told(job: Job) -> tuple[str, str]:
    """Run a job untimed and return what it wrote to stdout and to stderr."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
        child = os.posix_spawn(job.words[0], job.words, job.environ, file_actions=actions)
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if status:
        raise BenchError(f"`{' '.join(job.words)}` failed: {texts[1].strip()}")
    return texts[0], texts[1]
