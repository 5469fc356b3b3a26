"""Bring state and lake level with the log, here or through the processes that already do."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from ariane.errors import Transient
from ariane.processes import noticing, stream
from ariane.processes.supervisor import consuming
from ariane.store import Stores

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) in bytes of log."""


class Lag(msgspec.Struct, frozen=True):
    """Bytes of the log that the stream has yet to take, and the lake: events, or the persons they made."""

    stream: int
    lake: int


def lag(stores: Stores) -> Lag:
    """How far the consumers are behind the log."""
    with stores.state.read() as conn:
        taken = stores.state.offsets(conn, stream.CONSUMER)
    ends = {partition: stores.log.end(partition) for partition in stores.log.partitions()}
    events = sum(end - stores.lake.progress("events", partition) for partition, end in ends.items())
    persons = sum(ends.values()) - stores.lake.progress("identifiers", "state")
    return Lag(
        stream=sum(end - taken.get(partition, 0) for partition, end in ends.items()),
        lake=max(events, persons),
    )


def catch_up(stores: Stores, on_progress: Progress | None = None, *, stalled_s: float = 120) -> None:
    """Return when everything in the log now is in the state and in the lake.

    The work is done by the workspace's own workers if it is being served, else by workers started here and ended after.
    Transient when nothing has moved for `stalled_s`.
    """
    if not _behind(lag(stores)) and not noticing.is_behind(stores):
        return
    with consuming(stores) as watch:
        settle(stores, on_progress, watch=watch, stalled_s=stalled_s)


def settle(
    stores: Stores,
    on_progress: Progress | None = None,
    *,
    watch: Callable[[], None] | None = None,
    stalled_s: float = 120,
) -> None:
    """Wait until the workers are level with the log. Transient when nothing has moved for `stalled_s`."""
    total = lag(stores)
    last, moved_at = total, time.monotonic()
    while _behind(now := lag(stores)) or noticing.is_behind(stores):
        if on_progress:
            on_progress("stream", total.stream - now.stream, max(1, total.stream))
            on_progress("lake", total.lake - now.lake, max(1, total.lake))
        if watch:
            watch()
        if now != last:
            last, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > stalled_s:
            raise Transient("The workers have stopped moving.", next_step="Run 'ariane doctor'.")
        time.sleep(0.05)


def _behind(now: Lag) -> bool:
    return now.stream > 0 or now.lake > 0
