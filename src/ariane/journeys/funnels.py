"""Funnels: how far persons come along a sequence of steps within a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis
import msgspec

from ariane.errors import InputError
from ariane.intervals import wilson
from ariane.journeys.blueprint import Journey
from ariane.journeys.steps import touchpoints
from ariane.model import DAY, SECOND, Interval
from ariane.result import Tabular

if TYPE_CHECKING:
    from ariane.consent import Population


class FunnelStep(msgspec.Struct, frozen=True):
    """A step of a funnel: persons who came this far, out of those who began and out of the step before."""

    step: str
    n_persons: int
    of_first: Interval
    of_previous: Interval


class Funnel(msgspec.Struct, Tabular, frozen=True, dict=True):
    """A loose funnel: other steps may come between. `window_s` runs from whichever first step serves best."""

    steps: tuple[FunnelStep, ...]
    window_s: int
    n_held_back: int

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a step."""
        return [
            {
                "step": step.step, "n_persons": step.n_persons,
                "of_first": step.of_first.value, "of_first_lo": step.of_first.lo, "of_first_hi": step.of_first.hi,
                "of_previous": step.of_previous.value,
            }
            for step in self.steps
        ]  # fmt: skip


def funnel(
    population: Population, journey: Journey, steps: Sequence[str] = (), *, window_s: int | None = None
) -> Funnel:
    """How many persons reach each of `steps` (all of the journey's up to its goal when none are named), in order.

    Shares carry Wilson's 95 % interval. The window is the journey's unless given. NotFound for an unknown step.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> funnel(population, journey, ["pays"]).steps[0].n_persons
    0
    """
    keys = _keys(journey, steps)
    seconds = _seconds(journey, window_s)
    if not keys:  # a journey proposed from no events has no steps
        return Funnel((), seconds, population.n_held_back())
    levels = funnel_levels(population, journey, keys, window_s=seconds)
    counted = population.engine.run(levels.group_by("level").aggregate(n=levels.count())).to_pylist()
    exactly = {int(row["level"]): int(row["n"]) for row in counted}
    reached = [sum(n for level, n in exactly.items() if level > place) for place in range(len(keys))]
    drawn = tuple(
        FunnelStep(key, n, wilson(n, reached[0]), wilson(n, reached[max(place - 1, 0)]))
        for place, (key, n) in enumerate(zip(keys, reached, strict=True))
    )
    return Funnel(drawn, seconds, population.n_held_back())


def funnel_levels(
    population: Population, journey: Journey, steps: Sequence[str] = (), *, window_s: int | None = None
) -> ibis.Table:
    """One row a person who began: person_id, level, first_us (the first step that carried them furthest), reached_us.

    The level is the longest prefix s₁…s_k with t₁ ≤ … ≤ t_k and t_k − t₁ ≤ window, from *any* first step, not only
    the first one: ClickHouse's `windowFunnel` in its default mode. For each step the latest possible t₁ is carried
    forward along the person's events; the latest is the best, since it leaves most of the window.
    """
    keys = _keys(journey, steps)
    window_us = _seconds(journey, window_s) * SECOND
    touches = touchpoints(population, journey)
    places = ibis.cases(*((touches.step == key, place) for place, key in enumerate(keys)), else_=-1).cast("int64")
    rows = touches.mutate(place=places).select("person_id", "occurred_us", "event_id", "place")
    rows = rows.filter(rows.place >= 0)
    order = ibis.window(
        group_by="person_id", order_by=["occurred_us", "place", "event_id"], preceding=None, following=0
    )
    null = ibis.null("int64")
    rows = rows.mutate(since_0=ibis.ifelse(rows.place == 0, rows.occurred_us, null))
    for place in range(1, len(keys)):
        carried = rows.mutate(carried=rows[f"since_{place - 1}"].max().over(order))
        within = (carried.place == place) & (carried.occurred_us - carried.carried <= window_us)
        rows = carried.mutate(**{f"since_{place}": ibis.ifelse(within, carried.carried, null)})
        rows = rows.select(
            "person_id", "occurred_us", "event_id", "place", *(f"since_{one}" for one in range(place + 1))
        )
    since = ibis.coalesce(*(rows[f"since_{place}"] for place in range(len(keys))))
    came = rows.mutate(since=since).filter(since.notnull())
    far = came.group_by("person_id").aggregate(top=came.place.max())
    best = came.inner_join(far, ["person_id"])
    return (
        best.filter(best.place == best.top)
        .group_by("person_id")
        .aggregate(level=ibis._.top.max() + 1, first_us=ibis._.since.max(), reached_us=ibis._.occurred_us.min())
    )


def funnel_persons(
    population: Population,
    journey: Journey,
    steps: Sequence[str],
    level: int,
    *,
    dropped: bool,
    window_s: int | None = None,
) -> ibis.Table:
    """The person_ids who reached `level` (from 1), or who reached it and came no further (`dropped`)."""
    levels = funnel_levels(population, journey, steps, window_s=window_s)
    kept = levels.level == level if dropped else levels.level >= level
    return levels.filter(kept).select("person_id")


def _keys(journey: Journey, steps: Sequence[str]) -> tuple[str, ...]:
    keys = tuple(steps) or journey.keys()[: journey.goal_index() + 1]
    for key in keys:
        journey.index(key)
    if len(set(keys)) < len(keys):
        raise InputError("A step stands twice in the funnel.", where="steps", allowed="each step once")
    return keys


def _seconds(journey: Journey, window_s: int | None) -> int:
    seconds = window_s if window_s is not None else journey.window_days * DAY // SECOND
    if seconds <= 0:
        raise InputError(f"A window of {seconds} seconds holds nothing.", where="window_s", allowed="a positive number")
    return seconds
