"""What a state that was made again says otherwise than was told, added to what was told: normally nothing, and after an
erasure that ids are erased."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa
import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert, write
from ariane.identity.recalling import Recall
from ariane.identity.rows import Row, changes_of, load_rows
from ariane.identity.rules import Rules
from ariane.identity.stored import (
    identifiers,
    persons,
    told_aliases,
    told_before,
    told_changes,
    told_moves,
    told_until,
)
from ariane.identity.telling import ERASED, append

_b, _i, _c = told_before.c, identifiers.c, told_changes.c
_OF = sa.bindparam("of", type_=sa.BigInteger)
_UNMOVED = sa.delete(told_moves).where(told_moves.c.key == _OF)
_NO_MOVES = sa.delete(told_moves).where(told_moves.c.n == _OF)
_NO_CHANGE = sa.delete(told_changes).where(_c.n == _OF)
_NONE = {"a_key": sa.null(), "b_key": sa.null(), "rule": sa.literal_column("''"), "event_id": sa.literal_column("''")}
_UNCAUSED = sa.update(told_changes).where(_c.n == _OF).values(_NONE)


def keep_told(conn: sa.Connection, offsets: Mapping[str, int]) -> None:
    """Note whose each identifier is, as it was told, before the state is deleted. What was noted before, and is not
    settled, stays: the state at hand is one that was being made again."""
    if conn.execute(sa.select(told_until.c.partition).limit(1)).first() is not None or not offsets:
        return
    conn.execute(sa.delete(told_before))
    conn.execute(told_before.insert().from_select(["key", "person_id"], sa.select(_i.key, _i.person_id)))
    upsert(conn, told_until, ("partition", "offset"), list(offsets.items()))


def knows_nothing(conn: sa.Connection) -> bool:
    """Whether this state holds nobody, and nothing that was told."""
    return not any(conn.execute(sa.select(table).limit(1)).first() for table in (identifiers, told_changes, told_until))


def restore_told(conn: sa.Connection, tables: Mapping[str, pa.Table], offsets: Mapping[str, int]) -> None:
    """Take what was told from the lake's tables (`person_changes`, `person_moves`, `aliases`, `identifiers`), where the
    state that held it is lost."""
    for table, name in ((told_changes, "person_changes"), (told_moves, "person_moves"), (told_aliases, "aliases")):
        columns = [one for one in table.c.keys() if one in tables[name].column_names]  # noqa: SIM118
        rows = zip(*(tables[name].column(one).to_pylist() for one in columns), strict=True)
        upsert(conn, table, (*columns, *_without(table, columns)), [(*row, *_blank(table, columns)) for row in rows])
    held = tables["identifiers"]
    rows = zip(held.column("key").to_pylist(), held.column("person_id").to_pylist(), strict=True)
    upsert(conn, told_before, ("key", "person_id"), list(rows))
    upsert(conn, told_until, ("partition", "offset"), list(offsets.items()))


def _without(table: sa.Table, columns: Collection[str]) -> tuple[str, ...]:
    return tuple(one.name for one in table.c if one.name not in columns)


def _blank(table: sa.Table, columns: Collection[str]) -> tuple[int, ...]:
    return (0,) * len(_without(table, columns))


def untold(conn: sa.Connection) -> dict[str, int]:
    """How far a state that is being made again must come before what it says is told; empty when none is."""
    return {row[0]: row[1] for row in conn.execute(sa.select(told_until))}


def retell(conn: sa.Connection, recall: Recall, rules: Rules) -> None:
    """Tell what is not as it was told, now that the state is made again. Identifiers that are no more take their part
    of the history along; of persons of whom nothing is left, it stays told that they were erased."""
    differ = sa.select(_b.key, _b.person_id).join(identifiers, _i.key == _b.key).where(_i.person_id != _b.person_id)
    moved = {row[0]: row[1] for row in conn.execute(differ)}
    absent = sa.select(_b.key, _b.person_id).where(_b.key.notin_(sa.select(_i.key)))
    vanished = {row[0]: row[1] for row in conn.execute(absent)}
    if moved or vanished:
        version = recall.open(conn, to_change=True)[0]
        whose = fetch(conn, sa.select(_b.key, _b.person_id), _b.person_id, set(moved.values()))
        before = {row[0]: row[1] for row in whose if row[0] not in vanished}
        rows: dict[int, Row] = {}
        load_rows(conn, _i.key, before, rows)
        _forget(conn, vanished)
        alive = _alive(conn, {*before.values(), *vanished.values()})
        changes = changes_of(rows, before, alive, rules)
        gone = set(vanished.values()) - alive - {old for old, _, _ in changes}
        went: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for key, old in before.items():
            went[old, rows[key].person_id].append(key)
        at_us = time.time_ns() // 1000
        if changes:
            append(conn, [(*one, None) for one in changes], [went[one[:2]] for one in changes], version, at_us)
        if gone:
            last = int(conn.execute(sa.select(sa.func.max(_c.n))).scalar() or 0)
            erased = _erased(conn, gone)
            append(conn, [(one, "", ERASED, None) for one in erased], [()] * len(erased), version, at_us, last)
    conn.execute(sa.delete(told_before))
    conn.execute(sa.delete(told_until))


def _alive(conn: sa.Connection, ids: Iterable[str]) -> set[str]:
    return {row[0] for row in fetch(conn, sa.select(persons.c.person_id), persons.c.person_id, ids)}


def _forget(conn: sa.Connection, keys: Collection[int]) -> None:
    """Leave identifiers that are no more out of the history, and the evidence and decisions that named them."""
    write(conn, _UNMOVED, ("of",), [(key,) for key in keys])
    numbers = {row[0] for column in (_c.a_key, _c.b_key) for row in fetch(conn, sa.select(_c.n), column, keys)}
    write(conn, _UNCAUSED, ("of",), [(n,) for n in sorted(numbers)])


def _erased(conn: sa.Connection, gone: Collection[str]) -> list[str]:
    """The ids that led to persons of whom nothing is left, theirs too; what else was told of them is deleted."""
    a = told_aliases.c
    ids = sorted(set(gone) | {row[0] for row in fetch(conn, sa.select(a.alias), a.person_id, gone)})
    for column in (_c.old_person_id, _c.new_person_id):
        numbers = [(row[0],) for row in fetch(conn, sa.select(_c.n), column, ids)]
        write(conn, _NO_MOVES, ("of",), numbers)
        write(conn, _NO_CHANGE, ("of",), numbers)
    return ids
