"""Sessions: a function of the set of events, whatever the order or the number of times they came."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane.consent import Population
from ariane.errors import InputError
from ariane.journeys import sessions
from ariane.model import MINUTE, SECOND, event_id_of
from tests.lake_rows import DAY_ZERO, event

GAP_US = 30 * MINUTE
instants = st.integers(0, 12).map(lambda n: DAY_ZERO + n * 15 * MINUTE)
walked = st.lists(
    st.tuples(st.sampled_from("ab"), instants, st.sampled_from(["web", "app"]), st.sampled_from(["Seen", "Done"])),
    max_size=14,
    unique=True,
)


def rows_of(population: Population) -> list[dict[str, object]]:
    found = population.engine.run(sessions(population)).to_pylist()
    return sorted(found, key=lambda row: (row["person_id"], row["started_us"]))


def by_hand(events: list[dict[str, object]]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for person in sorted({str(one["person"]) for one in events}):
        mine = sorted(
            {
                (one["occurred_us"], one["event_id"], one["event"], one["channel"])
                for one in events
                if one["person"] == person
            }
        )
        runs: list[list[tuple[int, str, str, str]]] = []
        for one in mine:
            if not runs or one[0] - runs[-1][-1][0] > GAP_US:  # type: ignore[operator]
                runs.append([])
            runs[-1].append(one)  # type: ignore[arg-type]
        found += [
            {
                "session_id": run[0][1], "person_id": person, "started_us": run[0][0], "ended_us": run[-1][0],
                "n_events": len(run), "n_channels": len({one[3] for one in run}), "first_event": run[0][2],
                "last_event": run[-1][2],
            }
            for run in runs
        ]  # fmt: skip
    return found


@given(walked, st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sessions_are_those_of_the_definition_however_the_events_arrive(
    read: Callable[..., Population], walk: list[tuple[str, int, str, str]], random: object
) -> None:
    events = [
        event(person, name, at, channel=channel, event_id=event_id_of("t", str(number)))
        for number, (person, at, channel, name) in enumerate(walk)
    ]
    arrived = events + events[: len(events) // 2]
    random.shuffle(arrived)  # type: ignore[attr-defined]
    assert rows_of(read(arrived)) == by_hand(events)


def test_a_gap_of_exactly_the_limit_does_not_end_a_session(read: Callable[..., Population]) -> None:
    at = DAY_ZERO
    exactly = read([event("a", "Seen", at), event("a", "Seen", at + GAP_US)])
    beyond = read([event("a", "Seen", at), event("a", "Seen", at + GAP_US + 1)])
    assert (len(rows_of(exactly)), len(rows_of(beyond))) == (1, 2)


def test_a_session_crosses_channels_and_the_gap_is_a_setting(read: Callable[..., Population]) -> None:
    population = read(
        [event("a", "Seen", DAY_ZERO, channel="store"), event("a", "Done", DAY_ZERO + 90 * SECOND, channel="app")]
    )
    assert rows_of(population)[0]["n_channels"] == 2
    assert population.engine.run(sessions(population, gap_s=60)).num_rows == 2
    with pytest.raises(InputError, match="gap_s"):
        sessions(population, gap_s=0)
