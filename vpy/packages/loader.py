"""`PackageLoader`: what each package source promises, and how its failures are collected.

A loader resolves many packages in one call, so that it may ask concurrently. It judges nothing
about wheels: it turns (name, version) into an instance, and an instance into a file whose bytes
were hashed before anything opened them. It asks the network only where it must: an instance that
is in the root already is not fetched again. It writes only below the root, and nothing there has
its final name before it is whole and verified.
"""

from __future__ import annotations

from functools import partial

from vpy.errors import ToolError, UserError, VpythonError
from vpy.system import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeVar

    from vpy.model import Locked, Pin, Resolution, Wanted

    # Gets a pin and its verified file as soon as that is here, from whichever thread has it.
    Arrived = Callable[[Pin, str], None]
    Item = TypeVar("Item", Wanted, Pin, Locked)
    Answer = TypeVar("Answer")

    class Cache(Protocol):
        """Cache of answers in the root by their question, which is any JSON value."""

        def get(self, question: object) -> Any:
            """Return the cached answer, or None."""

        def put(self, question: object, answer: object) -> None:
            """Store an answer, where the root can be written."""

        def drop(self, question: object) -> None:
            """Remove the cached answer, if there is one."""

    class PackageLoader(Protocol):
        """Source of packages.

        Where it was made with an `arrived`, that hears of each file that `fetch` returns while the others are
        still on their way.
        """

        def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
            """Pin each package, in the given order, or what PEP 508 requirements come to.

            Only an index is asked for `dependencies`, and then for no packages.

            All failures come as one error, a line for each package with its name and version:
            a UserError where all of them can be mended in the spec, else a ToolError. Its
            `failed` has the error of each package.
            """

        def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
            """Return paths of verified package files (`layout.package(instance_id)`), in the given order.

            Their bytes are those of their instance id. A bad file is dropped and fetched once more,
            then refused; failures are collected as `resolve` does.
            """

        def forget(self, pins: Sequence[Pin]) -> None:
            """Drop the cached answers that came to these pins, whose files were refused; ask next time."""

        def release(self, pins: Sequence[Pin]) -> None:
            """Remove files of these pins that nothing needs once their wheels are installed."""


def collect(
    items: Sequence[Item],
    answer: Callable[[Item], Answer],
    *,
    workers: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> tuple[Answer, ...]:
    """Answer every item, then raise one error for all that failed: a line for each, in order.

    `workers` is how many items are answered at once; `stop` is called where the answers are no
    longer needed.
    """
    outcomes: Sequence[Callable[[], Answer]]
    if workers > 1 and len(items) > 1:
        outcomes = threads.map_concurrently(items, answer, workers=workers, stop=stop)
    else:
        outcomes = [partial(answer, item) for item in items]
    answers: list[Answer] = []
    failed: dict[object, VpythonError] = {}
    lines: list[str] = []
    for item, outcome in zip(items, outcomes, strict=True):
        try:
            answers.append(outcome())
        except VpythonError as error:
            failed[item] = error
            lines.append(f"cannot get `{item.name}` at `{item.version}`: {error.summary}")
    if failed:
        raise _together(failed, lines)
    return tuple(answers)


def answered(
    items: Sequence[Item], ask: Callable[[Sequence[Item]], Sequence[Answer]]
) -> tuple[dict[Item, Answer], dict[Item, VpythonError]]:
    """Return the answer of a loader's `resolve` or `fetch` to each item, and the error of each other item."""
    failed: dict[Item, VpythonError] = {}
    left = list(items)
    while left:
        try:
            return dict(zip(left, ask(left), strict=True)), failed
        except VpythonError as error:
            known = {item: error.failed[item] for item in left if item in error.failed}
            if not known:
                raise
            failed.update(known)
            left = [item for item in left if item not in known]
    return {}, failed


def telling(fetch: Callable[[Pin], str], arrived: Arrived | None) -> Callable[[Pin], str]:
    """Return `fetch`, which tells of each file that it has."""

    def fetch_and_tell(pin: Pin) -> str:
        path = fetch(pin)
        if arrived is not None:
            arrived(pin, path)
        return path

    return fetch_and_tell


def _together(failed: dict[object, VpythonError], lines: Sequence[str]) -> VpythonError:
    errors = list(failed.values())
    family = UserError if all(isinstance(error, UserError) for error in errors) else ToolError
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    result = family(dict.fromkeys(lines), hint=next(iter(hints), None))
    result.failed, result.__cause__ = failed, errors[0]
    return result
