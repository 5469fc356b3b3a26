"""Moments of truth: the steps whose satisfaction goes with how a person judges the brand as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import atanh, sqrt, tanh
from typing import Any

import ibis

from ariane.model import Interval

LEAST = 100
"""Persons who must have judged both a step and the brand before a step is compared at all."""
MOST = 3


def overall(events: ibis.Table) -> ibis.Table:
    """Each person's last NPS answer about the brand as a whole: person_id, overall."""
    given = events.filter(
        (events.event == "Survey Answered") & (events.prop_question == "nps") & events.prop_score.notnull()
    )
    given = given.filter(given.prop_kind.isnull() | (given.prop_kind != "transactional"))
    newest = ibis.window(group_by="person_id", order_by=[ibis.desc("occurred_us"), ibis.desc("event_id")])
    last = given.mutate(age=ibis.row_number().over(newest))
    return last.filter(last.age == 0).select("person_id", overall="prop_score")


def products(persons: ibis.Table, judged: ibis.Table) -> ibis.Table:
    """Sums of products of a person's satisfaction with a step (NPS answers aside) and their overall judgement."""
    both = persons.filter(persons.other.notnull()).inner_join(judged, "person_id")
    x, y = both.other, both.overall
    return both.group_by("step_index").aggregate(
        n=both.count(), x=x.sum(), y=y.sum(), xx=(x * x).sum(), yy=(y * y).sum(), xy=(x * y).sum()
    )


def importances(rows: Iterable[Mapping[str, Any]]) -> dict[int, Interval]:
    """The correlation of each step's satisfaction with the overall judgement, with Fisher's interval (1921).

    Steps that fewer than 100 persons judged are left out. Each step is taken alone: what steps share is not divided
    among them.
    """
    found = {}
    for row in rows:
        n = int(row["n"] or 0)
        if n < LEAST:
            continue
        sxx, syy = row["xx"] - row["x"] ** 2 / n, row["yy"] - row["y"] ** 2 / n
        sxy = row["xy"] - row["x"] * row["y"] / n
        if sxx <= 0 or syy <= 0:
            continue
        r = max(-0.999999, min(0.999999, sxy / sqrt(sxx * syy)))
        half = 2.5758293035489 / sqrt(n - 3)  # 99 %: several steps are looked at
        found[int(row["step_index"])] = Interval(r, tanh(atanh(r) - half), tanh(atanh(r) + half), n)
    return found


def moments(found: Mapping[int, Interval]) -> tuple[int, ...]:
    """The steps, most important first and three at most, whose correlation is above zero at 99 % confidence."""
    sure = [step for step, r in found.items() if r.lo is not None and r.lo > 0]
    return tuple(sorted(sure, key=lambda step: (-(found[step].value or 0.0), step))[:MOST])
