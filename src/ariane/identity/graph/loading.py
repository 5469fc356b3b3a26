"""Reads the graph of a workspace back from its state."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sqlalchemy as sa

from ariane.identity.commands import REPLAYED, RULES, SEPARATION
from ariane.identity.graph.columns import BLOCKED, PARTED, RULE_NUMBER, SHARED, STATUSES
from ariane.identity.graph.graph import Graph
from ariane.identity.graph.guards import marks_of
from ariane.identity.rules import Rules
from ariane.identity.solving import person_id_of
from ariane.identity.stored import edges, identifiers, rulings

AT_ONCE = 100_000
_MARKS = {"live": 0, "shared": SHARED, "blocked": BLOCKED}
_STATUS = {name: number for number, name in enumerate(STATUSES)}


def load(conn: sa.Connection, rules: Rules) -> Graph:
    """The graph of a workspace's stored evidence. Costs some 5 µs and 100 bytes an identifier."""
    graph = Graph(rules)
    _load_identifiers(conn, graph)
    _load_edges(conn, graph)
    r = rulings.c
    for a, b in conn.execute(sa.select(r.a_key, r.b_key).where((r.rule == SEPARATION) & r.stands)):
        graph.apart[a].add(b)
        graph.apart[b].add(a)
    return graph


def _load_identifiers(conn: sa.Connection, graph: Graph) -> None:
    i, nodes = identifiers.c, graph.nodes
    components, persons, several = array("q"), {}, []
    for rows in _fetched(conn, sa.select(i.key, i.kind, i.first_us, i.status, i.component, i.person_id)):
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


def _load_edges(conn: sa.Connection, graph: Graph) -> None:
    e, nodes = edges.c, graph.nodes
    replayed: set[int] = set()
    columns = (e.a_key, e.b_key, e.rule, e.first_us, e.last_us, e.status)
    for rows in _fetched(conn, sa.select(*columns).where(e.rule.in_(RULES))):
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
