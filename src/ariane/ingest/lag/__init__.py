"""How far the log's consumers have come: each notes it beside the log, the collector tells it and may hold back.

A note is advice. Where a consumer really goes on from is in its own transactions; a lost note is written again with
the next batch.

>>> from ariane.ingest.lag import Lag, lags, note, noted
>>> Lag(consumer="stream", partition="web-0", bytes=0, seconds=0.0).counts
{}
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ariane.store.ports import Log

__all__ = ["Lag", "lags", "note", "noted"]

FOLDER = ".progress"
_RECEIVED = re.compile(rb'"receivedUs":(\d{1,18})')


class Note(msgspec.Struct, frozen=True):
    """Where a consumer will read on, and what it has counted since it started (`duplicates`, `quarantined`,
    `damaged_records`, `damaged_bytes`)."""

    offset: int
    counts: dict[str, int] = {}


class Lag(msgspec.Struct, frozen=True):
    """What a consumer has not read of a partition yet: bytes, and the age of the first of them in seconds."""

    consumer: str
    partition: str
    bytes: int
    seconds: float
    counts: dict[str, int] = {}


def note(workspace: Path, consumer: str, partition: str, offset: int, counts: dict[str, int] | None = None) -> None:
    """Say that `consumer` has taken everything of `partition` before `offset`. A disk that refuses is no matter.

    Counts not given stay as they were noted last.

    >>> from tempfile import mkdtemp
    >>> note(Path(mkdtemp()), "stream", "web-0", 42)
    """
    file = workspace / FOLDER / consumer / partition
    beside = file.with_name(f"{partition}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        known = _left(file)
        beside.write_bytes(msgspec.json.encode(Note(offset, (known.counts if known else {}) | (counts or {}))))
        os.replace(beside, file)
    except OSError:
        pass


def noted(workspace: Path, consumer: str, partition: str) -> int:
    """The offset that `consumer` noted last; 0 where there is no note.

    >>> from tempfile import mkdtemp
    >>> noted(Path(mkdtemp()), "lake", "web-0")
    0
    """
    left = _left(workspace / FOLDER / consumer / partition)
    return left.offset if left else 0


def lags(workspace: Path, log: Log, now_us: int) -> list[Lag]:
    """How far each consumer is behind in every partition it has left a note of.

    >>> from tempfile import TemporaryDirectory
    >>> from ariane.store import SegmentLog
    >>> with TemporaryDirectory() as folder:
    ...     log = SegmentLog(Path(folder) / "log")
    ...     with log.writer("web-0") as writer:
    ...         ends = [writer.append([b'{"receivedUs":5000000}']) for _ in range(2)]
    ...     note(Path(folder), "stream", "web-0", ends[0])
    ...     [(lag.consumer, lag.bytes == ends[0], lag.seconds) for lag in lags(Path(folder), log, 8_000_000)]
    [('stream', True, 3.0)]
    """
    partitions = log.partitions()
    return [
        _lag(log, consumer, partition, notes[partition], now_us)
        for consumer, notes in _notes(workspace)
        for partition in partitions
        if partition in notes
    ]


def _notes(workspace: Path) -> Iterator[tuple[str, dict[str, Note]]]:
    try:
        folders = sorted(entry for entry in (workspace / FOLDER).iterdir() if entry.is_dir())
    except OSError:
        return
    for folder in folders:
        notes: dict[str, Note] = {}
        for file in folder.iterdir():
            left = _left(file)
            if left is not None:
                notes[file.name] = left
        yield folder.name, notes


def _left(file: Path) -> Note | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _lag(log: Log, consumer: str, partition: str, left: Note, now_us: int) -> Lag:
    behind = max(0, log.end(partition) - left.offset)
    seconds = 0.0
    if behind:
        records = log.read(partition, left.offset, 1).records
        found = _RECEIVED.search(records[0].payload) if records else None
        if found:
            seconds = max(0.0, (now_us - int(found[1])) / 1e6)
    return Lag(consumer, partition, behind, seconds, left.counts)
