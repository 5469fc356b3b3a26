"""How identity stands as a whole: counts by kind and rule, what is shared and why, what was refused by which limit,
which values name nobody, and which persons became others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.identity.bulk import fetch
from ariane.identity.commands import SEPARATION
from ariane.identity.reading import Held, Tie, ties
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers, rulings, told_changes
from ariane.model import Identifier
from ariane.result import Tabular, flat

MET_SHOWN = 6
_counts = msgspec.json.Decoder(dict[str, int]).decode


class Tally(msgspec.Struct, frozen=True):
    """How many there are of one name (a kind of identifier, or a rule of evidence) in one status."""

    name: str
    status: str
    n: int


class Survey(msgspec.Struct, Tabular, frozen=True, dict=True):
    """Identifiers by kind and status, evidence by rule and status, in the order of strength and trust."""

    identifiers: tuple[Tally, ...]
    edges: tuple[Tally, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """One row for each name and status; `of` says identifiers or edges."""
        listed = [("identifiers", one) for one in self.identifiers] + [("edges", one) for one in self.edges]
        return [{"of": of, **flat(one)} for of, one in listed]


class Met(msgspec.Struct, frozen=True):
    """A unique identifier that a shared one was seen with, and whose it is."""

    identifier: Identifier
    person_id: str


class Shared(msgspec.Struct, frozen=True):
    """An identifier that ties nobody any more because it met `n_met` persons' unique identifiers; `met` are the
    first of those that may be read."""

    person_id: str
    held: Held
    n_met: int
    met: tuple[Met, ...]


class Refusal(msgspec.Struct, frozen=True):
    """Evidence that would have made one person of two. `because`: separated (by hand), limit (`n` of `kind` where
    `limit` are allowed) or other (the whole group's evidence decided)."""

    tie: Tie
    person_a: str
    person_b: str
    because: str
    kind: str = ""
    n: int = 0
    limit: int = 0


class Change(msgspec.Struct, frozen=True):
    """A person who became another. `cause`: merged (all of them went there), moved (the strongest part did) or split
    (a part). `tie` is the evidence that did it, where it can be named."""

    version: int
    old_person_id: str
    new_person_id: str
    cause: str
    at_us: int
    tie: Tie | None = None


def survey(conn: sa.Connection, rules: Rules | None = None) -> Survey:
    """Counts alone, so nobody is read."""
    rules = rules or Rules.default()
    i, e = identifiers.c, edges.c
    kinds = conn.execute(sa.select(i.kind, i.status, sa.func.count()).group_by(i.kind, i.status)).fetchall()
    trusted = conn.execute(sa.select(e.rule, e.status, sa.func.count()).group_by(e.rule, e.status)).fetchall()
    held = sorted(map(tuple, kinds), key=lambda row: (-rules.priority(row[0]), row[0], row[1]))
    return Survey(
        tuple(Tally(*row) for row in held),
        tuple(Tally(*row) for row in sorted(map(tuple, trusted))),
    )


def shared(conn: sa.Connection, permit: Permit, rules: Rules | None = None, *, limit: int = 50) -> tuple[Shared, ...]:
    """Identifiers several persons use, those with most events first."""
    rules = rules or Rules.default()
    found = _held(conn, permit, "shared", limit)
    e = edges.c
    met: defaultdict[int, set[int]] = defaultdict(set)
    pairs = sa.select(e.a_key, e.b_key).where(e.status.notin_(("withheld", "retracted")))
    for column in (e.a_key, e.b_key):
        for a, b in fetch(conn, pairs, column, found):
            one, other = (a, b) if column is e.a_key else (b, a)
            met[one].add(other)
    i = identifiers.c
    unique = i.kind.in_([kind for kind in rules.kinds if rules.is_unique(kind)])
    others = {other for ends in met.values() for other in ends}
    named = sa.select(i.key, i.kind, i.value, i.person_id).where(unique)
    strong = {row[0] for row in fetch(conn, named, i.key, others)}
    may = named.where(consent.gate(permit, i.person_id))
    shown = {row[0]: Met(Identifier(row[1], row[2]), row[3]) for row in fetch(conn, may, i.key, strong)}
    return tuple(
        Shared(
            person_id, held, len(met[key] & strong),
            tuple(shown[other] for other in sorted(met[key] & shown.keys()))[:MET_SHOWN],
        )
        for key, (person_id, held) in found.items()
    )  # fmt: skip


def blocked(conn: sa.Connection, permit: Permit, *, limit: int = 50) -> tuple[Held, ...]:
    """Identifiers that the rules say name nobody and that came in before the rules said so, most events first."""
    return tuple(held for _, held in _held(conn, permit, "blocked", limit).values())


def _held(conn: sa.Connection, permit: Permit, status: str, limit: int) -> dict[int, tuple[str, Held]]:
    i = identifiers.c
    names = ("key", "person_id", "kind", "value", "status", "first_us", "last_us", "n_events", "channels")
    where = (i.status == status) & consent.gate(permit, i.person_id)
    newest = sa.select(*[i[name] for name in names]).where(where).order_by(i.n_events.desc(), i.key).limit(limit)
    return {
        r.key: (
            r.person_id,
            Held(r.kind, r.value, r.status, r.first_us, r.last_us, r.n_events, _counts(r.channels)),
        )
        for r in conn.execute(newest)
    }


def refused(conn: sa.Connection, permit: Permit, rules: Rules | None = None, *, limit: int = 50) -> tuple[Refusal, ...]:
    """Evidence that a limit or a split refused, the newest first, each with what refused it."""
    rules = rules or Rules.default()
    e, a, b = edges.c, identifiers.alias("a").c, identifiers.alias("b").c
    statement = (
        sa.select(a.kind, a.value, a.person_id, b.kind, b.value, b.person_id,
                  e.rule, e.source, e.event_id, e.first_us, e.last_us, e.n_events, e.status)
        .where((e.status == "refused") & (a.key == e.a_key) & (b.key == e.b_key))
        .where(consent.gate(permit, a.person_id), consent.gate(permit, b.person_id))
        .order_by(e.last_us.desc(), e.edge_key)
        .limit(limit)
    )  # fmt: skip
    rows: list[Any] = list(conn.execute(statement))
    kinds = _kinds(conn, {person for row in rows for person in (row[2], row[5])})
    apart = _apart(conn)
    found = []
    for row in rows:
        tie = Tie(Identifier(row[0], row[1]), Identifier(row[3], row[4]), *row[6:])
        found.append(_refusal(tie, row[2], row[5], kinds, apart, rules))
    return tuple(found)


def _refusal(
    tie: Tie, one: str, other: str, kinds: Mapping[str, Mapping[str, int]], apart: Collection[frozenset[str]],
    rules: Rules,
) -> Refusal:  # fmt: skip
    if frozenset((one, other)) in apart:
        return Refusal(tie, one, other, "separated")
    for kind in sorted(kinds[one].keys() | kinds[other].keys(), key=lambda kind: -rules.priority(kind)):
        rule, n = rules.kinds.get(kind), kinds[one].get(kind, 0) + kinds[other].get(kind, 0)
        if rule is not None and rule.limit is not None and n > rule.limit:
            return Refusal(tie, one, other, "limit", kind, n, rule.limit)
    return Refusal(tie, one, other, "other")


def _kinds(conn: sa.Connection, person_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many identifiers of each kind these persons have."""
    i = identifiers.c
    found: dict[str, dict[str, int]] = {person_id: {} for person_id in person_ids}
    counted = sa.select(i.person_id, i.kind, sa.func.count()).group_by(i.person_id, i.kind)
    for person_id, kind, n in fetch(conn, counted, i.person_id, found):
        found[person_id][kind] = n
    return found


def _apart(conn: sa.Connection) -> set[frozenset[str]]:
    """The pairs of persons held apart by hand."""
    r, a, b = rulings.c, identifiers.alias("a").c, identifiers.alias("b").c
    where = (r.rule == SEPARATION) & r.stands & (a.key == r.a_key) & (b.key == r.b_key)
    return {frozenset(row) for row in conn.execute(sa.select(a.person_id, b.person_id).where(where))}


def changes(conn: sa.Connection, permit: Permit, *, limit: int = 50) -> tuple[Change, ...]:
    """The latest merges and splits, the newest first; of persons that may be read."""
    c = told_changes.c
    columns = (c.version, c.old_person_id, c.new_person_id, c.cause, c.at_us, c.a_key, c.b_key, c.rule)
    statement = (
        sa.select(*columns)
        .where(consent.gate(permit, c.new_person_id), consent.gate(permit, c.old_person_id), c.cause != "erased")
        .order_by(c.n.desc())
        .limit(limit)
    )
    rows = conn.execute(statement).fetchall()
    said = {(tie.a.key, tie.b.key, tie.rule): tie for tie in ties(conn, {row[5] for row in rows if row[5] is not None})}
    found = {(*sorted(pair[:2]), pair[2]): tie for pair, tie in said.items()}
    return tuple(Change(*row[:5], tie=found.get((row[5], row[6], row[7]))) for row in rows)
