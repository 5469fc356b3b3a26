"""The identity tables as Arrow, as the lake keeps them beside the events."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from ariane.identity.stored import edges, identifiers, persons
from ariane.store import schema_of


def tables(conn: sa.Connection) -> dict[str, pa.Table]:
    """The lake's `identifiers`, `persons` and `edges`, each in the order of its key."""
    i, p, e = identifiers.c, persons.c, edges.c
    a, b = identifiers.alias("one"), identifiers.alias("other")

    def named(of: sa.FromClause) -> sa.ColumnElement[str]:
        return of.c.kind + ":" + of.c.value

    statements = {
        "identifiers": sa.select(i.key, i.kind, i.value, i.person_id, i.status).order_by(i.key),
        "persons": sa.select(p.person_id, p.first_seen_us, p.last_seen_us, p.n_events, p.n_identifiers).order_by(
            p.person_id
        ),
        "edges": sa.select(
            e.a_key, e.b_key, named(a), named(b), e.rule, e.source, e.first_us, e.last_us, e.n_events, e.status
        )
        .join(a, a.c.key == e.a_key)
        .join(b, b.c.key == e.b_key)
        .order_by(e.a_key, e.b_key, e.rule),
    }
    return {name: _arrow(conn, statement, schema_of(name)) for name, statement in statements.items()}


def _arrow(conn: sa.Connection, statement: sa.Select[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    batches = []
    for rows in conn.execution_options(stream_results=True).execute(statement).partitions(50_000):
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)
