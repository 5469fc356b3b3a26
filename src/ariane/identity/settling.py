"""Solves again the components a batch touched, and only those: loads them, applies `solving`, and notes what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec
import sqlalchemy as sa

from ariane.identity.commands import SEPARATION
from ariane.identity.rules import Rules
from ariane.identity.solving import Edge, Known, Person, has_power, partition, shared_among
from ariane.identity.tables import edges, identifiers, rulings
from ariane.store import State

_ROW = [
    identifiers.c[name]
    for name in ("key", "kind", "value", "status", "component", "person_id", "first_us", "last_us", "n_events", "channels")
]
_EDGE = [edges.c[name] for name in ("edge_key", "a_key", "b_key", "rule", "first_us", "status")]


class Row(msgspec.Struct):
    """One identifier as the state holds it; `component` is None until it is first settled."""

    key: int
    kind: str
    value: str
    status: str
    component: int | None
    person_id: str
    first_us: int
    last_us: int
    n_events: int
    channels: str


class Settled(msgspec.Struct):
    """What solving changed: identifiers whose membership is new, where each stood before, edges' new statuses."""

    persons: tuple[Person, ...]
    before: dict[int, str]
    moved: set[int]
    statuses: list[tuple[int, str]]


def load_rows(conn: sa.Connection, column: sa.Column[int], values: Iterable[int], rows: dict[int, Row]) -> None:
    """Add to `rows` the identifiers whose `column` is among `values`; those already there stay as they are."""
    for row in State.select_in(conn, sa.select(*_ROW), column, values):
        if row[0] not in rows:
            rows[row[0]] = Row(*row)


def settle(conn: sa.Connection, seeds: Collection[int], rows: dict[int, Row], rules: Rules) -> Settled:
    """Solve the components of `seeds` again, updating `rows`. Evidence must be in the tables already."""
    roots = {component for key in seeds if (component := rows[key].component) is not None}
    load_rows(conn, identifiers.c.component, roots, rows)
    members = {key for key in rows if key in seeds or rows[key].component in roots}
    found = load_edges(conn, members)
    kinds = {key: rows[key].kind for key in members if rows[key].status != "blocked"}
    kinds |= _kinds_outside(conn, {end for row in found for end in row[1:3]} - members)
    evidence = [Edge(*row[1:5]) for row in found if row[5] != "retracted"]
    shared = shared_among(kinds, evidence, rules)
    known = {key: Known(key, rows[key].kind, rows[key].first_us, rows[key].status == "blocked") for key in members}
    inner = [edge for edge in evidence if edge.a in members and edge.b in members]
    persons = partition(known, inner, _separations(conn, members), shared, rules)
    before: dict[int, str] = {}
    moved: set[int] = set()
    for person in persons:
        for key in person.keys:
            row = rows[key]
            status = row.status if row.status == "blocked" else "shared" if key in shared else "live"
            if (row.status, row.component, row.person_id) != (status, person.component, person.person_id):
                moved.add(key)
            if row.person_id:
                before[key] = row.person_id
            row.status, row.component, row.person_id = status, person.component, person.person_id
    statuses = [
        (row[0], status) for row in found if (status := _status(row, rows, members, shared)) != row[5]
    ]
    return Settled(persons, before, moved, statuses)


def load_edges(conn: sa.Connection, keys: Collection[int]) -> list[sa.Row[tuple[int, int, int, str, int, str]]]:
    """The evidence that touches any of these keys, each once: (edge_key, a, b, rule, first_us, status)."""
    found = list(State.select_in(conn, sa.select(*_EDGE), edges.c.a_key, keys))
    for row in State.select_in(conn, sa.select(*_EDGE), edges.c.b_key, keys):
        if row[1] not in keys:
            found.append(row)
    return found


def _status(
    row: sa.Row[tuple[int, int, int, str, int, str]], rows: dict[int, Row], members: set[int], shared: Collection[int]
) -> str:
    """What became of a piece of evidence."""
    if row[5] == "retracted":
        return "retracted"
    a, b = row[1], row[2]
    if a not in members or b not in members:
        return "inert"  # a powerful edge never leaves the set that is solved
    if rows[a].status == "blocked" or rows[b].status == "blocked" or not has_power(Edge(*row[1:5]), shared):
        return "inert"
    return "live" if rows[a].person_id == rows[b].person_id else "refused"


def _kinds_outside(conn: sa.Connection, keys: Collection[int]) -> dict[int, str]:
    statement = sa.select(identifiers.c.key, identifiers.c.kind).where(identifiers.c.status != "blocked")
    return {key: kind for key, kind in State.select_in(conn, statement, identifiers.c.key, keys)}


def _separations(conn: sa.Connection, keys: Collection[int]) -> list[tuple[int, int]]:
    statement = sa.select(rulings.c.a_key, rulings.c.b_key).where((rulings.c.rule == SEPARATION) & rulings.c.stands)
    if conn.execute(statement.limit(1)).first() is None:
        return []
    return [(a, b) for a, b in State.select_in(conn, statement, rulings.c.a_key, keys)]


def persons_of(rows: dict[int, Row], persons: Iterable[Person]) -> dict[str, tuple[int, int, int, int]]:
    """Each person's (first_seen_us, last_seen_us, n_events, n_identifiers): the fold over its identifiers."""
    folded: dict[str, tuple[int, int, int, int]] = {}
    for person in persons:
        held = [rows[key] for key in person.keys]
        folded[person.person_id] = (
            min(row.first_us for row in held),
            max(row.last_us for row in held),
            sum(row.n_events for row in held),
            len(held),
        )
    return folded


def changes_of(
    rows: dict[int, Row], before: dict[int, str], alive: Collection[str], rules: Rules
) -> list[tuple[str, str, str]]:
    """Where former persons went: (old id, new id, cause). An id that lives on is listed only for what it lost."""
    parts: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, old in before.items():
        parts[old][rows[key].person_id].append(key)
    listed: list[tuple[str, str, str]] = []
    for old, targets in parts.items():
        if set(targets) == {old}:
            continue
        if len(targets) == 1:
            listed += [(old, new, "merged") for new in targets]
            continue
        main = min(targets, key=lambda new: min(_strength(rows[key], rules) for key in targets[new]))
        for new in sorted(targets):
            if new != old:
                listed.append((old, new, "moved" if old not in alive and new == main else "split"))
    return listed


def _strength(row: Row, rules: Rules) -> tuple[int, int, int]:
    return (-rules.priority(row.kind), row.first_us, row.key)
