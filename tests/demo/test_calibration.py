"""The town's rates are those measured on real data, within what sampling allows; what was planted is there alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import log, sqrt
from statistics import fmean, pstdev
from typing import Any

import pytest

from ariane.demo.brand import (
    ACTIVATION_RETURNS,
    CHECKOUT_BREAKS,
    CODE_AT_TILL,
    DAYS,
    FRICTIONS,
    HERMOD_WAITS,
    PAYMENT_QUEUE,
    Friction,
)
from tests.demo.small_town import Generated

Z = 3.3  # a chance of 1 in 1,000 for a true rate to fail


def near_share(k: int, n: int, rate: float) -> bool:
    return abs(k / n - rate) < Z * sqrt(rate * (1 - rate) / n)


def near_mean(values: list[float], mean: float) -> bool:
    return abs(fmean(values) - mean) < Z * pstdev(values) / sqrt(len(values))


def said(generated: Generated, name: str) -> list[dict[str, Any]]:
    return [event["properties"] for event in generated.by_name[name]]


def test_calls_wait_and_hang_up_as_measured(generated: Generated) -> None:
    served = [call["wait_s"] for call in said(generated, "Call Answered")]
    left = [call["wait_s"] for call in said(generated, "Call Abandoned")]
    assert near_mean(served, 41)
    assert near_mean(left, 44)
    assert near_share(len(left), len(left) + len(served), 0.179)


def test_late_deliveries_and_their_stars(generated: Generated) -> None:
    late = {made["order_id"]: made["late_days"] > 0 for made in said(generated, "Delivery Made")}
    assert near_share(sum(late.values()), len(late), 0.08)
    stars: dict[bool, list[float]] = {True: [], False: []}
    for review in said(generated, "Review Posted"):
        if review["order_id"] in late:
            stars[late[review["order_id"]]].append(review["score"])
    assert near_mean(stars[True], 2.50)
    assert near_mean(stars[False], 4.28)
    reviews = said(generated, "Review Posted")
    assert near_share(sum("comment" in review for review in reviews), len(reviews), 0.4)


def test_offers_are_viewed_and_completed_as_measured(generated: Generated) -> None:
    received = Counter(offer["channels"] for offer in said(generated, "Offer Received"))
    viewed = Counter(offer["channels"] for offer in said(generated, "Offer Viewed"))
    rates = {"web,email": 0.35, "web,email,mobile": 0.54, "web,email,mobile,social": 0.96}
    assert received.keys() == rates.keys()
    for channels, rate in rates.items():
        assert near_share(viewed[channels], received[channels], rate)
    seen: dict[tuple[str, str], int] = defaultdict(int)
    unseen = completed = 0
    for event in sorted(generated.events, key=lambda event: event["timestamp"]):
        if event.get("event") in ("Offer Received", "Offer Viewed", "Offer Completed"):
            key = (event["properties"]["email"], event["properties"]["offer_id"])
            if event["event"] == "Offer Viewed":
                seen[key] += 1
            elif event["event"] == "Offer Completed":
                completed += 1
                unseen += seen[key] == 0
    assert near_share(unseen, completed, 0.296)


def test_the_happier_answer_more(generated: Generated) -> None:
    mood = dict(
        zip(*(generated.truth["persons"].column(name).to_pylist() for name in ("truth_id", "mood")), strict=True)
    )

    def moods(name: str) -> list[float]:
        numbers = [event["messageId"].split("-")[1] for event in generated.by_name[name]]
        return [mood[f"T{int(number):07d}"] for number in numbers]

    asked, answered = moods("Survey Sent"), moods("Survey Answered")
    assert 0.2 < len(answered) / len(asked) < 0.5
    assert fmean(answered) > fmean(asked) + 0.2
    assert generated.by_name["Survey Dismissed"]


def test_the_curve_has_the_shape_wanted(generated: Generated) -> None:
    felt: dict[str, list[float]] = defaultdict(list)
    for answer in said(generated, "Survey Answered"):
        if answer["question"] in ("csat", "emotion"):
            felt[answer["about"]].append(answer["score"] - (3 if answer["question"] == "csat" else 0))
    mean = {step: fmean(values) for step, values in felt.items() if len(values) > 8}
    assert mean["visits_store"] > 1
    assert -0.8 < mean["pays"] < 0
    assert mean["waits_delivery"] < -0.4
    assert min(mean, key=lambda step: mean[step]) == "calls_support"
    assert max(mean, key=lambda step: mean[step]) in ("recommends", "visits_store", "buys_again", "hears_friend")
    scores = [answer["score"] for answer in said(generated, "Survey Answered") if answer["question"] == "nps"]
    nps = 100 * (sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)) / len(scores)
    assert 10 < nps < 50


def test_texts_fit_in_two_languages(generated: Generated) -> None:
    texts = [answer["comment"] for answer in said(generated, "Survey Answered") if "comment" in answer]
    assert len(set(texts)) > 0.4 * len(texts)
    assert all(5 < len(text) < 200 for text in texts)
    answers = said(generated, "Survey Answered")
    assert near_share(len(texts), len(answers), 0.4)


# ── what was planted ──────────────────────────────────────────────────────────────────────────────────────────────────


def _day(generated: Generated, event: dict[str, Any]) -> float:
    from datetime import datetime

    at = datetime.fromisoformat(event["timestamp"])
    return (at.date() - generated.town.since_on).days + at.hour / 24


def _contrast(rows: list[tuple[float, str, float]], planted: Friction) -> dict[str, float]:
    """By slice, how many standard errors the planted days lie above the others."""
    inside: dict[str, list[float]] = defaultdict(list)
    outside: dict[str, list[float]] = defaultdict(list)
    for day, value, y in rows:
        (inside if DAYS - 1 - planted.began <= day < DAYS - planted.ended else outside)[value].append(y)
    out = {}
    for value in inside:
        if len(inside[value]) > 5 and len(outside[value]) > 5:
            spread = pstdev(outside[value]) or 0.1
            out[value] = (fmean(inside[value]) - fmean(outside[value])) / (spread / sqrt(len(inside[value])))
    return out


def _alone(z: dict[str, float], planted: Friction, least: float) -> None:
    assert z[planted.slice_value] > least
    for value, other in z.items():
        assert value == planted.slice_value or abs(other) < 4, (value, z)


def test_paying_fails_on_one_version_for_some_days(generated: Generated) -> None:
    by_person: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in generated.events:
        by_person[event["messageId"].rsplit("-", 1)[0]].append(event)
    rows = []
    for events in by_person.values():
        ordered = sorted(events, key=lambda event: event["timestamp"])
        for k, event in enumerate(ordered):
            if event.get("event") == "Cart Viewed":
                version = event["context"].get("app", {}).get("version", "web")
                until = _day(generated, event) + 0.1
                paid = any(e.get("event") == "Order Completed" and _day(generated, e) < until for e in ordered[k:])
                rows.append((_day(generated, event), version, float(not paid)))
    _alone(_contrast(rows, CHECKOUT_BREAKS), CHECKOUT_BREAKS, 3.5)
    before = [y for day, value, y in rows if not 84 <= day < 100]
    assert 0.25 < fmean(before) < 0.45


def test_resolved_activations_come_back(generated: Generated) -> None:
    started: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in generated.by_name["Call Started"]:
        key = (event["messageId"].rsplit("-", 1)[0], event["properties"]["reason"])
        started[key].append(_day(generated, event))
    rows = []
    for event in generated.by_name["Call Ended"]:
        day, reason = _day(generated, event), event["properties"]["reason"]
        if event["properties"]["resolved"] and day < DAYS - 7:
            again = started[(event["messageId"].rsplit("-", 1)[0], reason)]
            rows.append((day, reason, float(any(day + 0.05 < other < day + 7 for other in again))))
    _alone(_contrast(rows, ACTIVATION_RETURNS), ACTIVATION_RETURNS, 4)


def test_one_carrier_and_one_queue_wait(generated: Generated) -> None:
    parcels, calls = [], []
    for event in generated.by_name["Delivery Made"]:
        due = _day(generated, event) - event["properties"]["wait_s"] / 86_400 + 1.35
        parcels.append((due, event["properties"]["carrier"], event["properties"]["wait_s"] / 86_400))
    for event in generated.by_name["Call Answered"]:
        calls.append((_day(generated, event), event["properties"]["reason"], log(5 + event["properties"]["wait_s"])))
    _alone(_contrast(parcels, HERMOD_WAITS), HERMOD_WAITS, 6)
    _alone(_contrast(calls, PAYMENT_QUEUE), PAYMENT_QUEUE, 4)


def test_one_shop_sends_people_to_and_fro(generated: Generated) -> None:
    visits = Counter(
        (event["messageId"].rsplit("-", 1)[0], event["timestamp"][:10], event["properties"]["store"])
        for event in generated.by_name["Store Visited"]
    )
    days = {day: n for n, day in enumerate(sorted({event["timestamp"][:10] for event in generated.events}))}
    rows = [(float(days[day]), store, float(n >= 3)) for (_, day, store), n in visits.items()]
    _alone(_contrast(rows, CODE_AT_TILL), CODE_AT_TILL, 8)


def test_frictions_are_dated_from_the_last_day(generated: Generated) -> None:
    rows = {row["friction_id"]: row for row in generated.truth["frictions"].to_pylist()}
    assert len(rows) == len(FRICTIONS) == 5
    assert {row["detector"] for row in rows.values()} == {"drop_off", "repeat_contact", "wait", "ping_pong"}
    for planted in FRICTIONS:
        row = rows[planted.friction_id]
        assert (generated.town.until_on - row["ended_on"]).days == planted.ended
        assert 11 <= (row["ended_on"] - row["began_on"]).days <= 21


def test_weights_of_moments_sum_to_one(generated: Generated) -> None:
    assert sum(generated.truth["moments"].column("weight").to_pylist()) == pytest.approx(1)
    assert sum(generated.truth["personas"].column("share").to_pylist()) == pytest.approx(1)
