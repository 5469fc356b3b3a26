"""Funnels: ClickHouse's own cases, and the definition written out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane.consent import Population
from ariane.errors import InputError, NotFound
from ariane.journeys import Journey, funnel, persons_behind
from ariane.journeys.blueprint import Step
from ariane.journeys.funnels import funnel_levels
from ariane.model import SECOND
from tests.lake_rows import DAY_ZERO, event


def steps(*names: str) -> Journey:
    """A journey of one step an event name."""
    return Journey(steps=tuple(Step(key=f"s{name}", stage="conversion", events=(name,)) for name in names))


def levels(population: Population, journey: Journey, window_s: int) -> dict[str, int]:
    found = population.engine.run(funnel_levels(population, journey, journey.keys(), window_s=window_s)).to_pylist()
    return {row["person_id"]: row["level"] for row in found}


def test_levels_are_those_of_window_funnel(shared_data: Path, read: Callable[..., Population]) -> None:
    """The default mode of every case of ClickHouse's test 00632."""
    tried = 0
    for case in json.loads((shared_data / "clickhouse_window_funnel" / "cases.json").read_text()):
        population = read(
            event(user, str(name), DAY_ZERO + at * SECOND) for user, told in case["events"].items() for at, name in told
        )
        for run in case["runs"]:
            if run["modes"]:
                continue
            found = levels(population, steps(*map(str, run["steps"])), run["window"])
            assert {user: found.get(user, 0) for user in run["expected"]} == run["expected"], case["name"]
            tried += 1
    assert tried >= 6


def by_hand(told: list[tuple[str, int, str]], names: tuple[str, ...], window_s: int) -> dict[str, int]:
    """From every first step, as far as it goes: the definition, without its shortcut."""
    found = {}
    for person in {one[0] for one in told}:
        mine = sorted((at, names.index(name)) for who, at, name in told if who == person and name in names)
        best = 0
        for start, place in mine:
            if place == 0:
                level, last = 1, (start, 0)
                for at, step in mine:
                    if step == level and (at, step) > last and at - start <= window_s:
                        level, last = level + 1, (at, step)
                best = max(best, level)
        if best:
            found[person] = best
    return found


walks = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 30), st.sampled_from("abcx")), max_size=16, unique=True
)


@given(walks, st.integers(1, 20))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_levels_are_the_longest_prefix_from_any_first_step(
    read: Callable[..., Population], walk: list[tuple[str, int, str]], window_s: int
) -> None:
    population = read(event(who, name, DAY_ZERO + at * SECOND) for who, at, name in walk)
    assert levels(population, steps("a", "b", "c"), window_s) == by_hand(walk, ("a", "b", "c"), window_s)


def test_shares_have_intervals_and_persons(lived: Population) -> None:
    from tests.journeys import town

    journey = town.journey()
    found = funnel(lived, journey, ["searches", "fills_basket", "pays"])
    counts = [step.n_persons for step in found.steps]
    assert counts == sorted(counts, reverse=True) and found.n_held_back == 3
    assert found.steps[2].of_previous.n == counts[1]
    assert found.steps[2].of_first.lo < found.steps[2].n_persons / counts[0] < found.steps[2].of_first.hi  # type: ignore[operator]
    where = {"steps": ["searches", "fills_basket", "pays"], "level": 2}
    assert persons_behind(lived, journey, where).value == counts[1]
    assert persons_behind(lived, journey, where | {"dropped": True}).value == counts[1] - counts[2]


def test_what_cannot_be_a_funnel_is_refused(lived: Population) -> None:
    from tests.journeys import town

    journey = town.journey()
    with pytest.raises(NotFound, match="did you mean 'pays'"):
        funnel(lived, journey, ["searches", "pay"])
    with pytest.raises(InputError, match="twice"):
        funnel(lived, journey, ["pays", "pays"])
    with pytest.raises(InputError, match="window"):
        funnel(lived, journey, ["pays"], window_s=0)
