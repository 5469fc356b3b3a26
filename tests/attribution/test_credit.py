"""Credit adds up, does not depend on names or order, and equals figures nobody here wrote."""

from __future__ import annotations

import csv
import gzip
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.attribution import MODELS, credit, credit_of, paths, shares
from ariane.consent import Population, population
from ariane.errors import InputError
from ariane.model import DAY, HOUR, MINUTE, SECOND
from ariane.store import DuckEngine, SparkEngine
from lake_rows import DAY_ZERO, event, write_lake

BUYS = "Order Completed"


def read(root: Path, events: list[dict[str, Any]], **options: Any) -> Population:
    return population(DuckEngine(write_lake(root / "lake", events, **options)), "measurement")


def path_of(pop: Population, **options: Any) -> list[list[str]]:
    rows = pop.engine.run(paths(pop, **options)).to_pylist()
    rows.sort(key=lambda row: (row["converted_us"], row["conversion_id"], row["touch_no"]))
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["conversion_id"], []).append(row["channel"])
        assert row["touch_no"] == len(found[row["conversion_id"]])
    return list(found.values())


def test_the_look_back_is_exact_to_the_microsecond(tmp_path: Path) -> None:
    at = DAY_ZERO + 40 * DAY
    events = [
        event("ana", "Ad Viewed", at - 30 * DAY - 1, channel="social"),
        event("ana", "Email Opened", at - 30 * DAY, channel="email"),
        event("ana", BUYS, at, channel="store"),
        event("ana", "Product Viewed", at + 1, channel="web"),
    ]
    assert path_of(read(tmp_path, events)) == [["email"]]


def test_one_channel_within_one_session_is_one_touch(tmp_path: Path) -> None:
    minutes = [(0, "web"), (5, "web"), (10, "email"), (15, "web"), (60, "web"), (90, "web")]
    events = [event("ana", "Product Viewed", DAY_ZERO + m * MINUTE, channel=channel) for m, channel in minutes]
    events.append(event("ana", BUYS, DAY_ZERO + 91 * MINUTE))
    assert path_of(read(tmp_path, events)) == [["web", "email", "web", "web"]]


def test_a_conversion_between_two_touches_of_a_session_does_not_double_them(tmp_path: Path) -> None:
    events = [event("ana", "Product Viewed", DAY_ZERO + m * MINUTE) for m in (0, 2)]
    events += [event("ana", BUYS, DAY_ZERO + m * MINUTE, channel="app") for m in (1, 3)]
    assert path_of(read(tmp_path, events)) == [["web"], ["web"]]


def test_a_touch_in_the_instant_of_the_conversion_comes_before_it(tmp_path: Path) -> None:
    for number, events in enumerate(
        ([event("ana", BUYS, DAY_ZERO), event("ana", "Product Viewed", DAY_ZERO, channel="app")],) * 2
    ):
        assert path_of(read(tmp_path / str(number), events[:: 1 - 2 * number])) == [["app"]]


def test_a_conversion_nothing_precedes_keeps_its_own_channel(tmp_path: Path) -> None:
    pop = read(tmp_path, [event("ana", BUYS, DAY_ZERO, channel="store", revenue_minor=500, currency="EUR")])
    result = credit(pop, replicates=0)
    assert [(r["channel"], r["credit"], r["revenue_minor"]) for r in result.to_dicts()] == [("store", 1.0, 500)]
    assert (result.value.n_untouched, result.value.currency) == (1, "EUR")


def test_revenue_of_another_currency_is_counted_not_added(tmp_path: Path) -> None:
    events = [event("ana", "Product Viewed", DAY_ZERO)]
    money = [(100, "EUR"), (200, "EUR"), (9999, "USD")]
    events += [event("ana", BUYS, DAY_ZERO + n, revenue_minor=m, currency=c) for n, (m, c) in enumerate(money, 1)]
    totals = credit(read(tmp_path, events)).value
    assert (totals.n_conversions, totals.revenue_minor, totals.n_other_currency) == (3, 300, 1)


def test_every_rule_by_hand(tmp_path: Path) -> None:
    channels = ["social", "email", "direct"]
    events = [event("ana", "Ad Viewed", DAY_ZERO + n * DAY, channel=channel) for n, channel in enumerate(channels)]
    events.append(event("ana", BUYS, DAY_ZERO + 3 * DAY, revenue_minor=100))
    pop = read(tmp_path, events)
    expected = {
        "first": [1, 0, 0],
        "last": [0, 0, 1],
        "last_non_direct": [0, 1, 0],
        "linear": [1 / 3, 1 / 3, 1 / 3],
        "position": [0.4, 0.2, 0.4],
        "decay": [1 / 7, 2 / 7, 4 / 7],
    }
    for model in MODELS:
        rows = {r["channel"]: r for r in credit(pop, model=model, half_life_s=86_400, replicates=0).to_dicts()}
        assert [rows[c]["credit"] for c in channels] == pytest.approx(expected[model], abs=1e-12), model
        assert sum(r["revenue_minor"] for r in rows.values()) == 100


def test_rules_refuse_what_they_cannot_share_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'linear'"):
        shares("liner", ["web"])
    with pytest.raises(InputError, match="without touches"):
        shares("first", [])
    with pytest.raises(InputError, match="one whole"):
        shares("position", ["web"], position=(Fraction(1, 2), Fraction(1, 2), Fraction(1, 2)))
    with pytest.raises(InputError, match="never decays"):
        credit(read(tmp_path, [event("ana", BUYS, DAY_ZERO)]), model="decay", half_life_s=0)


