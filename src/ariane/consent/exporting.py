"""The consents as Arrow, as the lake keeps them beside the events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ariane.consent.stored import consents
from ariane.store import State, schema_of

_COLUMNS = schema_of("consents").names


def tables(conn: sa.Connection) -> dict[str, pa.Table]:
    """The lake's `consents`, in the order of its key."""
    rows = conn.execute(sa.select(*[consents.c[name] for name in _COLUMNS]).order_by(*consents.primary_key)).fetchall()
    return {"consents": _arrow(rows)}


def spoken_since(conn: sa.Connection, version: int) -> frozenset[str]:
    """The persons about whom something was decided after `version`."""
    statement = sa.select(consents.c.person_id).where(consents.c.version > version).distinct()
    return frozenset(conn.execute(statement).scalars())


def standing_of(conn: sa.Connection, person_ids: Collection[str]) -> pa.Table:
    """Everything these persons' receipts add up to now; nothing of a person who never spoke or is no more."""
    statement = sa.select(*[consents.c[name] for name in _COLUMNS])
    return _arrow(list(State.select_in(conn, statement, consents.c.person_id, person_ids)))


def _arrow(rows: Sequence[Sequence[Any]]) -> pa.Table:
    schema = schema_of("consents")
    # SQLite has no truth values of its own, and a statement spelled out by hand gives its numbers.
    arrays = [
        pa.array([bool(row[at]) if field.type == pa.bool_() else row[at] for row in rows], field.type)
        for at, field in enumerate(schema)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
