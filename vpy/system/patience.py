"""How long something may take, and how often it is tried."""

from __future__ import annotations

from vpy.errors import ToolError
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    T = TypeVar("T")


class NetworkError(ToolError):
    """Nobody gave the answer that was asked for.

    `passing`: it may be well in a moment. `absent`: nobody was reached at all, so it is tried less
    often. `wait`: the seconds the other side asked for. `status` is the HTTP status where there was one.
    `tried`: it was tried as often as is sensible, and nobody tries again.
    """

    def __init__(
        self,
        message: str,
        *,
        passing: bool = False,
        absent: bool = False,
        wait: float | None = None,
        status: int = 0,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.passing = passing
        self.absent = absent
        self.wait = wait
        self.status = status
        self.tried = False


@value
class Patience:
    """Seconds and counts.

    `connect` for a connection; `silence` between two pieces of an answer; `whole` for a small
    answer; `attempts` in all (`absent` where nobody is reached), with pauses that double from `first`
    up to `longest`; a pause that the other side asks for is taken up to `most_asked`. `resumes`
    bounds how often one download is taken up again.
    """

    connect: float = 15.0
    silence: float = 30.0
    whole: float = 60.0
    attempts: int = 5
    absent: int = 3
    first: float = 0.5
    longest: float = 8.0
    most_asked: float = 30.0
    resumes: int = 20


@value
class Clockwork:
    """Time and chance: `clock` counts seconds, `sleep` lets them pass, `chance` is in [0, 1)."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]


def persist(work: Callable[[], T], patience: Patience, clockwork: Clockwork) -> T:
    """Do the work, again where its NetworkError is a passing one; the last says how often it was tried."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return work()
        except NetworkError as fault:
            if fault.tried or not fault.passing:
                raise
            if attempt >= enough(fault, patience):
                give_up(fault, attempt)
            pause(fault, attempt, patience, clockwork)


def give_up(fault: NetworkError, attempts: int) -> NoReturn:
    """Raise the fault, which then says how often it was tried."""
    fault.tried = True
    fault.message = f"{fault.message} (tried {attempts} times)"
    raise fault


def enough(fault: NetworkError, patience: Patience) -> int:
    """How often to try where this is what went wrong."""
    return min(patience.attempts, patience.absent) if fault.absent else patience.attempts


def pause(fault: NetworkError, attempt: int, patience: Patience, clockwork: Clockwork) -> None:
    """Wait before attempt number `attempt` + 1; raise the fault where it asks for more than we wait.

    Half of each pause is left to chance, so that many who failed together do not come back together.
    """
    seconds = min(patience.longest, patience.first * 2 ** (attempt - 1)) * (0.5 + clockwork.chance() / 2)
    if fault.wait is not None:
        if fault.wait > patience.most_asked:
            fault.message = f"{fault.message}, and asks to come back in {fault.wait:.0f} s"
            raise fault
        seconds = max(seconds, fault.wait)
    clockwork.sleep(seconds)
