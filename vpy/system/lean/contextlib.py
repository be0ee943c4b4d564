"""Context managers of `contextlib`, without its import cost.

Type checkers read these names as `contextlib`'s. At run time they are the lines below, because that
module imports `functools` and `collections`, which together cost half of a Python's own start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import contextmanager, nullcontext, suppress
    from typing import Any
else:

    class _Scope:
        """One generator's scope: what stands before its `yield` is entered, what stands behind it is left."""

        __slots__ = ("_steps",)

        def __init__(self, steps: Any) -> None:
            self._steps = steps

        def __enter__(self) -> Any:
            return next(self._steps)

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            if kind is None:
                for _ in self._steps:
                    raise RuntimeError("a scope yields once")
                return False
            try:
                self._steps.throw(error)
            except StopIteration as ended:
                # The body's own StopIteration comes back as itself, not as this end.
                return ended is not error
            except RuntimeError as raised:
                if raised is error or (isinstance(error, StopIteration) and raised.__cause__ is error):
                    return False
                raise
            except BaseException as raised:
                if raised is error:
                    error.__traceback__ = trace
                    return False
                raise
            raise RuntimeError("a scope yields once")

    def contextmanager(function):
        """Make a generator function that yields once a maker of scopes."""

        def enter(*args, **kwargs):
            return _Scope(function(*args, **kwargs))

        enter.__name__, enter.__doc__ = function.__name__, function.__doc__
        return enter

    class nullcontext:  # noqa: N801  (it is called as the library's)
        """Scope in which nothing is held; it yields what it was given."""

        __slots__ = ("_given",)

        def __init__(self, given: Any = None) -> None:
            self._given = given

        def __enter__(self) -> Any:
            return self._given

        def __exit__(self, *_: object) -> None:
            return None

    class suppress:  # noqa: N801
        """Scope that ends quietly where one of these errors comes up."""

        __slots__ = ("_kinds",)

        def __init__(self, *kinds: type[BaseException]) -> None:
            self._kinds = kinds

        def __enter__(self) -> None:
            return None

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            return kind is not None and issubclass(kind, self._kinds)


__all__ = ["contextmanager", "nullcontext", "suppress"]