CHANNELS = st.lists(st.sampled_from(["web", "store", "email", "direct"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(channels=CHANNELS, model=st.sampled_from(MODELS), half_life_s=st.floats(1e-3, 1e7))
def test_shares_add_up_to_exactly_one_and_ignore_names(channels: list[str], model: str, half_life_s: float) -> None:
    ages = [float(86_400 * (len(channels) - n)) for n in range(len(channels))]
    found = shares(model, channels, ages, half_life_s=half_life_s)
    assert sum(found) == 1 and min(found) >= 0
    renamed = [channel if channel == "direct" else channel[::-1] for channel in channels]
    assert shares(model, renamed, ages, half_life_s=half_life_s) == found


TOUCHES = st.tuples(
    st.sampled_from("abcd"), st.sampled_from(["web", "store", "email"]), st.integers(0, 50), st.booleans()
)


@settings(max_examples=4, deadline=None)
@given(given=st.lists(TOUCHES, min_size=1, max_size=25), order=st.randoms(), model=st.sampled_from(MODELS))
def test_credit_adds_up_whatever_the_order_and_the_names(
    given: list[tuple[str, str, int, bool]], order: Any, model: str, tmp_path_factory: Any
) -> None:
    given.append(("a", "web", 51, True))
    given = list({touch[2]: touch for touch in given}.values())
    shuffled = given[:]
    order.shuffle(shuffled)
    rename = {"web": "zzz", "store": "aaa", "email": "mmm"}

    def made(rows: list[tuple[str, str, int, bool]], names: dict[str, str]) -> list[dict[str, Any]]:
        return [
            event(
                who, BUYS if buys else "Product Viewed", DAY_ZERO + h * HOUR, channel=names.get(c, c), revenue_minor=101
            )
            for who, c, h, buys in rows
        ]

    one = credit(read(tmp_path_factory.mktemp("a"), made(given, {})), model=model)
    other = credit(read(tmp_path_factory.mktemp("b"), made(shuffled, rename)), model=model)
    n = sum(buys for *_, buys in given)
    assert one.value.n_conversions == n
    assert sum(row["credit"] for row in one.to_dicts()) == pytest.approx(n, abs=1e-9)
    assert sum(row["revenue_minor"] for row in one.to_dicts()) == 101 * n
    renamed = {row["channel"]: row for row in other.to_dicts()}
    for row in one.to_dicts():
        same = renamed[rename[row["channel"]]]
        for name in ("credit", "credit_lo", "credit_hi", "share"):
            assert row[name] == pytest.approx(same[name], abs=1e-9), name


def test_channel_paths_first_last_and_linear_equal_the_published_tool(shared_data: Path) -> None:
    with gzip.open(shared_data / "channel_paths" / "PathData.csv.gz", "rt") as file:
        given = [
            (row["path"].split(" > "), int(row["total_conversions"]), float(row["total_conversion_value"]))
            for row in csv.DictReader(file)
        ]
    with (shared_data / "channel_paths" / "reference_attribution.csv").open() as file:
        reference = {row["channel"]: row for row in csv.DictReader(file)}
    for model in ("first", "last", "linear"):
        found = credit_of(given, model)
        assert {c: round(found[c][0], 3) for c in reference} == {c: float(reference[c][model]) for c in reference}
        assert sum(n for n, _ in found.values()) == pytest.approx(19_785, abs=1e-9)
        assert sum(value for _, value in found.values()) == pytest.approx(74_802.97, abs=0.01)


def test_bounds_narrow_as_persons_come_and_hold_the_value(tmp_path: Path) -> None:
    def town(n: int) -> list[dict[str, Any]]:
        rows = []
        for i in range(n):
            rows.append(event(f"p{i}", "Ad Viewed", DAY_ZERO, channel=("social", "email")[i % 3 == 0]))
            rows.append(event(f"p{i}", BUYS, DAY_ZERO + SECOND))
        return rows

    few, many = (credit(read(tmp_path / str(n), town(n))).to_dicts() for n in (30, 300))
    width = [(row["credit_hi"] - row["credit_lo"]) / row["credit"] for row in (few[0], many[0])]
    assert width[1] < 0.5 * width[0]
    assert all(row["credit_lo"] < row["credit"] < row["credit_hi"] for row in (*few, *many))
    # 200 persons, one conversion each: a Poisson count of 200, ± 1.96·√200
    assert many[0]["credit_hi"] - many[0]["credit_lo"] == pytest.approx(2 * 1.96 * 200**0.5, rel=0.2)


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    events = []
    for n in range(120):
        name = BUYS if n % 7 == 6 else "Product Viewed"
        channel = ("web", "email", "store", "app", "direct")[(n * n + n // 3) % 5]
        at_us = DAY_ZERO + n * 11 * MINUTE * (1 + n % 5)
        events.append(event(f"p{n % 11}", name, at_us, channel=channel, revenue_minor=1000 + n, currency="EUR"))
    lake = write_lake(tmp_path / "lake", events)
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = population(duck, "measurement"), population(sail, "measurement")
    order = [("conversion_id", "ascending"), ("touch_no", "ascending")]
    assert duck.run(paths(one)).sort_by(order).to_pylist() == sail.run(paths(other)).sort_by(order).to_pylist()
    for model in ("linear", "last_non_direct", "decay"):
        pairs = zip(credit(one, model=model).to_dicts(), credit(other, model=model).to_dicts(), strict=True)
        for a, b in pairs:
            assert a == pytest.approx(b, abs=1e-9)
    duck.close(), sail.close()
