"""Trials: what a friction detector counts. One row is one occasion on which something could go wrong, or did.

Every detector gives the same columns: person_id, step_index, to_index (where it went wrong to, or null), at_us, bad
(0 or 1) and one column a property by which frictions may be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

from ariane.journeys.blueprint import Journey
from ariane.journeys.emotion import SURVEY_EVENTS
from ariane.journeys.steps import read_steps
from ariane.model import DAY, SECOND

if TYPE_CHECKING:
    from ariane.consent import Population

GAP_S = 1800
REPEAT_US = 7 * DAY
CONTACT_STARTS = ("Call Started",)
CONTACT_ENDS = ("Call Ended",)
LONG_WAIT = 90
"""A wait is long beyond this percentile of all waits at the step."""


def attempts(population: Population, journey: Journey, properties: Sequence[str]) -> ibis.Table:
    """Drop-off and ping-pong: a trial is a step in a session (no silence over 30 min; surveys aside).

    `left`: the session's last touchpoint is at this step and the goal was not reached in it. `bounced`: the session
    went from this step to another (`to_index`) and back, and this was its first such turn; what follows of the same
    to and fro is the same trouble, and leaving in the end is counted there only.
    """
    read = read_steps(population, journey, properties)
    rows = read.filter((read.step_index >= 0) & ~read.event.isin(SURVEY_EVENTS))
    moment = ["occurred_us", "step_index", "event_id"]
    order = ibis.window(group_by="person_id", order_by=moment)
    seen = rows.mutate(before_us=rows.occurred_us.lag().over(order), came_from=rows.step_index.lag().over(order))
    fresh = seen.before_us.isnull() | (seen.occurred_us - seen.before_us > GAP_S * SECOND)
    seen = seen.mutate(fresh=fresh.cast("int64"))
    running = ibis.window(group_by="person_id", order_by=moment, preceding=None, following=0)
    seen = seen.mutate(session=seen.fresh.sum().over(running))
    goal = journey.goal_index()
    ends = seen.group_by(["person_id", "session"]).aggregate(
        last=(seen.occurred_us * 1000 + seen.step_index).max(), paid=(seen.step_index == goal).cast("int64").max()
    )
    steps = seen.group_by(["person_id", "session", "step_index"]).aggregate(
        at_us=seen.occurred_us.min(), **{name: seen[name].cast("string").min() for name in properties}
    )
    both = steps.inner_join(ends, ["person_id", "session"]).left_join(_bounces(seen), ["person_id", "session"])
    bounced = (both.bounce.substr(20, 3) == both.step_index.cast("string").lpad(3, "0")).fill_null(False)
    return both.select(
        "person_id", "step_index", "at_us", *properties,
        to_index=ibis.ifelse(bounced, both.bounce.substr(23, 3), ibis.null("string")).cast("int64"),
        left=((both["last"] % 1000 == both.step_index) & (both.paid == 0) & ~bounced).cast("int64"),
        bounced=bounced.cast("int64"),
    )  # fmt: skip


def _bounces(seen: ibis.Table) -> ibis.Table:
    """Each session's first turn A → B → A, as one text: time, A, B."""
    heads = seen.filter((seen.fresh == 1) | (seen.came_from != seen.step_index))
    order = ibis.window(group_by=["person_id", "session"], order_by=["occurred_us", "step_index", "event_id"])
    heads = heads.mutate(one=heads.step_index.lag(1).over(order), two=heads.step_index.lag(2).over(order))
    turns = heads.filter(heads.two == heads.step_index)
    spelt = turns.occurred_us.cast("string").lpad(20, "0") + _digits(turns.two) + _digits(turns.one)
    return turns.group_by(["person_id", "session"]).aggregate(bounce=spelt.min())


def _digits(index: Any) -> Any:
    return index.cast("string").lpad(3, "0")


def waits(population: Population, journey: Journey, properties: Sequence[str]) -> ibis.Table:
    """Waits: a trial is an event that says how long it was waited for (`wait_s`, else `late_days`).

    Bad is a wait beyond the 90th percentile of its step. A wait is dated by the day it would usually have ended (when
    it began, plus the step's median), so that a hold-up is dated by when it struck and not by when it let go. `amount`
    is the wait itself, in µs, cut at three times that percentile, so that no single one dates a stretch.
    """
    read = read_steps(population, journey, properties)
    wait_s = ibis.coalesce(read.prop_wait_s, read.prop_late_days * (DAY // SECOND))
    rows = read.mutate(wait_us=(wait_s * SECOND).round().cast("int64"))
    rows = rows.filter((rows.step_index >= 0) & rows.wait_us.notnull())
    ranked = rows.mutate(
        rank=ibis.row_number().over(ibis.window(group_by="step_index", order_by=["wait_us", "event_id"])) + 1,
        among=rows.event_id.count().over(ibis.window(group_by="step_index")),
    )
    usual = ranked.group_by("step_index").aggregate(
        median_us=ranked.wait_us.max(where=ranked["rank"] <= (ranked.among + 1) // 2),
        long_us=ranked.wait_us.max(where=ranked["rank"] <= (ranked.among * LONG_WAIT + 99) // 100),
    )
    both = rows.inner_join(usual, "step_index")
    return both.select(
        "person_id", "step_index", **{name: both[name].cast("string") for name in properties},
        at_us=both.occurred_us - both.wait_us + both.median_us,
        to_index=ibis.null("int64"),
        bad=(both.wait_us > both.long_us).cast("int64"),
        amount=ibis.least(both.wait_us, 3 * both.long_us),
    )  # fmt: skip


def repeats(population: Population, journey: Journey, properties: Sequence[str]) -> ibis.Table:
    """Repeat contact: a trial is a call ended as resolved; bad is a new call for the same reason within 7 days.

    Calls of the last 7 days are left out: it is not known yet.
    """
    read = read_steps(population, journey, [*properties, *(() if "prop_reason" in properties else ("prop_reason",))])
    calls = read.filter(read.event.isin([*CONTACT_STARTS, *CONTACT_ENDS]) & read.prop_reason.notnull())
    onward = ibis.window(
        group_by=["person_id", "prop_reason"], order_by=["occurred_us", "event_id"], preceding=0, following=None
    )
    started = ibis.ifelse(calls.event.isin(CONTACT_STARTS), calls.occurred_us, ibis.null("int64"))
    calls = calls.mutate(next_us=started.min().over(onward))
    end = calls.aggregate(end_us=calls.occurred_us.max())
    closed = calls.cross_join(end)
    closed = closed.filter(
        closed.event.isin(CONTACT_ENDS)
        & closed.prop_resolved
        & (closed.step_index >= 0)
        & (closed.occurred_us + REPEAT_US <= closed.end_us)
    )
    return closed.select(
        "person_id", "step_index", **{name: closed[name].cast("string") for name in properties},
        at_us="occurred_us",
        to_index="step_index",
        bad=(closed.next_us - closed.occurred_us <= REPEAT_US).fill_null(False).cast("int64"),
    )  # fmt: skip
