"""When each of many events happened: what `happened_us` says of each, at a fraction of the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ariane.ingest.clock import EARLIEST_US, FUTURE_US, LATENCY_US, sending_us
from ariane.ingest.reading import Stored, happened_us

Longs = np.ndarray[Any, np.dtype[np.int64]]

_LENGTH = len("2026-11-22T08:50:00.123Z")
_INSTANT = pa.timestamp("us", "UTC")
_LATEST_US = 4_000_000_000_000_000
"""2096: later instants are not exact to the microsecond when they are read one by one."""


def happened_together(events: Sequence[Stored]) -> list[int]:
    """When each happened. Stamps as browsers write them are read all at once, the others one by one."""
    stamps = [one.original_timestamp or one.timestamp for one in events]
    others = [
        at
        for at, stamp in enumerate(stamps)
        if type(stamp) is not str or len(stamp) != _LENGTH or events[at].dialect is not None
    ]
    for at in others:
        stamps[at] = "2026-11-22T08:50:00.123Z"
    stamped = _read(stamps)
    if stamped is None:
        return [happened_us(one) for one in events]
    happened = _corrected(stamped, events)
    for at in others:
        happened[at] = happened_us(events[at])
    return happened


def _read(stamps: Sequence[object]) -> Longs | None:
    """The stamps as microseconds since 1970; None unless all are instants that no clock is given up for."""
    try:
        read: Longs = pa.array(stamps, pa.string()).cast(_INSTANT).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return read if int(read.min()) >= EARLIEST_US and int(read.max()) < _LATEST_US else None


def _corrected(stamped: Longs, events: Sequence[Stored]) -> list[int]:
    """As `clock.occurred_us` has it. Without a time of sending none was wrong: it was sent when it was received."""
    received = np.array([one.received_us for one in events], np.int64)
    latest = received + FUTURE_US
    happened = np.where(stamped <= latest, stamped, received)
    if any(one.sent_at is not None for one in events):
        sent = [None if one.sent_at is None else sending_us(one.sent_at) for one in events]
        known = np.array([us is not None for us in sent])
        skew = np.where(known, received - np.array([us or 0 for us in sent], np.int64), 0)
        skew[np.abs(skew) <= LATENCY_US] = 0
        corrected = stamped + skew
        happened = np.where((corrected >= EARLIEST_US) & (corrected <= latest), corrected, happened)
    found: list[int] = happened.tolist()
    return found
