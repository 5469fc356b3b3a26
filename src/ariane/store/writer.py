"""The one writer of a log partition: group commit, and a promise that what it acknowledged is on disk.

One thread drains everything submitted since its last turn, writes it with one call, makes it durable with one
`fdatasync`, moves the `durable` mark, and only then resolves the futures. What comes while nothing else is being
written is written by who submits it: to wake a thread, and be woken by it, takes as long as half a sync. When a write
or a sync fails nothing is acknowledged: a full disk is waited out, anything else closes the writer for good, because
after a failed sync the kernel may hold pages it will never write (Rebello et al. 2020, "Can Applications Recover from
fsync Failures?").
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from ariane.errors import ArianeError, Conflict, InputError, Transient
from ariane.store.segment import durable_end, frame, good_length, segment_path, segments, sync_folder, write_all

FEW = 8
"""So many records at most are written by who submits them, when nothing else waits."""

QUICK_S = 0.001
"""And only where the last sync took no longer: an event loop that submits shall not stand still for a slow disk."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class LogWriter:
    """Appends to one partition, which it holds until `close`. Safe to share between threads."""

    def __init__(
        self, folder: Path, *, segment_bytes: int = 64 * 1024 * 1024, max_pending_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self.folder = folder
        self._segment_bytes, self._max_pending = segment_bytes, max_pending_bytes
        self._pending: list[tuple[bytes, Future[int]]] = []
        self._pending_bytes = 0
        self._changed = Condition()
        self._closing = self._at_work = False
        self._sync_s = 0.0
        self._failure: ArianeError | None = None
        self._lock = self._mark = self._file = -1
        try:
            self._lock = _hold(folder)
            self._mark = os.open(folder / "durable", os.O_WRONLY | os.O_CREAT, 0o644)
            self._recover()
        except OSError as error:
            self._release()
            raise _refused(folder, error) from error
        except ArianeError:
            self._release()
            raise
        self._thread = Thread(target=self._run, name=f"log {folder.name}", daemon=True)
        self._thread.start()

    @property
    def end(self) -> int:
        """The offset up to which everything is on disk."""
        return self._end

    @property
    def failed(self) -> bool:
        """Whether a failed write closed this writer for good; open another."""
        return self._failure is not None

    def append(self, payloads: Sequence[bytes]) -> int:
        """Store the payloads together; returns the offset after them, once they are on disk.

        Raises Transient when they could not be made durable, and then none of them counts as stored; InputError when
        a payload holds a line break.
        """
        return self.submit(payloads).result()

    def submit(self, payloads: Sequence[bytes]) -> Future[int]:
        """Queue the payloads for the next group, or write these few at once while nothing else is written; the future
        resolves as `append` returns or raises."""
        block = frame(payloads)
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up must not stop the group
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if self._closing:
                raise Transient("The log writer is closed.", where=str(self.folder))
            if self._pending and self._pending_bytes + len(block) > self._max_pending:
                raise Transient("The disk does not keep up.", where=str(self.folder), next_step="Send again.")
            if len(payloads) <= FEW and self._sync_s < QUICK_S and not (self._pending or self._at_work):
                self._settle([(block, future)])
                return future
            self._pending.append((block, future))
            self._pending_bytes += len(block)
            if len(self._pending) == 1:
                self._changed.notify()
        return future

    def close(self) -> None:
        """Store what is queued, then let the partition go. Harmless when already closed."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._closing:
                    self._changed.wait()
                group, self._pending, self._pending_bytes = self._pending, [], 0
                self._at_work = True
            if not group:
                return
            self._settle(group)
            self._at_work = False

    def _settle(self, group: Sequence[tuple[bytes, Future[int]]]) -> None:
        """Make a group durable and tell each who waits for a part of it."""
        failure = self._failure or self._commit([block for block, _ in group])
        reached = self._end - sum(len(block) for block, _ in group)
        for block, future in group:
            reached += len(block)
            if failure is None:
                future.set_result(reached)
            else:
                future.set_exception(failure)

    def _commit(self, blocks: list[bytes]) -> ArianeError | None:
        """Write one group and make it durable; what went wrong otherwise, with the file as it was before."""
        try:
            if self._end - self._start >= self._segment_bytes:
                self._open_segment(self._end)
            block = b"".join(blocks)
            write_all(self._file, block)
        except (OSError, MemoryError) as error:
            return self._undo(error, lasting=False)
        began = time.perf_counter()
        try:
            os.fdatasync(self._file)
            os.pwrite(self._mark, (self._end + len(block)).to_bytes(8, "big"), 0)
        except OSError as error:
            return self._undo(error, lasting=True)
        self._sync_s = time.perf_counter() - began
        self._end += len(block)
        return None

    def _undo(self, error: OSError | MemoryError, *, lasting: bool) -> Transient:
        try:
            os.ftruncate(self._file, self._end - self._start)
        except OSError:
            lasting = True
        full = isinstance(error, OSError) and error.errno in _FULL
        what = "The disk is full." if full else f"The log could not be written: {error}."
        step = f"Nothing was stored. {'Make room' if full else 'Check the disk'}, then send again."
        failure = Transient(what, where=str(self.folder), next_step=step, retry_after_s=5)
        if lasting or not full:
            self._failure = failure
        return failure

    def _recover(self) -> None:
        """Cut what a crash left half written, and set the mark to what is whole.

        Bytes below the mark are never cut, damaged or not: a consumer may have read past them already, and an offset
        must never mean two things. When bytes below the mark are missing altogether a new segment starts at the mark.
        """
        kept, mark = segments(self.folder), durable_end(self.folder)
        if not kept or kept[-1].start + kept[-1].path.stat().st_size < mark:
            self._open_segment(mark)
        else:
            self._start = kept[-1].start
            self._file = os.open(kept[-1].path, os.O_RDWR | os.O_APPEND)
            size, known = os.fstat(self._file).st_size, max(mark - self._start, 0)
            whole = known + good_length(_read_from(self._file, known, size - known))
            if whole < size:
                os.ftruncate(self._file, whole)
            os.fsync(self._file)
            sync_folder(self.folder)
            self._end = self._start + whole
        os.pwrite(self._mark, self._end.to_bytes(8, "big"), 0)

    def _open_segment(self, start: int) -> None:
        """Go on in a new file, which exists durably before anything is written to it; the old one is sealed."""
        fresh = os.open(segment_path(self.folder, start), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            sync_folder(self.folder)
        except OSError:
            os.close(fresh)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._start, self._end = fresh, start, start

    def _release(self) -> None:
        for descriptor in (self._file, self._mark, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._mark = self._file = -1


def _read_from(descriptor: int, position: int, length: int) -> bytes:
    pieces: list[bytes] = []
    while length > 0 and (piece := os.pread(descriptor, length, position)):
        pieces.append(piece)
        position, length = position + len(piece), length - len(piece)
    return b"".join(pieces)


def _hold(folder: Path) -> int:
    """Lock the partition for this process until the descriptor closes, creating the folder durably if need be."""
    for missing in reversed([path for path in (folder, folder.parent) if not path.exists()]):
        missing.mkdir(exist_ok=True, parents=True)
        sync_folder(missing.parent)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise Conflict(
            f"Process {holder} is writing this log partition.",
            where=str(folder),
            allowed="one writer a partition",
            next_step="Stop that process, or name another partition.",
        ) from None
    except OSError:
        os.close(lock)
        raise
    return lock


def _refused(folder: Path, error: OSError) -> ArianeError:
    if error.errno in _FULL:
        return Transient(
            "The disk is full.", where=str(folder), next_step="Make room, then start again.", retry_after_s=5
        )
    return InputError(
        f"The log cannot be written here: {error.strerror}.",
        where=str(folder),
        next_step="Give this process a folder it may write to.",
    )
