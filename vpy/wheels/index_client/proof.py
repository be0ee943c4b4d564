"""Proof that requirements cannot be met, by learning from conflicts as PubGrub does.

Each project has values, the bits of an int: its versions, the newest first, and one more for "not chosen".
A clause has a set of values for some projects, and says that they do not all have one of these at once.
"""

from __future__ import annotations

import bisect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    # Who is needed, in which of its versions, and what says so.
    Need = tuple[Hashable, int, object]


class Clause:
    """Sets of values, of which some project has none; known as a fact or learned from two other clauses."""

    __slots__ = ("fact", "parents", "sets")

    def __init__(
        self, sets: Mapping[Hashable, int], *, fact: object = None, parents: tuple[Clause, ...] = ()
    ) -> None:
        self.sets = sets
        self.fact = fact
        self.parents = parents

    def facts(self) -> list[object]:
        """Return the facts that this clause follows from, each once."""
        found: dict[int, object] = {}
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            clause = waiting.pop()
            if id(clause) in seen:
                continue
            seen.add(id(clause))
            waiting += clause.parents
            if not clause.parents:
                found[id(clause)] = clause.fact
        return list(found.values())


class Step:
    """One narrowing of a project's values: by a clause, or without one by a choice, which begins a level."""

    __slots__ = ("after", "before", "cause", "level", "name")

    def __init__(self, name: Hashable, before: int, after: int, level: int, cause: Clause | None) -> None:
        self.name = name
        self.before = before
        self.after = after
        self.level = level
        self.cause = cause


class Prover:
    """Search for versions that go together; `count` says how many a project has.

    `needs` returns what a version of a project needs, the version given by its position.
    """

    def __init__(
        self, count: Callable[[Hashable], int], needs: Callable[[Hashable, int], Iterable[Need]]
    ) -> None:
        self._count = count
        self._needs = needs
        self._values: dict[Hashable, int] = {}
        self._trail: list[Step] = []
        self._steps: dict[Hashable, list[int]] = {}
        self._clauses: dict[Hashable, list[Clause]] = {}
        self._changed: list[Hashable] = []
        self._expanded: set[tuple[Hashable, int]] = set()
        self._level = 0
        self._conflicts: dict[Hashable, int] = {}
        self.is_solved = False

    def refute(self, asked: Iterable[Need], most: int) -> list[object] | None:
        """Return facts that contradict each other; None where there are none, or no proof in `most` steps.

        `is_solved` says that there are none.
        """
        for name, allowed, fact in asked:
            if not allowed:
                return [fact]
            self._add(Clause({name: self._all(name) & ~allowed}, fact=fact))
        for _ in range(most):
            while (conflict := self._propagate()) is not None:
                learned, self._level = self._learn(conflict)
                if not learned.sets:
                    return learned.facts()
                self._undo()
                self._add(learned)
                for name in learned.sets:
                    self._conflicts[name] = self._conflicts.get(name, 0) + 1
            if not self._choose():
                self.is_solved = True
                return None
        return None

    def chosen(self) -> dict[Hashable, int]:
        """Return the position of the version that is chosen of each project that is needed."""
        return {
            name: values.bit_length() - 1
            for name, values in self._values.items()
            if values & (values - 1) == 0 and not values >> self._count(name)
        }

    def _all(self, name: Hashable) -> int:
        return (2 << self._count(name)) - 1

    def _add(self, clause: Clause) -> None:
        for name in clause.sets:
            self._values.setdefault(name, self._all(name))
            self._clauses.setdefault(name, []).append(clause)
            self._changed.append(name)

    def _assign(self, name: Hashable, after: int, cause: Clause | None) -> None:
        self._steps.setdefault(name, []).append(len(self._trail))
        self._trail.append(Step(name, self._values[name], after, self._level, cause))
        self._values[name] = after
        self._changed.append(name)

    def _undo(self) -> None:
        """Take back the steps above the level."""
        while self._trail and self._trail[-1].level > self._level:
            step = self._trail.pop()
            self._steps[step.name].pop()
            self._values[step.name] = step.before

    def _propagate(self) -> Clause | None:
        """Narrow what clauses leave no choice of; return a clause that is violated."""
        while self._changed:
            changed = self._changed.pop()
            if not self._level and changed in self._clauses:
                self._clauses[changed] = list(filter(self._is_alive, self._clauses[changed]))
            for clause in reversed(self._clauses.get(changed, ())):
                undecided = None
                for name, values in clause.sets.items():
                    now = self._values[name]
                    rest = now & ~values
                    if rest and (undecided is not None or rest == now):
                        break
                    if rest:
                        undecided, narrowed = name, rest
                else:
                    if undecided is None:
                        return clause
                    self._assign(undecided, narrowed, clause)
        return None

    def _is_alive(self, clause: Clause) -> bool:
        """Return whether a clause can be violated still; what level 0 excludes is so for ever."""
        return all(self._values[name] & values for name, values in clause.sets.items())

    def _learn(self, clause: Clause) -> tuple[Clause, int]:
        """Return what follows from a violated clause, and the highest level at which it is news."""
        while clause.sets:
            firsts = {name: self._first(name, values) for name, values in clause.sets.items()}
            last = max(firsts, key=lambda name: firsts[name])
            step = self._trail[firsts[last]]
            level = max((self._trail[at].level for name, at in firsts.items() if name != last), default=0)
            if step.cause is not None:
                own = self._all(last) & ~step.cause.sets[last]
                before = self._first(last, clause.sets[last] | ~own)
                level = max(level, self._trail[before].level if before >= 0 else 0)
            if step.level > level or step.cause is None:
                return clause, level
            clause = self._resolvent(clause, step.cause, last)
        return clause, 0

    def _first(self, name: Hashable, values: int) -> int:
        """Return the position of the first step after which a project's values lie in a set, -1 for none."""
        if not self._all(name) & ~values:
            return -1
        # Each step leaves fewer values.
        steps = self._steps[name]
        return steps[bisect.bisect_left(steps, True, key=lambda at: not self._trail[at].after & ~values)]

    def _resolvent(self, clause: Clause, cause: Clause, name: Hashable) -> Clause:
        sets = dict(clause.sets)
        for other, values in cause.sets.items():
            sets[other] = sets.get(other, self._all(other)) & values
        sets[name] = clause.sets[name] | cause.sets[name]
        if not self._all(name) & ~sets[name]:
            del sets[name]
        return Clause(sets, parents=(clause, cause))

    def _choose(self) -> bool:
        """Choose the newest version of the project with most conflicts, then fewest versions left, if any.

        What conflicts are about comes first, or else every choice before it is taken back each time.
        """
        open_names = [
            name
            for name, values in self._values.items()
            if not values >> self._count(name)
            and not (values & (values - 1) == 0 and (name, values) in self._expanded)
        ]
        if not open_names:
            return False
        name = min(
            open_names, key=lambda each: (-self._conflicts.get(each, 0), self._values[each].bit_count())
        )
        values = self._values[name]
        version = values & -values
        if (name, version) not in self._expanded:
            self._expand(name, version)
        if values != version:
            self._level += 1
            self._assign(name, version, None)
        return True

    def _expand(self, name: Hashable, version: int) -> None:
        """Learn what a version needs."""
        self._expanded.add((name, version))
        for other, allowed, fact in self._needs(name, version.bit_length() - 1):
            sets = {name: version}
            if allowed:
                sets[other] = self._all(other) & ~allowed & (version if other == name else -1)
            if all(sets.values()):
                self._add(Clause(sets, fact=fact))
