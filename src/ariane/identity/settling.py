"""Solves again the components a batch touched, and only those: loads them, applies `solving`, notes what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import fetch
from ariane.identity.commands import SEPARATION
from ariane.identity.gathering import Pair
from ariane.identity.rules import Rules
from ariane.identity.solving import (
    Edge,
    Groups,
    Known,
    Person,
    has_power,
    named,
    partition,
    shared_among,
    within_limits,
)
from ariane.identity.stored import edges, identifiers, rulings


class Row(msgspec.Struct, gc=False):
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
    channels: dict[str, int]


_ROWS = sa.select(*[identifiers.c[name] for name in Row.__struct_fields__])
_EDGES = sa.select(*[edges.c[name] for name in ("edge_key", "a_key", "b_key", "rule", "first_us", "status")])
_KINDS = sa.select(identifiers.c.key, identifiers.c.kind).where(identifiers.c.status != "blocked")
_APART = sa.select(rulings.c.a_key, rulings.c.b_key).where((rulings.c.rule == SEPARATION) & rulings.c.stands)
_ANY_APART = _APART.limit(1)
_counts = msgspec.json.Decoder(dict[str, int]).decode


class Settled(msgspec.Struct):
    """What solving changed: identifiers whose membership is new, where each stood before, evidence's new statuses.

    `roots` are the components solved, `plain` the persons of those that are plainly one person each.
    """

    persons: tuple[Person, ...]
    plain: list[Person]
    roots: set[int]
    before: dict[int, str]
    moved: set[int]
    statuses: list[tuple[int, Pair, str]]

    def changed(self) -> dict[str, tuple[int, ...]]:
        """The persons with or without identifiers that had been another's: those that gained some, and those that lost
        some. Who only gained identifiers nobody had is not among them."""
        regrouped = self.moved & self.before.keys()
        left = {self.before[key] for key in regrouped}
        return {
            person.person_id: person.keys
            for person in self.persons
            if person.person_id in left or not regrouped.isdisjoint(person.keys)
        }


def load_rows(conn: sa.Connection, column: sa.Column[Any], values: Iterable[Any], rows: dict[int, Row]) -> None:
    """Add to `rows` the identifiers whose `column` is among `values`; those already there stay as they are."""
    for row in fetch(conn, _ROWS, column, values):
        if row[0] not in rows:
            fields: list[Any] = [*row[:-1], _counts(row[-1])]
            rows[row[0]] = Row(*fields)


def settle(
    conn: sa.Connection,
    seeds: Collection[int],
    rows: dict[int, Row],
    rules: Rules,
    ties: Collection[tuple[int, int]] = (),
    in_doubt: Collection[int] | None = None,
) -> Settled:
    """Solve the components of `seeds` again, updating `rows`. Evidence must be in the tables already.

    `ties` are the new pieces of evidence. Components each of one person that new evidence joins, within every limit,
    are one person: in such a set nobody meets two unique identifiers, so nothing in it can be shared, and no edge need
    be read. All others are solved from their edges, and so are the components of `in_doubt` (None: all).
    """
    roots = {component for key in seeds if (component := rows[key].component) is not None}
    load_rows(conn, identifiers.c.component, roots, rows)
    members = [key for key, row in rows.items() if row.component in roots or key in seeds]
    before = {key: rows[key].person_id for key in members if rows[key].person_id}
    whole, rest = _sorted_out(conn, members, rows, rules, ties, in_doubt)
    plain = [one for keys in whole for one in named(rows, keys, [keys], (), (), rules)]
    persons = list(plain)
    shared: Collection[int] = ()
    found: list[Sequence[Any]] = []
    if rest:
        found = load_edges(conn, rest)
        kinds = {key: rows[key].kind for key in rest if rows[key].status != "blocked"}
        kinds |= _kinds_outside(conn, {end for row in found for end in row[1:3]} - rest)
        evidence = [Edge(*row[1:5]) for row in found if row[5] != "retracted"]
        shared = shared_among(kinds, evidence, rules)
        known = {key: Known(key, rows[key].kind, rows[key].first_us, rows[key].status == "blocked") for key in rest}
        inner = [edge for edge in evidence if edge.a in rest and edge.b in rest]
        persons += partition(known, inner, separations(conn, rest), shared, rules)
    moved = _take(rows, persons, shared)
    statuses = [
        (row[0], (row[1], row[2], row[3]), status)
        for row in found
        if (status := _status(row, rows, rest, shared)) != row[5]
    ]
    return Settled(tuple(persons), plain, roots, before, moved, statuses)


def _take(rows: dict[int, Row], persons: Iterable[Person], shared: Collection[int]) -> set[int]:
    """Give the rows their persons; the keys for which that is news."""
    moved: set[int] = set()
    for person in persons:
        component, person_id = person.component, person.person_id
        for key in person.keys:
            row = rows[key]
            status = row.status if row.status == "blocked" else "shared" if key in shared else "live"
            if row.person_id != person_id or row.component != component or row.status != status:
                moved.add(key)
                row.status, row.component, row.person_id = status, component, person_id
    return moved


def _sorted_out(
    conn: sa.Connection,
    members: list[int],
    rows: dict[int, Row],
    rules: Rules,
    ties: Collection[tuple[int, int]],
    in_doubt: Collection[int] | None,
) -> tuple[list[list[int]], set[int]]:
    """The sets of identifiers that are plainly one person each, and the identifiers whose edges must be read."""
    if in_doubt is None:
        return [], set(members)
    groups = Groups()
    for key in members:
        row = rows[key]
        groups.join(key, key if row.component is None else row.component)
    for a, b in ties:
        groups.join(a, b)
    doubtful = {groups.of(key) for key in in_doubt}
    sets: defaultdict[int, list[int]] = defaultdict(list)
    people: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
    for key in members:
        row, group = rows[key], groups.of(key)
        sets[group].append(key)
        if row.component is not None:
            people[group].add((row.component, row.person_id))
        if row.status != "live":
            doubtful.add(group)
    for group, pairs in people.items():
        if len({component for component, _ in pairs}) != len(pairs):
            doubtful.add(group)  # a component of several persons
    doubtful |= {groups.of(a) for a, _ in separations(conn, members)}
    whole: list[list[int]] = []
    rest: set[int] = set()
    for group, keys in sets.items():
        if group in doubtful or not within_limits([rows[key].kind for key in keys], rules):
            rest.update(keys)
        else:
            whole.append(keys)
    return whole, rest


def load_edges(conn: sa.Connection, keys: Collection[int]) -> list[Sequence[Any]]:
    """The evidence that touches any of these keys, each once: (edge_key, a, b, rule, first_us, status)."""
    found = fetch(conn, _EDGES, edges.c.a_key, keys)
    found += [row for row in fetch(conn, _EDGES, edges.c.b_key, keys) if row[1] not in keys]
    return found


def _status(row: Sequence[Any], rows: dict[int, Row], members: set[int], shared: Collection[int]) -> str:
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
    return {row[0]: row[1] for row in fetch(conn, _KINDS, identifiers.c.key, keys)}


def separations(conn: sa.Connection, keys: Collection[int]) -> list[tuple[int, int]]:
    """The pairs held apart of which the first is among these keys."""
    if conn.execute(_ANY_APART).first() is None:
        return []
    return [(a, b) for a, b in fetch(conn, _APART, rulings.c.a_key, keys)]


def apart_from_any(conn: sa.Connection, keys: Collection[int]) -> set[int]:
    """Those of these keys that are held apart from another."""
    if conn.execute(_ANY_APART).first() is None:
        return set()
    pairs = [*fetch(conn, _APART, rulings.c.a_key, keys), *fetch(conn, _APART, rulings.c.b_key, keys)]
    return {key for pair in pairs for key in pair if key in keys}


def persons_of(rows: Mapping[int, Row], persons: Iterable[Person]) -> dict[str, tuple[int, int, int, int]]:
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
    rows: Mapping[int, Row], before: Mapping[int, str], alive: Collection[str], rules: Rules
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
