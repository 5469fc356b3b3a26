"""What scores and response rates rest on: who counts, once, in which number."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.consent import Population, population
from ariane.errors import InputError
from ariane.intervals import nps, wilson
from ariane.model import DAY, HOUR
from ariane.store import DuckEngine, SparkEngine
from ariane.voice import answers, responses, scores
from lake_rows import DAY_ZERO, event, write_lake


def answer(person: str, question: str, score: float | None, at_us: int = DAY_ZERO, **columns: Any) -> dict[str, Any]:
    given = {"survey_id": f"s-{question}", "kind": "relational", "channel": "email"} | columns
    return event(person, "Survey Answered", at_us, question=question, score=score, **given)


def read(root: Path, events: list[dict[str, Any]], **options: Any) -> Population:
    return population(DuckEngine(write_lake(root / "lake", events, **options)), "measurement")


def test_who_dismissed_or_left_the_question_open_is_in_no_denominator(tmp_path: Path) -> None:
    events = [answer("ana", "nps", 10.0), answer("bob", "nps", None), answer("cyd", "nps", 11.0)]
    events += [event(p, "Survey Dismissed", DAY_ZERO, survey_id="s-nps", kind="relational") for p in ("dan", "eve")]
    row = scores(read(tmp_path, events), minimum_cell=1).to_dicts()[0]
    assert (row["measure"], row["value"], row["n"]) == ("nps", 100.0, 1)


def test_the_last_answer_of_a_person_counts_once_even_across_identifiers(tmp_path: Path) -> None:
    events = [answer("ana", "nps", 2.0), answer("ana-2", "nps", 9.0, DAY_ZERO + HOUR)]
    events += [answer(f"p{n}", "nps", 8.0) for n in range(4)]
    row = scores(read(tmp_path, events, merged={"ana-2": "ana"})).to_dicts()[0]
    assert (row["value"], row["n"]) == (20.0, 5)


def test_relational_and_transactional_stand_apart(tmp_path: Path) -> None:
    events = [answer(f"p{n}", "csat", 5.0) for n in range(6)]
    events += [answer(f"p{n}", "csat", 1.0, kind="transactional", survey_id="t") for n in range(7)]
    events += [answer("p0", "csat", 3.0, kind=None, survey_id="u")]
    rows = {(r["kind"], r["measure"]): (r["value"], r["n"]) for r in scores(read(tmp_path, events)).to_dicts()}
    assert rows[("relational", "csat")] == (1.0, 6)
    assert rows[("transactional", "csat")] == (0.0, 7)
    assert rows[("unstated", "csat")] == (None, 1), "a cell below the minimum shows its n, not its value"


def test_values_and_bounds_are_those_of_the_formulas(tmp_path: Path) -> None:
    given = [10, 9, 9, 8, 7, 6, 3, 0]
    events = [answer(f"p{n}", "nps", float(score)) for n, score in enumerate(given)]
    events += [answer(f"p{n}", "ces", float(score)) for n, score in enumerate([7, 6, 5, 4, 3, 1])]
    rows = {r["measure"]: r for r in scores(read(tmp_path, events)).to_dicts()}
    expected = nps(3, 2, 3)
    assert (rows["nps"]["value"], rows["nps"]["lo"], rows["nps"]["hi"]) == (expected.value, expected.lo, expected.hi)
    share = wilson(3, 6)
    assert (rows["ces"]["value"], rows["ces"]["lo"], rows["ces"]["hi"]) == (share.value, share.lo, share.hi)
    assert rows["ces_mean"]["value"] == pytest.approx(26 / 6)
    # t(5) = 2.5706, sd = 2.16025 (by hand)
    assert rows["ces_mean"]["hi"] == pytest.approx(26 / 6 + 2.5706 * 2.16025 / 6**0.5, rel=2e-3)


def test_effort_read_the_other_way_round_says_so(tmp_path: Path) -> None:
    pop = read(tmp_path, [answer(f"p{n}", "ces", float(score)) for n, score in enumerate([7, 6, 5, 2, 1])])
    ease = {r["measure"]: r for r in scores(pop).to_dicts()}
    effort = {r["measure"]: r for r in scores(pop, ces="effort").to_dicts()}
    assert (ease["ces"]["value"], ease["ces_mean"]["better"]) == (0.6, "higher")
    assert (effort["ces"]["value"], effort["ces_mean"]["better"]) == (0.4, "lower")
    assert ease["ces_mean"]["value"] == effort["ces_mean"]["value"]


def test_the_trend_counts_each_person_once_a_week(tmp_path: Path) -> None:
    # 2026-01-01 is a Thursday: day 3 is Sunday, day 4 Monday.
    events = [answer("ana", "nps", 0.0, DAY_ZERO + 3 * DAY), answer("ana", "nps", 10.0, DAY_ZERO + 4 * DAY - 1)]
    events += [answer("ana", "nps", 7.0, DAY_ZERO + 4 * DAY)]
    rows = scores(read(tmp_path, events), by="week", minimum_cell=1).to_dicts()
    assert [(r["week_on"], r["value"]) for r in rows] == [(date(2025, 12, 29), 100.0), (date(2026, 1, 5), 0.0)]


def test_an_unknown_cut_is_refused_with_the_one_meant(tmp_path: Path) -> None:
    pop = read(tmp_path, [answer("ana", "nps", 9.0)])
    with pytest.raises(InputError, match="did you mean 'channel'"):
        scores(pop, by="chanel")
    with pytest.raises(InputError, match="did you mean 'nps'"):
        scores(pop, question="npss")


def test_invitations_answered_dismissed_silent_and_answers_nobody_asked_for(tmp_path: Path) -> None:
    def at(person: str, name: str, day: int, **columns: Any) -> dict[str, Any]:
        return event(person, name, DAY_ZERO + day * DAY, survey_id="s", **columns)

    events = [
        at("ana", "Survey Sent", 0),
        at("ana", "Survey Dismissed", 0),
        at("ana", "Survey Answered", 1, question="nps", score=9.0),
    ]
    events += [at("ana", "Survey Answered", 1, question="text", comment="bien"), at("ana", "Survey Sent", 5)]
    events += [at("bob", "Survey Sent", 0), at("bob", "Survey Dismissed", 1)]
    events += [at("cyd", "Survey Answered", 0, question="nps", score=3.0)]
    row = responses(read(tmp_path, events)).to_dicts()[0]
    counts = {name: row[name] for name in ("n_sent", "n_answered", "n_dismissed", "n_silent", "n_unsolicited")}
    assert counts == {"n_sent": 3, "n_answered": 1, "n_dismissed": 1, "n_silent": 1, "n_unsolicited": 1}
    assert (row["rate"], row["lo"], row["hi"]) == (wilson(1, 3).value, wilson(1, 3).lo, wilson(1, 3).hi)


def test_who_objected_is_not_read_and_is_counted(tmp_path: Path) -> None:
    events = [answer(f"p{n}", "nps", 9.0) for n in range(6)]
    pop = read(tmp_path, events, consents=[("p0", "measurement", "", False)])
    result = scores(pop)
    assert (result.to_dicts()[0]["n"], result.n_held_back) == (5, 1)
    assert pop.engine.run(answers(pop)).num_rows == 5


@settings(max_examples=5, deadline=None)
@given(
    given=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 10), st.integers(0, 20)), min_size=1, max_size=15
    ),
    order=st.randoms(),
)
def test_the_order_of_arrival_changes_nothing(
    given: list[tuple[str, int, int]], order: Any, tmp_path_factory: Any
) -> None:
    # one answer an instant and person, so that "last" is not a matter of ids
    given = list({(who, day): (who, score, day) for who, score, day in given}.values())
    events = [answer(who, "nps", float(score), DAY_ZERO + day * DAY) for who, score, day in given]
    shuffled = events[:]
    order.shuffle(shuffled)
    one, other = (read(tmp_path_factory.mktemp("voice"), rows) for rows in (events, shuffled))
    assert scores(one, by="week", minimum_cell=1).to_dicts() == scores(other, by="week", minimum_cell=1).to_dicts()
    last = {who: score for who, score, day in sorted(given, key=lambda g: g[2])}.values()
    row = scores(one, minimum_cell=1).to_dicts()[0]
    assert row["value"] == pytest.approx(100 * (sum(s >= 9 for s in last) - sum(s <= 6 for s in last)) / len(last))


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    events = []
    for n in range(60):
        who, at_us = f"p{n % 23}", DAY_ZERO + n * 7 * HOUR
        events.append(event(who, "Survey Sent", at_us - HOUR, survey_id=f"s{n % 3}"))
        if n % 4:
            question = ("nps", "csat", "ces", "emotion")[n % 4]
            score = (n % 11, 1 + n % 5, 1 + n % 7, n % 5 - 2)[n % 4]
            kind = ("relational", "transactional", None)[n % 3]
            events.append(answer(who, question, float(score), at_us, survey_id=f"s{n % 3}", kind=kind, about="pays"))
        else:
            events.append(event(who, "Survey Dismissed", at_us, survey_id=f"s{n % 3}"))
    lake = write_lake(tmp_path / "lake", events)
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = population(duck, "measurement"), population(sail, "measurement")
    for by in (None, "week", "about", "channel", "survey_id"):
        assert scores(one, by=by, minimum_cell=1).to_dicts() == scores(other, by=by, minimum_cell=1).to_dicts()
    for by in ("survey_id", "channel", "kind"):
        assert responses(one, by=by).to_dicts() == responses(other, by=by).to_dicts()
    duck.close(), sail.close()
