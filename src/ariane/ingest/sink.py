"""Between many requests and one log writer: requests that wait together are stored together."""

from __future__ import annotations

import asyncio
import sys
import time

from ariane.errors import ArianeError, Conflict, Transient
from ariane.ingest.metrics import Metrics
from ariane.store import SegmentLog
from ariane.store.ports import Writer

REOPEN_S = 1.0


class Sink:
    """Stores what requests bring, in the first free partition of `web-0` … `web-<n-1>`.

    While the log cannot be written every `store` raises Transient; the sink tries again at most once a second, so that
    a disk with room again, or a partition given up by a dying process, needs no restart.
    """

    def __init__(self, log: SegmentLog, workers: int) -> None:
        self._log, self._workers = log, workers
        self._waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._writer: Writer | None = None
        self._trouble: ArianeError | None = None
        self._next_try = 0.0
        self._pump: asyncio.Task[None] | None = None
        self.metrics = Metrics()
        self.open()

    @property
    def ready(self) -> bool:
        return self._trouble is None

    def open(self) -> None:
        """Claim a partition if none is held; what stands in the way is kept for `store` to tell."""
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

    async def store(self, payloads: list[bytes]) -> None:
        """Returns once the payloads are on disk. Raises Transient when they are not."""
        if not payloads:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((payloads, done))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        """Store whatever waits, group after group: while one is being synced the next gathers."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                failure = await self._write([payload for payloads, _ in group for payload in payloads])
            except Exception as error:  # whatever it is, nobody may wait for ever
                failure = Transient(f"Events cannot be stored now: {error!r}")
            for _, done in group:
                if done.done():  # the client went away
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)

    async def _write(self, payloads: list[bytes]) -> Transient | None:
        self.open()
        if self._writer is None:
            trouble = self._trouble or Transient("The log is not open.")
            return Transient(f"Events cannot be stored now: {trouble}", retry_after_s=2)
        started = time.perf_counter()
        try:
            await asyncio.wrap_future(self._writer.submit(payloads))
        except Transient as error:
            self._trouble = error
            if self._writer.failed:
                self._writer.close()
                self._writer = None
            return error
        except ArianeError as error:
            return Transient(f"Events cannot be stored now: {error}")
        self._trouble = None
        self.metrics.synced(time.perf_counter() - started)
        return None

    def close(self) -> None:
        """Store what was submitted, give the partition up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
