"""A page of persons by what they have and what became of them lately, among everybody or among those a search found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.errors import InputError
from ariane.identity.bulk import fetch
from ariane.identity.reading import ORDERS, Found, People
from ariane.identity.rules import Rules
from ariane.identity.stored import identifiers, persons, told_changes
from ariane.model import Identifier

_PERSON = ("person_id", "first_seen_us", "last_seen_us", "n_events", "n_identifiers")


def choose(
    conn: sa.Connection,
    permit: Permit,
    *,
    among: Sequence[str] | None = None,
    order: str = "",
    limit: int = 50,
    offset: int = 0,
    kind: str = "",
    channel: str = "",
    status: str = "",
    merged_since_us: int | None = None,
    rules: Rules | None = None,
) -> People:
    """Persons with an identifier of this kind, one seen on this channel, one of this status (shared), and who took
    others in since then; the highest of `order` first, or ("") as `among` lists them, else those seen last first."""
    if order and order not in ORDERS:
        raise InputError(f"Persons cannot be ordered by {order!r}.", allowed=", ".join(ORDERS))
    p = persons.c
    wanted = (p.n_events > 0) & _having(kind, channel, status)
    if merged_since_us is not None:
        wanted &= p.person_id.in_(_took_in(merged_since_us))
    may = consent.gate(permit, p.person_id)
    columns = [p[name] for name in _PERSON]
    if among is None:
        counted = sa.select(sa.func.count(), sa.func.count().filter(may)).select_from(persons).where(wanted)
        everybody, total = conn.execute(counted).one()
        column = p[order if order.startswith("n_") else f"{order or 'last_seen'}_us"]
        newest = sa.select(*columns).where(wanted, may).order_by(column.desc(), p.person_id)
        rows: list[Any] = list(conn.execute(newest.limit(limit).offset(offset)))
        return People(_found(conn, rows, rules), total, everybody - total)
    read = {row[0]: row for row in fetch(conn, sa.select(*columns, may).where(wanted), p.person_id, among)}
    listed = [row for person_id in dict.fromkeys(among) if (row := read.get(person_id)) is not None and row[-1]]
    if order:
        at = _PERSON.index(order if order.startswith("n_") else f"{order}_us")
        listed.sort(key=lambda row: (-row[at], row[0]))
    held = len(read) - len(listed)
    return People(_found(conn, [row[:-1] for row in listed[offset : offset + limit]], rules), len(listed), held)


def whose(conn: sa.Connection, permit: Permit, keys: Collection[int]) -> dict[int, tuple[Identifier, str]]:
    """The identifiers of these keys, each with the person it belongs to; those that may be read."""
    i = identifiers.c
    held = sa.select(i.key, i.kind, i.value, i.person_id).where(consent.gate(permit, i.person_id))
    return {row[0]: (Identifier(row[1], row[2]), row[3]) for row in fetch(conn, held, i.key, keys)}


def _having(kind: str, channel: str, status: str) -> sa.ColumnElement[bool]:
    """Whether a person has an identifier of this kind, one seen on this channel, one of this status."""
    i = identifiers.alias().c
    fits = [i.kind == kind] if kind else []
    fits += [i.channels.contains(f'"{channel}":', autoescape=True)] if channel else []
    fits += [i.status == status] if status else []
    wanted: sa.ColumnElement[bool] = sa.true()
    for one in fits:
        wanted &= sa.exists(sa.select(i.key).where((i.person_id == persons.c.person_id) & one))
    return wanted


def _took_in(since_us: int) -> sa.Select[Any]:
    c = told_changes.c
    return sa.select(c.new_person_id).where((c.at_us >= since_us) & c.cause.in_(["merged", "moved"]))


def _found(conn: sa.Connection, rows: Sequence[Sequence[Any]], rules: Rules | None) -> tuple[Found, ...]:
    """The rows with each person's strongest identifier."""
    rules = rules or Rules.default()
    i = identifiers.c
    best: dict[str, tuple[Any, ...]] = {}
    held = sa.select(i.person_id, i.kind, i.first_us, i.value)
    for person_id, kind, first_us, value in fetch(conn, held, i.person_id, [row[0] for row in rows]):
        rank = (-rules.priority(kind), first_us, value, kind)
        if person_id not in best or rank < best[person_id]:
            best[person_id] = rank
    return tuple(
        Found(row[0], Identifier(best[row[0]][3], best[row[0]][2]), *row[1:]) for row in rows if row[0] in best
    )
