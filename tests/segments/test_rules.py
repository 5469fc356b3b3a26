"""A rule reads back as it was written, and says the same of a person live and over the whole lake."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ariane.consent import population
from ariane.errors import InputError
from ariane.model import DAY, HOUR, MINUTE
from ariane.segments import NAMED, All, AnyOf, Condition, Not, as_filter, check, members, segment_rule, text_of
from ariane.segments.rules import canonical
from ariane.store import DuckEngine, SparkEngine
from lake_rows import DAY_ZERO, event, write_lake

OPS = st.sampled_from([">=", "<=", "!=", ">", "<", "="])
SAFE = st.characters(codec="utf-8")
CONDITIONS = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["events", "orders", "revenue", "channels", "sessions"]),
        OPS,
        st.integers(-5, 10**12),
        st.just(""),
        st.integers(0, 400),
    ),
    st.builds(Condition, st.sampled_from(["first_seen_days", "last_seen_days"]), OPS, st.integers(0, 999)),
    st.builds(
        Condition,
        st.sampled_from(["event", "channel", "store", "size"]),
        OPS,
        st.integers(0, 9),
        st.text(SAFE, min_size=1, max_size=12),
        st.integers(0, 400),
    ),
)
RULES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(rule=RULES)
@example(rule=Not(All()))
@example(rule=AnyOf())
@example(rule=All((AnyOf(), All((Condition("orders"),)))))
@example(rule=Condition("event", name="a,b|c)!@>=1 é%"))
def test_a_rule_reads_back_as_it_was_written(rule: Any) -> None:
    text = text_of(rule)
    assert text_of(segment_rule(text)) == text
    assert segment_rule(text) == canonical(rule)
    assert all(33 <= ord(letter) < 127 for letter in text), "nothing an address cannot carry"


def test_or_binds_closer_than_and() -> None:
    a, b, c = Condition("orders"), Condition("events"), Condition("channel", name="store")
    assert segment_rule("orders>=1|events>=1,channel:store") == All((AnyOf((a, b)), c))
    assert segment_rule("!(orders>=1,events>=1)") == Not(All((a, b)))


def test_tables_say_the_same_as_texts() -> None:
    table = {
        "all": [
            {"field": "orders", "op": ">=", "value": 2},
            {"any": [{"field": "channel", "op": "=", "value": "store"}, {"not": {"field": "events", "value": 9}}]},
            {"field": "event", "name": "Call Abandoned", "value": 2, "within_days": 14},
        ]
    }
    assert text_of(segment_rule(table)) == "orders>=2,channel:store|!events>=9,event:Call%20Abandoned>=2@14"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ordres>=2", "did you mean 'orders'"),
        ("buyrs", "did you mean 'buyers'"),
        ("orders", "compared with nothing"),
        ("orders>=2,", "'the end' at character 11"),
        ("(orders>=2", "Allowed: '\\)'"),
        ("orders:x>=2", "takes no name"),
        ("last_seen_days>=2@5", "cannot look at the last 5 days"),
        ("!" * 50 + "orders>=1", "nested too deep"),
        ({"field": "orders", "valu": 2}, "Unknown key 'valu'"),
        ({"all": "orders"}, "does not hold rules"),
        ({"field": "orders", "value": 1.5}, "whole numbers"),
        ({"field": "channel", "op": ">", "value": "store"}, "cannot be compared"),
    ],
)
def test_what_is_not_understood_is_said(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        segment_rule(given)


def town() -> list[dict[str, Any]]:
    names = ("Product Viewed", "Order Completed", "Call Abandoned", "Store Visited")
    rows = []
    for n in range(240):
        at_us = DAY_ZERO + (n * 37 % 101) * DAY + (n % 7) * 20 * MINUTE + n
        channel, store = ("web", "app", "store", "email")[(n * n) % 4], ("Lyon", "Paris", None)[n % 3]
        name = names[(n // 3) % 4]
        rows.append(
            event(
                f"p{n % 17}",
                name,
                at_us,
                channel=channel,
                store=store,
                revenue_minor=n * 10,
                late_days=float(n % 5 - 2),
            )
        )
    return rows


TEXTS = [
    *NAMED.values(), "sessions>=6", "sessions<3@40", "revenue>=2500", "event:Call%20Abandoned>=2@30", "store:Lyon>2",
    "!channel:store|orders=0", "first_seen_days<=95,events!=14", "channels>=2@20", "consent:marketing", "!()",
    "last_seen_days<3|last_seen_days>20", "positive:late_days>=5@60",
]  # fmt: skip
CONSENTS = [("p3", "marketing", "email", True), ("p4", "marketing", "", False), ("p5", "marketing", "", True)]


@pytest.mark.parametrize("now_us", [None, DAY_ZERO + 60 * DAY + HOUR])
def test_live_and_over_the_lake_a_rule_says_the_same(now_us: int | None, tmp_path: Path) -> None:
    rows = town()
    pop = population(DuckEngine(write_lake(tmp_path / "lake", rows, CONSENTS)), "measurement")
    by_person: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in pop.engine.run(pop.events).to_pylist():
        by_person[row["person_id"]].append(row)
    at = now_us or max(row["occurred_us"] for row in rows)
    agreed = {"p3": {"marketing"}, "p5": {"marketing"}}
    sizes = []
    for text in TEXTS if now_us is None else TEXTS[5::4]:
        rule = segment_rule(text)
        batch = set(pop.engine.run(members(pop, rule, now_us=now_us)).column("person_id").to_pylist())
        live = {
            who for who, events in by_person.items() if check(rule, events, at, consents=agreed.get(who, ())).passes
        }
        assert batch == live, text
        sizes.append(len(batch))
    assert len(set(sizes)) > 2, "the rules tell persons apart"


def test_a_rule_cuts_a_population(tmp_path: Path) -> None:
    engine = DuckEngine(write_lake(tmp_path / "lake", town(), CONSENTS))
    whole = population(engine, "measurement")
    rule = segment_rule("store:Lyon>2,consent:marketing|orders>=4")
    cut = population(engine, "measurement", segment=as_filter(rule, engine=engine))
    expected = engine.run(members(whole, rule)).num_rows
    assert 0 < cut.n_persons() == expected < whole.n_persons()
    with pytest.raises(InputError, match="needs the engine"):
        population(engine, "measurement", segment=as_filter(rule))
    with pytest.raises(InputError, match="did you mean 'store'"):
        engine.run(members(whole, segment_rule("stor:Lyon")))


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", town(), CONSENTS)
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = population(duck, "measurement"), population(sail, "measurement")
    for text in ("sessions<9@40|consent:marketing,channels>=2", "revenue>=2500,!store:Lyon>4,last_seen_days>=1"):
        rule = segment_rule(text)
        found = [sorted(p.engine.run(members(p, rule)).column("person_id").to_pylist()) for p in (one, other)]
        assert found[0] == found[1] and found[0]
    duck.close(), sail.close()
