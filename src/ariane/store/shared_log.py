"""The log kept in a database table, for collectors and consumers on several machines: PostgreSQL through SQLAlchemy.

The same port as the segment files, and the same offsets: the place in bytes a record would have in one long file of
its partition. The partition's one writer holds a lock the database gives back when the writer's connection ends.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ariane.errors import Conflict, InputError, Transient
from ariane.store.log import Batch
from ariane.store.segment import OVERHEAD, LogRecord

LOCKS = 0x61726961
"""The first half of the advisory locks of log partitions."""

GROUP_BYTES = 8 << 20
"""Submissions that wait together share a commit, up to this many bytes."""

_schema = sa.MetaData()
_records = sa.Table(
    "log_records",
    _schema,
    sa.Column("partition", sa.String(64), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("written_us", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
_ends = sa.Table(
    "log_ends",
    _schema,
    sa.Column("partition", sa.String(64), primary_key=True),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("end", sa.BigInteger, nullable=False),
)


class TableLog:
    """The log of a PostgreSQL database.

    `url` is a SQLAlchemy address such as ``postgresql+psycopg://host/ariane``. A commit there is durable when
    `synchronous_commit` is on, which is PostgreSQL's default. Nothing is asked of the database until it is used, and
    whatever it refuses is a Transient: it may be started again under a running workspace.
    """

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url, pool_pre_ping=True)
        self._made, self._making = False, Lock()
        self.damage: dict[str, dict[int, int]] = {}  # the database keeps its own checksums

    def close(self) -> None:
        self.engine.dispose()

    def _ready(self) -> sa.Engine:
        with self._making:
            if not self._made:
                with self.engine.begin() as conn:
                    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCKS, 0)))  # several processes start at once
                    _schema.create_all(conn)
                self._made = True
        return self.engine

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _asking(self.engine), self._ready().connect() as conn:
            yield conn

    def partitions(self) -> list[str]:
        with self._reading() as conn:
            return list(conn.execute(sa.select(_ends.c.partition).order_by(_ends.c.partition)).scalars())

    def writer(self, partition: str) -> TableWriter:
        """Open the partition for appending. Conflict while another writer holds it, Transient when nobody answers."""
        with _asking(self.engine):
            return TableWriter(self._ready(), partition)

    def start(self, partition: str) -> int:
        return self._bounds(partition)[0]

    def end(self, partition: str) -> int:
        return self._bounds(partition)[1]

    def _bounds(self, partition: str) -> tuple[int, int]:
        with self._reading() as conn:
            row = conn.execute(sa.select(_ends.c.start, _ends.c.end).where(_ends.c.partition == partition)).first()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def read(self, partition: str, offset: int, max_bytes: int = 1024 * 1024) -> Batch:
        """Records from `offset` on, about `max_bytes` of them and at least one if there is one."""
        wanted = (
            sa.select(_records.c.offset, _records.c.payload)
            .where((_records.c.partition == partition) & (_records.c.offset >= offset))
            .order_by(_records.c.offset)
        )
        records: list[LogRecord] = []
        size = 0
        with (
            self._reading() as conn,
            conn.execution_options(stream_results=True, yield_per=1_000).execute(wanted) as rows,
        ):
            for at, payload in rows:
                if records and size + len(payload) + OVERHEAD > max_bytes:
                    break
                records.append(LogRecord(at, bytes(payload)))
                size += len(payload) + OVERHEAD
        return Batch(records, records[-1].end if records else max(offset, self.start(partition)), [])

    def retire(self, partition: str, before_offset: int, *, older_than: float = math.inf) -> int:
        """Remove the records below `before_offset` that were written before the clock time `older_than` (seconds since
        1970); returns the new start."""
        mine = _records.c.partition == partition
        with _asking(self.engine), self._ready().begin() as conn:
            first = min(before_offset, self.end(partition))
            if older_than != math.inf:
                young = sa.select(sa.func.min(_records.c.offset)).where(
                    mine & (_records.c.written_us >= int(older_than * 1_000_000))
                )
                kept = conn.execute(young).scalar()
                first = first if kept is None else min(first, int(kept))
            conn.execute(sa.delete(_records).where(mine & (_records.c.offset < first)))
            behind = (_ends.c.partition == partition) & (_ends.c.start < first)
            conn.execute(sa.update(_ends).where(behind).values(start=first))
        return self.start(partition)

    def rewrite(self, partition: str, kept: Callable[[bytes], bytes]) -> int:
        """Replace payloads by others of the same length, for erasure; how many changed. The table is then written anew,
        so that no page of it keeps what was replaced. Nobody may be appending."""
        changed = 0
        offset = self.start(partition)
        while (batch := self.read(partition, offset, GROUP_BYTES)).records:
            new = [(record.offset, record.payload, kept(record.payload)) for record in batch.records]
            if any(len(old) != len(replaced) for _, old, replaced in new):
                raise InputError("A record would change its length.", where=partition)
            rows = [{"at": at, "new": replaced} for at, old, replaced in new if replaced != old]
            if rows:
                mine = (_records.c.partition == partition) & (_records.c.offset == sa.bindparam("at"))
                with _asking(self.engine), self.engine.begin() as conn:
                    conn.execute(sa.update(_records).where(mine).values(payload=sa.bindparam("new")), rows)
            changed += len(rows)
            offset = batch.next_offset
        if changed:
            with _asking(self.engine), self.engine.connect() as conn:
                conn.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM FULL log_records")
        return changed


class TableWriter:
    """The one writer of a partition. Submissions that wait together are one transaction."""

    def __init__(self, engine: sa.Engine, partition: str) -> None:
        self.partition = partition
        self._failure: Transient | None = None
        self._queue: SimpleQueue[tuple[list[bytes], Future[int]] | None] = SimpleQueue()
        self._conn = engine.connect()
        try:
            held = self._conn.execute(sa.select(sa.func.pg_try_advisory_lock(LOCKS, _lock_key(partition)))).scalar()
            if not held:
                raise Conflict(
                    f"Partition '{partition}' has a writer already.",
                    where=engine.url.render_as_string(hide_password=True),
                    allowed="one writer a partition",
                )
            missing = postgresql.insert(_ends).values(partition=partition, start=0, end=0)
            self._conn.execute(missing.on_conflict_do_nothing())
            self._end = int(
                self._conn.execute(sa.select(_ends.c.end).where(_ends.c.partition == partition)).scalar_one()
            )
            self._conn.commit()
        except BaseException:
            self._conn.close()
            raise
        self._thread: Thread | None = Thread(target=self._run, name=f"log {partition}", daemon=True)
        self._thread.start()

    @property
    def end(self) -> int:
        """The offset up to which everything is committed."""
        return self._end

    def append(self, payloads: Sequence[bytes]) -> int:
        """Store the payloads together; the offset after them, once they are committed. Transient when they are not."""
        return self.submit(payloads).result()

    def submit(self, payloads: Sequence[bytes]) -> Future[int]:
        if any(b"\n" in payload for payload in payloads):
            raise InputError("A log record holds a line break.", allowed="one line of JSON")
        if self._failure is not None:
            raise self._failure
        if self._thread is None:
            raise Transient("The log writer is closed.", where=self.partition)
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up must not stop the group
        self._queue.put((list(payloads), future))
        return future

    def _run(self) -> None:
        closing = False
        while not closing:
            group, size = [self._queue.get()], 0
            while not self._queue.empty() and size < GROUP_BYTES:
                group.append(self._queue.get())
                size += sum(map(len, group[-1][0])) if group[-1] else 0
            closing = None in group
            self._commit([submitted for submitted in group if submitted is not None])

    def _commit(self, group: list[tuple[list[bytes], Future[int]]]) -> None:
        failure = self._failure or self._store([payload for payloads, _ in group for payload in payloads])
        reached = self._end - sum(len(payload) + OVERHEAD for payloads, _ in group for payload in payloads)
        for payloads, future in group:
            reached += sum(len(payload) + OVERHEAD for payload in payloads)
            if failure is None:
                future.set_result(reached)
            else:
                future.set_exception(failure)

    def _store(self, payloads: list[bytes]) -> Transient | None:
        rows, end, now_us = [], self._end, time.time_ns() // 1000
        for payload in payloads:
            rows.append({"partition": self.partition, "offset": end, "written_us": now_us, "payload": payload})
            end += len(payload) + OVERHEAD
        if not rows:
            return None
        mine = (_ends.c.partition == self.partition) & (_ends.c.end == self._end)
        try:
            with self._conn.begin():
                moved = self._conn.execute(sa.update(_ends).where(mine).values(end=end))
                if moved.rowcount != 1:  # somebody else wrote: the lock went with an earlier connection
                    raise sa.exc.InvalidRequestError("another writer has taken the partition")
                self._conn.execute(sa.insert(_records), rows)
        except sa.exc.SQLAlchemyError as error:
            failure = _refused(error, self.partition)
            # The lock is the connection's, and whether an unanswered commit was carried out only a new look can tell.
            if not isinstance(error, sa.exc.DBAPIError) or error.connection_invalidated or self._conn.invalidated:
                self._failure = failure
            return failure
        self._end = end
        return None

    @property
    def failed(self) -> bool:
        """Whether the connection that held the partition was lost; open another writer."""
        return self._failure is not None

    def close(self) -> None:
        """Store what is queued and give the partition back. Harmless when already closed."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join()
        self._thread = None
        try:  # the lock is the session's, and the pool keeps sessions: it is given back by hand
            self._conn.execute(sa.select(sa.func.pg_advisory_unlock(LOCKS, _lock_key(self.partition))))
            self._conn.commit()
        except sa.exc.SQLAlchemyError:
            self._conn.invalidate()
        self._conn.close()

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _asking(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _refused(error, engine.url.render_as_string(hide_password=True)) from error


def _refused(error: sa.exc.SQLAlchemyError, where: str) -> Transient:
    said = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).strip().splitlines()[0]
    return Transient(f"The log's database refused: {said.rstrip('.')}.", where=where, retry_after_s=2)


def _lock_key(partition: str) -> int:
    return crc32(partition.encode()) - 2**31
