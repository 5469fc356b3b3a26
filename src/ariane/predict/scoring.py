"""Scores of persons: how often they bought, whether they still will, how often soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from ariane.errors import InputError
from ariane.model import DAY
from ariane.predict.buying import Fit, fit
from ariane.result import Result

if TYPE_CHECKING:
    from ariane.consent import Population

WEEK = 7


def score(
    population: Population,
    *,
    now_us: int | None = None,
    conversion: str = "Order Completed",
    horizon_days: int = 90,
) -> Result:
    """One row a person who bought: person_id, frequency, recency_days, T_days, monetary_value_minor, p_alive,
    expected_purchases_90d (named after `horizon_days`). Predicted, from purchases up to `now_us`: by default the end of
    the population's period, or else its last event.

    A purchase is a UTC day with at least one `conversion`. `frequency` counts purchases after the first,
    `recency_days` from the first to the last, `T_days` from the first until now. `monetary_value_minor` is the mean of
    the purchases after the first (null without one), in the currency most conversions are in. `Result.value` is the
    Fit, with times in weeks; where it did not converge, what it would predict is null.
    """
    if horizon_days <= 0:
        raise InputError(f"A horizon of {horizon_days} days predicts nothing.", where="horizon_days", allowed="above 0")
    now_us, currency = _now_and_currency(population, conversion, now_us)
    expression = _purchases(population, conversion, now_us, currency)
    rows = population.engine.run(expression).sort_by("person_id")
    x, tx, t = (rows.column(name).to_numpy().astype(np.float64) for name in ("frequency", "recency_days", "T_days"))
    fitted, p_alive, expected = _predicted(x, tx / WEEK, t / WEEK, horizon_days / WEEK)
    bought = rows.column("repeat_revenue").to_pylist()
    mean = [round(total / n) if n else None for total, n in zip(bought, x.astype(int).tolist(), strict=True)]
    table = rows.select(["person_id", "frequency", "recency_days", "T_days"])
    table = table.append_column("monetary_value_minor", pa.array(mean, pa.int64()))
    table = table.append_column("p_alive", pa.array(p_alive, pa.float64()))
    table = table.append_column(f"expected_purchases_{horizon_days}d", pa.array(expected, pa.float64()))
    return Result(table, sql=lambda: str(ibis.to_sql(expression)), n_held_back=population.n_held_back(), value=fitted)


def _now_and_currency(population: Population, conversion: str, now_us: int | None) -> tuple[int, str]:
    """When now is, and the currency of most conversions."""
    events = population.events
    named = events.mutate(goal=events.event == conversion, currency=events.prop_currency.fill_null(""))
    seen = named.group_by(["goal", "currency"]).aggregate(n=named.count(), last_us=named.occurred_us.max())
    rows = population.engine.run(seen).to_pylist()
    last_us = population.until_us if population.until_us is not None else max((r["last_us"] for r in rows), default=0)
    paid = sorted((-row["n"], row["currency"]) for row in rows if row["goal"])
    return now_us if now_us is not None else last_us, paid[0][1] if paid else ""


def _purchases(population: Population, conversion: str, now_us: int, currency: str) -> ibis.Table:
    """Per person: frequency, recency and age in whole days, and what the repeat purchases came to."""
    events = population.events
    rows = events.filter((events.event == conversion) & (events.occurred_us <= now_us))
    rows = rows.select(
        "person_id",
        day=(rows.occurred_us // DAY).cast("int64"),
        paid=ibis.ifelse(rows.prop_currency.fill_null("") == currency, rows.prop_revenue_minor.fill_null(0), 0),
    )
    days = rows.group_by(["person_id", "day"]).aggregate(paid=rows.paid.sum())
    days = days.mutate(first_day=days.day.min().over(ibis.window(group_by="person_id")))
    persons = days.group_by("person_id").aggregate(
        n=days.count(),
        first_day=days.day.min(),
        last_day=days.day.max(),
        repeat_revenue=days.paid.sum(where=days.day > days.first_day).fill_null(0),
    )
    return persons.select(
        "person_id",
        frequency=(persons.n - 1).cast("int64"),
        recency_days=(persons.last_day - persons.first_day).cast("int64"),
        T_days=(ibis.literal(now_us // DAY, type="int64") - persons.first_day).cast("int64"),
        repeat_revenue=persons.repeat_revenue.cast("int64"),
    )


def _predicted(x: Any, tx: Any, t: Any, ahead: float) -> tuple[Fit | None, Any, Any]:
    """The fit and what it predicts, over distinct histories: a town and a country cost nearly the same."""
    nothing = [None] * len(x)
    if not len(x):
        return None, nothing, nothing
    distinct, at, count = np.unique(np.column_stack([x, tx, t]), axis=0, return_inverse=True, return_counts=True)
    held = distinct[:, 0], distinct[:, 1], distinct[:, 2]
    fitted = fit(*held, count)
    if not fitted.converged:
        return fitted, nothing, nothing
    return fitted, fitted.p_alive(*held)[at], fitted.expected_purchases(*held, ahead)[at]
