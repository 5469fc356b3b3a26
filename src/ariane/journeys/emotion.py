"""Emotion: what persons felt at each step, −2 (upset) to +2 (delighted), from what they say and how they behave.

Answers are the measure; behaviour corrects for those who did not answer. Let a be the mean answer of the persons who
answered about a step, b a person's behaviour score there (0 without any signal). The estimate is the difference
estimator (Särndal, Swensson & Wretman 1992, §6.3), unbiased whatever the fixed coefficient λ is:

    emotion = mean(a − λ·b over those who answered) + λ·mean(b over all persons at the step),        λ = 0.5

so that behaviour weighs less than answers, and matters only as far as the silent behave otherwise than those who
spoke. With fewer answers than the minimum, behaviour alone speaks: mean(b over all at the step). Each person counts
once per step, by the mean of their answers: several answers of one person are not independent draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import msgspec

from ariane.intervals import student
from ariane.journeys.blueprint import Journey
from ariane.journeys.steps import NO_ROW
from ariane.model import DAY, Interval

if TYPE_CHECKING:
    from ariane.consent import Population

LAMBDA = 0.5
NEAREST_US = DAY
_NEITHER = ibis.null("int64")
SURVEY_EVENTS = ("Survey Sent", "Survey Answered", "Survey Dismissed")


class Signal(msgspec.Struct, frozen=True):
    """A behaviour that tells an emotion: the event, what it is worth on −2…+2, and a condition on one column."""

    event: str
    value: float
    column: str = ""
    least: float | None = None
    equals: bool | None = None


SIGNALS: tuple[Signal, ...] = (
    Signal("Delivery Made", -1.5, "prop_late_days", least=3),
    Signal("Delivery Made", -1.0, "prop_late_days", least=1),
    Signal("Rage Click", -1.5),
    Signal("Object Error", -1.0),
    Signal("Error Shown", -1.0),
    Signal("Call Abandoned", -1.5),
    Signal("Call Answered", -1.0, "prop_wait_s", least=180),
    Signal("Call Ended", -1.0, "prop_resolved", equals=False),
    Signal("Order Refunded", -1.0),
    Signal("Referral Made", 1.5),
    Signal("Friend Mentioned", 1.0),
)
"""The behaviour signals, ours: values are judgements, small in effect by λ. The first that fits an event counts."""


def marks(events: ibis.Table, journey: Journey) -> ibis.Table:
    """What tells an emotion: one row an answer or signal, on the scale −2…+2, placed at a step and a row of the grid.

    An answer's score becomes: csat x − 3; ces (x − 4)/1.5; nps (x − 5)/2.5; emotion as it is; a review's stars as
    csat; a score off its scale is none. It belongs to the step its `about` names (a step's key or an event's name);
    else, unless it is relational, to the person's nearest touchpoint in the 24 hours before. A signal belongs to its
    own event's step, or the step it names, or the nearest. The row is that of the person's last touchpoint there.
    """
    told = _told(events, journey)
    touches = events.filter((events.step_index >= 0) & ~events.event.isin(SURVEY_EVENTS))
    near = touches.select("person_id", near_us="occurred_us", near_index="step_index", near_row="row")
    at_the_step = near.near_index == told.named
    just_before = (told.named < 0) & (told.occurred_us - near.near_us <= NEAREST_US)
    pairs = told.left_join(
        near, [told.person_id == near.person_id, near.near_us <= told.occurred_us, at_the_step | just_before]
    )
    # The latest touchpoint as one text, so that its maximum needs no ordered aggregate: time, step, row.
    place = pairs.near_us.cast("string").lpad(20, "0") + pairs.near_index.cast("string").lpad(3, "0") + pairs.near_row
    held = {name: pairs[name].max() for name in ("occurred_us", "question", "answer", "signal", "comment", "named")}
    placed = pairs.group_by(["person_id", "event_id"]).aggregate(**held, place=place.max())
    index = ibis.ifelse(placed.named >= 0, placed.named, placed.place.substr(20, 3).cast("int64"))
    placed = placed.mutate(step_index=index, row=placed.place.substr(23).fill_null(NO_ROW))
    return placed.filter(placed.step_index.notnull()).select(
        "person_id", "event_id", "occurred_us", "question", "answer", "signal", "comment", "step_index", "row"
    )


def _told(events: ibis.Table, journey: Journey) -> ibis.Table:
    """Answers and signals, each with its value and the step it names (−1: none)."""
    telling = sorted({"Survey Answered", "Review Posted", *(signal.event for signal in SIGNALS)})
    rows = events.filter(events.event.isin(telling))
    said = rows.event == "Survey Answered"
    review = (rows.event == "Review Posted") & rows.prop_score.notnull()
    rows = rows.select(
        "person_id", "event_id", "occurred_us", "step_index", "prop_score",
        said=said | review,
        question=ibis.ifelse(review, ibis.literal("csat"), rows.prop_question),
        comment=ibis.ifelse(said | review, rows.prop_comment, ibis.null("string")),
        # Tenths: a literal with a point is an exact decimal to Spark, and its sums would not be floats.
        signal=ibis.cases(*((_shows(rows, one), round(one.value * 10)) for one in SIGNALS), else_=_NEITHER) / 10,
        about=_named(ibis.coalesce(rows.prop_about, ibis.ifelse(said, ibis.null("string"), rows.prop_step)), journey),
        relational=(rows.prop_kind == "relational").fill_null(False),
    )  # fmt: skip
    score, question = rows.prop_score, rows.question
    answer = ibis.cases(
        (~rows.said, ibis.null("float64")),
        ((question == "csat") & score.between(1, 5), score - 3.0),
        ((question == "ces") & score.between(1, 7), (score - 4.0) / 1.5),
        ((question == "nps") & score.between(0, 10), (score - 5.0) / 2.5),
        ((question == "emotion") & score.between(-2, 2), score),
        else_=ibis.null("float64"),
    )
    rows = rows.filter(rows.said | rows.signal.notnull())
    rows = rows.filter(~rows.relational | ~rows.said | rows.about.notnull())
    return rows.select(
        "person_id", "event_id", "occurred_us", "question", "signal", "comment",
        answer=answer,
        named=ibis.coalesce(rows.about, ibis.ifelse(rows.said, -1, rows.step_index)),
    )  # fmt: skip


def _shows(events: ibis.Table, signal: Signal) -> Any:
    shown = events.event == signal.event
    if signal.least is not None:
        shown = shown & (events[signal.column] >= signal.least)
    if signal.equals is not None:
        shown = shown & (events[signal.column] == signal.equals)
    return shown.fill_null(False)


def _named(about: Any, journey: Journey) -> Any:
    """The step an answer's `about` means: a step's key, else the first step one of whose events is called so."""
    places = {name: number for number, step in reversed([*enumerate(journey.steps)]) for name in step.events}
    places |= {step.key: number for number, step in enumerate(journey.steps)}
    return about.cases(*places.items(), else_=ibis.null("int64")).cast("int64") if places else ibis.null("int64")


def by_person(told: ibis.Table, *keys: str) -> ibis.Table:
    """One row a person and step (and what `keys` add): the mean of their answers, and of their signals."""
    return told.group_by(["person_id", "step_index", *keys]).aggregate(
        answer=told.answer.mean(),
        other=told.answer.mean(where=told.question != "nps"),
        signal=told.signal.mean(),
        n_answers=told.answer.count(),
        n_signals=told.signal.count(),
    )


def sums(persons: ibis.Table, *keys: str) -> ibis.Table:
    """What `estimate` needs, a row per step (and `keys`): counts, sums and sums of squares over persons."""
    said = persons.answer.notnull()
    b = persons.signal.fill_null(0.0)
    d = persons.answer - LAMBDA * b
    return persons.group_by(["step_index", *keys]).aggregate(
        n_said=persons.answer.count(),
        n_shown=persons.signal.count(),
        n_answers=persons.n_answers.sum(),
        n_signals=persons.n_signals.sum(),
        sum_d=d.sum(where=said),
        sum_dd=(d * d).sum(where=said),
        sum_b=b.sum(),
        sum_bb=(b * b).sum(),
    )


def estimate(row: Mapping[str, Any], n_persons: int, minimum: int) -> Interval:
    """A step's emotion with its 95 % interval from one row of `sums`, of `n_persons` at the step.

    Nothing is shown when fewer than `minimum` persons answered or showed anything: an Interval without values, whose
    n says how many there were. The standard error adds the answers' (Student's t) and λ times the behaviour's.
    """
    said, shown = int(row["n_said"] or 0), int(row["n_shown"] or 0)
    everyone = max(n_persons, said, shown)
    mean_b = float(row["sum_b"] or 0.0) / everyone if everyone else 0.0
    variance_b = _variance(float(row["sum_b"] or 0.0), float(row["sum_bb"] or 0.0), everyone)
    if said >= minimum:
        total, squares = float(row["sum_d"]), float(row["sum_dd"])
        value = total / said + LAMBDA * mean_b
        if said < 2:
            return Interval(_clip(value), None, None, said)
        error = (_variance(total, squares, said) / said + LAMBDA**2 * variance_b / everyone) ** 0.5
        half = student(said - 1) * error
        return Interval(_clip(value), _clip(value - half), _clip(value + half), said)
    if shown >= minimum and everyone > 1:
        half = student(everyone - 1) * (variance_b / everyone) ** 0.5
        return Interval(_clip(mean_b), _clip(mean_b - half), _clip(mean_b + half), shown)
    return Interval(None, None, None, said + shown)


def _variance(total: float, squares: float, n: int) -> float:
    return max(0.0, (squares - total * total / n) / (n - 1)) if n > 1 else 0.0


def _clip(value: float) -> float:
    return min(2.0, max(-2.0, value))


def emotion(population: Population, journey: Journey) -> ibis.Table:
    """The sums of every step and row of the grid that somebody told something about, as an expression."""
    from ariane.journeys.steps import read_steps

    told = marks(read_steps(population, journey), journey)
    return sums(by_person(told, "row"), "row")
