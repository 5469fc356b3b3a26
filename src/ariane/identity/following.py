"""Reads what was told of persons: the changes after a number, and whose an identifier was since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.identity.bulk import fetch
from ariane.identity.stored import identifiers, persons, told_aliases, told_changes, told_moves
from ariane.model import Identifier
from ariane.result import Tabular, flat

_c, _i, _m, _a = told_changes.c, identifiers.c, told_moves.c, told_aliases.c


class Told(msgspec.Struct, frozen=True):
    """What became of a person, as it was told. `cause`: merged (`person_id` is no more: all of it went to
    `into_person_id`), moved (it is no more, and the strongest part went there), split (a part of it went there), erased
    (nobody goes by it any more). `moved` are the identifiers that went, as far as they are still known; `present_id` is
    who `into_person_id` leads to by now, "" when erased. `rule` names the evidence that did it, `event_id` the event
    that brought it or the decision; both "" where no one piece did, as when other rules were applied."""

    n: int
    cause: str
    person_id: str
    into_person_id: str
    present_id: str
    at_us: int
    rule: str
    event_id: str
    moved: tuple[Identifier, ...]


class TellingPage(msgspec.Struct, Tabular, frozen=True, dict=True):
    """Changes in the order they were told. `next`: where to read on (`after`); of `n_unread` changes the persons may
    not be read for this purpose."""

    rows: tuple[Told, ...]
    next: int
    more: bool
    n_unread: int

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a change."""
        return [
            {name: value for name, value in flat(one).items() if name != "moved"}
            | {"moved": ", ".join(map(str, one.moved))}
            for one in self.rows
        ]


class Membership(msgspec.Struct, frozen=True):
    """Whose an identifier was, from when until when (None: it is theirs now). The first stretch begins when the
    identifier was first seen, each other one when it was told. `n`: the change that began it, 0 for the first."""

    identifier: Identifier
    person_id: str
    from_us: int
    until_us: int | None
    cause: str
    n: int


def changes(conn: sa.Connection, permit: Permit, *, after: int = 0, limit: int = 100, of: str = "") -> TellingPage:
    """The changes told after number `after`, the oldest first; with `of`, those that led to this present person."""
    columns = (_c.n, _c.cause, _c.old_person_id, _c.new_person_id, _c.at_us, _c.rule, _c.event_id)
    asked = sa.select(*columns).where(_c.n > after).order_by(_c.n).limit(limit + 1)
    if of:
        theirs = sa.select(_a.alias).where(_a.person_id == of)
        asked = asked.where(_c.new_person_id.in_(theirs) | (_c.new_person_id == of) | (_c.old_person_id == of))
    read = conn.execute(asked).fetchall()
    rows = read[:limit]
    present = _present(conn, {person for row in rows for person in row[2:4] if person})
    may = _readable(conn, permit, {person for person in present.values() if person})
    shown = [row for row in rows if all(not present[p] or present[p] in may for p in row[2:4] if p)]
    moved = _moved(conn, [row[0] for row in shown])
    told = tuple(
        Told(n, cause, old, new, present.get(new, ""), at_us, rule, event_id, tuple(moved.get(n, ())))
        for n, cause, old, new, at_us, rule, event_id in shown
    )
    return TellingPage(told, rows[-1][0] if rows else after, len(read) > limit, len(rows) - len(shown))


def _present(conn: sa.Connection, ids: Collection[str]) -> dict[str, str]:
    """Who each id leads to now."""
    led = dict(map(tuple, fetch(conn, sa.select(_a.alias, _a.person_id), _a.alias, ids)))
    return {one: led.get(one, one) for one in ids}


def _readable(conn: sa.Connection, permit: Permit, ids: Collection[str]) -> set[str]:
    p = persons.c
    return {
        row[0] for row in fetch(conn, sa.select(p.person_id).where(consent.gate(permit, p.person_id)), p.person_id, ids)
    }


def _moved(conn: sa.Connection, numbers: Sequence[int]) -> dict[int, list[Identifier]]:
    keys = fetch(conn, sa.select(_m.n, _m.key), _m.n, numbers)
    names = fetch(conn, sa.select(_i.key, _i.kind, _i.value), _i.key, {key for _, key in keys})
    named = {key: Identifier(kind, value) for key, kind, value in names}
    found: defaultdict[int, list[Identifier]] = defaultdict(list)
    for n, key in sorted(map(tuple, keys)):
        if key in named:
            found[n].append(named[key])
    return found


def membership(conn: sa.Connection, permit: Permit, person_id: str) -> tuple[Membership, ...]:
    """Whose the identifiers of this person were, each from its first person to this one, as far as those may be read
    too. ConsentError when the permit may not read this person."""
    consent.require(conn, permit, person_id)
    held = fetch(conn, sa.select(_i.key, _i.kind, _i.value, _i.first_us), _i.person_id, [person_id])
    joined = sa.select(_m.key, _m.n, _c.old_person_id, _c.at_us, _c.cause).join(told_changes, _c.n == _m.n)
    moves: defaultdict[int, list[Any]] = defaultdict(list)
    for key, *move in fetch(conn, joined, _m.key, [row[0] for row in held]):
        moves[key].append(move)
    found = []
    for key, kind, value, first_us in sorted(map(tuple, held), key=lambda row: (row[3], row[0])):
        since, cause, number = first_us, "", 0
        for n, old, at_us, why in sorted(moves[key]):
            found.append(Membership(Identifier(kind, value), old, min(since, at_us), at_us, cause, number))
            since, cause, number = at_us, why, n
        found.append(Membership(Identifier(kind, value), person_id, since, None, cause, number))
    present = _present(conn, {one.person_id for one in found})
    may = _readable(conn, permit, set(present.values()))
    return tuple(one for one in found if present[one.person_id] in may)
