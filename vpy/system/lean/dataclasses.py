"""Frozen, slotted value class without the import cost of `dataclasses`.

Type checkers read `value` as `dataclass(frozen=True, slots=True)`; at run time it is the few
lines below, because importing `dataclasses` (which imports `inspect`) costs as much as building
a small environment.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")


def _build(cls: type[Any]) -> type[Any]:
    fields = tuple(cls.__dict__.get("__annotations__", {}))
    defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
    body = {
        key: item
        for key, item in cls.__dict__.items()
        if key not in defaults and key not in ("__dict__", "__weakref__")
    }

    setters: list[Any] = []

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) == len(setters) and not kwargs:
            for put, item in zip(setters, args):
                put(self, item)
            return
        if len(args) > len(fields):
            raise TypeError(f"{cls.__name__} takes {len(fields)} values, got {len(args)}")
        given = dict(zip(fields, args, strict=False))
        for name in kwargs:
            if name in given or name not in fields:
                raise TypeError(f"{cls.__name__} got an unexpected or repeated value `{name}`")
        given.update(kwargs)
        for name in fields:
            if name in given:
                object.__setattr__(self, name, given[name])
            elif name in defaults:
                object.__setattr__(self, name, defaults[name])
            else:
                raise TypeError(f"{cls.__name__} lacks a value for `{name}`")

    def refuse(self: Any, *_: Any) -> None:
        raise AttributeError(f"{cls.__name__} is frozen")

    def row(self: Any) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in fields)

    def __eq__(self: Any, other: object) -> bool:
        return row(self) == row(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(row(self))

    def __repr__(self: Any) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields)
        return f"{cls.__name__}({shown})"

    def __getstate__(self: Any) -> tuple[Any, ...]:
        return row(self)

    def __setstate__(self: Any, state: tuple[Any, ...]) -> None:
        for name, item in zip(fields, state, strict=True):
            object.__setattr__(self, name, item)

    body.update(
        __slots__=fields,
        __init__=__init__,
        __setattr__=refuse,
        __delattr__=refuse,
        __eq__=__eq__,
        __hash__=__hash__,
        __repr__=__repr__,
        __getstate__=__getstate__,
        __setstate__=__setstate__,
        __match_args__=fields,
    )
    result: type[Any] = type(cls.__name__, cls.__bases__, body)
    setters += [result.__dict__[name].__set__ for name in fields]
    return result


if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True)
    def value(cls: type[T]) -> type[T]:
        """Make a frozen, slotted value class of annotated fields."""

    def replace(item: T, **changes: Any) -> T:
        """Return a copy of `item` with the fields named in `changes` replaced."""

else:
    value = _build

    def replace(item, **changes):
        """Return a copy of `item` with the fields named in `changes` replaced."""
        fields = {name: getattr(item, name) for name in type(item).__slots__}
        return type(item)(**{**fields, **changes})
