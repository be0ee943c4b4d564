"""Table of a TOML text whose values are checked as they are read."""

from __future__ import annotations

from vpy.spec.text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    # The key that it is about, the entry of the key's list or "", the fact.
    Mistake = tuple[str, str, str]


class Table:
    """Values by key, and the `mistakes` found so far, which tables of one text share.

    `name` is how messages call the table: `tool.uv`. A value that is absent or wrong is read as nothing.
    """

    def __init__(self, name: str, values: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        self.name = name
        self.values = values
        self.mistakes = mistakes

    def table(self, key: str) -> Table:
        """Return the table of a key."""
        return Table(self._named(key), self._value(key, dict, {}, "a table"), self.mistakes)

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of a key, which has one or a list of them."""
        found = self.values.get(key, [])
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.add(key, f"`{self._named(key)}` is not a table, nor a list of tables")
            return
        for row in rows:
            yield Table(self._named(key), row, self.mistakes)

    def text(self, key: str) -> str:
        """Return a string, "" where it is absent."""
        found: str = self._value(key, str, "", "a string")
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        found: bool = self._value(key, bool, default, "true or false")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        found = self._value(key, list, [], "a list")
        for number, entry in enumerate(found, 1):
            if not isinstance(entry, str):
                self.add(key, f"entry {number} of `{self._named(key)}` is not a string")
        return tuple(entry for entry in found if isinstance(entry, str))

    def checked(self, key: str, fact: Callable[[str], str]) -> tuple[str, ...]:
        """Return a list of strings, those that `fact` has nothing against."""
        entries = self.texts(key)
        facts = [fact(entry) for entry in entries]
        self.mistakes += [(key, entry, found) for entry, found in zip(entries, facts, strict=True) if found]
        return tuple(entry for entry, found in zip(entries, facts, strict=True) if not found)

    def add(self, key: str, fact: str, entry: str = "") -> None:
        """Note a mistake."""
        self.mistakes.append((key, entry, fact))

    def refuse(self, key: str, expected: str) -> None:
        """Note that a key's value is not what is expected."""
        self.add(key, f"`{self._named(key)}` is not {expected}: {quoted(str(self.values.get(key)))}")

    def _value(self, key: str, kind: type, default: Any, expected: str) -> Any:
        found = self.values.get(key, default)
        if isinstance(found, kind):
            return found
        self.add(key, f"`{self._named(key)}` is not {expected}")
        return default

    def _named(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key
