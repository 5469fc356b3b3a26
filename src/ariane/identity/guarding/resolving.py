"""The stored evidence solved by given rules, without writing: component by component, so that memory holds one bundle
of them and the keys of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from ariane.consent.refusals import refused_by
from ariane.identity.bulk import fetch
from ariane.identity.commands import SEPARATION
from ariane.identity.evidence import Edge
from ariane.identity.identifying import is_blocked
from ariane.identity.rules import Rules
from ariane.identity.solving import Groups, Known, has_power, partition, shared_among
from ariane.identity.stored import edges, identifiers, rulings
from ariane.identity.withholding import withheld_among

TOGETHER = 20_000
"""So many identifiers are solved at a time, or one component where that has more."""

_i, _e, _r = identifiers.c, edges.c, rulings.c
_SEEN = sa.select(_i.key, _i.kind, _i.value, _i.first_us, _i.n_events)
_LIVE = sa.select(_e.a_key, _e.b_key, _e.rule, _e.first_us, _e.last_us).where(_e.status != "retracted")
_APART = sa.select(_r.a_key, _r.b_key).where((_r.rule == SEPARATION) & _r.stands)


class Seen(NamedTuple):
    """An identifier as it is stored: `n_events` are those it is the subject of."""

    key: int
    kind: str
    value: str
    first_us: int
    n_events: int


class Bundle(NamedTuple):
    """Identifiers, the evidence that ties them to each other and to nobody else, the pairs held apart, and what they
    refuse."""

    seen: dict[int, Seen]
    edges: list[Edge]
    apart: list[tuple[int, int]]
    refusals: Mapping[int, Collection[str]]


class Solution(NamedTuple):
    """What rules make of a bundle: each key's person, and its status where that is not live (shared, blocked); the
    edges that tie."""

    owner: dict[int, str]
    status: dict[int, str]
    live: set[Edge]


def bundles(conn: sa.Connection, purposes: Collection[str]) -> Iterator[Bundle]:
    """All the evidence, a bundle of whole components at a time; what no edge touches comes last. `purposes`: those of
    which it must be known who refuses them."""
    groups = Groups()
    for rows in conn.execute(sa.select(_e.a_key, _e.b_key).where(_e.status != "retracted")).partitions(TOGETHER):
        for a, b in rows:
            groups.join(a, b)
    parts: defaultdict[int, list[int]] = defaultdict(list)
    alone: list[int] = []
    listed = conn.execute(sa.select(_i.key).order_by(_i.key)).scalars().all()
    for key in listed:
        parts[groups.of(key)].append(key)
    waiting: list[int] = []
    for keys in parts.values():
        if len(keys) == 1:
            alone += keys
            continue
        waiting += keys
        if len(waiting) >= TOGETHER:
            yield _bundle(conn, waiting, purposes)
            waiting = []
    if waiting:
        yield _bundle(conn, waiting, purposes)
    for at in range(0, len(alone), TOGETHER):
        yield Bundle(_seen(conn, alone[at : at + TOGETHER]), [], [], {})


def _seen(conn: sa.Connection, keys: Sequence[int]) -> dict[int, Seen]:
    return {row[0]: Seen(*row) for row in fetch(conn, _SEEN, _i.key, keys)}


def _bundle(conn: sa.Connection, keys: Sequence[int], purposes: Collection[str]) -> Bundle:
    found = [Edge(*row) for row in fetch(conn, _LIVE, _e.a_key, keys)]
    apart = [(a, b) for a, b in fetch(conn, _APART, _r.a_key, keys)]
    return Bundle(_seen(conn, keys), found, apart, refused_by(conn, purposes, keys))


def solved(bundle: Bundle, rules: Rules) -> Solution:
    """The persons these rules make of a bundle, by the very functions that solve it live."""
    known = {
        one.key: Known(one.key, one.kind, one.first_us, is_blocked(rules, one.kind, one.value))
        for one in bundle.seen.values()
    }
    blocked = {key for key, one in known.items() if one.blocked}
    kinds = {key: one.kind for key, one in known.items() if key not in blocked}
    every = {key: one.kind for key, one in known.items()}
    withheld = withheld_among(every, bundle.edges, bundle.refusals, rules, blocked)
    used = [edge for edge in bundle.edges if edge not in withheld] if withheld else bundle.edges
    shared = shared_among(kinds, used, rules)
    persons = partition(known, used, bundle.apart, shared, rules)
    owner = {key: person.person_id for person in persons for key in person.keys}
    status = {key: "shared" for key in shared if key in known} | dict.fromkeys(blocked, "blocked")
    live = {
        edge
        for edge in used
        if owner[edge.a] == owner[edge.b]
        and edge.a not in blocked
        and edge.b not in blocked
        and has_power(edge, shared)
    }
    return Solution(owner, status, live)
