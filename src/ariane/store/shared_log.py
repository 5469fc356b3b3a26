"""The log kept in a database table, for collectors and consumers on several machines: PostgreSQL through SQLAlchemy.

The same port as the segment files. A record's offset is its place in its partition, counted from 0; the partition's one
writer holds a lock the database gives back when the writer's connection ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from zlib import crc32

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ariane.errors import Conflict, Transient

LOCKS = 0x61726961
"""The first half of the advisory locks of log partitions."""

_schema = sa.MetaData()
_records = sa.Table(
    "log_records",
    _schema,
    sa.Column("partition", sa.String(64), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
_ends = sa.Table(
    "log_ends",
    _schema,
    sa.Column("partition", sa.String(64), primary_key=True),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("end", sa.BigInteger, nullable=False),
)


class Stored(msgspec.Struct, frozen=True):
    """One record read back."""

    offset: int
    payload: bytes


class Page(msgspec.Struct, frozen=True):
    """Records read together, and where to read on."""

    records: list[Stored]
    next_offset: int


class TableLog:
    """The log of a PostgreSQL database.

    `url` is a SQLAlchemy address such as ``postgresql+psycopg://host/ariane``. A commit there is durable when
    `synchronous_commit` is on, which is PostgreSQL's default.
    """

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        _schema.create_all(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    def partitions(self) -> list[str]:
        with self.engine.connect() as conn:
            return list(conn.execute(sa.select(_ends.c.partition).order_by(_ends.c.partition)).scalars())

    def writer(self, partition: str) -> TableWriter:
        """Open the partition for appending. Conflict while another writer holds it."""
        return TableWriter(self.engine, partition)

    def start(self, partition: str) -> int:
        return self._bounds(partition)[0]

    def end(self, partition: str) -> int:
        return self._bounds(partition)[1]

    def _bounds(self, partition: str) -> tuple[int, int]:
        with self.engine.connect() as conn:
            row = conn.execute(sa.select(_ends.c.start, _ends.c.end).where(_ends.c.partition == partition)).first()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def read(self, partition: str, offset: int, max_bytes: int = 1024 * 1024) -> Page:
        """Records from `offset` on, about `max_bytes` of them and at least one if there is one."""
        wanted = (
            sa.select(_records.c.offset, _records.c.payload)
            .where((_records.c.partition == partition) & (_records.c.offset >= offset))
            .order_by(_records.c.offset)
        )
        records: list[Stored] = []
        size = 0
        with self.engine.connect() as conn, conn.execution_options(stream_results=True).execute(wanted) as rows:
            for at, payload in rows:
                records.append(Stored(at, bytes(payload)))
                size += len(payload)
                if size >= max_bytes:
                    break
        return Page(records, records[-1].offset + 1 if records else max(offset, self.start(partition)))

    def retire(self, partition: str, before_offset: int) -> int:
        """Remove the records below `before_offset`; returns the new start."""
        with self.engine.begin() as conn:
            first = min(before_offset, self.end(partition))
            conn.execute(sa.delete(_records).where((_records.c.partition == partition) & (_records.c.offset < first)))
            kept = (_ends.c.partition == partition) & (_ends.c.start < first)
            conn.execute(sa.update(_ends).where(kept).values(start=first))
        return self.start(partition)


class TableWriter:
    """The one writer of a partition."""

    def __init__(self, engine: sa.Engine, partition: str) -> None:
        self.partition = partition
        self._conn = engine.connect()
        self._one = ThreadPoolExecutor(1, thread_name_prefix=f"log {partition}")
        held = self._conn.execute(sa.select(sa.func.pg_try_advisory_lock(LOCKS, _lock_key(partition)))).scalar()
        if not held:
            self._conn.close()
            raise Conflict(f"Partition '{partition}' has a writer already.", where=str(engine.url.host))
        missing = postgresql.insert(_ends).values(partition=partition, start=0, end=0)
        self._conn.execute(missing.on_conflict_do_nothing())
        self._conn.commit()

    def append(self, payloads: Sequence[bytes]) -> int:
        """Store the payloads together; the offset after them, once they are committed. Transient when they are not."""
        return self.submit(payloads).result()

    def submit(self, payloads: Sequence[bytes]) -> Future[int]:
        return self._one.submit(self._append, list(payloads))

    def _append(self, payloads: list[bytes]) -> int:
        try:
            with self._conn.begin():
                mine = _ends.c.partition == self.partition
                at = int(self._conn.execute(sa.select(_ends.c.end).where(mine)).scalar_one())
                rows = [
                    {"partition": self.partition, "offset": at + nth, "payload": payload}
                    for nth, payload in enumerate(payloads)
                ]
                if rows:
                    self._conn.execute(sa.insert(_records), rows)
                self._conn.execute(sa.update(_ends).where(mine).values(end=at + len(payloads)))
            return at + len(payloads)
        except sa.exc.SQLAlchemyError as error:
            raise Transient(f"The log's database refused: {error}.", where=self.partition) from error

    @property
    def failed(self) -> bool:
        """Never for good: a transaction that failed left nothing behind."""
        return False

    def close(self) -> None:
        """Give the partition back. The lock is the session's, and the pool keeps sessions: it is returned by hand."""
        self._one.shutdown()
        self._conn.execute(sa.select(sa.func.pg_advisory_unlock(LOCKS, _lock_key(self.partition))))
        self._conn.close()

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock_key(partition: str) -> int:
    return crc32(partition.encode()) - 2**31
