"""Where packages come from: what each source promises, and how its failures are told.

A source answers many packages in one call, so that it may ask side by side. It judges nothing
about wheels: it turns (name, version) into an instance, and an instance into a file whose bytes
were hashed before anything opened them. It asks the network only where it must: an instance that
lies in the root already is not fetched again. It never writes but below the root, and nothing
there has its final name before it is whole and verified.
"""

from __future__ import annotations

from functools import partial

from vpy.errors import ToolError, UserError, VpythonError
from vpy.system import crew

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeVar

    from vpy.model import Pin, Wanted

    Item = TypeVar("Item", Wanted, Pin)
    Answer = TypeVar("Answer")

    class Memory(Protocol):
        """Answers kept in the root by their question, which is any JSON value."""

        def recall(self, question: object) -> Any:
            """What is kept, or None."""

        def keep(self, question: object, answer: object) -> None:
            """Keep it, where the root allows that."""

    class PackageLoader(Protocol):
        """A source of packages."""

        def resolve(self, wanted: Sequence[Wanted]) -> tuple[Pin, ...]:
            """Pin each package, in the given order.

            All failures come as one error, a line for each package with its name and version:
            a UserError where all of them can be mended in the spec, else a ToolError. Its
            `failed` has the error of each package.
            """

        def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
            """Paths of verified package files (`layout.package(instance_id)`), in the given order.

            Their bytes are those of their instance id. A bad file is dropped and fetched once more,
            then refused; failures are collected as `resolve` does.
            """


def collect(
    items: Sequence[Item],
    answer: Callable[[Item], Answer],
    *,
    workers: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> tuple[Answer, ...]:
    """Answer every item, then raise one error for all that failed: a line for each, in order.

    `workers` are how many items are answered at once; `stop` is called where nobody waits for them
    any more.
    """
    outcomes: Sequence[Callable[[], Answer]]
    if workers > 1 and len(items) > 1:
        outcomes = crew.side_by_side(items, answer, workers=workers, stop=stop)
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
            lines.append(f"cannot get `{item.name}` at `{item.version}`: {error.message}")
    if failed:
        raise _together(failed, lines)
    return tuple(answers)


def answered(
    items: Sequence[Item], ask: Callable[[Sequence[Item]], Sequence[Answer]]
) -> tuple[dict[Item, Answer], dict[Item, VpythonError]]:
    """What a loader's `resolve` or `fetch` answers to each item, and why there is no answer to the others."""
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


def _together(failed: dict[object, VpythonError], lines: Sequence[str]) -> VpythonError:
    errors = list(failed.values())
    family = UserError if all(isinstance(error, UserError) for error in errors) else ToolError
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    made = family("\n".join(dict.fromkeys(lines)), hint=next(iter(hints), None))
    made.failed, made.__cause__ = failed, errors[0]
    return made
