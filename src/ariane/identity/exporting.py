"""The identity tables as Arrow, as the lake keeps them beside the events: whole, or what changed since a version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from ariane.identity.bulk import fetch
from ariane.identity.commands import MANUAL
from ariane.identity.stored import (
    edges,
    identifiers,
    person_changes,
    persons,
    rulings,
    told_aliases,
    told_changes,
    told_moves,
    versions,
)
from ariane.store import schema_of


class News(msgspec.Struct, frozen=True):
    """What changed after a version: rows by table, the keys of rows that are no more, and the persons whose identifiers
    are not what they were."""

    rows: dict[str, pa.Table]
    gone: dict[str, pa.Table]
    regrouped: frozenset[str]


def version_of(conn: sa.Connection) -> int:
    """The number of the last change of any person; 0 when there was none."""
    return int(conn.execute(sa.select(versions.c.version).where(versions.c.name == "identity")).scalar() or 0)


def tables(conn: sa.Connection) -> dict[str, pa.Table]:
    """The lake's `identifiers`, `persons` and `edges`, each in the order of its key."""
    selects = _selects()
    names = ("identifiers", "persons", "edges")
    return {name: _arrow(conn, selects[name].order_by(*_ORDER[name]), name) for name in names}


def whole(conn: sa.Connection, name: str, rows_at_once: int = 200_000) -> Iterator[pa.Table]:
    """One of `tables`, or of what was told of persons, in the order of its key, so many rows at a time."""
    for batch in _batches(conn, _selects()[name].order_by(*_ORDER[name]), name, rows_at_once):
        yield pa.Table.from_batches([batch])


def holders(conn: sa.Connection, keys: Collection[int]) -> frozenset[str]:
    """The persons who hold any of these identifiers."""
    return frozenset(row[0] for row in fetch(conn, sa.select(identifiers.c.person_id), identifiers.c.key, keys))


def alone(conn: sa.Connection, keys: Collection[int]) -> frozenset[int]:
    """Those of these identifiers that are one person's: known, not shared, and naming somebody."""
    live = sa.select(identifiers.c.key).where(identifiers.c.status == "live")
    return frozenset(row[0] for row in fetch(conn, live, identifiers.c.key, keys))


def news(conn: sa.Connection, since: int) -> News:
    """What changed after the version `since`; costs what changed, not what there is."""
    changed = {
        "identifiers": identifiers.c.version > since,
        "persons": persons.c.version > since,
        "edges": edges.c.version > since,
        "person_changes": told_changes.c.version > since,
        "person_moves": told_changes.c.version > since,
        "aliases": told_aliases.c.version > since,
    }
    rows = {name: _arrow(conn, select.where(changed[name]), name) for name, select in _selects().items()}
    c = person_changes.c
    moved = conn.execute(sa.select(c.old_person_id, c.new_person_id).where(c.version > since)).fetchall()
    left = {old for old, _ in moved}
    regrouped = left | {new for _, new in moved} | set(rows["identifiers"].column("person_id").to_pylist())
    alive = {row[0] for row in fetch(conn, sa.select(persons.c.person_id), persons.c.person_id, left)}
    gone = {
        "persons": pa.table({"person_id": pa.array(sorted(left - alive), pa.string())}),
        "edges": _taken_back(conn),
    }
    return News(rows, gone, frozenset(regrouped))


def _taken_back(conn: sa.Connection) -> pa.Table:
    """Merges by hand that no longer stand: the only evidence that is ever deleted. They are few, so all are given."""
    r = rulings.c
    found = conn.execute(sa.select(r.a_key, r.b_key).where((r.rule == MANUAL) & ~r.stands)).fetchall()
    keys = [pa.array([row[at] for row in found], pa.int64()) for at in (0, 1)]
    return pa.table({"a_key": keys[0], "b_key": keys[1], "rule": pa.repeat(pa.scalar(MANUAL), len(found))})


def _selects() -> dict[str, sa.Select[Any]]:
    i, p, e = identifiers.c, persons.c, edges.c
    c, m, a = told_changes.c, told_moves.c, told_aliases.c
    return {
        "identifiers": sa.select(i.key, i.kind, i.value, i.person_id, i.status, i.first_us),
        "persons": sa.select(p.person_id, p.first_seen_us, p.last_seen_us, p.n_events, p.n_identifiers),
        "edges": sa.select(e.a_key, e.b_key, e.rule, e.source, e.first_us, e.last_us, e.n_events, e.status),
        "person_changes": sa.select(*[c[name] for name in schema_of("person_changes").names]),
        "person_moves": sa.select(m.n, m.key).join(told_changes, c.n == m.n),
        "aliases": sa.select(a.alias, a.person_id),
    }


_ORDER = {
    "identifiers": (identifiers.c.key,),
    "persons": (persons.c.person_id,),
    "edges": (edges.c.a_key, edges.c.b_key, edges.c.rule),
    "person_changes": (told_changes.c.n,),
    "person_moves": (told_moves.c.n, told_moves.c.key),
    "aliases": (told_aliases.c.alias,),
}


def _arrow(conn: sa.Connection, statement: sa.Select[Any], name: str) -> pa.Table:
    return pa.Table.from_batches(_batches(conn, statement, name), schema_of(name))


def _batches(
    conn: sa.Connection, statement: sa.Select[Any], name: str, rows_at_once: int = 50_000
) -> Iterator[pa.RecordBatch]:
    schema = schema_of(name)
    for rows in _fetched(conn, statement, rows_at_once):
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fetched(conn: sa.Connection, statement: sa.Select[Any], rows_at_once: int) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows, so many at a time; from SQLite as its driver gives them: SQLAlchemy's own cost twice their reading."""
    if conn.dialect.name != "sqlite":
        yield from conn.execution_options(stream_results=True).execute(statement).partitions(rows_at_once)
        return
    result = conn.execute(statement)  # not streamed: SQLAlchemy would read the first rows itself
    cursor = result.cursor
    while cursor is not None and (rows := cursor.fetchmany(rows_at_once)):
        yield rows
    result.close()
