"""The state's evidence as Arrow tables, and solved by given rules."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import sqlalchemy as sa

from ariane.consent.refusals import refused
from ariane.identity.batch.whole import Solved, solve_all
from ariane.identity.commands import SEPARATION
from ariane.identity.identifying import is_blocked
from ariane.identity.rules import Rules
from ariane.identity.stored import rulings

EVIDENCE = ("a_key", "b_key", "rule", "first_us", "last_us", "status")
_AT_ONCE = 100_000
_APART = sa.select(rulings.c.a_key, rulings.c.b_key).where((rulings.c.rule == SEPARATION) & rulings.c.stands)


def read_columns(conn: sa.Connection, table: sa.Table, columns: Iterable[str]) -> pa.Table:
    """These columns of a table, whole, so many rows in Python at a time."""
    chosen = [table.c[name] for name in columns]
    types = [pa.int64() if isinstance(column.type, sa.BigInteger) else pa.string() for column in chosen]
    schema = pa.schema([(column.name, kind) for column, kind in zip(chosen, types, strict=True)])
    batches = []
    with conn.execute(sa.select(*chosen)) as result:
        for part in result.partitions(_AT_ONCE):
            each = zip(*part, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(each, schema, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def solved_by_rules(conn: sa.Connection, held: pa.Table, evidence: pa.Table, rules: Rules) -> Solved:
    """What these rules make of stored identifiers (key, kind, value, status, first_us) and evidence (EVIDENCE), with
    the separations and the refusals that stand."""
    values = zip(held.column("kind").to_pylist(), held.column("value").to_pylist(), strict=True)
    status = pa.array(["blocked" if is_blocked(rules, kind, value) else "live" for kind, value in values], pa.string())
    given = held.set_column(held.schema.get_field_index("status"), "status", status)
    apart = [(a, b) for a, b in conn.execute(_APART)]
    return solve_all(given, evidence, apart, rules, refused(conn, rules.bound))
