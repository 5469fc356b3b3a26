"""Reads the graph of a workspace back from its state."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sqlalchemy as sa

from ariane.consent.refusals import refused, refused_by
from ariane.identity.bulk import fetch
from ariane.identity.commands import REPLAYED, SEPARATION
from ariane.identity.graph.columns import BLOCKED, PARTED, RULE_NUMBER, SHARED, STATUSES
from ariane.identity.graph.graph import Graph
from ariane.identity.graph.guards import marks_of
from ariane.identity.rules import Rules
from ariane.identity.solving import person_id_of
from ariane.identity.stored import edges, identifiers, rulings

AT_ONCE = 100_000
_IDENTIFIERS = sa.select(*[identifiers.c[n] for n in ("key", "kind", "first_us", "status", "component", "person_id")])
_EDGES = sa.select(*[edges.c[n] for n in ("a_key", "b_key", "rule", "first_us", "last_us", "status")])
_APART = sa.select(rulings.c.a_key, rulings.c.b_key).where((rulings.c.rule == SEPARATION) & rulings.c.stands)
_MARKS = {"live": 0, "shared": SHARED, "blocked": BLOCKED}
_STATUS = {name: number for number, name in enumerate(STATUSES)}


def load(conn: sa.Connection, rules: Rules) -> Graph:
    """The graph of a workspace's stored evidence. Costs some 5 µs and 100 bytes an identifier."""
    graph = Graph(rules)
    _take_identifiers(graph, _fetched(conn, _IDENTIFIERS))
    _take_edges(graph, _fetched(conn, _EDGES))
    _take_separations(graph, conn.execute(_APART))
    _take_refusals(graph, refused(conn, rules.bound))
    return graph


HOPS = 2
"""What a decision about an identifier may reach: what was seen beside it, and what was seen beside that."""


def around(conn: sa.Connection, rules: Rules, keys: Iterable[int]) -> Graph:
    """The part of the graph that a decision about these identifiers may change, to try it on. Identifiers at its border
    stand alone there: their persons are to be read in the state."""
    i = identifiers.c
    near = set(keys)
    for _ in range(HOPS):
        near |= {end for row in _touching(conn, near) for end in row[:2]}
    components = {row[0] for row in fetch(conn, sa.select(i.component), i.key, near)}
    members = list(fetch(conn, _IDENTIFIERS, i.component, components))
    inside = {row[0] for row in members}
    touching = _touching(conn, inside)
    border = {end for row in touching for end in row[:2]} - inside
    beyond = [(*row[:4], row[0], person_id_of(row[0])) for row in fetch(conn, _IDENTIFIERS, i.key, border)]
    graph = Graph(rules)
    _take_identifiers(graph, [members, beyond])
    _take_edges(graph, [touching])
    _take_separations(graph, fetch(conn, _APART, rulings.c.a_key, inside))
    _take_refusals(graph, refused_by(conn, rules.bound, graph.nodes.key))
    return graph


def _touching(conn: sa.Connection, keys: Collection[int]) -> list[Sequence[Any]]:
    """The evidence that touches any of these identifiers, each once."""
    found = list(fetch(conn, _EDGES, edges.c.a_key, keys))
    return found + [row for row in fetch(conn, _EDGES, edges.c.b_key, keys) if row[0] not in keys]


def _take_separations(graph: Graph, pairs: Iterable[Sequence[int]]) -> None:
    for a, b in pairs:
        graph.apart[a].add(b)
        graph.apart[b].add(a)


def _take_refusals(graph: Graph, refusals: Mapping[int, Collection[str]]) -> None:
    """What the stored statuses of evidence follow already."""
    nodes = graph.nodes
    for key, purposes in refusals.items():
        place, bits = nodes.place_of(key), graph.rules.bits_of(purposes)
        if place < 0:
            graph.unmet[key] = bits
        else:
            nodes.refuses[place] = bits
            graph.n_refusing += 1


def _take_identifiers(graph: Graph, batches: Iterable[Sequence[Sequence[Any]]]) -> None:
    nodes = graph.nodes
    components, persons, several = array("q"), {}, []
    for rows in batches:
        for key, kind, first_us, status, component, person in rows:
            place = nodes.add(key, graph.kind_number(kind), first_us, _MARKS[status])
            components.append(component)
            if person != person_id_of(component):
                persons[place] = person
    if not components:
        return
    groups = np.frombuffer(components, np.int64)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0])
    for start, end in pairwise([*starts.tolist(), len(order)]):
        if end - start > 1:
            several.append(order[start:end].tolist())
    for places in several:
        component = components[places[0]]
        root = nodes.regroup(places, nodes.place_of(component))
        whole = person_id_of(component)
        if any(persons.get(place, whole) != whole or nodes.marks[place] for place in places):
            nodes.marks[root] |= PARTED
            graph.parts.update((place, persons.get(place, whole)) for place in places)


def _take_edges(graph: Graph, batches: Iterable[Sequence[Sequence[Any]]]) -> None:
    nodes = graph.nodes
    replayed: set[int] = set()
    for rows in batches:
        for a, b, rule, first_us, last_us, status in rows:
            low, high = nodes.place_of(a), nodes.place_of(b)
            if low >= 0 and high >= 0:
                graph.edges.add(nodes, low, high, RULE_NUMBER[rule], first_us, last_us, _STATUS[status])
                if rule in REPLAYED:
                    replayed.update((low, high))
    for place in replayed:
        nodes.marks[place] |= marks_of(graph, place)
        root = nodes.root[place]
        if not nodes.marks[root] & PARTED and nodes.size[root] > 1:
            person = graph.person_at(place)
            nodes.marks[root] |= PARTED
            graph.parts.update((one, person) for one in nodes.component(root))


def _fetched(conn: sa.Connection, statement: sa.Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows, so many at a time; from SQLite as its driver gives them."""
    if conn.dialect.name != "sqlite":
        yield from conn.execute(statement.execution_options(stream_results=True)).partitions(AT_ONCE)
        return
    result = conn.execute(statement)
    cursor = result.cursor
    while cursor is not None and (rows := cursor.fetchmany(AT_ONCE)):
        yield rows
    result.close()
