"""The state: live facts in a transactional store. SQLite in the workspace, PostgreSQL when machines share it.

Rooms declare their tables on `metadata` in their own files; what is here is how to open, read and write them.
What is in them is derived from the events and can be deleted and rebuilt; a table that is not says so in its `info`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import sqlalchemy as sa

from ariane.errors import Conflict, InputError, Transient
from ariane.store import bulk

metadata = sa.MetaData()

offsets = sa.Table(
    "offsets",
    metadata,
    sa.Column("consumer", sa.String, primary_key=True),
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

ROLES = 0x6172726F
"""The first half of the advisory locks of roles."""
LET_GO_S = 2.0
"""A server takes a moment to see that who held a role has ended."""


WAIT_S = 10.0
"""How long to wait for another's transaction before saying that the state is held."""


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
            options["connect_args"] = {"timeout": WAIT_S, "check_same_thread": False, "isolation_level": None}
        else:
            options["pool_pre_ping"] = True  # the server may be started again under us
        self.engine = sa.create_engine(url, **options)
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _tune_sqlite)

    def create(self) -> None:
        """Make every table that is not there yet; processes that start together do it one after the other.

        Where all are there nothing is written: whoever only reads needs no room on the disk, and waits for nobody.
        """
        with self.read() as conn:
            if set(metadata.tables) <= set(sa.inspect(conn).get_table_names()):
                return
        with self.begin() as conn:
            if not self.is_sqlite:
                conn.exec_driver_sql("SELECT pg_advisory_xact_lock(1634887022)")
            metadata.create_all(conn)

    def drop(self) -> None:
        """Delete every table that is derived from the events, and what SQLite would keep of them in free pages.

        What is not (`info={"derived": False}`: messages that were sent, for one) is kept: no rebuild brings it back.
        """
        with self._answered():
            metadata.drop_all(self.engine, [table for table in metadata.sorted_tables if is_derived(table)])
        if self.is_sqlite:
            with self._answered(), self.engine.connect() as conn:
                conn.exec_driver_sql("VACUUM")
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def set_aside(self) -> Path | None:
        """Move a file that is too damaged to be used out of the way, that an empty state may be made; where it is then.
        None where there is no file."""
        if not self.is_sqlite or not (self.engine.url.database or "").strip(":"):
            return None
        self.engine.dispose()
        file = Path(str(self.engine.url.database))
        aside = next(one for n in count(1) if not (one := file.with_name(f"{file.name}.damaged-{n}")).exists())
        for end in ("-wal", "-shm", ""):  # the file last: until then what is left is still found to be damaged
            if (part := file.with_name(file.name + end)).exists():
                part.rename(aside.with_name(aside.name + end))
        return aside

    @contextmanager
    def only(self, role: str) -> Iterator[Callable[[], None]]:
        """Hold `role` alone among all who use this database; gives a function that raises Transient once that may be
        over. Conflict when another holds it. SQLite is of one machine, whose files are locks enough."""
        if self.is_sqlite:
            yield lambda: None
            return
        with self._answered():
            conn = self.engine.connect()
        try:
            until = time.monotonic() + LET_GO_S
            while not (held := self._hold(conn, role)) and time.monotonic() < until:
                time.sleep(0.05)
            if not held:
                raise Conflict(
                    f"Another process is the '{role}' of this state.",
                    where=self.where,
                    next_step="Does 'ariane serve' run on another machine? It does this work already.",
                )
            yield lambda: self._still(conn, role)
        finally:
            conn.invalidate()  # the lock goes with the session; the pool would keep it
            conn.close()

    def _hold(self, conn: sa.Connection, role: str) -> bool:
        with self._answered():
            key = sa.func.pg_try_advisory_lock(ROLES, crc32(role.encode()) - 2**31)
            held = conn.execute(sa.select(key)).scalar()
            conn.commit()
        return bool(held)

    def _still(self, conn: sa.Connection, role: str) -> None:
        try:
            conn.exec_driver_sql("SELECT 1")
            conn.commit()
        except sa.exc.DBAPIError as error:
            raise Transient(f"The connection that held the role '{role}' was lost.", where=self.where) from error

    @property
    def where(self) -> str:
        """The address, without a password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """What the database refuses now it may do later, but for a file that is damaged."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            said = str(error.orig).strip().splitlines()[0].rstrip(".") if str(error.orig).strip() else "no answer"
            if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.InternalError):
                raise Transient(
                    f"The state store refused: {said}.", where=self.where, next_step=_advice(said), retry_after_s=2
                ) from error
            if type(error) is sa.exc.DatabaseError and self.is_sqlite:
                raise InputError(
                    f"The state is damaged: {said}.",
                    where=self.where,
                    next_step="Stop 'ariane serve' and run 'ariane rebuild': the events are whole without it.",
                ) from error
            raise

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One write transaction: everything inside is on disk when it ends, or nothing is."""
        with self._answered(), self.engine.connect() as conn:
            try:
                if self.is_sqlite:
                    conn.exec_driver_sql("BEGIN IMMEDIATE")
                yield conn
                if self.is_sqlite:
                    conn.exec_driver_sql("COMMIT")
                conn.commit()
            except BaseException:
                self._undo(conn)
                raise

    def _undo(self, conn: sa.Connection) -> None:
        raw = conn.connection.dbapi_connection
        try:
            if self.is_sqlite and raw is not None and getattr(raw, "in_transaction", False):
                conn.exec_driver_sql("ROLLBACK")
            conn.rollback()
        except sa.exc.DBAPIError:  # a disk that refuses even this, or a server that went: nothing was committed
            conn.invalidate()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that only reads, on one snapshot."""
        with self._answered(), self.engine.connect() as conn:
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
        self.upsert(
            conn, offsets, [{"consumer": consumer, "partition": partition, "offset": offset}], update=["offset"]
        )

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
        if update and isinstance(update, Mapping):
            bulk.upsert_computed(conn, table, rows, update)
        elif rows:
            names = tuple(rows[0])
            bulk.upsert(conn, table, names, [tuple([row[name] for name in names]) for row in rows], tuple(update))

    @staticmethod
    def select_in(
        conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
    ) -> Iterator[Sequence[Any]]:
        """The rows of `statement` whose `column` is among `values`, however many there are."""
        return iter(bulk.fetch(conn, statement, column, values))

    @staticmethod
    def put(
        conn: sa.Connection,
        table: sa.Table,
        names: tuple[str, ...],
        rows: Sequence[tuple[Any, ...]],
        update: tuple[str, ...] = (),
    ) -> None:
        """As `upsert`, for rows that are tuples of the columns `names`."""
        bulk.upsert(conn, table, names, rows, update)

    @staticmethod
    def write(
        conn: sa.Connection, statement: sa.Update | sa.Delete, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Execute an update or delete once a row; `names` are its bound parameters, in the order of each row's values.
        Give the same statement object each time: it is compiled once."""
        bulk.write(conn, statement, names, rows)


def is_derived(table: sa.Table) -> bool:
    """Whether the events say all that the table holds, so that it can be deleted and made again."""
    return bool(table.info.get("derived", True))


def _advice(said: str) -> str:
    if "full" in said or "No space" in said:
        return "Make room: it goes on by itself."
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return "Give this process a folder it may write to: it goes on by itself."
    return "It is tried again."


def _tune_sqlite(connection: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=OFF",
        "cache_size=-65536",
        "temp_store=MEMORY",
        "wal_autocheckpoint=8192",  # pages; a page that changes often is copied back once instead of many times
    ):
        connection.execute(f"PRAGMA {pragma}")
