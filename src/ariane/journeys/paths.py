"""Paths: which step follows which, how often, for how many persons and after how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import ibis

from ariane.journeys.blueprint import Journey
from ariane.journeys.steps import touchpoints
from ariane.model import SECOND

if TYPE_CHECKING:
    from ariane.consent import Population

PATH_START, PATH_END = "path_start", "path_end"


def graph(
    population: Population,
    journey: Journey,
    *,
    of: Literal["step", "event", "channel"] = "step",
    collapse_loops: bool = True,
) -> ibis.Table:
    """The transition graph: from_step, to_step, n, n_persons, median_wait_s, p95_wait_s.

    A path is a person's touchpoints in the population's period, in the order (time, step, event_id): of two touchpoints
    at one instant the one of the earlier step comes first. `path_start` and
    `path_end` stand before and after it, so that what flows into a node flows out. With `collapse_loops`, repeats
    of one step are one visit and the wait runs from the last of them. Quantiles are order statistics: the ⌈qn⌉-th
    smallest, exact on every engine.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> graph(population, journey).columns
    ('from_step', 'to_step', 'n', 'n_persons', 'median_wait_s', 'p95_wait_s')
    """
    return _edges(moves(population, journey, of=of, collapse_loops=collapse_loops))


def moves(
    population: Population, journey: Journey, *, of: Literal["step", "event", "channel"], collapse_loops: bool
) -> ibis.Table:
    """Every move along the paths: person_id, from_step, to_step, wait_us (null at the ends)."""
    touches = touchpoints(population, journey)
    node = touches[of]
    rows = touches.mutate(node=node).select("person_id", "occurred_us", "step_index", "event_id", "node")
    order = ibis.window(group_by="person_id", order_by=["occurred_us", "step_index", "event_id"])
    seen = rows.mutate(
        before=rows.node.lag().over(order),
        before_us=rows.occurred_us.lag().over(order),
        before_id=rows.event_id.lag().over(order),
        after=rows.node.lead().over(order),
    )
    once = seen.filter(seen.before_id.isnull() | (seen.before_id != seen.event_id))
    steps = once.select(
        "person_id",
        from_step=once.before.fill_null(PATH_START),
        to_step="node",
        wait_us=(once.occurred_us - once.before_us),
    )
    ends = seen.filter(seen.after.isnull()).select(
        "person_id", from_step="node", to_step=ibis.literal(PATH_END), wait_us=ibis.null("int64")
    )
    made = steps.union(ends)
    return made.filter(made.from_step != made.to_step) if collapse_loops else made


def _edges(made: ibis.Table) -> ibis.Table:
    edge = ibis.window(group_by=["from_step", "to_step"])
    ranked = made.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=["from_step", "to_step"], order_by="wait_us")),
        among=made.person_id.count().over(edge),
    )
    edges = ranked.group_by(["from_step", "to_step"]).aggregate(
        n=ranked.count(),
        n_persons=ranked.person_id.nunique(),
        median_us=ranked.wait_us.max(where=ranked["rank"] + 1 <= (ranked.among + 1) // 2),
        p95_us=ranked.wait_us.max(where=ranked["rank"] + 1 <= (ranked.among * 95 + 99) // 100),
    )
    return edges.select(
        "from_step", "to_step", "n", "n_persons",
        median_wait_s=edges.median_us / SECOND, p95_wait_s=edges.p95_us / SECOND,
    )  # fmt: skip
