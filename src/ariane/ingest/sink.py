"""Between many requests and one log writer: requests that wait together are stored together."""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ariane.errors import ArianeError, Conflict, Transient
from ariane.ingest.metrics import Metrics

if TYPE_CHECKING:
    from ariane.store.ports import Log, Writer

REOPEN_S = 1.0

HELD_BYTES = 64 << 20
"""Bytes of requests being read or waiting for the disk; beyond, the next one is told to come again."""

MANY = 8
LINGER_S = 0.001
"""After a group of at least `MANY` requests the next one gathers so long: while much comes in, one sync for thirty
requests costs a third of what a sync for each ten of them costs, and nobody notices. Alone, nobody waits."""

Waiting = tuple[list[bytes], "asyncio.Future[None]"]


class Busy(Transient):
    """More comes in than can be taken: a burst, or consumers far behind."""

    code, status = "too_many_requests", 429


class Sink:
    """Stores what requests bring, in the first free partition of `web-0` … `web-<n-1>`.

    While the log cannot be written every `put` fails with Transient; the sink tries again at most once a second, so
    that a disk with room again, or a partition given up by a dying process, needs no restart.
    """

    def __init__(self, log: Log, workers: int, held_bytes: int = HELD_BYTES) -> None:
        self._log, self._workers, self._most = log, workers, held_bytes
        self._waiting: list[Waiting] = []
        self._writer: Writer | None = None
        self._trouble: ArianeError | None = None
        self._next_try = 0.0
        self._busy = False
        self.metrics = Metrics()
        self.open()

    @property
    def ready(self) -> bool:
        return self._trouble is None

    def open(self) -> None:
        """Claim a partition if none is held; what stands in the way is kept for `put` to tell."""
        if self._writer is not None or time.monotonic() < self._next_try:
            return
        for number in range(self._workers):
            try:
                self._writer = self._log.writer(f"web-{number}")
            except Conflict as error:
                self._trouble = error
                continue
            except ArianeError as error:
                self._trouble = error
                break
            self._trouble, self.metrics.partition = None, f"web-{number}"
            return
        self._next_try = time.monotonic() + REOPEN_S
        sys.stderr.write(f"ariane collector: {self._trouble}\n")

    def hold(self, n_bytes: int) -> None:
        """Make room for a request of this size, until `release`. Busy when there is none: memory is bounded."""
        held = self.metrics.queue_bytes
        if held and held + n_bytes > self._most:
            raise Busy(
                "More comes in than the disk takes at this moment.",
                next_step="Send it again after the seconds of Retry-After.",
                retry_after_s=self._seconds_to_drain(held),
            )
        self.metrics.queue_bytes = held + n_bytes

    def release(self, n_bytes: int) -> None:
        self.metrics.queue_bytes -= n_bytes

    def _seconds_to_drain(self, held: int) -> int:
        sync = self.metrics.sync
        speed = self.metrics.n_bytes / sync.seconds if sync.seconds else held
        return min(30, 1 + int(held / max(speed, 1.0)))

    def put(self, payloads: list[bytes]) -> asyncio.Future[None]:
        """A future that is done once the payloads are on disk; Transient when they are not."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((payloads, done))
        self.metrics.queue_events += len(payloads)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next, loop)  # not now: whatever else is ready goes into the same group
        return done

    async def store(self, payloads: list[bytes]) -> None:
        """Returns once the payloads are on disk. Raises Transient when they are not."""
        if payloads:
            await self.put(payloads)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over all that waits; while it is being synced the next group gathers."""
        group, self._waiting = self._waiting, []
        if not group:
            self._busy = False
            return
        started = time.perf_counter()

        def settled(future: Future[int]) -> None:  # called by the writer's thread: one wake-up for the whole group
            try:
                loop.call_soon_threadsafe(self._stored, loop, group, started, future.exception())
            except RuntimeError:  # the loop is closed: nobody waits any more
                pass

        self.open()
        if self._writer is None:
            trouble = self._trouble or Transient("The log is not open.")
            failure = Transient(f"Events cannot be stored now: {trouble}", retry_after_s=2)
            loop.call_soon(self._stored, loop, group, started, failure)
            return
        try:
            written = self._writer.submit([payload for payloads, _ in group for payload in payloads])
        except Exception as error:  # whatever it is, nobody may wait for ever
            loop.call_soon(self._stored, loop, group, started, error)
            return
        if written.done():  # there was so little that it is on disk already
            self._stored(loop, group, started, written.exception())
        else:
            written.add_done_callback(settled)

    def _stored(
        self, loop: asyncio.AbstractEventLoop, group: list[Waiting], started: float, error: BaseException | None
    ) -> None:
        """Tell every request of a group what became of it."""
        failure: Transient | None = None
        if error is None:
            self._trouble = None
            self.metrics.synced(time.perf_counter() - started)
        else:
            failure = self._failed(error)
        for payloads, done in group:
            self.metrics.queue_events -= len(payloads)
            if done.done():  # the client went away
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)
        if len(group) >= MANY and len(self._waiting) < len(group):
            loop.call_later(LINGER_S, self._next, loop)
        else:
            self._next(loop)

    def _failed(self, error: BaseException) -> Transient:
        if self._writer is not None and self._writer.failed:
            self._writer.close()
            self._writer = None
        if isinstance(error, Transient):
            self._trouble = error
            return error
        return Transient(f"Events cannot be stored now: {error if isinstance(error, ArianeError) else repr(error)}")

    def close(self) -> None:
        """Store what was submitted, give the partition up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
