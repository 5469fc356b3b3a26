"""Scores: NPS, CSAT, CES and emotion, each with its 95 % bounds and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import ibis
import msgspec
import pyarrow as pa

from ariane import intervals
from ariane.errors import InputError
from ariane.model import Interval
from ariane.result import Result
from ariane.voice.answering import answers, last_of_each, with_week

if TYPE_CHECKING:
    from ariane.consent import Population

HUNDREDTHS = 100
"""Scores are summed as whole hundredths: integers add up the same in every engine."""


class Scale(msgspec.Struct, frozen=True):
    """How a question is scored: its lowest and highest answer, from where an answer is good, and up to where it is bad.

    >>> SCALES["csat"].top
    4
    """

    lowest: int
    highest: int
    top: int
    bottom: int


SCALES: dict[str, Scale] = {
    "nps": Scale(0, 10, top=9, bottom=6),
    "csat": Scale(1, 5, top=4, bottom=2),
    "ces": Scale(1, 7, top=5, bottom=3),
    "emotion": Scale(-2, 2, top=1, bottom=-1),
}
"""The questions that are scored. Answers outside a question's scale are not counted."""

BY = ("about", "channel", "survey_id", "week")

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("question", pa.string()),
        ("measure", pa.string()),
        ("unit", pa.string()),
        ("better", pa.string()),
        ("value", pa.float64()),
        ("lo", pa.float64()),
        ("hi", pa.float64()),
        ("n", pa.int64()),
    ]
)


def scores(
    population: Population,
    *,
    about: str | None = None,
    kind: str | None = None,
    question: str | None = None,
    by: str | None = None,
    ces: Literal["ease", "effort"] = "ease",
    minimum_cell: int = 5,
) -> Result:
    """Every score of the population: kind, question, [by], measure, unit, better, value, lo, hi, n.

    - `nps` (points, −100…100): share of 9–10 minus share of 0–6; adjusted Wald (Rocks 2016).
    - `csat` (share): answers 4–5 of 1–5; Wilson 1927. `csat_mean` (score): Student's t.
    - `ces` (share): CES 2.0, "made it easy", 1–7 agreement: answers 5–7. `ces_mean`: the other convention in use. With
      ces="effort" a high answer means much effort: the share is of 1–3 and the lower mean is the better.
    - `emotion_mean` (score, −2…+2): Student's t.

    A person counts once in each number: the last answer to a question of a survey, within the period and within the
    cell of `by` (about, channel, survey_id, or week for the trend, whose cells therefore need not add up to the whole).
    Relational and transactional answers are never pooled: `kind` is always a column. A number resting on fewer than
    `minimum_cell` answers is withheld; its n is shown. Persons who did not answer are in no denominator.
    InputError for an unknown `question` or `by`.
    """
    _known(question, tuple(SCALES), "question")
    _known(by, BY, "by")
    expression = _counts(population, about=about, kind=kind, question=question, by=by, ces=ces)
    cells = population.engine.run(expression).to_pylist()
    cell_name = {"week": "week_on"}.get(by or "", by)
    rows = []
    for cell in sorted(cells, key=lambda c: (c["kind"], c["question"], str(c.get(by or "", "")))):
        for measure, unit, better, interval in _measures(cell, ces):
            shown = interval if interval.n >= minimum_cell else Interval(None, None, None, interval.n)
            row = {"kind": cell["kind"], "question": cell["question"], "measure": measure, "unit": unit}
            row |= {"better": better, "value": shown.value, "lo": shown.lo, "hi": shown.hi, "n": shown.n}
            if cell_name is not None:
                row[cell_name] = _monday(cell["week"]) if by == "week" else cell[str(by)]
            rows.append(row)
    schema = SCHEMA
    if cell_name is not None:
        schema = SCHEMA.insert(2, pa.field(cell_name, pa.date32() if by == "week" else pa.string()))
    return Result(
        pa.Table.from_pylist(rows, schema=schema),
        sql=lambda: str(ibis.to_sql(expression)),
        n_held_back=population.n_held_back(),
    )


def _counts(
    population: Population, *, about: str | None, kind: str | None, question: str | None, by: str | None, ces: str
) -> ibis.Table:
    """Per kind, question and cell: answers, good and bad ones, their sum and sum of squares (hundredths)."""
    rows = answers(population)
    for column, wanted in (("about", about), ("kind", kind), ("question", question)):
        if wanted is not None:
            rows = rows.filter(rows[column] == wanted)
    within = [
        (rows.question == name) & (rows.score >= scale.lowest) & (rows.score <= scale.highest)
        for name, scale in SCALES.items()
    ]
    rows = with_week(rows.filter(ibis.or_(*within)))
    rows = last_of_each(rows, [by] if by else [])
    tops = [(rows.question == name, rows.score >= scale.top) for name, scale in SCALES.items()]
    bottoms = [(rows.question == name, rows.score <= scale.bottom) for name, scale in SCALES.items()]
    good, bad = ibis.cases(*tops, else_=False), ibis.cases(*bottoms, else_=False)
    if ces == "effort":
        good, bad = ibis.ifelse(rows.question == "ces", bad, good), ibis.ifelse(rows.question == "ces", good, bad)
    whole = (rows.score * HUNDREDTHS).round().cast("int64")
    rows = rows.mutate(good=good.cast("int64"), bad=bad.cast("int64"), whole=whole)
    return rows.group_by(["kind", "question", *([by] if by else [])]).aggregate(
        n=rows.count(),
        n_good=rows.good.sum(),
        n_bad=rows.bad.sum(),
        total=rows.whole.sum(),
        squares=(rows.whole * rows.whole).sum(),
    )


def _measures(cell: dict[str, Any], ces: str) -> Iterator[tuple[str, str, str, Interval]]:
    """The measures of one question: (name, unit, which way is better, the number)."""
    question, n, good, bad = cell["question"], cell["n"], cell["n_good"], cell["n_bad"]
    if question == "nps":
        yield "nps", "points", "higher", intervals.nps(good, n - good - bad, bad)
        return
    if question in ("csat", "ces"):
        yield question, "share", "higher", intervals.wilson(good, n)
    lower = question == "ces" and ces == "effort"
    mean = intervals.mean(cell["total"] / HUNDREDTHS, cell["squares"] / HUNDREDTHS**2, n)
    yield f"{question}_mean", "score", "lower" if lower else "higher", mean


def _monday(week: int) -> date:
    return date(1970, 1, 1) + timedelta(days=7 * week - 3)


def _known(given: str | None, allowed: tuple[str, ...], where: str) -> None:
    if given is not None and given not in allowed:
        close = get_close_matches(given, allowed, n=1)
        raise InputError(
            f"Unknown {where} '{given}'" + (f": did you mean '{close[0]}'?" if close else "."),
            where=where,
            allowed=", ".join(allowed),
        )
