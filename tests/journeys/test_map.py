"""The map: every number on it counted again by hand, and never moved by the order in which events came."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ariane.consent import Population, population
from ariane.journeys import journey_map, persons_behind, propose, touchpoints
from ariane.journeys.blueprint import Journey, Step, read_journey
from ariane.journeys.map import JourneyMap
from ariane.model import DAY, HOUR, MINUTE
from ariane.store import DuckEngine
from tests.journeys import town
from tests.lake_rows import DAY_ZERO, event


@pytest.fixture(scope="module")
def drawn(lived: Population) -> JourneyMap:
    return journey_map(lived, town.journey())


@pytest.fixture(scope="module")
def touches(lived: Population) -> list[dict[str, Any]]:
    return lived.engine.run(touchpoints(lived, town.journey())).to_pylist()


def test_persons_events_and_reach_are_those_of_the_touchpoints(
    drawn: JourneyMap, touches: list[dict[str, Any]], lived: Population
) -> None:
    persons, events = defaultdict(set), defaultdict(int)
    for touch in touches:
        for row in (None, touch["row"]):
            persons[touch["step"], row].add(touch["person_id"])
            events[touch["step"], row] += 1
    for step in drawn.steps:
        assert (step.n_persons, step.n_events) == (len(persons[step.key, None]), events[step.key, None])
        assert {cell.row for cell in step.cells} == {row for key, row in persons if key == step.key and row is not None}
        for cell in step.cells:
            n = len(persons[step.key, cell.row])
            assert (cell.n_persons, cell.n_events) == (n, events[step.key, cell.row])
            assert cell.reach.value == n / step.n_persons and cell.rate is None
    assert drawn.n_persons == len({touch["person_id"] for touch in touches})
    assert drawn.n_converted == len(persons["pays", None])
    assert drawn.n_held_back == 3 and not {touch["person_id"] for touch in touches} & {"p1", "p2", "p3"}
    assert drawn.rows == ("web", "app", "store", "call_centre", "email", "social", "partner")
    assert drawn.stages == (("before", 1), ("consideration", 3), ("conversion", 2), ("evaluation", 2), ("loyalty", 1))


def test_drop_off_and_waits_are_those_of_the_definition(drawn: JourneyMap, touches: list[dict[str, Any]]) -> None:
    lives: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for touch in touches:
        lives[touch["person_id"]].append((touch["occurred_us"], touch["step_index"]))
    end, window = max(at for life in lives.values() for at, _ in life), drawn.window_s * 1_000_000
    closed, left, waits = defaultdict(int), defaultdict(int), defaultdict(list)
    for life in lives.values():
        firsts = {step: min(at for at, other in life if other == step) for _, step in life}
        for step, first in firsts.items():
            if first + window <= end:
                closed[step] += 1
                left[step] += not any(other > step and first <= at <= first + window for at, other in life)
        ordered = sorted((at, step) for step, at in firsts.items())
        for (before, _), (at, step) in pairwise(ordered):
            waits[step].append(at - before)
    for index, step in enumerate(drawn.steps):
        n = closed[index] if index < len(drawn.steps) - 1 else 0
        assert (step.drop_off.n, step.drop_off.value) == (n, left[index] / n if n else None), step.key
        ranked = sorted(waits[index])
        assert step.median_wait_s == ranked[(len(ranked) + 1) // 2 - 1] / 1_000_000
        assert step.p95_wait_s == ranked[(len(ranked) * 95 + 99) // 100 - 1] / 1_000_000


def test_figures_count_each_person_once(drawn: JourneyMap, lived: Population) -> None:
    events = lived.events.filter(lived.events.event == "Survey Answered")
    said = lived.engine.run(
        events.select("person_id", "occurred_us", "event_id", "prop_question", "prop_score")
    ).to_pylist()
    last: dict[str, dict[str, float]] = {"nps": {}, "csat": {}}
    for one in sorted(said, key=lambda row: (row["occurred_us"], row["event_id"])):
        last[one["prop_question"]][one["person_id"]] = one["prop_score"]
    figures = {kpi.key: kpi for kpi in drawn.kpis}
    scores = list(last["nps"].values())
    expected = 100 * (sum(s >= 9 for s in scores) - sum(s <= 6 for s in scores)) / len(scores)
    assert figures["nps"].now.value == pytest.approx(expected) and figures["nps"].now.n == len(scores)
    stars = list(last["csat"].values())
    assert figures["csat"].now.value == pytest.approx(sum(stars) / len(stars))
    assert figures["csat_top2"].now.value == pytest.approx(sum(s >= 4 for s in stars) / len(stars))
    assert figures["ces"].now.value is None and figures["ces"].weekly == ()
    assert figures["conversion"].now.value == drawn.n_converted / drawn.n_persons
    assert all(week.from_on.weekday() == 0 for kpi in drawn.kpis for week in kpi.weekly)
    assert figures["nps"].delta is None and figures["nps"].distinguishable is None


def test_a_comparison_says_whether_the_change_can_be_told(lived: Population, town_root: Path) -> None:
    half = town.DAY_ZERO + 45 * DAY
    now = population(lived.engine, "measurement", since_us=half)
    before = population(lived.engine, "measurement", until_us=half)
    compared = {kpi.key: kpi for kpi in journey_map(now, town.journey(), compare=before).kpis}
    alone = {kpi.key: kpi for kpi in journey_map(before, town.journey()).kpis}
    for key, kpi in compared.items():
        assert kpi.before == alone[key].now
    assert compared["csat"].distinguishable is False and compared["csat"].delta is not None


def test_emotion_is_the_answers_where_no_behaviour_differs(read: Callable[..., Population]) -> None:
    """Answers of six persons, one of them twice: five whole votes and one halved between two."""
    scores = {"a": [5], "b": [4], "c": [4], "d": [3], "e": [2], "f": [5, 1]}
    events = [event(person, "Order Completed", DAY_ZERO) for person in "abcdefgh"]
    for person, given in scores.items():
        for number, score in enumerate(given):
            events.append(
                event(
                    person, "Survey Answered", DAY_ZERO + HOUR + number, channel="email", question="csat",
                    score=float(score), about="pays", comment=f"{person} says {score}",
                )
            )  # fmt: skip
    drawn = journey_map(read(events), town.journey())
    step = next(step for step in drawn.steps if step.key == "pays")
    assert step.emotion.value == pytest.approx((2 + 1 + 1 + 0 - 1 + 0) / 6) and step.emotion.n == 6
    assert step.sources == {"answers": 7, "behaviour": 0}
    assert [one.comment for one in step.verbatims] == ["f says 1", *[one.comment for one in step.verbatims][1:]]
    assert len(step.verbatims) == 3 and step.cells[0].emotion.value == step.emotion.value
    assert (drawn.peak, drawn.end) == ("pays", "pays")


def test_behaviour_corrects_for_those_who_did_not_answer(read: Callable[..., Population]) -> None:
    """Ten of twenty answer, all content; the ten who kept silent waited too long for their parcel."""
    events = []
    for number in range(20):
        silent = number >= 10
        events.append(
            event(f"p{number}", "Delivery Made", DAY_ZERO, channel="partner", late_days=5.0 if silent else 0.0)
        )
        if not silent:
            events.append(
                event(
                    f"p{number}",
                    "Survey Answered",
                    DAY_ZERO + MINUTE,
                    question="csat",
                    score=4.0,
                    about="Delivery Made",
                )
            )
    step = next(step for step in journey_map(read(events), town.journey()).steps if step.key == "waits_delivery")
    assert step.emotion.value == pytest.approx(1.0 + 0.5 * (-1.5 * 10 / 20))
    assert step.sources == {"answers": 10, "behaviour": 10}


def test_too_few_show_no_emotion(read: Callable[..., Population]) -> None:
    told = [
        event(f"p{n}", "Survey Answered", DAY_ZERO + HOUR, question="emotion", score=2.0, about="pays")
        for n in range(4)
    ]
    drawn = journey_map(read([event(f"p{n}", "Order Completed", DAY_ZERO) for n in range(9)] + told), town.journey())
    step = next(step for step in drawn.steps if step.key == "pays")
    assert (step.emotion.value, step.emotion.lo, step.emotion.n, step.marks) == (None, None, 4, ())
    assert drawn.peak is None


def test_an_answer_about_nothing_belongs_to_the_nearest_step_of_the_day_before(read: Callable[..., Population]) -> None:
    events = []
    for number in range(6):
        events += [
            event(f"p{number}", "Store Visited", DAY_ZERO, channel="store", store="Lyon"),
            event(f"p{number}", "Order Completed", DAY_ZERO + HOUR, channel="store"),
            event(f"p{number}", "Survey Answered", DAY_ZERO + 2 * HOUR, channel="email", question="emotion", score=2.0),
            event(f"p{number}", "Survey Answered", DAY_ZERO + 3 * DAY, channel="email", question="emotion", score=-2.0),
            event(f"p{number}", "Survey Answered", DAY_ZERO + 2 * HOUR, question="nps", score=0.0, kind="relational"),
            event(f"p{number}", "Survey Answered", DAY_ZERO + 2 * HOUR, question="csat", score=9.0),
        ]
    steps = {step.key: step for step in journey_map(read(events), town.journey()).steps}
    assert steps["pays"].emotion.value == 2.0 and steps["pays"].cells[0].row == "store"
    assert steps["visits_store"].emotion.n == 0


def test_the_map_does_not_depend_on_the_order_of_events(tmp_path: Path) -> None:
    events = town.town(11, persons=60, days=60)
    order = list(range(events.num_rows))
    drawn = []
    for number in range(3):
        engine = DuckEngine(town.write(tmp_path / str(number), events.take(order), by_day=number != 2))
        drawn.append(_rounded(journey_map(population(engine, "measurement"), town.journey())))
        engine.close()
        random.Random(number).shuffle(order)
    assert drawn[0] == drawn[1] == drawn[2]


def _rounded(drawn: JourneyMap) -> Any:
    """Sums of floats differ in their last digit by the order of adding."""
    import msgspec

    def settle(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 9)
        if isinstance(value, dict):
            return {key: settle(one) for key, one in value.items()}
        return [settle(one) for one in value] if isinstance(value, list) else value

    return settle(msgspec.to_builtins(drawn))


def test_rows_of_a_property_give_rates_between_steps(read: Callable[..., Population]) -> None:
    """Offers received, viewed by 2 in 4 on one set of channels and by 3 in 4 on the other."""
    events = []
    for number in range(8):
        channels = "email" if number < 4 else "email,social"
        events.append(event(f"p{number}", "Offer Received", DAY_ZERO, channel="email", channels=channels))
        if number in (0, 1, 4, 5, 6):
            events.append(event(f"p{number}", "Offer Viewed", DAY_ZERO + HOUR, channel="email", channels=channels))
    population = read(events)
    journey = propose(population)
    assert (journey.rows, journey.keys(), journey.proposed) == ("channels", ("offer_received", "offer_viewed"), True)
    viewed = {cell.row: cell.rate for cell in journey_map(population, journey).steps[1].cells}
    assert viewed == {"email": 0.5, "email,social": 0.75}


def test_first_and_later_occurrences_are_different_steps(read: Callable[..., Population]) -> None:
    bought = {"events": ("Order Completed",), "stage": "conversion"}
    journey = Journey(
        steps=(
            Step(key="buys", occurrence="first", **bought),  # type: ignore[arg-type]
            Step(key="buys_again", occurrence="again", **bought),  # type: ignore[arg-type]
        )
    )
    events = [event("a", "Order Completed", DAY_ZERO + n * DAY) for n in range(3)] + [
        event("b", "Order Completed", DAY_ZERO)
    ]
    population = read(events)
    rows = population.engine.run(touchpoints(population, journey)).to_pylist()
    assert sorted((row["person_id"], row["step"]) for row in rows) == [
        ("a", "buys"), ("a", "buys_again"), ("a", "buys_again"), ("b", "buys"),
    ]  # fmt: skip


def test_an_empty_workspace_has_an_empty_map(read: Callable[..., Population]) -> None:
    population = read([])
    assert propose(population).steps == ()
    for journey in (propose(population), town.journey()):
        drawn = journey_map(population, journey)
        assert (drawn.n_persons, drawn.rows, drawn.peak) == (0, (), None)
        assert all(kpi.now.value is None for kpi in drawn.kpis)


def test_a_journey_is_proposed_from_what_persons_do(lived: Population) -> None:
    journey = propose(lived)
    assert journey.proposed and 0 < len(journey.steps) <= 16 and journey.goal == "order_completed"
    assert journey.keys().index("products_searched") < journey.keys().index("product_added")
    assert not {"survey_sent", "call_ended"} & set(journey.keys())
    assert read_journey(journey.to_toml()) == journey


def test_persons_behind_a_cell_are_as_many_as_it_says(lived: Population, drawn: JourneyMap) -> None:
    for step in drawn.steps[3:5]:
        for cell in step.cells:
            found = persons_behind(lived, town.journey(), {"step": step.key, "row": cell.row}, limit=3)
            assert found.value == cell.n_persons and found.n_held_back == 3
            assert found.to_arrow().column_names == ["person_id", "n_events", "last_us", "emotion"]
            assert len(found) == min(3, cell.n_persons)
    left = persons_behind(lived, town.journey(), {"step": "compares", "left": True})
    compared = drawn.steps[2].drop_off
    assert left.value == round((compared.value or 0) * compared.n)
    pages = [persons_behind(lived, town.journey(), {"step": "pays"}, limit=5, offset=at) for at in (0, 5)]
    ids = [row["person_id"] for page in pages for row in page.to_dicts()]
    assert len(set(ids)) == 10


def test_real_offers_are_viewed_as_often_as_their_channels_say(
    shared_data: Path, read: Callable[..., Population]
) -> None:
    """Shares of offers viewed, by the set of channels they went out on: .347, .542, .877 and .961."""
    import json
    import lzma

    folder = shared_data / "starbucks_offers"
    offers = {}
    for line in (folder / "portfolio.json").read_text().splitlines():
        if line.strip():
            offer = json.loads(line)
            offers[offer["id"]] = "+".join(sorted(offer["channels"]))
    names = {"offer received": "Offer Received", "offer viewed": "Offer Viewed"}
    events = []
    with lzma.open(folder / "transcript.json.xz", "rt") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line) if line.strip() else {}
            if row.get("event") in names and hash_of(row["person"]) == 0:
                at = DAY_ZERO + row["time"] * HOUR + number
                channels = offers[row["value"].get("offer id") or row["value"]["offer_id"]]
                events.append(event(row["person"], names[row["event"]], at, channel="email", channels=channels))
    population = read(events)
    viewed = {cell.row: cell.rate for cell in journey_map(population, propose(population)).steps[1].cells}
    expected = {
        "email+web": 0.347,
        "email+mobile+web": 0.542,
        "email+mobile+social": 0.877,
        "email+mobile+social+web": 0.961,
    }
    assert viewed == pytest.approx(expected, abs=0.03)


def hash_of(person: str) -> int:
    """One person in eight, by their id: a sample that is enough for two digits."""
    return int(person[:8], 16) % 8
