"""Responses: of those asked, who answered, who dismissed, who kept silent."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from ariane import intervals
from ariane.errors import InputError
from ariane.result import Result
from ariane.voice.answering import ANSWERED, DISMISSED, SENT

if TYPE_CHECKING:
    from ariane.consent import Population

BY = ("survey_id", "channel", "kind")


def responses(population: Population, *, by: str = "survey_id") -> Result:
    """Response rates: [by], n_sent, n_answered, n_dismissed, n_silent, rate, lo, hi, n_unsolicited.

    The unit is the invitation: one `Survey Sent` to one person, answered when that person answers any question of the
    survey before the next invitation to it. Answered wins over dismissed. `rate` is answered / sent with Wilson's
    bounds (1927). Answers before any invitation are `n_unsolicited`, in no rate. `by`: survey_id, channel (where the
    invitation was sent) or kind (as the invitation or its answers say). InputError for another.
    """
    if by not in BY:
        close = get_close_matches(by, BY, n=1)
        raise InputError(
            f"Unknown by '{by}'" + (f": did you mean '{close[0]}'?" if close else "."),
            where="by",
            allowed=", ".join(BY),
        )
    expression = _counts(population, by)
    rows = []
    for cell in sorted(population.engine.run(expression).to_pylist(), key=lambda c: str(c[by])):
        rate = intervals.wilson(cell["n_answered"], cell["n_sent"])
        rows.append({**cell, "rate": rate.value, "lo": rate.lo, "hi": rate.hi})
    counts: list[tuple[str, Any]] = [(n, pa.int64()) for n in ("n_sent", "n_answered", "n_dismissed", "n_silent")]
    bounds: list[tuple[str, Any]] = [(n, pa.float64()) for n in ("rate", "lo", "hi")]
    schema = pa.schema([(by, pa.string()), *counts, *bounds, ("n_unsolicited", pa.int64())])
    return Result(
        pa.Table.from_pylist(rows, schema=schema),
        sql=lambda: str(ibis.to_sql(expression)),
        n_held_back=population.n_held_back(),
    )


def _counts(population: Population, by: str) -> ibis.Table:
    """Number each person's invitations to a survey in time; what follows one, up to the next, is its response."""
    events = population.events
    rows = events.filter(events.event.isin([SENT, ANSWERED, DISMISSED]))
    rows = rows.select(
        "person_id", "occurred_us", "event_id", "channel",
        survey_id=rows.prop_survey_id.fill_null(""),
        kind=rows.prop_kind,
        sent=(rows.event == SENT).cast("int64"),
        answered=(rows.event == ANSWERED).cast("int64"),
        dismissed=(rows.event == DISMISSED).cast("int64"),
    )  # fmt: skip
    so_far = ibis.window(
        group_by=["person_id", "survey_id"],
        order_by=["occurred_us", ibis.desc("sent"), "event_id"],
        preceding=None,
        following=0,
    )
    numbered = rows.mutate(invitation=rows.sent.sum().over(so_far))
    each = numbered.group_by(["person_id", "survey_id", "invitation"]).aggregate(
        channel=ibis.coalesce(numbered.channel.max(where=numbered.sent == 1), numbered.channel.max()),
        kind=ibis.coalesce(numbered.kind.max(where=numbered.sent == 1), numbered.kind.max(), ibis.literal("unstated")),
        answered=numbered.answered.max(),
        dismissed=numbered.dismissed.max(),
    )
    each = each.mutate(asked=each.invitation > 0)
    return each.group_by(by).aggregate(
        n_sent=each.asked.cast("int64").sum(),
        n_answered=(each.asked & (each.answered == 1)).cast("int64").sum(),
        n_dismissed=(each.asked & (each.answered == 0) & (each.dismissed == 1)).cast("int64").sum(),
        n_silent=(each.asked & (each.answered == 0) & (each.dismissed == 0)).cast("int64").sum(),
        n_unsolicited=(~each.asked & (each.answered == 1)).cast("int64").sum(),
    )
