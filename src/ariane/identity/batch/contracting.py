"""Connected components as Ibis expressions, for whatever engine holds the evidence."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import ibis
import pyarrow as pa

_MASK = 2**31 - 1
_MOST_ROUNDS = 64


def contract(edges: ibis.Table, run: Callable[[ibis.Table], pa.Table], seed: int = 0) -> pa.Table:
    """The component of every key on an edge: (key, component), where a component goes by one of its keys.

    Random contraction (Bögeholz, Brand & Todor 2018, arXiv:1802.09478): in each round every key hashes to a random
    place and goes over into the neighbour, or itself, with the lowest; the edges that are left lie between fewer keys,
    by a constant share in expectation. `edges`: a_key, b_key. `run` gives an expression's rows; what each round leaves
    goes through it. RuntimeError after 64 rounds, which no graph that fits a disk comes to.

    >>> edges = ibis.memtable({"a_key": [1, 2, 7], "b_key": [2, 3, 9]})
    >>> found = contract(edges, ibis.duckdb.connect().to_pyarrow)
    >>> rows = {row["key"]: row["component"] for row in found.to_pylist()}
    >>> rows[1] == rows[2] == rows[3], rows[7] == rows[9], rows[1] == rows[7]
    (True, True, False)
    """
    return run(components(edges, lambda rows: ibis.memtable(run(rows)), run, seed))


class Holding(NamedTuple):
    """Where rows are computed and kept: `hold` keeps them there, `run` brings them here."""

    hold: Callable[[Any], ibis.Table]
    run: Callable[[ibis.Table], pa.Table]

    def count(self, rows: ibis.Table) -> int:
        """How many rows there are."""
        return int(self.run(rows.aggregate(n=rows.count()))["n"][0].as_py())


def components(
    edges: ibis.Table, hold: Callable[[ibis.Table], ibis.Table], run: Callable[[ibis.Table], pa.Table], seed: int = 0
) -> ibis.Table:
    """As `contract`, what each round leaves being held where it was computed (`hold`, see `store`): only how many edges
    are left comes through `run`."""
    random = Random(seed)
    left = hold(edges.filter(edges.a_key != edges.b_key).select("a_key", "b_key").distinct())
    rounds: list[ibis.Table] = []
    while n := int(run(left.aggregate(n=left.count()))["n"][0].as_py()):
        if len(rounds) == _MOST_ROUNDS:
            raise RuntimeError(f"{n:,} edges are left after {_MOST_ROUNDS} rounds of contraction.")
        rounds.append(hold(_taken(left, random, len(rounds))))
        left = hold(_contracted(left, rounds[-1]))
    if not rounds:
        return left.select(key="a_key", component="b_key")
    found = rounds.pop()
    for taken in reversed(rounds):  # from the last, and smallest, round back: each key goes where its neighbour went
        found = hold(_followed(taken, found))
    return found


def _taken(edges: ibis.Table, random: Random, n: int) -> ibis.Table:
    """Each key, and the one of its neighbours and itself that hashes lowest. Any choice between equals is right."""
    ways = edges.select(key=edges.a_key, other=edges.b_key).union(edges.select(key=edges.b_key, other=edges.a_key))
    itself = ways.select(key=ways.key, other=ways.key).distinct()
    near = ways.union(itself)
    # 31 bits of the key, others in each round, so that no product leaves 64 bits: engines differ in what they do then.
    factor, plus = random.randrange(1, _MASK, 2), random.randrange(_MASK)
    bits = (near.other >> ((0, 31, 33)[n % 3])) & _MASK
    placed = near.mutate(place=(bits * factor + plus) & _MASK)
    return placed.group_by("key").aggregate(component=placed.other.argmin(placed.place))


def _contracted(edges: ibis.Table, taken: ibis.Table) -> ibis.Table:
    other = taken.view()
    joined = edges.join(taken, edges.a_key == taken.key).select(a_key=taken.component, b_key=edges.b_key)
    both = joined.join(other, joined.b_key == other.key).select(a_key=joined.a_key, b_key=other.component)
    return both.filter(both.a_key != both.b_key).distinct()


def _followed(taken: ibis.Table, found: ibis.Table) -> ibis.Table:
    after = found.select(before="key", now="component")
    joined = taken.left_join(after, taken.component == after.before)
    return joined.select(key=taken.key, component=ibis.coalesce(after.now, taken.component))
