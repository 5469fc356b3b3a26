"""Many rows at once: statements are compiled once, and rows go to the driver as they are (numbers, text, bytes and
booleans only), without SQLAlchemy's work on each, which takes longer than the database's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

CHUNK = 8_000  # below SQLite's limit of 32,766 bound variables, PostgreSQL's of 65,535
_HERE = "ariane_values_here"
_json = msgspec.json.Encoder().encode

Change = sa.Insert | sa.Update | sa.Delete


def fetch(
    conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
) -> list[Sequence[Any]]:
    """The rows of `statement` whose `column` is among `values`, however many there are."""
    wanted = list(values)
    if not wanted:
        return []
    rows: list[Sequence[Any]] = []
    if conn.dialect.name != "sqlite":
        for at in range(0, len(wanted), CHUNK):
            rows += conn.execute(statement.where(column.in_(wanted[at : at + CHUNK]))).fetchall()
        return rows
    one_list, several = _among(statement, column, conn.dialect)
    if type(wanted[0]) is not bytes:
        return _rows(conn.exec_driver_sql(one_list, (_json(wanted).decode(),)))
    for at in range(0, len(wanted), CHUNK):  # JSON has no bytes
        chunk = wanted[at : at + CHUNK]
        rows += _rows(conn.exec_driver_sql(several.replace(_HERE, ",".join("?" * len(chunk))), tuple(chunk)))
    return rows


def _rows(result: sa.CursorResult[Any]) -> list[Sequence[Any]]:
    """What the driver gives, as it gives it."""
    cursor = result.cursor
    rows: list[Sequence[Any]] = [] if cursor is None else cursor.fetchall()  # type: ignore[assignment]
    result.close()
    return rows


@lru_cache(maxsize=256)
def _among(statement: sa.Select[Any], column: sa.ColumnElement[Any], dialect: sa.engine.Dialect) -> tuple[str, str]:
    """The statement's text for SQLite, its values given as one JSON list, or one by one."""
    whole = statement.where(column == sa.literal_column(_HERE))
    text = str(whole.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return text.replace(f"= {_HERE}", "IN (SELECT value FROM json_each(?))"), text.replace(
        f"= {_HERE}", f"IN ({_HERE})"
    )


def write(conn: sa.Connection, statement: Change, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute an insert, update or delete once a row; `names` are its bound parameters, in the order of each row's
    values. Give the same statement object each time: it is compiled once."""
    if not rows:
        return
    text, order = _compiled(statement, names, conn.dialect)
    if order is None:
        conn.exec_driver_sql(text, [dict(zip(names, row, strict=True)) for row in rows])
        return
    if order != tuple(range(len(names))):
        rows = [tuple([row[at] for at in order]) for row in rows]
    conn.exec_driver_sql(text, list(rows))


@lru_cache(maxsize=256)
def _compiled(
    statement: Change, names: tuple[str, ...], dialect: sa.engine.Dialect
) -> tuple[str, tuple[int, ...] | None]:
    """The text, and where each of its positional parameters stands in a row; None where they go by name."""
    keys = list(names) if isinstance(statement, sa.Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    if not compiled.positional:
        return str(compiled), None
    return str(compiled), tuple([names.index(name) for name in compiled.positiontup or ()])


def upsert(
    conn: sa.Connection,
    table: sa.Table,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    update: tuple[str, ...] = (),
) -> None:
    """Insert rows of the columns `names`; where the primary key exists, set the columns of `update`, or nothing."""
    write(conn, _upserting(table, update, conn.dialect.name), names, rows)


@lru_cache(maxsize=256)
def _upserting(table: sa.Table, update: tuple[str, ...], dialect: str) -> sa.Insert:
    keys = [column.name for column in table.primary_key]
    statement = _insert(table, dialect)
    if not update:
        nothing: sa.Insert = statement.on_conflict_do_nothing(index_elements=keys)
        return nothing
    changed: sa.Insert = statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in update}
    )
    return changed


def _insert(table: sa.Table, dialect: str) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


def upsert_computed(
    conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], update: Mapping[str, Any]
) -> None:
    """As `upsert`, with what to set given as expressions, or as functions of the new row."""
    if not rows:
        return
    statement = _insert(table, conn.dialect.name)
    resolved = {name: value(statement.excluded) if callable(value) else value for name, value in update.items()}
    keys = [column.name for column in table.primary_key]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=resolved), list(rows))
