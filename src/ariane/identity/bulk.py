"""Many rows at once, without the ORM's per-row work: the same statements, handed to the driver as it likes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

CHUNK = 8_000  # below SQLite's 32,766 bound variables and PostgreSQL's 65,535


def fetch(
    conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
) -> list[Sequence[Any]]:
    """The rows of `statement` whose `column` is among `values`, however many there are."""
    wanted = list(values)
    rows: list[Sequence[Any]] = []
    for at in range(0, len(wanted), CHUNK):
        rows += conn.execute(statement.where(column.in_(wanted[at : at + CHUNK]))).fetchall()
    return rows


def write(
    conn: sa.Connection, statement: sa.Insert | sa.Update, names: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """Execute an insert or update once a row; `names` are its bound parameters, in the order of each row's values.

    Values go to the driver as they are: numbers, text and booleans only.
    """
    if not rows:
        return
    compiled = statement.compile(
        dialect=conn.dialect, column_keys=list(names) if isinstance(statement, sa.Insert) else None
    )
    if compiled.positional:
        order = [names.index(name) for name in compiled.positiontup or ()]
        if order != list(range(len(names))):
            rows = [tuple([row[at] for at in order]) for row in rows]
        conn.exec_driver_sql(str(compiled), rows)
    else:
        conn.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in rows])


def upsert(
    conn: sa.Connection, table: sa.Table, names: Sequence[str], rows: list[tuple[Any, ...]], update: Sequence[str] = ()
) -> None:
    """Insert rows of the columns `names`; where the primary key exists, set the columns of `update`, or nothing."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    if update:
        changed = statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in update}
        )
    else:
        changed = statement.on_conflict_do_nothing(index_elements=keys)
    write(conn, changed, names, rows)
