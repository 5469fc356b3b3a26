"""The model of repeat buying: published parameters, its equations integrated by hand, a town with a known truth."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import roots_genlaguerre, roots_jacobi

from ariane.consent import population
from ariane.errors import InputError
from ariane.model import DAY, HOUR
from ariane.predict import Fit, fit, score
from ariane.store import DuckEngine, SparkEngine
from lake_rows import DAY_ZERO, event, write_lake

PUBLISHED = Fit(0.243, 4.414, 0.793, 2.426, 0.0, 2357, 0, True)


def cdnow(folder: Path) -> np.ndarray[Any, Any]:
    with (folder / "cdnow" / "cdnow_customers_summary.csv").open() as file:
        return np.array([[float(r["frequency"]), float(r["recency"]), float(r["T"])] for r in csv.DictReader(file)])


def test_cdnow_gives_the_published_parameters(shared_data: Path) -> None:
    x, tx, t = cdnow(shared_data).T
    found = fit(x, tx, t)
    assert (found.n_persons, found.converged) == (2357, True)
    published = [PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.a, PUBLISHED.b]
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx(published, abs=6e-4)
    assert found.log_likelihood == pytest.approx(-9582.43, abs=0.01)


def test_rows_counted_or_repeated_and_any_unit_of_time_fit_the_same(shared_data: Path) -> None:
    rows = cdnow(shared_data)
    whole = fit(*rows.T)
    distinct, count = np.unique(rows, axis=0, return_counts=True)
    days = fit(distinct[:, 0], distinct[:, 1] * 7, distinct[:, 2] * 7, count)
    assert [days.r, days.alpha / 7, days.a, days.b] == pytest.approx([whole.r, whole.alpha, whole.a, whole.b], rel=1e-3)


def test_alive_and_expected_equal_the_integrals_they_stand_for() -> None:
    """Given λ and p, alive has weight (1−p)^x λ^x e^(−λT) against p(1−p)^(x−1) λ^x e^(−λ t_x); a live person buys
    (1 − e^(−λpt))/p times in t. Integrate over the two priors numerically."""
    x, tx, t, ahead = 3, 20.0, 30.0, 13.0
    m = PUBLISHED

    u, u_weight = roots_genlaguerre(60, m.r - 1)
    s, s_weight = roots_jacobi(60, m.b - 1, m.a - 1)
    rate, p = u[:, None] / m.alpha, (1 + s[None, :]) / 2
    weight = u_weight[:, None] * s_weight[None, :]
    alive = (1 - p) ** x * rate**x * np.exp(-rate * t)
    left = p * (1 - p) ** (x - 1) * rate**x * np.exp(-rate * tx)
    whole = float((weight * (alive + left)).sum())
    bought = -np.expm1(-rate * p * ahead) / p
    assert m.p_alive(x, tx, t)[0] == pytest.approx(float((weight * alive).sum()) / whole, rel=1e-6)
    expected = float((weight * alive * bought).sum()) / whole
    assert m.expected_purchases(x, tx, t, ahead)[0] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    x=st.integers(0, 60), t=st.floats(0.1, 500), share=st.floats(0, 1), a=st.floats(0.05, 4), ahead=st.floats(0.1, 200)
)
def test_predictions_are_possible_numbers(x: int, t: float, share: float, a: float, ahead: float) -> None:
    model = Fit(0.5, 5.0, a, 2.0, 0.0, 1, 1, True)
    recency = t * share if x else 0.0
    alive, more, later = (
        float(model.p_alive(x, recency, t)[0]),
        float(model.expected_purchases(x, recency, t, ahead)[0]),
        float(model.expected_purchases(x, recency, t, 2 * ahead)[0]),
    )
    assert 0 <= alive <= 1 and (x > 0 or alive == 1)
    assert -1e-9 <= more <= later + 1e-9 and more <= (model.r + x) / model.alpha * ahead * 1.2 + 1e-9


def test_a_simulated_town_gives_its_parameters_back() -> None:
    random = np.random.default_rng(7)
    rows = []
    for rate, leaves in zip(random.gamma(0.6, 1 / 3.0, 4000), random.beta(1.2, 2.5, 4000), strict=True):
        x, at, last = 0, 0.0, 0.0
        while True:
            at += random.exponential(1 / rate)
            if at > 52:
                break
            x, last = x + 1, at
            if random.random() < leaves:
                break
        rows.append((x, last, 52.0))
    x, tx, t = np.array(rows).T
    found = fit(x, tx, t)
    assert found.converged and not found.at_limit
    assert found.r == pytest.approx(0.6, rel=0.15) and found.alpha == pytest.approx(3.0, rel=0.25)


def test_too_little_repeated_says_so_and_predicts_nothing(tmp_path: Path) -> None:
    events = [event(f"p{n}", "Order Completed", DAY_ZERO + n * DAY) for n in range(20)]
    result = score(population(DuckEngine(write_lake(tmp_path / "lake", events)), "measurement"))
    assert not result.value.converged
    assert {row["p_alive"] for row in result.to_dicts()} == {None}
    with pytest.raises(InputError, match="after now"):
        fit([1], [5.0], [3.0])


def test_purchases_are_days_and_money_is_the_mean_of_the_repeats(tmp_path: Path) -> None:
    def buys(day: int, hour: int, minor: int, currency: str = "EUR") -> dict[str, Any]:
        at_us = DAY_ZERO + day * DAY + hour * HOUR
        return event("ana", "Order Completed", at_us, revenue_minor=minor, currency=currency)

    events = [buys(0, 9, 5000), buys(3, 9, 100), buys(3, 23, 201), buys(10, 0, 400), buys(10, 1, 9999, "USD")]
    events += [event("bob", "Product Viewed", DAY_ZERO + 15 * DAY), buys(20, 0, 1)]
    pop = population(DuckEngine(write_lake(tmp_path / "lake", events)), "measurement")
    row = score(pop, now_us=DAY_ZERO + 16 * DAY).to_dicts()[0]
    assert row["person_id"] == "ana", "bob bought nothing"
    assert (row["frequency"], row["recency_days"], row["T_days"]) == (2, 10, 16)
    assert row["monetary_value_minor"] == round((100 + 201 + 400) / 2)


def shop(n: int) -> list[dict[str, Any]]:
    rows = []
    for i in range(n):
        for k in range(1 + (i * 7) % 5):
            at_us = DAY_ZERO + ((i * 3) % 40 + k * (5 + i % 11)) * DAY + i
            rows.append(event(f"p{i:03}", "Order Completed", at_us, revenue_minor=100 * i + k, currency="EUR"))
    rows.append(event("p000", "Product Viewed", DAY_ZERO + 120 * DAY))
    return rows


def test_who_was_back_lately_is_more_alive(tmp_path: Path) -> None:
    result = score(population(DuckEngine(write_lake(tmp_path / "lake", shop(120))), "measurement"))
    assert result.value.converged
    rows = [row for row in result.to_dicts() if row["frequency"] == 3]
    rows.sort(key=lambda row: row["T_days"] - row["recency_days"])
    assert rows[0]["p_alive"] > rows[-1]["p_alive"]
    assert all(row["expected_purchases_90d"] >= 0 for row in rows)


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", shop(60))
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = (score(population(engine, "measurement")) for engine in (duck, sail))
    assert one.to_dicts() == other.to_dicts() and one.value == other.value
    duck.close(), sail.close()
