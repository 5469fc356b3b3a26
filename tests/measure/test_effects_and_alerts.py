"""What an action changed is a difference with its interval; what did not move makes no noise."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.consent import population
from ariane.errors import InputError
from ariane.intervals import difference
from ariane.measure import alert, effect, holdout
from ariane.model import DAY, SECOND
from ariane.store import DuckEngine, SparkEngine
from lake_rows import DAY_ZERO, event, write_lake


def test_newcombe_reproduces_the_paper() -> None:
    # Newcombe 1998, table II, method 10: (56/70, 48/80), (9/10, 3/10), (10/10, 0/20), (0/10, 0/10)
    printed = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0000),
        (0, 10, 0, 10): (-0.2775, 0.2775),
    }
    for counts, bounds in printed.items():
        found = difference(*counts)
        assert (round(found.lo or 0, 4), round(found.hi or 0, 4)) == bounds


def test_the_e_mail_trial_by_hand(shared_data: Path) -> None:
    with (shared_data / "hillstrom" / "hillstrom.csv").open() as file:
        rows = list(csv.DictReader(file))
    n = Counter(row["treatment"] for row in rows)
    visits = Counter(row["treatment"] for row in rows if row["visit"] == "1")
    for arm, lift in (("Mens E-Mail", 0.0766), ("Womens E-Mail", 0.0452)):
        found = difference(visits[arm], n[arm], visits["No E-Mail"], n["No E-Mail"])
        assert found.value == pytest.approx(lift, abs=5e-5)
        p, q = visits[arm] / n[arm], visits["No E-Mail"] / n["No E-Mail"]
        wald = 1.96 * (p * (1 - p) / n[arm] + q * (1 - q) / n["No E-Mail"]) ** 0.5
        assert (found.lo, found.hi) == pytest.approx((lift - wald, lift + wald), abs=2e-4)


def test_holdouts_are_stable_independent_and_of_the_share_asked_for() -> None:
    people = [f"p{n}" for n in range(20_000)]
    one = [holdout(who, "thanks", 0.1, "salt") for who in people]
    assert one == [holdout(who, "thanks", 0.1, "salt") for who in people]
    assert sum(one) / len(one) == pytest.approx(0.1, abs=4 * (0.09 / 20_000) ** 0.5)
    other = [holdout(who, "guide", 0.1, "salt") for who in people]
    both = sum(a and b for a, b in zip(one, other, strict=True)) / len(one)
    assert both == pytest.approx(0.01, abs=4 * (0.0099 / 20_000) ** 0.5)
    assert one != [holdout(who, "thanks", 0.1, "pepper") for who in people]
    with pytest.raises(InputError, match="not a share"):
        holdout("p", "thanks", 1.5)


def made(person: str, arm: str, at_us: int, campaign: str = "thanks") -> dict[str, Any]:
    return event(person, "Decision Made", at_us, source="_ariane", campaign=campaign, outcome=arm, channel="email")


def trial() -> list[dict[str, Any]]:
    rows = []
    for n in range(100):
        rows.append(made(f"p{n}", "holdout" if n % 5 == 0 else "act", DAY_ZERO))
        if n < 50 if n % 5 == 0 else n % 4 != 1:
            rows.append(event(f"p{n}", "Order Completed", DAY_ZERO + DAY))
    rows.append(event("p0", "Order Completed", DAY_ZERO + 2 * DAY))  # once is enough
    rows.append(event("p55", "Order Completed", DAY_ZERO))  # in the instant of the decision: not its outcome
    rows.append(event("p60", "Order Completed", DAY_ZERO + 28 * DAY + SECOND))  # too late
    rows.append(made("p3", "holdout", DAY_ZERO + 5 * DAY))  # merged since: the first assignment counts
    rows.append(event("p80", "Decision Made", DAY_ZERO - DAY, campaign="thanks", outcome="act"))  # not Ariane's own
    rows.append(made("p85", "act", DAY_ZERO - DAY, campaign="guide"))
    return rows


def test_an_effect_compares_the_arms_as_first_assigned(tmp_path: Path) -> None:
    pop = population(DuckEngine(write_lake(tmp_path / "lake", trial())), "measurement")
    result = effect(pop, "thanks", share=0.2)
    assert [(r["arm"], r["n_persons"], r["n_outcome"]) for r in result.to_dicts()] == [
        ("act", 80, 60),
        ("holdout", 20, 10),
    ]
    found = result.value
    expected = difference(60, 80, 10, 20)
    assert (found.difference, found.n_mixed, found.verdict) == (expected, 1, "raises")
    assert found.p_mismatch == pytest.approx(1.0)
    assert effect(pop, "thanks", share=0.5).value.verdict == "assignment broken"
    nothing = effect(pop, "nobody ran this")
    assert (nothing.value.verdict, nothing.value.difference.n) == ("not distinguishable yet", 0)


@settings(deadline=None)
@given(k=st.integers(0, 200), n=st.integers(0, 200), b=st.integers(0, 2000), m=st.integers(0, 2000))
def test_an_alert_agrees_with_what_it_shows(k: int, n: int, b: int, m: int) -> None:
    if k > n or b > m:
        with pytest.raises(InputError):
            alert(k, n, b, m)
        return
    found = alert(k, n, b, m)
    if found.fires:
        assert min(n, m) >= 20 and found.direction == ("up" if k / n > b / m else "down")
        assert found.difference.lo is not None and found.difference.hi is not None
        assert not found.difference.lo <= 0 <= found.difference.hi
    else:
        assert found.direction == "none"


def test_a_quiet_metric_stays_quiet_and_a_fall_is_seen() -> None:
    random = np.random.default_rng(1)
    quiet = [
        alert(int(random.binomial(200, 0.3)), 200, int(random.binomial(4000, 0.3)), 4000).fires for _ in range(3000)
    ]
    assert sum(quiet) / len(quiet) < 0.006
    fallen = [alert(int(random.binomial(200, 0.15)), 200, 1200, 4000) for _ in range(200)]
    assert sum(found.direction == "down" for found in fallen) / 200 > 0.9


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", trial())
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = (effect(population(engine, "measurement"), "thanks", share=0.2) for engine in (duck, sail))
    assert one.to_dicts() == other.to_dicts() and one.value == other.value
    duck.close(), sail.close()
