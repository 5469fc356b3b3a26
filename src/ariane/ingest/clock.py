"""When an event happened, from the three clocks that speak of it: the device's, the sender's and ours."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from ariane.model import DAY, SECOND

EARLIEST_US = 631_152_000 * SECOND
"""1990-01-01: a clock that says less has not been set."""

LATENCY_US = 2 * SECOND
"""Sent and received this close together: the way, not a wrong clock."""

FUTURE_US = DAY
"""An event may claim to be this much later than its receipt; beyond, its clock is wrong and ours is taken."""

Stamp = str | int | float | None


def instant_us(stamp: Stamp) -> int | None:
    """Microseconds since 1970 in UTC, or None when the stamp says no instant.

    Text is ISO 8601 with any number of decimals; without an offset it is UTC. Numbers (or their text) count from
    1970 and their unit shows in their size: seconds below 1e11, milliseconds below 1e14, microseconds below 1e17,
    nanoseconds above.

    >>> instant_us("2026-11-22T10:00:00.1234567+01:00") == instant_us(1795338000.123456)
    True
    >>> instant_us("yesterday") is None
    True
    """
    if type(stamp) is str:
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            return _number_us(stamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1e6)  # exact to the microsecond until 2106
    return None if stamp is None else _number_us(stamp)


def _number_us(stamp: str | float) -> int | None:
    try:
        number = float(stamp)
    except (ValueError, OverflowError):
        return None
    size = abs(number)
    if not 1e8 <= size < 1e20:  # also NaN; below 1e8 the unit cannot be told (1973 in seconds, one day in ms)
        return None
    if size < 1e11:
        return round(number * 1e6)
    if size < 1e14:
        return round(number * 1e3)
    return round(number) if size < 1e17 else round(number / 1e3)


def occurred_us(stamp: Stamp, sent: Stamp, received_us: int) -> int:
    """When it happened by our clock, in microseconds since 1970.

    The device's clock may be wrong but is wrong by the same amount when it stamps and when it sends, so
    occurred = received - (sent - stamp) (Segment Spec, common fields). Within 2 s of each other, sent and received
    agree and the stamp stands as it is: the same event sent twice then occurred once. Without a stamp it is when it
    was sent, and without either when it was received. A result more than a day after its receipt or before 1990 is
    given up, first the correction, then the stamp.

    >>> minutes = lambda text: int(text[:2]) * 60 + int(text[3:])
    >>> day = "2026-11-22T"
    >>> received = instant_us(day + "01:44Z")
    >>> occurred_us(day + "03:02Z", day + "03:12Z", received) == instant_us(day + "01:34Z")
    True
    """
    stamped = instant_us(stamp)
    latest = received_us + FUTURE_US
    if sent is not None and (sent_us := sending_us(sent)) is not None:
        skew = received_us - sent_us
        if -LATENCY_US <= skew <= LATENCY_US:
            skew = 0
        corrected = (sent_us if stamped is None else stamped) + skew
        if EARLIEST_US <= corrected <= latest:
            return corrected
    if stamped is not None and EARLIEST_US <= stamped <= latest:
        return stamped
    return received_us


sending_us = lru_cache(maxsize=256, typed=True)(instant_us)
"""When a request was sent: one time for all the events of it."""
