"""Bring state and lake level with the log, here or through the processes that already do."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from ariane.errors import Conflict, Transient
from ariane.processes import columnar, stream
from ariane.store import Stores

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) in bytes of log."""


class Lag(msgspec.Struct, frozen=True):
    """Bytes of the log that the stream, and the lake, have yet to take."""

    stream: int
    lake: int


def lag(stores: Stores) -> Lag:
    """How far the consumers are behind the log."""
    with stores.state.read() as conn:
        taken = stores.state.offsets(conn, stream.CONSUMER)
    ends = {partition: stores.log.end(partition) for partition in stores.log.partitions()}
    return Lag(
        stream=sum(end - taken.get(partition, 0) for partition, end in ends.items()),
        lake=sum(end - stores.lake.progress("events", partition) for partition, end in ends.items()),
    )


def catch_up(stores: Stores, on_progress: Progress | None = None, *, timeout_s: float = 600) -> None:
    """Return when everything in the log now is in the state and in the lake.

    Does the work itself, or waits while another process of this workspace does it. Transient when that takes longer
    than `timeout_s`.
    """
    say = on_progress or (lambda what, done, total: None)
    _work_or_wait(stores, "stream", lambda: _run_stream(stores, say), lambda: lag(stores).stream, timeout_s)
    _work_or_wait(stores, "lake", lambda: _run_lake(stores, say), lambda: lag(stores).lake, timeout_s)


def _work_or_wait(
    stores: Stores, role: str, work: Callable[[], None], behind: Callable[[], int], timeout_s: float
) -> None:
    until = time.monotonic() + timeout_s
    while behind() > 0:
        try:
            with stores.only(role):
                work()
        except Conflict:
            time.sleep(0.1)
        if time.monotonic() > until:
            raise Transient(f"The {role} did not catch up in {timeout_s:.0f} s.", next_step="See 'ariane doctor'.")


def _run_stream(stores: Stores, say: Progress) -> None:
    total = lag(stores).stream
    for partition in stores.log.partitions():
        while stream.step(stores, partition):
            say("stream", total - lag(stores).stream, total)


def _run_lake(stores: Stores, say: Progress) -> None:
    total = lag(stores).lake
    columnar.step(stores)
    say("lake", total - lag(stores).lake, total)
