"""Reads: find a person by anything known of them, show one, list many. Each for a purpose, each through consent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.errors import InputError, NotFound
from ariane.identity.bulk import fetch
from ariane.identity.identifying import normalise
from ariane.identity.rules import Rules
from ariane.identity.solving import keys_behind
from ariane.identity.stored import MACHINES, edges, identifiers, named_by_people, persons, told_aliases
from ariane.model import Identifier, key_of
from ariane.result import Tabular, flat

_Counts = dict[str, int]
ORDERS = ("last_seen", "first_seen", "n_events", "n_identifiers")
_PERSON = [persons.c[n] for n in ("person_id", "first_seen_us", "last_seen_us", "n_events", "n_identifiers")]


class Held(msgspec.Struct, frozen=True):
    """An identifier of a person: what it is, whether it ties (live) or stands alone (shared, blocked), when it was
    seen, and how many events it is the subject of."""

    kind: str
    value: str
    status: str
    first_us: int
    last_us: int
    n_events: int
    channels: dict[str, int]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Tie(msgspec.Struct, frozen=True):
    """Evidence between two identifiers. `status`: live, refused (by a limit or a split), inert (one is shared),
    withheld (somebody refused what it is used for), retracted."""

    a: Identifier
    b: Identifier
    rule: str
    source: str
    event_id: str
    first_us: int
    last_us: int
    n_events: int
    status: str


class Found(msgspec.Struct, frozen=True):
    """A person in a list. `by` is the identifier that was searched for, or their strongest."""

    person_id: str
    by: Identifier
    first_seen_us: int
    last_seen_us: int
    n_events: int
    n_identifiers: int


class People(msgspec.Struct, Tabular, frozen=True, dict=True):
    """A page of persons; `total` may be read, `n_held_back` may not for this purpose."""

    rows: tuple[Found, ...]
    total: int
    n_held_back: int

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a person."""
        return [flat(person) for person in self.rows]


