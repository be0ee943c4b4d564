"""Proofs that requirements cannot be met, against all combinations of small universes."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from vpy.wheels.index_client.proof import Prover

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

# What a version of a project needs: (project, versions that will do as the bits of an int).
Universe = dict[str, list[list[tuple[str, int]]]]


def prover(universe: Universe) -> Prover:
    def needs(name: Hashable, at: int) -> Iterable[tuple[Hashable, int, object]]:
        return [(other, allowed, (name, at, other, allowed)) for other, allowed in universe[str(name)][at]]

    return Prover(lambda name: len(universe[str(name)]), needs)


def asked(needs: Sequence[tuple[str, int]]) -> list[tuple[Hashable, int, object]]:
    return [(name, allowed, (None, 0, name, allowed)) for name, allowed in needs]


def fits(chosen: dict[str, int | None], name: str, allowed: int) -> bool:
    at = chosen[name]
    return at is not None and bool(allowed >> at & 1)


def can_be_met(counts: dict[str, int], facts: Iterable[Any]) -> bool:
    """Whether some choice of versions, or of none, meets all facts."""
    facts = list(facts)
    for row in itertools.product(*([None, *range(count)] for count in counts.values())):
        chosen = dict(zip(counts, row, strict=True))
        if all(
            (parent is not None and chosen[parent] != at) or fits(chosen, name, allowed)
            for parent, at, name, allowed in facts
        ):
            return True
    return False


@pytest.mark.parametrize("seed", range(100))
def test_a_proof_where_there_is_no_answer(seed: int) -> None:
    """The facts of a proof contradict each other; where there is none, what was chosen goes together."""
    randomly = random.Random(seed)
    counts = {name: randomly.randint(0 if seed % 5 == 0 else 1, 3) for name in "abcde"}
    universe: Universe = {
        name: [
            [
                (other, randomly.randrange(1 << counts[other]))
                for other in randomly.sample("abcde", randomly.randint(0, 3))
            ]
            for _ in range(count)
        ]
        for name, count in counts.items()
    }
    wanted = [(name, randomly.randrange(1 << counts[name])) for name in randomly.sample("abcde", 2)]
    everything = [
        (name, at, other, allowed)
        for name, rows in universe.items()
        for at, needs in enumerate(rows)
        for other, allowed in needs
    ]
    proof = prover(universe)
    facts = proof.refute(asked(wanted), 1000)
    if facts is None:
        assert proof.is_solved
        chosen: dict[str, int | None] = {**dict.fromkeys(counts), **proof.chosen()}  # type: ignore[dict-item]
        assert all(fits(chosen, name, allowed) for name, allowed in wanted)
        assert all(
            fits(chosen, other, allowed) for name, at, other, allowed in everything if chosen[name] == at
        )
    else:
        assert not can_be_met(counts, facts)
        assert set(facts) <= {*everything, *((None, 0, *need) for need in wanted)}


def test_a_proof_is_given_up() -> None:
    universe: Universe = {name: [[]] * 3 for name in "abcdef"}
    proof = prover(universe)
    assert proof.refute(asked([(name, 7) for name in "abcdef"]), 2) is None
    assert not proof.is_solved


def test_repeated_conflicts_are_learned_once() -> None:
    """Ten projects of ten versions, none of which matters: trying all would take 10**10 steps."""
    universe: Universe = {name: [[("z", 1)]] * 10 for name in "abcdefghij"}
    universe["z"] = [[("y", 1)], []]
    universe["y"] = [[], []]
    wanted = [*((name, 1023) for name in "abcdefghij"), ("y", 2)]
    facts = prover(universe).refute(asked(wanted), 200)
    assert facts is not None
    assert (None, 0, "y", 2) in facts
