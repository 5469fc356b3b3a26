"""Effects: those who were acted on against those who were held out of the same decision."""

from __future__ import annotations

from math import erfc, sqrt
from typing import TYPE_CHECKING, Literal

import ibis
import msgspec
import pyarrow as pa

from ariane.decide import DECISION_MADE
from ariane.errors import InputError
from ariane.intervals import difference, wilson
from ariane.model import SECOND, Interval
from ariane.result import Result

if TYPE_CHECKING:
    from ariane.consent import Population

SCHEMA = pa.schema(
    [
        ("arm", pa.string()),
        ("n_persons", pa.int64()),
        ("n_outcome", pa.int64()),
        ("rate", pa.float64()),
        ("lo", pa.float64()),
        ("hi", pa.float64()),
    ]
)


class Effect(msgspec.Struct, frozen=True):
    """The difference an action made: act − holdout, with its 95 % bounds.

    `p_mismatch`: how likely arms of these sizes are under the planned share (None when it was not given); below .001
    the assignment is broken and the difference means nothing. `n_mixed`: persons found in both arms, because they were
    merged since; their first assignment counts.
    """

    act: Interval
    holdout: Interval
    difference: Interval
    verdict: Literal["raises", "lowers", "not distinguishable yet", "assignment broken"]
    p_mismatch: float | None
    n_mixed: int


def effect(
    population: Population,
    experiment: str,
    *,
    outcome: str = "Order Completed",
    within_s: int = 28 * 86_400,
    share: float | None = None,
) -> Result:
    """Two rows (arm: act, holdout; n_persons, n_outcome, rate, lo, hi) and, as `value`, the Effect.

    The arms are persons' first `Decision Made` with `campaign` = experiment: acted on, or eligible for the very same
    decision and held out. The outcome is an event of that name after it, within `within_s` seconds. The difference has
    Newcombe's interval (1998, method 10). `share` is the share that was to be held out; it lets the sizes be tested.
    Randomised, so causal; InputError for a share or a window that is none.
    """
    if within_s <= 0 or (share is not None and not 0 < share < 1):
        raise InputError("A window is longer than 0 s, a share lies between 0 and 1.", where="effect")
    expression = _arms(population, experiment, outcome, within_s)
    found = {row["arm"]: row for row in population.engine.run(expression).to_pylist()}
    rows = []
    for arm in ("act", "holdout"):
        n, k = (found.get(arm, {}).get(name, 0) for name in ("n_persons", "n_outcome"))
        rate = wilson(k, n)
        bounds = {"rate": rate.value, "lo": rate.lo, "hi": rate.hi}
        rows.append({"arm": arm, "n_persons": n, "n_outcome": k, **bounds})
    (n1, k1), (n2, k2) = ((row["n_persons"], row["n_outcome"]) for row in rows)
    apart = difference(k1, n1, k2, n2)
    p = None if share is None or not n1 + n2 else mismatch(n1, n2, share)
    value = Effect(
        wilson(k1, n1), wilson(k2, n2), apart, _verdict(apart, p), p, sum(row["n_mixed"] for row in found.values())
    )
    return Result(
        pa.Table.from_pylist(rows, schema=SCHEMA),
        sql=lambda: str(ibis.to_sql(expression)),
        n_held_back=population.n_held_back(),
        value=value,
    )


def _arms(population: Population, experiment: str, outcome: str, within_s: int) -> ibis.Table:
    """Per arm: how many persons, how many of them showed the outcome, how many had been in the other arm too."""
    events = population.events
    drawn = events.filter(
        (events.event == DECISION_MADE)
        & (events.source == "_ariane")
        & (events.prop_campaign == experiment)
        & events.prop_outcome.isin(["act", "holdout"])
    )
    order = ibis.window(group_by="person_id", order_by=["occurred_us", "event_id"])
    drawn = drawn.select("person_id", "occurred_us", "event_id", arm="prop_outcome")
    n_arms = drawn.group_by("person_id").aggregate(n_arms=drawn.arm.nunique())
    first = drawn.mutate(nth=ibis.row_number().over(order))
    first = first.filter(first.nth == 0).select("person_id", "arm", assigned_us="occurred_us")
    happened = events.filter(events.event == outcome).select(who="person_id", at_us="occurred_us")
    after_us = happened.at_us - first.assigned_us
    reached = first.inner_join(happened, [first.person_id == happened.who, after_us > 0, after_us <= within_s * SECOND])
    reached = reached.select(reacher="person_id").distinct()
    persons = first.inner_join(n_arms, "person_id")
    persons = persons.left_join(reached, persons.person_id == reached.reacher)
    return persons.group_by("arm").aggregate(
        n_persons=persons.count(),
        n_outcome=persons.reacher.notnull().cast("int64").sum(),
        n_mixed=(persons.n_arms > 1).cast("int64").sum(),
    )


def mismatch(n_act: int, n_holdout: int, share: float) -> float:
    """The probability of arms at least this far from the planned share (χ² with one degree of freedom).

    >>> round(mismatch(950, 50, 0.05), 3), mismatch(900, 100, 0.05) < 1e-9
    (1.0, True)
    """
    n = n_act + n_holdout
    return erfc(sqrt((n_holdout - n * share) ** 2 / (n * share * (1 - share)) / 2))


def _verdict(
    apart: Interval, p: float | None
) -> Literal["raises", "lowers", "not distinguishable yet", "assignment broken"]:
    if p is not None and p < 0.001:
        return "assignment broken"
    if apart.lo is None or apart.hi is None or apart.lo <= 0 <= apart.hi:
        return "not distinguishable yet"
    return "raises" if apart.lo > 0 else "lowers"
