"""The state: live facts in a transactional store. SQLite in the workspace, PostgreSQL when machines share it.

Rooms declare their tables on `metadata` in their own files; what is here is how to open, read and write them.
Everything in it is derived from the events and can be deleted and rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ariane.errors import Transient

metadata = sa.MetaData()

offsets = sa.Table(
    "offsets",
    metadata,
    sa.Column("consumer", sa.String, primary_key=True),
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

CHUNK = 8_000  # below SQLite's limit of 32,766 bound variables, PostgreSQL's of 65,535


class State:
    """Live facts under one transaction at a time.

    >>> state = State("sqlite://"); state.create()
    >>> with state.begin() as conn:
    ...     state.commit_offset(conn, "stream", "web-0", 42)
    >>> with state.read() as conn:
    ...     state.offset(conn, "stream", "web-0")
    42
    """

    def __init__(self, where: str | Path) -> None:
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        memory = url == "sqlite://"
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"poolclass": sa.pool.StaticPool} if memory else {}
        if self.is_sqlite:
            # The driver must not begin transactions by itself: begin() does, with the lock it means to hold.
            options["connect_args"] = {"timeout": 30, "check_same_thread": False, "isolation_level": None}
        self.engine = sa.create_engine(url, **options)
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _tune_sqlite)

    def create(self) -> None:
        """Make every table that is not there yet; processes that start together do it one after the other."""
        with self.begin() as conn:
            if not self.is_sqlite:
                conn.exec_driver_sql("SELECT pg_advisory_xact_lock(1634887022)")
            metadata.create_all(conn)

    def drop(self) -> None:
        """Delete every table, and what SQLite would keep of them in free pages."""
        metadata.drop_all(self.engine)
        if self.is_sqlite:
            with self.engine.connect() as conn:
                conn.exec_driver_sql("VACUUM")
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One write transaction: everything inside is on disk when it ends, or nothing is."""
        with self.engine.connect() as conn:
            try:
                if self.is_sqlite:
                    conn.exec_driver_sql("BEGIN IMMEDIATE")
                yield conn
                if self.is_sqlite:
                    conn.exec_driver_sql("COMMIT")
                conn.commit()
            except sa.exc.OperationalError as error:
                self._undo(conn)
                raise Transient(f"The state store refused: {error.orig}.", where=str(self.engine.url)) from error
            except BaseException:
                self._undo(conn)
                raise

    def _undo(self, conn: sa.Connection) -> None:
        raw = conn.connection.dbapi_connection
        if self.is_sqlite and raw is not None and getattr(raw, "in_transaction", False):
            conn.exec_driver_sql("ROLLBACK")
        conn.rollback()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that only reads, on one snapshot."""
        with self.engine.connect() as conn:
            if self.is_sqlite:
                conn.exec_driver_sql("BEGIN")
            try:
                yield conn
            finally:
                self._undo(conn)

    def close(self) -> None:
        self.engine.dispose()

    def offset(self, conn: sa.Connection, consumer: str, partition: str) -> int:
        where = (offsets.c.consumer == consumer) & (offsets.c.partition == partition)
        return int(conn.execute(sa.select(offsets.c.offset).where(where)).scalar() or 0)

    def offsets(self, conn: sa.Connection, consumer: str) -> dict[str, int]:
        rows = conn.execute(sa.select(offsets.c.partition, offsets.c.offset).where(offsets.c.consumer == consumer))
        return {row[0]: row[1] for row in rows}

    def commit_offset(self, conn: sa.Connection, consumer: str, partition: str, offset: int) -> None:
        upsert(conn, offsets, [{"consumer": consumer, "partition": partition, "offset": offset}], update=["offset"])

    @staticmethod
    def upsert(
        conn: sa.Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        update: Sequence[str] | Mapping[str, Any] = (),
    ) -> None:
        """Insert rows; where the primary key is there already, set the columns of `update` from the new row (or to
        expressions of the new row, given as functions), or leave the old row when there are none."""
        upsert(conn, table, rows, update=update)

    @staticmethod
    def select_in(
        conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
    ) -> Iterator[Sequence[Any]]:
        """The rows of `statement` whose `column` is among `values`, however many there are."""
        return select_in(conn, statement, column, values)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=OFF",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def upsert(
    conn: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Sequence[str] | Mapping[str, Any] = (),
) -> None:
    """See State.upsert. Rows go to the driver as they are: numbers, text, bytes and booleans only."""
    if not rows:
        return
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    if update:
        changes = dict(update) if isinstance(update, Mapping) else {name: statement.excluded[name] for name in update}
        resolved = {name: value(statement.excluded) if callable(value) else value for name, value in changes.items()}
        conflicting = statement.on_conflict_do_update(index_elements=keys, set_=resolved)
    else:
        conflicting = statement.on_conflict_do_nothing(index_elements=keys)
    names = list(rows[0])
    compiled = conflicting.compile(dialect=conn.dialect, column_keys=names)
    if compiled.positional and not (set(compiled.positiontup or ()) - set(names)):
        order = list(compiled.positiontup or ())
        conn.exec_driver_sql(str(compiled), [tuple([row[name] for name in order]) for row in rows])
    else:
        conn.execute(conflicting, rows)


def select_in(
    conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Sequence[Any]]:
    """See State.select_in. The list of values is spelled out here: SQLAlchemy takes 15 µs a value to do it."""
    wanted = list(values)
    if conn.dialect.name != "sqlite":
        for at in range(0, len(wanted), CHUNK):
            yield from conn.execute(statement.where(column.in_(wanted[at : at + CHUNK]))).fetchall()
        return
    text = str(statement.where(column == sa.literal_column(_HERE)).compile(dialect=conn.dialect))
    if "?" in text:
        raise ValueError("select_in takes statements without parameters of their own")
    for at in range(0, len(wanted), CHUNK):
        chunk = tuple(wanted[at : at + CHUNK])
        yield from conn.exec_driver_sql(
            text.replace(f"= {_HERE}", f"IN ({','.join('?' * len(chunk))})"), chunk
        ).fetchall()


_HERE = "ariane_values_here"