class Thread(msgspec.Struct, Tabular, frozen=True, dict=True):
    """One person: identifiers strongest first, the evidence that touches them, former ids that lead here.
    `asked` is the id or identifier it was found by."""

    person_id: str
    asked: str
    first_seen_us: int
    last_seen_us: int
    n_events: int
    channels: dict[str, int]
    identifiers: tuple[Held, ...]
    edges: tuple[Tie, ...]
    aliases: tuple[str, ...]
    keys: tuple[int, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """One row an identifier."""
        return [{"person_id": self.person_id, **flat(held)} for held in self.identifiers]


def find(
    conn: sa.Connection, permit: Permit, text: str, *, limit: int = 20, rules: Rules | None = None
) -> tuple[Found, ...]:
    """Persons with an identifier that is, begins with, or contains `text`, in that order; or whose id it is.

    `kind:value` searches one kind. Numbers written without a country are those of the `rules`. Persons this permit may
    not read are left out.
    """
    text = text.strip()
    if not text:
        return ()
    found: dict[str, Identifier] = {}
    person_id = current_id(conn, text.upper()) if text.upper().startswith("P-") else None
    if person_id:
        found[person_id] = _strongest(conn, [person_id])[person_id]
    kind, colon, rest = text.partition(":")
    i = identifiers.c
    of_kind = (i.kind == kind) if colon and rest and _is_kind(conn, kind) else sa.true()
    value = rest if of_kind is not sa.true() else text
    spellings = {
        value,
        *filter(None, (_spelled(k, value, rules) for k in ("email", "phone", "loyalty_card", "social_handle"))),
    }
    typed = named_by_people(i.kind)
    for where in (
        i.key.in_([key_of(machine, value) for machine in MACHINES]),
        typed & i.value.in_(spellings),
        typed & sa.or_(*[_between(i.value, spelling) for spelling in sorted(spellings)]),
        i.value.icontains(value, autoescape=True),
    ):
        if len(found) >= limit:
            break
        statement = (
            sa.select(i.person_id, i.kind, i.value)
            .where(where, of_kind, consent.gate(permit, i.person_id))
            .order_by(i.value, i.kind)
            .limit(limit * 8)  # several identifiers of one person may match
        )
        for held_by, found_kind, found_value in conn.execute(statement):
            found.setdefault(held_by, Identifier(found_kind, found_value))
    return _found(conn, permit, dict(list(found.items())[:limit]))


def _spelled(kind: str, value: str, rules: Rules | None) -> str | None:
    """The value as events of this workspace would have it."""
    rules = rules or Rules.default()
    rule = rules.kinds.get(kind)
    return normalise(kind, value, rules.country, rule.drop_tags if rule is not None else ())


def _between(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Begins with, as a range, which an index can answer."""
    return (column >= prefix) & (column < prefix + "\U0010ffff")


def _is_kind(conn: sa.Connection, kind: str) -> bool:
    return conn.execute(sa.select(identifiers.c.key).where(identifiers.c.kind == kind).limit(1)).first() is not None


def people(
    conn: sa.Connection,
    permit: Permit,
    *,
    order: str = "last_seen",
    limit: int = 50,
    offset: int = 0,
    kind: str | None = None,
    seen_since_us: int | None = None,
) -> People:
    """A page of persons, the highest of `order` first; only those with an identifier of `kind`, seen since then."""
    if order not in ORDERS:
        raise InputError(f"Persons cannot be ordered by {order!r}.", allowed=", ".join(ORDERS))
    p = persons.c
    wanted = p.n_events > 0
    if kind is not None:
        i = identifiers.alias().c
        wanted &= sa.exists(sa.select(i.key).where((i.person_id == p.person_id) & (i.kind == kind)))
    if seen_since_us is not None:
        wanted &= p.last_seen_us >= seen_since_us
    may = consent.gate(permit, p.person_id)
    counted = sa.select(sa.func.count(), sa.func.count().filter(may)).select_from(persons).where(wanted)
    everybody, total = conn.execute(counted).one()
    column = p[order if order.startswith("n_") else f"{order}_us"]
    page = sa.select(p.person_id).where(wanted, may).order_by(column.desc(), p.person_id).limit(limit).offset(offset)
    ids = list(conn.execute(page).scalars())
    return People(_found(conn, permit, _strongest(conn, ids), ids), total, everybody - total)


def _strongest(conn: sa.Connection, person_ids: Iterable[str]) -> dict[str, Identifier]:
    """Each person's strongest identifier."""
    i = identifiers.c
    best: dict[str, tuple[Any, ...]] = {}
    for person_id, *held in fetch(conn, sa.select(i.person_id, i.kind, i.first_us, i.value), i.person_id, person_ids):
        rank = (_strength(held[0]), held[1], held[2], held[0])
        if person_id not in best or rank < best[person_id]:
            best[person_id] = rank
    return {person_id: Identifier(rank[3], rank[2]) for person_id, rank in best.items()}


def _strength(kind: str) -> int:
    return -Rules.default().priority(kind)


def _found(
    conn: sa.Connection, permit: Permit, by: dict[str, Identifier], order: list[str] | None = None
) -> tuple[Found, ...]:
    statement = sa.select(*_PERSON).where(consent.gate(permit, persons.c.person_id))
    rows = {row[0]: row for row in fetch(conn, statement, persons.c.person_id, by)}
    return tuple(
        Found(person_id, by[person_id], *rows[person_id][1:]) for person_id in (order or by) if person_id in rows
    )


def current_id(conn: sa.Connection, person_id: str) -> str | None:
    """The id a person goes by now, given any id they ever had.

    What was told of it says so in one step; failing that, the identifier the id was made from. None: nobody's.
    """
    if _is_present(conn, person_id):
        return person_id
    a = told_aliases.c
    led = conn.execute(sa.select(a.person_id).where(a.alias == person_id)).scalar()
    return led if led and _is_present(conn, led) else _by_origin(conn, person_id)


def _is_present(conn: sa.Connection, person_id: str) -> bool:
    return conn.execute(sa.select(persons.c.person_id).where(persons.c.person_id == person_id)).first() is not None


def _by_origin(conn: sa.Connection, person_id: str) -> str | None:
    span = keys_behind(person_id)
    if span is None:
        return None
    i = identifiers.c
    return conn.execute(sa.select(i.person_id).where(i.key.between(*span)).limit(1)).scalar()


def person(conn: sa.Connection, permit: Permit, asked: str, rules: Rules | None = None) -> Thread:
    """One person by id (present or former) or by an identifier written `kind:value`; numbers written without a country
    are those of the `rules`.

    NotFound when nobody goes by that; ConsentError when this permit may not read them.
    """
    person_id = current_id(conn, asked) if asked.startswith("P-") else _holder(conn, asked, rules)
    if person_id is None:
        raise NotFound(
            f"Nobody goes by {asked!r}.", allowed="a person id or kind:value", next_step="Search with identity.find."
        )
    consent.require(conn, permit, person_id)
    i = identifiers.c
    names = ("key", "kind", "value", "status", "first_us", "last_us", "n_events", "channels")
    rows = conn.execute(sa.select(*[i[name] for name in names]).where(i.person_id == person_id)).fetchall()
    rows = sorted(rows, key=lambda row: (_strength(row.kind), row.first_us, row.key))
    held = tuple(
        Held(
            r.kind, r.value, r.status, r.first_us, r.last_us, r.n_events, msgspec.json.decode(r.channels, type=_Counts)
        )
        for r in rows
    )
    channels: dict[str, int] = {}
    for each in held:
        for channel, n in each.channels.items():
            channels[channel] = channels.get(channel, 0) + n
    a = told_aliases.c
    former = conn.execute(sa.select(a.alias).where((a.person_id == person_id) & (a.alias != person_id))).scalars()
    keys = tuple(row.key for row in rows)
    one = conn.execute(sa.select(*_PERSON).where(persons.c.person_id == person_id)).one()
    aliases = tuple(sorted(former))
    seen = (one.first_seen_us, one.last_seen_us, one.n_events)
    return Thread(person_id, asked, *seen, channels, held, ties(conn, keys), aliases, keys)


def _holder(conn: sa.Connection, asked: str, rules: Rules | None) -> str | None:
    kind, _, value = asked.partition(":")
    return conn.execute(
        sa.select(identifiers.c.person_id).where(
            identifiers.c.key == Identifier(kind, _spelled(kind, value, rules) or value).key
        )
    ).scalar()


def ties(conn: sa.Connection, keys: Iterable[int]) -> tuple[Tie, ...]:
    """The evidence that touches these identifiers, oldest first. For rooms that hold a permit already."""
    e = edges.c
    keys = list(keys)
    columns = [
        e[name]
        for name in (
            "edge_key", "a_key", "b_key", "rule", "source", "event_id", "first_us", "last_us", "n_events", "status",
        )
    ]  # fmt: skip
    found = {row[0]: row for column in (e.a_key, e.b_key) for row in fetch(conn, sa.select(*columns), column, keys)}
    i = identifiers.c
    ends = {end for row in found.values() for end in row[1:3]}
    names = {k: Identifier(kind, v) for k, kind, v in fetch(conn, sa.select(i.key, i.kind, i.value), i.key, ends)}
    listed = sorted(found.values(), key=lambda row: (row[6], row[1], row[2], row[3]))
    return tuple(Tie(names[row[1]], names[row[2]], *row[3:]) for row in listed if row[1] in names and row[2] in names)
