"""How often a request is tried: by count, or for a time that the user gives."""

from __future__ import annotations

import pytest

from vpy.errors import UserError
from vpy.system.lean.dataclasses import replace
from vpy.system.network.retry import Clock, NetworkError, RetryPolicy, retry, retry_seconds


class Trial:
    """A request that fails each time, on a clock that pauses move."""

    def __init__(self, *, wait: float | None = None, duration: float = 0.0) -> None:
        self.now = 1000.0
        self.began: list[float] = []
        self.wait = wait
        self.duration = duration
        self.clock = Clock(now=lambda: self.now, sleep=self._sleep, random=lambda: 0.5)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _work(self) -> None:
        self.began.append(self.now - 1000.0)
        self.now += self.duration
        raise NetworkError("it broke", transient=True, wait=self.wait)

    def message(self, policy: RetryPolicy) -> str:
        with pytest.raises(NetworkError) as caught:
            retry(self._work, policy, self.clock)
        return caught.value.message


def test_a_count_by_default() -> None:
    trial = Trial()
    assert trial.message(RetryPolicy()) == "it broke (tried 5 times)"
    assert trial.began == [0.0, 0.375, 1.125, 2.625, 5.625]


@pytest.mark.parametrize(("seconds", "last"), [(60.0, 60.0), (0.5, 0.5), (0.0, 0.0)])
def test_a_time_instead(seconds: float, last: float) -> None:
    """The last attempt is at the end of the time, however many there were."""
    trial = Trial()
    message = trial.message(replace(RetryPolicy(), retry_seconds=seconds))
    count = len(trial.began)
    assert message == (f"it broke (tried {count} times)" if count > 1 else "it broke")
    assert trial.began[-1] == pytest.approx(last)


def test_the_time_is_that_since_the_first_failure() -> None:
    trial = Trial(duration=10.0)
    trial.message(replace(RetryPolicy(), retry_seconds=25.0))
    assert len(trial.began) == 4


def test_a_pause_that_the_server_asks_for() -> None:
    policy = RetryPolicy()
    assert "asks to wait 40 s" in Trial(wait=40).message(policy)
    patient = Trial(wait=40)
    assert "asks to wait 40 s" in patient.message(replace(policy, retry_seconds=100.0))
    assert patient.began == [0.0, 40.0, 80.0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), (" ", None), ("60", 60.0), ("1.5", 1.5), ("0", 0.0), ("-1", 0.0)]
)
def test_reads_the_variable(text: str, seconds: float | None) -> None:
    assert retry_seconds({"VPYTHON_NETWORK_RETRY_TIMEOUT": text}) == seconds
    assert retry_seconds({}) is None


@pytest.mark.parametrize("text", ["5m", "nan", "inf"])
def test_refuses_what_is_no_number_of_seconds(text: str) -> None:
    with pytest.raises(UserError) as caught:
        retry_seconds({"VPYTHON_NETWORK_RETRY_TIMEOUT": text})
    assert caught.value.message == f"`VPYTHON_NETWORK_RETRY_TIMEOUT` is not a number of seconds: `{text}`"
