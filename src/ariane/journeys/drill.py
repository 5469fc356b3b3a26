"""Who stands behind a number: the persons of a step, a cell, a drop-off, a funnel's level, a transition, a finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis

from ariane.errors import InputError
from ariane.journeys.blueprint import Journey
from ariane.journeys.emotion import by_person, marks
from ariane.journeys.friction import Finding, finding_persons
from ariane.journeys.funnels import funnel_persons
from ariane.journeys.matrix import left_persons, visited
from ariane.journeys.steps import read_steps
from ariane.model import DAY, SECOND
from ariane.result import Result

if TYPE_CHECKING:
    from ariane.consent import Population

ALLOWED = ("step", "row", "left", "steps", "level", "dropped", "window_s", "from_step", "to_step")


def persons_behind(
    population: Population,
    journey: Journey,
    where: Mapping[str, Any] | Finding,
    *,
    limit: int = 50,
    offset: int = 0,
) -> Result:
    """The persons behind a number: person_id, n_events, last_us and emotion (the mean of what they told, or null).

    `where` is a Finding, or says which number: {"step": key}, with "row" for one cell, or with "left": True for those
    who came no further; {"steps": […], "level": n} for a funnel's level, with "dropped": True for those who stopped
    there; {"from_step": a, "to_step": b} for a transition. Events and emotion are those at the step where one is
    meant, of the whole journey otherwise. Those who were there last come first. `value` is how many there are in all.
    Only ids are given, and only of persons the population's purpose may read.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> persons_behind(population, journey, {"step": "pays"}).value
    0
    """
    wanted, index, row = _wanted(population, journey, where)
    read = read_steps(population, journey)
    told = by_person(marks(read, journey), "row")
    events = read.filter(read.step_index >= 0)
    if index is not None:
        events, told = events.filter(events.step_index == index), told.filter(told.step_index == index)
    if row is not None:
        events, told = events.filter(events.row == row), told.filter(told.row == row)
    felt = told.group_by("person_id").aggregate(emotion=told.answer.mean())
    seen = events.group_by("person_id").aggregate(n_events=events.count(), last_us=events.occurred_us.max())
    if wanted is not None:
        seen = seen.semi_join(wanted, "person_id")
    joined = seen.left_join(felt, "person_id").select("person_id", "n_events", "last_us", "emotion")
    engine = population.engine
    total = engine.run(seen.aggregate(n=seen.count())).column("n")[0].as_py()
    page = joined.order_by(ibis.desc("last_us"), "person_id").limit(max(0, limit), offset=max(0, offset))
    text = str(engine.text(page)) if hasattr(engine, "text") else ""
    return Result(engine.run(page), sql=text, n_held_back=population.n_held_back(), value=int(total))


def _wanted(
    population: Population, journey: Journey, where: Mapping[str, Any] | Finding
) -> tuple[ibis.Table | None, int | None, str | None]:
    """Whose ids (None: anybody's), and the step and row their events and emotion are taken of."""
    if isinstance(where, Finding):
        return finding_persons(population, journey, where), None, None
    unknown = sorted(set(where) - set(ALLOWED))
    if unknown:
        raise InputError(f"'{unknown[0]}' names no number of a journey.", where="where", allowed=", ".join(ALLOWED))
    if "level" in where:
        steps, window_s = tuple(where.get("steps") or ()), where.get("window_s")
        level, dropped = int(where["level"]), bool(where.get("dropped"))
        return funnel_persons(population, journey, steps, level, dropped=dropped, window_s=window_s), None, None
    if "from_step" in where and "to_step" in where:
        return _movers(population, journey, str(where["from_step"]), str(where["to_step"])), None, None
    index = journey.index(str(where["step"])) if where.get("step") else None
    row = None if where.get("row") is None else str(where["row"])
    if where.get("left") and index is not None:
        window_s = int(where.get("window_s") or journey.window_days * DAY // SECOND)
        visits = visited(read_steps(population, journey), window_s)
        return left_persons(visits, len(journey.steps), window_s, index), index, row
    return None, index, row


def _movers(population: Population, journey: Journey, before: str, after: str) -> ibis.Table:
    from ariane.journeys.paths import moves

    made = moves(population, journey, of="step", collapse_loops=before != after)
    return made.filter((made.from_step == before) & (made.to_step == after)).select("person_id").distinct()
