"""What has arrived, read from the lake: every kind of event counted, and a sample of each looked at closely.

The sample is the events with the smallest ids. An id is a hash, so they are a fair choice, the same one whatever the
order in which events arrived, and the sample of two lakes together comes from their two samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ibis
import msgspec

from ariane.ingest.plan.frozen import Planned
from ariane.ingest.plan.profile import Profile, profiles
from ariane.ingest.plan.suspecting import Sightings, looked_at
from ariane.model import Event
from ariane.store import Engine

SAMPLE = 1_000
"""Events of each kind and source that are looked at closely."""

_COLUMNS = (
    "event_id",
    "source",
    "type",
    "event",
    "channel",
    "received_us",
    "user_id",
    "anonymous_id",
    "properties",
    "context",
)
_SPACE = 16**8
AT_ONCE = 10_000


class Observed(msgspec.Struct, frozen=True):
    """One kind of event from one source: how many arrived, from when to when, and the profile of a sample of them."""

    source: str
    type: str
    event: str
    n: int
    first_us: int
    last_us: int
    profile: Profile

    @property
    def planned(self) -> Planned:
        return Planned(self.type, self.event)


class Observation(msgspec.Struct, frozen=True):
    """What has arrived: its kinds, the most frequent first, and what the fields of the sample look like."""

    kinds: tuple[Observed, ...]
    sightings: Sightings
    n_sampled: int

    def of(self, about: Planned) -> tuple[Observed, ...]:
        """One kind of event, source by source."""
        return tuple(kind for kind in self.kinds if kind.planned == about)


def observe(
    engine: Engine,
    *,
    sample: int | None = SAMPLE,
    about: Planned | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> Observation:
    """Count every kind of event in the lake, and look closely at `sample` of each kind and source (0: at all of
    them; None: at none).

    `about` narrows to one kind; `since_us` and `until_us` to what was received from one instant on, before another.
    """
    events = _of(engine, about, since_us, until_us)
    counted = events.group_by(["source", "type", "named"]).aggregate(
        n=events.count(), first_us=events.received_us.min(), last_us=events.received_us.max()
    )
    counts = engine.run(counted).to_pylist()
    chosen = [] if sample is None else list(_sample(engine, events, counts, sample))
    found = profiles(chosen)
    kinds = []
    for row in counts:
        kind = Planned(row["type"], row["named"])
        profile = found.get((row["source"], kind)) or Profile(row["source"], *kind, 0, 0, 0, {})
        kinds.append(Observed(row["source"], *kind, row["n"], row["first_us"], row["last_us"], profile))
    kinds.sort(key=lambda one: (-one.n, one.source, one.type, one.event))
    return Observation(tuple(kinds), looked_at(chosen), len(chosen))


def read_events(engine: Engine, *, about: Planned | None = None, since_us: int | None = None) -> Iterator[Event]:
    """Every event received since an instant, of one kind or of all, a month after the other."""
    events = _of(engine, about, since_us, None)
    for month in engine.run(events.select("event_in").distinct().order_by("event_in")).column(0).to_pylist():
        for batch in engine.run(events.filter(events.event_in == month).select(*_COLUMNS)).to_batches(AT_ONCE):
            for row in batch.to_pylist():
                yield _event(row)


def _of(engine: Engine, about: Planned | None, since_us: int | None, until_us: int | None) -> ibis.Table:
    events = engine.table("events")
    events = events.mutate(named=(events.type == "track").ifelse(events.event, ""))
    if about is not None:
        events = events.filter((events.type == about.type) & (events.named == about.event))
    if since_us is not None:
        events = events.filter(events.received_us >= since_us)
    return events if until_us is None else events.filter(events.received_us < until_us)


def _sample(engine: Engine, events: ibis.Table, counts: list[dict[str, Any]], sample: int) -> Iterator[Event]:
    if not counts:
        return
    if sample:
        # Of far more events than are wanted, those whose id begins high are passed over before anything is sorted.
        crowded = [
            (
                (events.source == row["source"]) & (events.type == row["type"]) & (events.named == row["named"]),
                f"{_SPACE * 4 * sample // row['n']:08x}",
            )
            for row in counts
            if row["n"] > 8 * sample
        ]
        if crowded:
            events = events.filter(events.event_id <= ibis.cases(*crowded, else_="g"))
        within = ibis.window(group_by=["source", "type", "named"], order_by="event_id")
        events = events.mutate(nth=ibis.row_number().over(within))
        events = events.filter(events.nth < sample)
    for row in engine.run(events.select(*_COLUMNS)).to_pylist():
        yield _event(row)


def _event(row: dict[str, Any]) -> Event:
    return Event(
        event_id=row["event_id"],
        message_id="",
        source=row["source"],
        type=row["type"],
        name=row["event"],
        channel=row["channel"],
        occurred_us=row["received_us"],
        received_us=row["received_us"],
        anonymous_id=row["anonymous_id"],
        user_id=row["user_id"],
        properties=msgspec.json.decode(row["properties"]),
        context=msgspec.json.decode(row["context"]),
    )
