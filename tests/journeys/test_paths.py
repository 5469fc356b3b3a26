"""Paths: what flows into a step flows out, and the counts are those of the walks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane.consent import Population
from ariane.journeys import graph, persons_behind
from ariane.model import SECOND
from tests.journeys import town
from tests.journeys.test_funnel import steps
from tests.lake_rows import DAY_ZERO, event

walks = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 9), st.sampled_from("abc")),
    min_size=1, max_size=14, unique_by=lambda one: one[:2],
)  # fmt: skip


@given(walks, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_transitions_are_those_of_the_walks(
    read: Callable[..., Population], walk: list[tuple[str, int, str]], collapse: bool, random: object
) -> None:
    events = [event(who, name, DAY_ZERO + at * SECOND, event_id=f"{who}{at}") for who, at, name in walk]
    arrived = events + events[:3]
    random.shuffle(arrived)  # type: ignore[attr-defined]
    population = read(arrived)
    counts: dict[tuple[str, str], list[tuple[str, float | None]]] = defaultdict(list)
    for person in {one[0] for one in walk}:
        path = sorted((at, f"s{name}") for who, at, name in walk if who == person)
        for (before, a), (at, b) in pairwise(path):
            if a != b or not collapse:
                counts[a, b].append((person, float(at - before)))
        counts["path_start", path[0][1]].append((person, None))
        counts[path[-1][1], "path_end"].append((person, None))
    found = population.engine.run(graph(population, steps("a", "b", "c"), collapse_loops=collapse)).to_pylist()
    assert {(row["from_step"], row["to_step"]): (row["n"], row["n_persons"]) for row in found} == {
        edge: (len(told), len({who for who, _ in told})) for edge, told in counts.items()
    }
    for row in found:
        waits = sorted(wait for _, wait in counts[row["from_step"], row["to_step"]] if wait is not None)
        assert row["median_wait_s"] == (waits[(len(waits) + 1) // 2 - 1] if waits else None)
        assert row["p95_wait_s"] == (waits[(len(waits) * 95 + 99) // 100 - 1] if waits else None)


@pytest.mark.parametrize("of", ["step", "event", "channel"])
def test_what_flows_in_flows_out(of: str, lived: Population) -> None:
    rows = lived.engine.run(graph(lived, town.journey(), of=of)).to_pylist()  # type: ignore[arg-type]
    into, out = defaultdict(int), defaultdict(int)
    for row in rows:
        out[row["from_step"]] += row["n"]
        into[row["to_step"]] += row["n"]
    assert out.pop("path_start") == into.pop("path_end") and into == out


def test_a_transition_opens_its_persons(lived: Population) -> None:
    rows = lived.engine.run(graph(lived, town.journey())).to_pylist()
    row = max(rows, key=lambda row: row["n"])
    where = {"from_step": row["from_step"], "to_step": row["to_step"]}
    assert persons_behind(lived, town.journey(), where).value == row["n_persons"]
