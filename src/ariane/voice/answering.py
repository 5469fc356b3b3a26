"""Answers: one row for each question a person answered, whatever the survey and the channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from ariane.model import DAY

if TYPE_CHECKING:
    from ariane.consent import Population

ANSWERED, SENT, DISMISSED = "Survey Answered", "Survey Sent", "Survey Dismissed"
UNSTATED = "unstated"
"""The kind of an answer whose survey did not say whether it is relational or transactional: a kind of its own."""


def answers(population: Population) -> ibis.Table:
    """The relation: answer_id, person_id, survey_id, question, score, comment, channel, about, kind, answered_us.

    `answer_id` is the event's. Nothing is left out: an answer without a score (a text, a skipped question) has none.
    """
    rows = population.events.filter(population.events.event == ANSWERED)
    return rows.select(
        answer_id=rows.event_id,
        person_id=rows.person_id,
        survey_id=rows.prop_survey_id,
        question=rows.prop_question,
        score=rows.prop_score,
        comment=rows.prop_comment,
        channel=rows.channel,
        about=rows.prop_about,
        kind=rows.prop_kind.fill_null(UNSTATED),
        answered_us=rows.occurred_us,
    )


def with_week(rows: ibis.Table) -> ibis.Table:
    """The same with `week`: whole weeks since Monday 1969-12-29, in UTC (1970 began on a Thursday)."""
    return rows.mutate(week=((rows.answered_us // DAY + 3) // 7).cast("int64"))


def last_of_each(rows: ibis.Table, cell: list[str]) -> ibis.Table:
    """A person's last answer to a question of a survey within each cell: nobody is counted twice in one number."""
    order = ibis.window(
        group_by=["person_id", "survey_id", "question", "kind", *cell],
        order_by=[ibis.desc("answered_us"), ibis.desc("answer_id")],
    )
    ranked = rows.mutate(nth=ibis.row_number().over(order))
    return ranked.filter(ranked.nth == 0).drop("nth")
