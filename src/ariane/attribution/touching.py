"""Paths: for every conversion, what the person touched before it, on any channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

from ariane.errors import InputError
from ariane.model import SECOND

if TYPE_CHECKING:
    from ariane.consent import Population

CONVERSION = "Order Completed"
LOOKBACK_S = 30 * 86_400

NOT_TOUCHES = (
    "Consent Given", "Consent Withdrawn", "Segment Consent Preference Updated", "Order Refunded",
    "Survey Sent", "Survey Answered", "Survey Dismissed", "Decision Made", "Order Cancelled", "Email Prefetched",
    "Email Bounced", "Email Marked as Spam", "Unsubscribed", "SMS Failed", "Letter Returned", "Visitors Counted",
    "Competitor Price Seen", "Row Refused", "Points Expired",
)  # fmt: skip
"""What is recorded about a person without anything having been said or shown to sell."""


def paths(
    population: Population,
    *,
    conversion: str = CONVERSION,
    lookback_s: int = LOOKBACK_S,
    gap_s: int = 1800,
    touches: Sequence[str] | None = None,
) -> ibis.Table:
    """One row a touch of a conversion: conversion_id, person_id, converted_us, revenue_minor, currency, touch_no (from
    1, oldest first), n_touches, channel, touched_us, untouched.

    A touch is any track, page or screen event but the conversion and NOT_TOUCHES; `touches` names others. It counts
    for a conversion at c when 0 ≤ c − t ≤ `lookback_s`, to the microsecond; it may count for several. Touches of one
    channel that follow each other within a session (no gap over `gap_s`) are one, at the last of them that counts. A
    conversion that nothing precedes is its own touch, on the channel where it happened (`untouched`): none is lost.
    """
    if lookback_s <= 0 or gap_s <= 0:
        raise InputError("A look-back and a gap last at least one second.", where="lookback_s, gap_s")
    marked = _marked(population, conversion, gap_s, touches)
    runs = marked.filter(marked.goal == 0)
    runs = runs.group_by(["person_id", "run"]).aggregate(
        session=runs.session.max(), channel=runs.channel.max(), touched_us=runs.occurred_us.max()
    )
    goals = marked.filter(marked.goal == 1)
    goals = goals.select(
        "person_id", "revenue_minor", "currency",
        conversion_id="event_id", converted_us="occurred_us", own_channel="channel",
    )  # fmt: skip
    age_us = goals.converted_us - runs.touched_us
    reached = goals.inner_join(
        runs, [goals.person_id == runs.person_id, age_us >= 0, age_us <= lookback_s * SECOND]
    ).select(
        "conversion_id", "converted_us", "revenue_minor", "currency", "run", "session", "channel", "touched_us",
        person_id=goals.person_id,
    )  # fmt: skip
    return _numbered(reached, goals)


def _marked(population: Population, conversion: str, gap_s: int, touches: Sequence[str] | None) -> ibis.Table:
    """Touches and conversions with the number of their session and of their run of one channel within it."""
    events = population.events
    is_goal = events.event == conversion
    is_touch = events.event.isin(list(touches)) if touches is not None else events.event.notin(list(NOT_TOUCHES))
    is_touch = is_touch & events.type.isin(["track", "page", "screen"]) & (events.source != "_ariane")
    rows = events.filter(is_goal | is_touch)
    rows = rows.select(
        "person_id", "occurred_us", "event_id", "channel",
        goal=(rows.event == conversion).cast("int64"),
        revenue_minor=rows.prop_revenue_minor.fill_null(0),
        currency=rows.prop_currency.fill_null(""),
    )  # fmt: skip
    # What happens in the instant of a conversion comes before it.
    order = ["occurred_us", "goal", "event_id"]
    before = ibis.window(group_by="person_id", order_by=order)
    rows = rows.mutate(
        gap_us=rows.occurred_us - rows.occurred_us.lag().over(before),
        channel_before=rows.channel.lag().over(before),
        goal_before=rows.goal.lag().over(before),
    )
    new_session = rows.gap_us.isnull() | (rows.gap_us > gap_s * SECOND)
    new_run = new_session | (rows.channel != rows.channel_before) | (rows.goal == 1) | (rows.goal_before == 1)
    rows = rows.mutate(new_session=new_session.cast("int64"), new_run=new_run.cast("int64"))
    so_far = ibis.window(group_by="person_id", order_by=order, preceding=None, following=0)
    return rows.mutate(session=rows.new_session.sum().over(so_far), run=rows.new_run.sum().over(so_far))


def _numbered(reached: ibis.Table, goals: ibis.Table) -> ibis.Table:
    """Runs of one channel that only another conversion had cut are joined; then touches are numbered."""
    along = ibis.window(group_by="conversion_id", order_by="run")
    seen = reached.mutate(
        next_session=reached.session.lead().over(along), next_channel=reached.channel.lead().over(along)
    )
    goes_on = (seen.next_session == seen.session) & (seen.next_channel == seen.channel)
    kept = seen.filter(~goes_on.fill_null(False))
    kept = kept.mutate(
        touch_no=ibis.row_number().over(along).cast("int64") + 1,
        n_touches=kept.channel.count().over(ibis.window(group_by="conversion_id")).cast("int64"),
        untouched=ibis.literal(False),
    )
    alone = goals.anti_join(reached, "conversion_id").mutate(
        channel=goals.own_channel,
        touched_us=goals.converted_us,
        touch_no=ibis.literal(1, type="int64"),
        n_touches=ibis.literal(1, type="int64"),
        untouched=ibis.literal(True),
    )
    columns = (
        "conversion_id", "person_id", "converted_us", "revenue_minor", "currency",
        "touch_no", "n_touches", "channel", "touched_us", "untouched",
    )  # fmt: skip
    return kept.select(*columns).union(alone.select(*columns))
