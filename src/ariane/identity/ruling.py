"""Keeps what people decided about identity, and makes the graph's evidence follow it."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert
from ariane.identity.commands import INTERNAL_SOURCE, MANUAL, SEPARATION, Ruling
from ariane.identity.gathering import Evidence, edge_key_of
from ariane.identity.graph import Graph
from ariane.identity.stored import edges, rulings

_RULINGS = sa.select(rulings)
_MERGES = _RULINGS.where((rulings.c.rule == MANUAL) & rulings.c.stands)
_ANY_MERGE = _MERGES.limit(1)
_RETRACTED = sa.select(rulings.c.a_key, rulings.c.b_key, rulings.c.rule).where(
    ~rulings.c.stands & (rulings.c.rule != SEPARATION) & (rulings.c.rule != MANUAL)
)
_ANY_RETRACTED = _RETRACTED.limit(1)


def rule(conn: sa.Connection, given: list[Ruling]) -> list[Ruling]:
    """Keep the latest decision on each question; those that are now in force and were not."""
    if not given:
        return []
    latest: dict[tuple[int, int, str], Ruling] = {}
    for ruling in given:
        slot = (ruling.a, ruling.b, ruling.rule)
        if slot not in latest or (ruling.at_us, ruling.event_id) > (latest[slot].at_us, latest[slot].event_id):
            latest[slot] = ruling
    for row in fetch(conn, _RULINGS, rulings.c.a_key, {slot[0] for slot in latest}):
        old = Ruling(*row)
        slot = (old.a, old.b, old.rule)
        if slot in latest and (old.at_us, old.event_id) >= (latest[slot].at_us, latest[slot].event_id):
            del latest[slot]
    names = ("a_key", "b_key", "rule", "stands", "at_us", "event_id", "actor")
    upsert(conn, rulings, names, [tuple(ruling) for ruling in latest.values()], names[3:])
    return list(latest.values())


def retracted(conn: sa.Connection, firsts: Collection[int]) -> set[tuple[int, int, str]]:
    """What is retracted, and may have been before it was first seen, of the evidence that begins at these keys."""
    if conn.execute(_ANY_RETRACTED).first() is None:
        return set()
    return {(a, b, name) for a, b, name in fetch(conn, _RETRACTED, rulings.c.a_key, firsts)}


def enforce(
    conn: sa.Connection, decided: list[Ruling], fresh: Collection[int], graph: Graph
) -> list[tuple[int, Evidence]]:
    """Make the graph follow decisions; the merges by hand that are evidence from now on, or again, each
    with its place there."""
    touched: set[int] = set()
    for ruling in decided:
        touched |= {ruling.a, ruling.b}
        if ruling.rule == SEPARATION:
            graph.separate(ruling.a, ruling.b, stands=ruling.stands)
        elif ruling.rule == MANUAL or not ruling.stands:
            graph.retract(ruling.a, ruling.b, ruling.rule)
        else:
            graph.restore(ruling.a, ruling.b, ruling.rule)
    return _merges(conn, touched | set(fresh), graph)


def _merges(conn: sa.Connection, keys: Collection[int], graph: Graph) -> list[tuple[int, Evidence]]:
    """Turn merges that stand, between identifiers both seen by now, into evidence."""
    if conn.execute(_ANY_MERGE).first() is None:
        return []
    standing = {Ruling(*row) for row in fetch(conn, _MERGES, rulings.c.a_key, keys)}
    standing |= {Ruling(*row) for row in fetch(conn, _MERGES, rulings.c.b_key, keys)}
    made: list[tuple[int, Evidence]] = []
    for m in sorted(standing):
        if graph.nodes.place_of(m.a) < 0 or graph.nodes.place_of(m.b) < 0:
            continue
        graph.retract(m.a, m.b, MANUAL)  # one decided again dates from its last decision
        place = graph.tie(m.a, m.b, MANUAL, m.at_us, m.at_us)
        key = edge_key_of(m.a, m.b, MANUAL)
        made.append((place, Evidence(m.a, m.b, MANUAL, m.at_us, m.at_us, 1, INTERNAL_SOURCE, m.event_id, key)))
    return made


def unmade(conn: sa.Connection, decided: list[Ruling]) -> None:
    """Drop the evidence of merges that were taken back."""
    for ruling in decided:
        if ruling.rule == MANUAL and not ruling.stands:
            conn.execute(sa.delete(edges).where(edges.c.edge_key == edge_key_of(ruling.a, ruling.b, MANUAL)))
