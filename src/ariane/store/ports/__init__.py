"""The four narrow ports. Whatever keeps Ariane's data keeps it behind these, and passes one suite
(tests/store/test_ports.py): segment files or a PostgreSQL table for Log, Delta for Table, SQLite or PostgreSQL for
State, DuckDB or Spark Connect for Query (`Engine`, on the room's own face).

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.store import Lake, SegmentLog, State
>>> from ariane.store.ports import Log, Read, Record, Tables, Transactions, Writer, open_log
>>> def first(log: Log, partition: str) -> Record | None:
...     read: Read = log.read(partition, log.start(partition))
...     return read.records[0] if read.records else None
>>> log: Log = SegmentLog(Path(mkdtemp()))
>>> writer: Writer = log.writer("web-0")
>>> end = writer.append([b"{}"]); writer.close()
>>> first(log, "web-0").payload
b'{}'
>>> from ariane.settings import Settings
>>> open_log(Path(mkdtemp()), Settings()).partitions()
[]
>>> tables: Tables = Lake(Path(mkdtemp()))
>>> transactions: Transactions = State("sqlite://")
>>> tables.version("events")
-1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import sqlalchemy as sa

from ariane.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Log", "Read", "Record", "Tables", "Transactions", "Writer", "open_log"]


def open_log(path: Path, settings: Settings) -> Log:
    """The log of the workspace at `path`: segment files in its folder, or the database of the setting `log_url`.

    Opening asks nothing of disk or database yet.
    """
    if settings.log_url:
        from ariane.store.shared_log import TableLog  # needs the postgres extra's driver

        return TableLog(settings.log_url)
    from ariane.store.log import SegmentLog

    return SegmentLog(path / "log", segment_bytes=settings.segment_bytes)


class Record(Protocol):
    """One record read back: where it stands and what it holds."""

    @property
    def offset(self) -> int: ...

    @property
    def payload(self) -> bytes: ...


class Read(Protocol):
    """Records read together, and where to read on."""

    @property
    def records(self) -> Sequence[Record]: ...

    @property
    def next_offset(self) -> int: ...

    @property
    def damaged(self) -> Sequence[tuple[int, int]]: ...


class Writer(Protocol):
    """The one writer of a partition. What `append` returned from, or `submit` resolved, is on disk."""

    def append(self, payloads: Sequence[bytes]) -> int: ...

    def submit(self, payloads: Sequence[bytes]) -> Future[int]: ...

    @property
    def end(self) -> int: ...

    @property
    def failed(self) -> bool: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: Any) -> None: ...


class Log(Protocol):
    """Append, and read from an offset; offsets are places in bytes and mean something within a partition only.

    `damage` is what reading met so far that could not be read: partition → offset → length.
    """

    damage: dict[str, dict[int, int]]

    def partitions(self) -> list[str]: ...

    def writer(self, partition: str) -> Writer: ...

    def start(self, partition: str) -> int: ...

    def end(self, partition: str) -> int: ...

    def read(self, partition: str, offset: int, max_bytes: int = ...) -> Read: ...

    def retire(self, partition: str, before_offset: int, *, older_than: float = ...) -> int: ...

    def rewrite(self, partition: str, kept: Callable[[bytes], bytes]) -> int: ...

    def close(self) -> None: ...


class Tables(Protocol):
    """Append, replace, delete and snapshot named tables; a commit carries its writer's progress."""

    def append(
        self, name: str, rows: pa.Table, *, partition_by: Sequence[str] = ..., progress: Mapping[str, int] | None = ...
    ) -> None: ...

    def replace(self, name: str, rows: pa.Table, *, progress: Mapping[str, int] | None = ...) -> None: ...

    def delete(self, name: str, predicate: str) -> int: ...

    def files(self, name: str) -> list[str]: ...

    def version(self, name: str) -> int: ...

    def progress(self, name: str, consumer: str) -> int: ...


class Transactions(Protocol):
    """One write transaction at a time, any number of snapshots to read."""

    def begin(self) -> AbstractContextManager[sa.Connection]: ...

    def read(self) -> AbstractContextManager[sa.Connection]: ...

    def offset(self, conn: sa.Connection, consumer: str, partition: str) -> int: ...

    def commit_offset(self, conn: sa.Connection, consumer: str, partition: str, offset: int) -> None: ...

    def close(self) -> None: ...
