"""The log: partitions of segment files, appended to by one writer each, read by any number of consumers.

`SegmentLog` names and reads partitions; `LogWriter` appends to one. What `append` returned from is on disk.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec

from ariane.errors import InputError, Transient
from ariane.store.segment import LogRecord, durable_end, parse, rewrite_segment, segments, sync_folder
from ariane.store.writer import LogWriter

__all__ = ["Batch", "LogRecord", "LogWriter", "SegmentLog"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Batch(msgspec.Struct, frozen=True):
    """Records read together. `damaged` lists (offset, length) of each record that was skipped because it fails its
    checksum, and of each stretch that is missing; `next_offset` is where to read on."""

    records: list[LogRecord]
    next_offset: int
    damaged: list[tuple[int, int]]


class SegmentLog:
    """The log kept in a folder, one sub-folder a partition. Opening it touches nothing.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = SegmentLog(Path(folder))
    ...     with log.writer("web-0") as writer:
    ...         end = writer.append([b'{"n":1}', b'{"n":2}'])
    ...     [record.payload for record in log.read("web-0", 0).records], end == log.end("web-0")
    ([b'{"n":1}', b'{"n":2}'], True)
    """

    def __init__(self, root: Path | str, *, segment_bytes: int = 64 * 1024 * 1024) -> None:
        self.root, self.segment_bytes = Path(root), segment_bytes
        self.damage: dict[str, dict[int, int]] = {}  # partition → offset → length, of what reading met so far

    def partitions(self) -> list[str]:
        """The partitions that exist, sorted."""
        try:
            return sorted(
                entry.name for entry in os.scandir(self.root) if entry.is_dir() and _NAME.fullmatch(entry.name)
            )
        except FileNotFoundError:
            return []

    def writer(self, partition: str) -> LogWriter:
        """Open the partition for appending, creating it if need be.

        Raises Conflict naming the process that holds it, InputError when the folder cannot be written or the name
        cannot be a folder's.
        """
        return LogWriter(self._folder(partition), segment_bytes=self.segment_bytes)

    def start(self, partition: str) -> int:
        """The first offset still kept."""
        kept = segments(self._folder(partition))
        return kept[0].start if kept else 0

    def end(self, partition: str) -> int:
        """The offset up to which everything is on disk."""
        folder = self._folder(partition)
        kept = segments(folder)
        return max(durable_end(folder), kept[0].start) if kept else 0

    def read(self, partition: str, offset: int, max_bytes: int = 1024 * 1024) -> Batch:
        """The records from `offset` on, about `max_bytes` of them and at least one if there is one.

        Never past what is on disk. A damaged line is skipped and reported, and reading resumes at the next line.
        Below `start()` reading begins at `start()`; at or past `end()` there is nothing yet.
        """
        folder = self._folder(partition)
        for attempt in range(4):
            try:
                batch = _read(folder, offset, max_bytes)
                break
            except FileNotFoundError:  # retired between listing and opening
                if attempt == 3:
                    raise
            except OSError as error:
                raise Transient(f"The log cannot be read: {error.strerror}.", where=str(folder)) from error
        if batch.damaged:
            self.damage.setdefault(partition, {}).update(batch.damaged)
        return batch

    def retire(self, partition: str, before_offset: int, *, older_than: float = math.inf) -> int:
        """Remove the sealed segments that end at or below `before_offset` and were last written before the clock time
        `older_than` (seconds since 1970); returns the new `start()`.

        The segment being written is never removed, nor one that holds a single record from `before_offset` on.
        """
        folder = self._folder(partition)
        kept = segments(folder)
        removed = False
        for segment, following in pairwise(kept):
            if following.start > before_offset or segment.path.stat().st_mtime >= older_than:
                break
            segment.path.unlink(missing_ok=True)
            removed = True
        if removed:
            sync_folder(folder)
        return self.start(partition)

    def rewrite(self, partition: str, kept: Callable[[bytes], bytes]) -> int:
        """Replace payloads by others of the same length, for erasure; how many changed.

        Each segment is written whole beside the old one and takes its place in one step. Nobody may be appending.
        """
        folder = self._folder(partition)
        return sum(rewrite_segment(segment.path, kept) for segment in segments(folder))

    def close(self) -> None:
        """Nothing is held open."""

    def _folder(self, partition: str) -> Path:
        if not _NAME.fullmatch(partition):
            raise InputError(
                f"'{partition}' cannot name a partition.", allowed="lower-case letters, digits, - and _, at most 64"
            )
        return self.root / partition


def _read(folder: Path, offset: int, max_bytes: int) -> Batch:
    mark = durable_end(folder)  # before the list: the list then holds every segment below the mark
    kept = segments(folder)
    if not kept:
        return Batch([], offset, [])
    offset = max(offset, kept[0].start)
    if offset >= mark:
        return Batch([], offset, [])
    index = max(at for at, segment in enumerate(kept) if segment.start <= offset)
    ceiling = min(mark, kept[index + 1].start) if index + 1 < len(kept) else mark
    block = _block(kept[index].path, offset - kept[index].start, ceiling - offset, max_bytes)
    if not block:  # the file ends before the next begins: bytes that once were on disk are missing
        return Batch([], ceiling, [(offset, ceiling - offset)])
    records, damaged = parse(block, offset)
    return Batch(records, offset + len(block), damaged)


def _block(path: Path, position: int, available: int, max_bytes: int) -> bytes:
    """Whole lines from `position`: about `max_bytes`, at least one; at the end of what there is, whatever is left."""
    with path.open("rb", buffering=0) as file:
        block = os.pread(file.fileno(), min(available, max(max_bytes, 1)), position)
        while len(block) < available and b"\n" not in block:
            more = os.pread(file.fileno(), min(available - len(block), max(len(block), 65_536)), position + len(block))
            if not more:
                return block
            block += more
    whole = block.rfind(b"\n") + 1
    return block[:whole] if whole and len(block) < available else block
