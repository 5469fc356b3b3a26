"""One text, two engines: DuckDB and Spark Connect give equal answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ibis
import pytest

from ariane.consent import Population
from ariane.journeys import Journey, frictions, graph, journey_map, propose, sessions, touchpoints
from ariane.journeys.emotion import emotion
from ariane.journeys.funnels import funnel_levels
from ariane.journeys.matrix import matrix
from tests.journeys import town

ANALYSES: dict[str, Callable[[Population, Journey], ibis.Table]] = {
    "touchpoints": touchpoints,
    "sessions": lambda population, journey: sessions(population),
    "funnel": lambda population, journey: funnel_levels(population, journey, ["searches", "fills_basket", "pays"]),
    "graph": graph,
    "matrix": matrix,
    "emotion": emotion,
}


def rows_of(population: Population, expression: ibis.Table) -> list[dict[str, Any]]:
    found = population.engine.run(expression).to_pylist()
    return sorted(found, key=lambda row: [str(value) for value in row.values() if not isinstance(value, float)])


def same(one: object, other: object) -> bool:
    """Equal; floats to 1e-9, since engines add them in different orders."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


@pytest.mark.parametrize("name", ANALYSES)
def test_both_engines_give_equal_answers(name: str, lived: Population, lived_on_spark: Population) -> None:
    journey = town.journey()
    ours, theirs = (rows_of(one, ANALYSES[name](one, journey)) for one in (lived, lived_on_spark))
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        assert all(same(one[key], other[key]) for key in one), (one, other)


def test_both_engines_draw_one_map(lived: Population, lived_on_spark: Population) -> None:
    journey = town.journey()
    ours, theirs = journey_map(lived, journey), journey_map(lived_on_spark, journey)
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        assert (one.n_persons, one.cells == (), one.marks, one.drop_off, one.median_wait_s) == (
            other.n_persons, other.cells == (), other.marks, other.drop_off, other.median_wait_s,
        )  # fmt: skip
        assert same(one.emotion.value, other.emotion.value) and same(one.emotion.lo, other.emotion.lo)
        assert [v.event_id for v in one.verbatims] == [v.event_id for v in other.verbatims]
    assert [kpi.now.n for kpi in ours.kpis] == [kpi.now.n for kpi in theirs.kpis]
    assert propose(lived) == propose(lived_on_spark)


def test_both_engines_find_the_same_frictions(tmp_path_factory: pytest.TempPathFactory, spark: str) -> None:
    from ariane.consent import population
    from ariane.store import DuckEngine, SparkEngine

    root = tmp_path_factory.mktemp("hurt") / "lake"
    planted = [town.Planted("drop_off", "ctx_os", "Android 15", 40, 52, 0.9)]
    town.write(root, town.town(3, persons=700, days=100, planted=planted))
    duck, sail = DuckEngine(town.Lake(root)), SparkEngine(town.Lake(root), spark)
    found = [frictions(population(engine, "measurement"), town.journey()) for engine in (duck, sail)]
    assert [one.slice for one in found[0]] == [{"ctx_os": "Android 15"}]
    assert [(f.slice, f.began_on, f.ended_on, f.n_trials, f.n_persons, f.money_minor) for f in found[0]] == [
        (f.slice, f.began_on, f.ended_on, f.n_trials, f.n_persons, f.money_minor) for f in found[1]
    ]
    duck.close()
    sail.close()
