"""Touchpoints: each event of a person, read as a step of the journey on a channel.

A touchpoint is channel × step. The rules of the journey file become one CASE, tried in the file's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

import ibis
import msgspec

from ariane.errors import InputError
from ariane.journeys.blueprint import Journey, Step, column_name

if TYPE_CHECKING:
    from ariane.consent import Population

NO_ROW = ""
"""The row of a touchpoint whose event does not carry the property the rows are made of."""


def touchpoints(population: Population, journey: Journey) -> ibis.Table:
    """The events that belong to a step: person_id, event_id, occurred_us, channel, stage, step, owner, medium, row.

    Also step_index (from 0), event (its name) and event_on. Events that fit no step are left out. One event is one
    touchpoint at most.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> touchpoints(population, journey).columns[3:8]
    ('channel', 'stage', 'step', 'owner', 'medium')
    """
    return select_touches(read_steps(population, journey), journey)


def select_touches(events: ibis.Table, journey: Journey) -> ibis.Table:
    """The touchpoints among events that read_steps has read."""
    rows = events.filter(events.step_index >= 0)
    described = {
        name: _of_step(rows.step_index, [str(getattr(step, name)) for step in journey.steps])
        for name in ("stage", "key", "owner", "medium")
    }
    described["step"] = described.pop("key")
    return rows.mutate(**described).select(
        "person_id", "event_id", "occurred_us", "channel", "stage", "step", "owner", "medium", "row",
        "step_index", "event", "event_on",
    )  # fmt: skip


def read_steps(population: Population, journey: Journey, further: Sequence[str] = ()) -> ibis.Table:
    """Every event of the population with `step_index` (−1: no step) and `row` beside the columns analyses need.

    `further` columns of the events are kept too.
    """
    events = _needed(population.events, journey, further)
    row = column(events, journey.rows).cast("string").fill_null(NO_ROW)
    if all(step.occurrence == "any" for step in journey.steps):
        return events.mutate(step_index=_index(events, journey).cast("int64"), row=row)
    return _with_occurrences(events, journey).mutate(row=row)


def _index(events: ibis.Table, journey: Journey) -> Any:
    """The first step an event fits, −1 for none: one look-up by name, after the steps that ask for more than a name.

    Many conditions cost more to compile than to run, so names that need no condition are looked up together.
    """
    plain: dict[str, int] = {}
    branches = []
    for number, step in enumerate(journey.steps):
        fresh = [name for name in step.events if name not in plain]
        if step.where:
            branches.append((_fits(events, msgspec.structs.replace(step, events=tuple(fresh))), number))
        else:
            plain.update(dict.fromkeys(fresh, number))
    named = events.event.cases(*plain.items(), else_=-1) if plain else ibis.literal(-1)
    return _cases(branches, named)


_TOLD = ("score", "question", "comment", "about", "kind", "step", "late_days", "wait_s", "resolved")


def _needed(events: ibis.Table, journey: Journey, further: Sequence[str]) -> ibis.Table:
    """The columns that are read: an expression of few columns compiles in a fraction of the time."""
    named = [journey.rows, *(name for step in journey.steps for name in step.where)]
    wanted = dict.fromkeys(
        ["person_id", "event_id", "event", "channel", "occurred_us", "event_on"]
        + [column(events, name).get_name() for name in named]
        + [f"prop_{name}" for name in _TOLD]
        + list(further)
    )
    return events.select(*wanted)


def _with_occurrences(events: ibis.Table, journey: Journey) -> ibis.Table:
    """The same when a step wants a person's first such event or the later ones.

    First is by (time, event_id), written as one text so that its minimum needs no ordered aggregate.
    """
    moment = order_key(events.occurred_us, events.event_id)
    wanted = [(number, step) for number, step in enumerate(journey.steps) if step.occurrence != "any"]
    firsts = events.group_by("person_id").aggregate(
        **{f"first_{number}": moment.min(where=_fits(events, step)) for number, step in wanted}
    )
    joined = events.mutate(moment=moment).left_join(firsts, "person_id")
    branches = []
    for number, step in enumerate(journey.steps):
        fits = _fits(joined, step)
        if step.occurrence == "first":
            fits = fits & (joined.moment == joined[f"first_{number}"])
        elif step.occurrence == "again":
            fits = fits & (joined.moment > joined[f"first_{number}"])
        branches.append((fits, number))
    placed = joined.mutate(step_index=_cases(branches, -1).cast("int64"))
    return placed.select(*events.columns, "step_index")


def order_key(occurred_us: Any, event_id: Any) -> Any:
    """(time, event_id) as one text in that order: twenty digits hold any instant after 1970, then the id."""
    return occurred_us.cast("string").lpad(20, "0") + event_id


def column(events: ibis.Table, name: str) -> Any:
    """The events' column a name in a journey file means. InputError when the lake has none."""
    for candidate in (column_name(name), f"prop_{name}", name):
        if candidate is not None and candidate in events.columns:
            return events[candidate]
    raise InputError(f"The events have no column '{name}'.", where="journey.toml", allowed="see docs/journeys.md")


def _fits(events: ibis.Table, step: Step) -> Any:
    """Whether an event is one of the step's, occurrence aside."""
    conditions = [events.event.isin(step.events)]
    for name, values in step.where.items():
        held = column(events, name)
        if held.type().is_string():
            conditions.append(held.isin([str(value) for value in values]))
        else:
            conditions.append(reduce(or_, [held == value for value in values], ibis.literal(False)))
    return reduce(and_, conditions).fill_null(False)


def _of_step(index: Any, values: list[str]) -> Any:
    return index.cases(*enumerate(values), else_=ibis.null("string")) if values else ibis.null("string")


def _cases(branches: list[tuple[Any, Any]], otherwise: Any) -> Any:
    """CASE, also of no branch: a journey of no steps, proposed where there is no data, is a journey too."""
    if branches:
        return ibis.cases(*branches, else_=otherwise)
    return otherwise if isinstance(otherwise, ibis.Expr) else ibis.literal(otherwise)
