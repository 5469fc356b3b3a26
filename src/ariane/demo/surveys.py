"""Surveys: who is asked, who answers (the happier, the likelier), what they say."""

from __future__ import annotations

from math import exp
from typing import Any

from ariane.demo.brand import DAY_MS, MOMENTS, REVIEW_STARS
from ariane.demo.chance import bounds_of
from ariane.demo.ledger import Touch
from ariane.demo.life import HOUR_MS, MINUTE_MS, Life
from ariane.demo.verbatims import say

COMMENTED = 0.4
"""The share of answers and reviews that carry a text."""

ASKED = {"pays": 0.5, "visits_store": 0.5, "calls_support": 0.6, "waits_delivery": 0.5, "installs": 0.5,
         "sees_campaign": 0.05, "searches": 0.08, "compares": 0.08}  # fmt: skip
"""How often a step is followed by a transactional survey; every other step by a short one now and then."""

ASKED_ELSE = 0.3
_STARS = {late: bounds_of(shares) for late, shares in REVIEW_STARS.items()}


def ask(life: Life, t: float, step: str, touch: Touch, e: float, about: dict[str, Any] | None = None) -> None:
    """Perhaps ask about a step just lived, where it was lived. `about` is carried along: store, reason, carrier."""
    u = life.chance.uniform
    if u() >= ASKED.get(step, ASKED_ELSE):
        return
    question = "emotion"
    if step in MOMENTS:
        draw = u()
        if step == "calls_support":
            question = "ces" if draw < 0.45 else "csat" if draw < 0.8 else "emotion"
        elif draw < 0.65:
            question = "csat"
    survey = {"survey_id": f"{question}-{step}", "question": question, "about": step, "kind": "transactional"}
    survey |= about or {}
    at = t + (2 + life.chance.waits(6)) * MINUTE_MS
    life.ledger.add(at, "Survey Sent", touch, survey)
    if _answers(life, at, touch, survey, e):
        score = _score(question, e, life.chance.normal())
        _answer(life, at + life.chance.waits(8) * MINUTE_MS, touch, survey, score, step, e)


def ask_relation(life: Life, t: float) -> None:
    """The relational survey, by e-mail: would you recommend us?"""
    touch = life.mailed()
    survey = {"survey_id": "nps-relation", "question": "nps", "about": "brand", "kind": "relational", **life.known()}
    life.ledger.add(t, "Survey Sent", touch, survey)
    score = recommendation(life, t)
    e = (score - 6.5) / 2
    if _answers(life, t, touch, survey, e):
        _answer(life, t + life.chance.waits(9) * HOUR_MS, touch, survey, score, "brand", e)


def recommendation(life: Life, t: float) -> int:
    """0–10: the latest experience of each moment of truth, by its weight, and mood."""
    latest: dict[str, tuple[int, float]] = {}
    for at, step, residual in life.person.felt:
        if at <= t and (step not in latest or at > latest[step][0]):
            latest[step] = (at, residual)
    lived = sum(MOMENTS[step] * residual for step, (_, residual) in latest.items())
    raw = 7.5 + 0.9 * life.person.mood + 3.4 * lived + 0.9 * life.chance.normal()
    return max(0, min(10, round(raw)))


def review(life: Life, t: float, order: dict[str, Any], touch: Touch, late: bool) -> None:
    """Stars and perhaps a text about an order delivered. The stars depend on the delay alone, as measured elsewhere."""
    stars = life.chance.weighed(_STARS[late]) + 1
    posted: dict[str, Any] = {"order_id": order["order_id"], "product_id": order["product_id"], "score": stars}
    if life.chance.uniform() < COMMENTED:
        posted["comment"] = say(life.chance, life.person.language, "review_late" if late else "review", stars - 3)
    life.ledger.add(t, "Review Posted", touch, posted)


def _answers(life: Life, t: float, touch: Touch, survey: dict[str, Any], e: float) -> bool:
    """Whether they answer; some of the others wave it away."""
    u = life.chance.uniform
    if u() < 1 / (1 + exp(0.75 - 0.7 * life.person.mood - 0.15 * e)):
        return True
    if u() < 0.35:
        life.ledger.add(t + life.chance.waits(3) * MINUTE_MS, "Survey Dismissed", touch, survey)
    return False


def _answer(life: Life, t: float, touch: Touch, survey: dict[str, Any], score: int, topic: str, e: float) -> None:
    answered = {**survey, "score": score}
    if life.chance.uniform() < COMMENTED:
        answered["comment"] = say(life.chance, life.person.language, topic, e)
    life.ledger.add(t, "Survey Answered", touch, answered)
    if topic != "answers_survey" and life.chance.uniform() < 0.08:
        follow = life.feel(t, "answers_survey")
        ask(life, t, "answers_survey", touch, follow)


def _score(question: str, e: float, noise: float) -> int:
    if question == "csat":
        return max(1, min(5, round(3 + e + 0.3 * noise)))
    if question == "ces":
        return max(1, min(7, round(4 + 1.5 * e + 0.5 * noise)))
    return max(-2, min(2, round(e + 0.3 * noise)))


def relation_days(life: Life, start: int, end: int) -> list[int]:
    """The days a rotating sample asks this person."""
    span = (end - start) / DAY_MS
    return [int(start / DAY_MS + life.chance.uniform() * span) for _ in range(life.chance.count(1.3 * span / 120))]
