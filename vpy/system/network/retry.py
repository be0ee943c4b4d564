"""Retries of network requests: how long one may take, and how often it is tried."""

from __future__ import annotations

from vpy.errors import ToolError, UserError
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn, TypeVar

    T = TypeVar("T")

# Seconds, by its name in the original.
VARIABLE = "VPYTHON_NETWORK_RETRY_TIMEOUT"


class NetworkError(ToolError):
    """Failure of a request over the network.

    `transient`: the same request may succeed in a moment. `unreachable`: no server was reached at
    all, so it is tried less often. `wait`: the seconds that the server asked for. `status` is the
    HTTP status, 0 where there was none. `is_final`: it was retried already.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool = False,
        unreachable: bool = False,
        wait: float | None = None,
        status: int = 0,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.unreachable = unreachable
        self.wait = wait
        self.status = status
        self.is_final = False


@value
class RetryPolicy:
    """Timeouts in seconds, and counts.

    `connect_timeout` is for a connection, `idle_timeout` for the time between two pieces of an
    answer, in which `least_bytes` must have come, `total_timeout` for a small answer,
    `longest_download` for a file, `closing_timeout` for the answer to the end of an upload, which a server
    may have to copy first. A request is tried `attempts` times in all
    (`unreachable_attempts` where no server is reached), with pauses that double from `first_pause`
    up to `longest_pause`; a pause that the server asks for is taken up to `longest_asked`.
    `resumes` bounds how often one download is resumed. Where there are `retry_seconds`, they count instead of
    `attempts`: so long after its first failure a request is tried again.
    """

    connect_timeout: float = 15.0
    idle_timeout: float = 30.0
    least_bytes: int = 16 << 10
    total_timeout: float = 60.0
    longest_download: float = 6 * 3600.0
    closing_timeout: float = 600.0
    attempts: int = 5
    unreachable_attempts: int = 3
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_asked: float = 30.0
    resumes: int = 20
    retry_seconds: float | None = None


@value
class Clock:
    """Time and chance: `now` returns seconds, `sleep` lets them pass, `random` returns [0, 1)."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]


def retry_seconds(environ: Mapping[str, str]) -> float | None:
    """Return for how long a request is retried by the user's wish; None where there is none."""
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not seconds < float("inf"):
        raise UserError(f"`{VARIABLE}` is not a number of seconds: `{text}`")
    return max(0.0, seconds)


def retry(work: Callable[[], T], policy: RetryPolicy, clock: Clock) -> T:
    """Do the work, again while its NetworkError is transient; the last error says how often it was tried."""
    attempt, began = 0, None
    while True:
        attempt += 1
        try:
            return work()
        except NetworkError as fault:
            if fault.is_final or not fault.transient:
                raise
            began = clock.now() if began is None else began
            again(fault, attempt, began, policy, clock)


def again(fault: NetworkError, attempt: int, began: float, policy: RetryPolicy, clock: Clock) -> None:
    """Wait before attempt number `attempt` + 1 of what fails since `began`; raise the fault for the last."""
    if policy.retry_seconds is None:
        left = None
        is_last = attempt >= attempts_for(fault, policy)
    else:
        left = began + policy.retry_seconds - clock.now()
        is_last = left <= 0
    if is_last:
        give_up(fault, attempt)
    pause(fault, attempt, policy, clock, left)


def give_up(fault: NetworkError, attempts: int) -> NoReturn:
    """Raise a fault that says how often the request was tried."""
    fault.is_final = True
    if attempts > 1:
        fault.add(f" (tried {attempts} times)")
    raise fault


def attempts_for(fault: NetworkError, policy: RetryPolicy) -> int:
    """Return how often to try a request that failed like this."""
    return min(policy.attempts, policy.unreachable_attempts) if fault.unreachable else policy.attempts


def pause(
    fault: NetworkError, attempt: int, policy: RetryPolicy, clock: Clock, left: float | None = None
) -> None:
    """Wait before attempt number `attempt` + 1; raise the fault where it asks for a longer pause.

    Half of each pause is random, so that clients that failed together do not come back together. No pause
    is longer than what is `left` of the time.
    """
    seconds = min(policy.longest_pause, policy.first_pause * 2 ** min(attempt - 1, 10))
    seconds *= 0.5 + clock.random() / 2
    if fault.wait is not None:
        if fault.wait > (policy.longest_asked if left is None else left):
            fault.add(f", and asks to wait {fault.wait:.0f} s")
            raise fault
        seconds = max(seconds, fault.wait)
    clock.sleep(seconds if left is None else min(seconds, left))
