"""Inferred evidence between identifiers of which one was never seen waits until it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert, write
from ariane.identity.commands import INFERRED
from ariane.identity.gathering import Evidence, Pair, gain
from ariane.identity.graph import Graph
from ariane.identity.stored import waiting

_NAMES = ("a_key", "b_key", "rule", "first_us", "last_us", "n_events", "source", "event_id", "score")
_HELD = sa.select(*[waiting.c[name] for name in _NAMES])
_ANY = _HELD.limit(1)
_OVER = sa.delete(waiting).where(
    (waiting.c.a_key == sa.bindparam("a"))
    & (waiting.c.b_key == sa.bindparam("b"))
    & (waiting.c.rule == sa.bindparam("r"))
)


def wait(conn: sa.Connection, evidence: dict[Pair, Evidence], fresh: Collection[int], graph: Graph) -> None:
    """Take out of a batch's `evidence` what was inferred about identifiers never seen, and add to it what waited for
    those seen first in this batch (`fresh`)."""
    early = {pair: one for pair, one in evidence.items() if pair[2] in INFERRED and not _seen(graph, pair)}
    for pair in early:
        del evidence[pair]
    if not early and conn.execute(_ANY).first() is None:
        return
    held = {(row[0], row[1], row[2]): _from(row) for row in fetch(conn, _HELD, waiting.c.a_key, {p[0] for p in early})}
    for pair in early.keys() & held.keys():
        early[pair].add(held[pair])
    rows = [(*pair, e.first_us, e.last_us, e.n_events, e.source, e.event_id, e.score) for pair, e in early.items()]
    upsert(conn, waiting, _NAMES, rows, _NAMES[3:])
    due = {
        one.pair: one
        for column in (waiting.c.a_key, waiting.c.b_key)
        for one in map(_from, fetch(conn, _HELD, column, fresh))
        if _seen(graph, one.pair)
    }
    for one in due.values():
        gain(evidence, one)
    write(conn, _OVER, ("a", "b", "r"), list(due))


def _from(row: Sequence[Any]) -> Evidence:
    fields: list[Any] = [*row[:8], 0, row[8]]
    return Evidence(*fields)


def _seen(graph: Graph, pair: Pair) -> bool:
    return graph.nodes.place_of(pair[0]) >= 0 and graph.nodes.place_of(pair[1]) >= 0
