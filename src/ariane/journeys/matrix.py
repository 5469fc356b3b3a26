"""The touchpoint matrix: persons, events and rates of every step on every row (channel, or another property)."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import ibis

from ariane.journeys.blueprint import Journey
from ariane.journeys.steps import read_steps
from ariane.model import DAY, SECOND

if TYPE_CHECKING:
    from ariane.consent import Population

WEEK = 7 * DAY
MONDAY = 4 * DAY  # 1970-01-01 was a Thursday; weeks start on the Monday four days later


def matrix(population: Population, journey: Journey) -> ibis.Table:
    """One row a step and row of the grid that has events: step_index, row, n_persons, n_events."""
    return _cells(visited(read_steps(population, journey), journey.window_days * DAY // SECOND))


def visited(events: ibis.Table, window_s: int) -> ibis.Table:
    """What `read_steps` has read, summed by person, step, row, week and stretch; none is longer than the window.

    Everything a map counts is a sum over this table, so the events are read once.
    """
    touches = events.filter(events.step_index >= 0)
    week = (touches.occurred_us - MONDAY) // WEEK
    stretch = touches.occurred_us // min(WEEK, window_s * SECOND)
    rows = touches.mutate(week=week.cast("int64"), stretch=stretch.cast("int64"))
    return rows.group_by(["person_id", "step_index", "row", "week", "stretch"]).aggregate(
        n=rows.count(), first_us=rows.occurred_us.min(), last_us=rows.occurred_us.max()
    )


COUNTS = ("part", "step_index", "row", "week", "n_persons", "n_events", "a", "b", "c")
"""The columns of `counts`: what a, b and c hold depends on the part."""


def counts(visits: ibis.Table, goal: int, n_steps: int, window_s: int) -> ibis.Table:
    """Every count of a map as one table of parts, so that one query answers them all.

    cell (step × row), step, week (a: persons who reached the goal), all (a: persons who reached the goal; b, c: first
    and last instant), left (drop-off; see `left_behind`), wait (a: median, b: 95th percentile, in µs).
    """
    weeks = visits.group_by(["person_id", "week"]).aggregate(
        n=visits.n.sum(), reached=(visits.step_index == goal).cast("int64").max()
    )
    persons = visits.group_by("person_id").aggregate(
        n=visits.n.sum(),
        reached=(visits.step_index == goal).cast("int64").max(),
        first_us=visits.first_us.min(),
        last_us=visits.last_us.max(),
    )
    firsts = visits.group_by(["person_id", "step_index"]).aggregate(n=visits.n.sum(), first_us=visits.first_us.min())
    parts = [
        _part("cell", _cells(visits)),
        _part("step", firsts.group_by("step_index").aggregate(n_persons=firsts.count(), n_events=firsts.n.sum())),
        _part(
            "week",
            weeks.group_by("week").aggregate(n_persons=weeks.count(), n_events=weeks.n.sum(), a=weeks.reached.sum()),
        ),
        _part(
            "all",
            persons.aggregate(
                n_persons=persons.count(), n_events=persons.n.sum(), a=persons.reached.sum(),
                b=persons.first_us.min(), c=persons.last_us.max(),
            ),
        ),
        _part("left", left_behind(firsts, visits, n_steps, window_s)),
        _part("wait", arrivals(firsts)),
    ]  # fmt: skip
    return reduce(lambda one, other: one.union(other), parts)


def _part(name: str, rows: ibis.Table) -> ibis.Table:
    """The rows in the shape all parts share."""
    empty = {column: ibis.null("string" if column == "row" else "int64") for column in COUNTS[1:]}
    held = {column: rows[column].cast("string" if column == "row" else "int64") for column in rows.columns}
    return rows.select(part=ibis.literal(name), **(empty | held))


def _cells(visits: ibis.Table) -> ibis.Table:
    rows = visits.group_by(["person_id", "step_index", "row"]).aggregate(n=visits.n.sum())
    return rows.group_by(["step_index", "row"]).aggregate(n_persons=rows.count(), n_events=rows.n.sum())


def left_behind(firsts: ibis.Table, visits: ibis.Table, n_steps: int, window_s: int) -> ibis.Table:
    """Drop-off of every step but the last: persons who reached it and no later step within the window after.

    Only persons whose window had ended before the last event of all are counted (`n_persons`), since of the others
    it is not known yet; `a` is how many of them were left. Later steps are those further down the journey. Exact: a
    stretch is no longer than the window, so one that overlaps it has an event inside it.
    """
    both = _closed(firsts, visits, n_steps, window_s)
    return both.group_by("step_index").aggregate(n_persons=both.count(), a=both.count() - both.moved.count())


def left_persons(visits: ibis.Table, n_steps: int, window_s: int, index: int) -> ibis.Table:
    """The person_ids whom `left_behind` counts as left at a step."""
    firsts = visits.group_by(["person_id", "step_index"]).aggregate(first_us=visits.first_us.min())
    both = _closed(firsts, visits, n_steps, window_s)
    return both.filter((both.step_index == index) & both.moved.isnull()).select("person_id")


def _closed(firsts: ibis.Table, visits: ibis.Table, n_steps: int, window_s: int) -> ibis.Table:
    """Who reached a step so long ago that its window has ended; `moved` is 1 or null."""
    window_us = window_s * SECOND
    end = visits.aggregate(end_us=visits.last_us.max())
    closed = firsts.filter(firsts.step_index < n_steps - 1).cross_join(end)
    closed = closed.filter(closed.first_us + window_us <= closed.end_us)
    later = visits.select("person_id", later_index="step_index", from_us="first_us", to_us="last_us")
    went = closed.inner_join(
        later,
        [
            closed.person_id == later.person_id,
            later.later_index > closed.step_index,
            later.to_us >= closed.first_us,
            later.from_us <= closed.first_us + window_us,
        ],
    )
    moved = went.select("person_id", "step_index").distinct().mutate(moved=ibis.literal(1))
    return closed.left_join(moved, ["person_id", "step_index"])


def arrivals(firsts: ibis.Table) -> ibis.Table:
    """The time from the step a person reached first before this one to this one: median (a) and 95th percentile (b).

    Quantiles are order statistics: the ⌈qn⌉-th smallest wait, in microseconds.
    """
    order = ibis.window(group_by="person_id", order_by=["first_us", "step_index"])
    waits = firsts.mutate(wait_us=firsts.first_us - firsts.first_us.lag().over(order))
    waits = waits.filter(waits.wait_us.notnull())
    ranked = waits.mutate(
        rank=ibis.row_number().over(ibis.window(group_by="step_index", order_by="wait_us")) + 1,
        among=waits.person_id.count().over(ibis.window(group_by="step_index")),
    )
    return ranked.group_by("step_index").aggregate(
        n_persons=ranked.count(),
        a=ranked.wait_us.max(where=ranked["rank"] <= (ranked.among + 1) // 2),
        b=ranked.wait_us.max(where=ranked["rank"] <= (ranked.among * 95 + 99) // 100),
    )
