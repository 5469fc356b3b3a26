"""Keeps the lake's table `noise` level with its events: which days of which identifiers were no person's.

Only days that new events fall on are looked at again; all of them when the rules change. What a day says depends on its
events alone, so nothing depends on when this runs.
"""

from __future__ import annotations

import time
import zlib
from datetime import date
from functools import reduce
from operator import or_

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ariane.ingest.noise import noise
from ariane.processes import following
from ariane.store import DuckEngine, Stores

TABLE = "noise"
RULES = "rules"
BUSY_EVERY_S = 30.0
SHARE = 0.3
"""Where events trickle in, looking for noise after each pause takes this part of the time at most."""


def load() -> None:
    """Load the engine that finds noise, before the first events wait for it."""
    import ibis.backends.duckdb  # noqa: F401


def is_behind(stores: Stores) -> bool:
    """Whether events came, or the rules changed, since the table was last written, or the one of `following`."""
    return _is_behind(stores) or following.is_behind(stores)


def refresh(stores: Stores) -> bool:
    """Bring the table level, and the one of `following`; whether one was behind. Only the lake's writer may call it."""
    noticed, told = _refresh(stores), following.refresh(stores)
    return noticed or told


def _is_behind(stores: Stores) -> bool:
    return stores.lake.exists("events") and _done(stores) != _wanted(stores)


def _refresh(stores: Stores) -> bool:
    if not _is_behind(stores):
        return False
    done, wanted = _done(stores), _wanted(stores)
    engine = DuckEngine(stores.lake, threads=1)
    try:
        again = done[RULES] != wanted[RULES]
        days = None if again else _touched(engine, done)
        found = noise(engine, stores.settings.noise, stores.settings.places, days)
    finally:
        engine.close()
    if days is not None:
        before = stores.lake.read(TABLE)
        touched = pc.is_in(before.column("event_on"), pa.array(sorted(days), pa.date32()))
        found = pa.concat_tables([before.filter(pc.invert(touched)), found])
    stores.lake.replace(TABLE, found, progress=wanted)
    return True


class Watch:
    """Has the table follow the events: at once when they pause, as long as that is not too often, and now and then
    while they come."""

    def __init__(self) -> None:
        self._level_at = self._written_at = time.monotonic()
        self._took_s = 0.0

    def look(self, stores: Stores, *, busy: bool) -> bool:
        """Refresh the table if it is time to; whether it is level."""
        began = time.monotonic()
        due_at = self._level_at + BUSY_EVERY_S if busy else self._written_at + self._took_s / SHARE
        if began < due_at:
            return not is_behind(stores)
        if refresh(stores):
            self._written_at = time.monotonic()
            self._took_s = self._written_at - began
        self._level_at = time.monotonic()
        return True


def _touched(engine: DuckEngine, done: dict[str, int]) -> set[date]:
    """The days on which events fall that were not looked at yet."""
    events = engine.table("events")
    partitions = engine.run(events.select("log_partition").distinct()).column(0).to_pylist()
    if not partitions:
        return set()
    news = [(events.log_partition == one) & (events.log_offset >= done.get(one, 0)) for one in partitions]
    days = events.filter(reduce(or_, news)).select("event_on").distinct()
    return set(engine.run(days).column(0).to_pylist())


def _wanted(stores: Stores) -> dict[str, int]:
    rules = msgspec.json.encode([stores.settings.noise, sorted(stores.settings.places.items())])
    events = {partition: stores.lake.progress("events", partition) for partition in stores.log.partitions()}
    return events | {RULES: zlib.crc32(rules)}


def _done(stores: Stores) -> dict[str, int]:
    return {consumer: stores.lake.progress(TABLE, consumer) for consumer in (*stores.log.partitions(), RULES)}
