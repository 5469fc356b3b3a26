"""Sessions: the events of one resolved person with no silence longer than the gap, whatever the device or channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from ariane.errors import InputError
from ariane.model import SECOND, SESSION_GAP_S

if TYPE_CHECKING:
    from ariane.consent import Population


def sessions(population: Population, *, gap_s: int = SESSION_GAP_S) -> ibis.Table:
    """One row a session: session_id, person_id, started_us, ended_us, n_events, n_channels, first_event, last_event.

    A session starts where more than `gap_s` seconds passed since the person's event before (30 min by default, the
    convention of web analytics). It is a function of the set of events, never of the order they came in: its id is
    its first event's, ties broken by event_id, and an event stored twice counts once.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> population.engine.run(sessions(population)).num_rows
    0
    """
    if gap_s <= 0:
        raise InputError(f"A gap of {gap_s} seconds ends no session.", where="gap_s", allowed="a positive number")
    events = population.events.select("person_id", "occurred_us", "event_id", "event", "channel")
    order = ibis.window(group_by="person_id", order_by=["occurred_us", "event_id"])
    seen = events.mutate(
        before_us=events.occurred_us.lag().over(order),
        after_us=events.occurred_us.lead().over(order),
        before_id=events.event_id.lag().over(order),
    )
    gap_us = gap_s * SECOND
    flagged = seen.mutate(
        starts=(seen.before_us.isnull() | (seen.occurred_us - seen.before_us > gap_us)).cast("int64"),
        ends=seen.after_us.isnull() | (seen.after_us - seen.occurred_us > gap_us),
        again=(seen.before_id == seen.event_id).fill_null(False),
    )
    running = ibis.window(
        group_by="person_id", order_by=["occurred_us", "event_id"], preceding=None, following=0
    )  # rows, not ties: two events at one instant stay in their order
    numbered = flagged.mutate(number=flagged.starts.sum().over(running))
    grouped = numbered.group_by(["person_id", "number"]).aggregate(
        session_id=numbered.event_id.max(where=numbered.starts == 1),
        started_us=numbered.occurred_us.min(),
        ended_us=numbered.occurred_us.max(),
        n_events=(~numbered.again).cast("int64").sum(),
        n_channels=numbered.channel.nunique(),
        first_event=numbered.event.max(where=numbered.starts == 1),
        last_event=numbered.event.max(where=numbered.ends),
    )
    return grouped.select(
        "session_id", "person_id", "started_us", "ended_us", "n_events", "n_channels", "first_event", "last_event"
    )
