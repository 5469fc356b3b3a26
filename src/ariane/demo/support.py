"""Calls: started, queued, answered or hung up, ended; and the calls that follow."""

from __future__ import annotations

from typing import Any

from ariane.demo.brand import ACTIVATION_RETURNS, DAY_MS, PAYMENT_QUEUE, REASONS
from ariane.demo.chance import bounds_of
from ariane.demo.life import Life
from ariane.demo.surveys import ask

HANG_UPS = 0.179
SERVED_WAIT_S, ABANDONED_WAIT_S = 37.7, 40.6
"""Mean waits where nothing is planted: with the planted queue, 41 s and 44 s over the whole town."""

RESOLVED = 0.82
RETURNS = 0.06
"""Of calls closed as resolved, how many are followed by another about the same within days."""

_REASONS = bounds_of((8, 18, 40, 20, 14))


def call(life: Life, t: float, reason: str, product_id: str, depth: int = 0) -> None:
    """A call on the day of `t`, and perhaps those that follow from it."""
    chance, ledger = life.chance, life.ledger
    u = chance.uniform
    at = float(chance.hour("call_centre", int(t // DAY_MS)))
    if at < t:
        at += DAY_MS
    touch, named = _line(life)
    call_id = life.number("C")
    about: dict[str, Any] = {"call_id": call_id, "reason": reason}
    ledger.add(at, "Call Started", touch, {**about, **named, "product_id": product_id})
    at += 20_000 + chance.waits(25_000)
    hangs_up = u() < HANG_UPS
    wait_s = 1 + chance.waits((ABANDONED_WAIT_S if hangs_up else SERVED_WAIT_S) - 1)
    if reason == PAYMENT_QUEUE.slice_value and PAYMENT_QUEUE.hits(at):
        wait_s *= 4
    wait_s = round(wait_s, 1)
    ledger.add(at, "Call Queued", touch, {**about, **named})
    at += wait_s * 1000
    if hangs_up:
        ledger.add(at, "Call Abandoned", touch, {**about, **named, "wait_s": wait_s})
        ask(life, at, "calls_support", touch, life.feel(at, "calls_support", about, -0.3), {"reason": reason})
        if depth < 3 and u() < 0.5:
            call(life, at + DAY_MS * (0.02 + chance.waits(0.4)), reason, product_id, depth + 1)
        return
    ledger.add(at, "Call Answered", touch, {**about, **named, "wait_s": wait_s})
    talk_s = round(40 + chance.waits(170))
    at += talk_s * 1000
    resolved = u() < RESOLVED
    closed = {"resolved": resolved, "talk_s": talk_s, "product_id": product_id}
    ledger.add(at, "Call Ended", touch, {**about, **named, **closed})
    more = (0.15 if resolved else -0.4) - (0.3 if depth else 0.0)
    ask(life, at, "calls_support", touch, life.feel(at, "calls_support", about, more), {"reason": reason})
    _perhaps_again(life, at, reason, product_id, depth, resolved)


def _perhaps_again(life: Life, at: float, reason: str, product_id: str, depth: int, resolved: bool) -> None:
    returns = RETURNS if resolved else 0.4
    if resolved and reason == ACTIVATION_RETURNS.slice_value and ACTIVATION_RETURNS.hits(at):
        returns += ACTIVATION_RETURNS.size
    if depth < 4 and life.chance.uniform() < returns:
        days = min(5.5, 0.4 + life.chance.waits(1.3))
        call(life, at + days * DAY_MS, reason, product_id, depth + 1)


def _line(life: Life) -> tuple[Any, dict[str, str]]:
    """From which number, and whether the agent finds the account."""
    person, where = life.person, life.where
    u = life.chance.uniform
    draw = u()
    authenticated = person.user_id is not None and u() < 0.65
    named: dict[str, str] = {}
    if draw < 0.7 and person.phone is not None:
        named["caller_number"] = person.phone
    elif draw < 0.85 and person.landline is not None:
        named["caller_number"] = person.landline
        if person.household.size > 1:
            person.shared.add(("caller_number", person.landline))
    if not authenticated and not named and person.loyalty_card is not None and u() < 0.5:
        named["loyalty_card"] = person.loyalty_card
    hidden = not named and not authenticated
    return where.served("call_centre", known=authenticated, anonymous=where.passing("call") if hidden else None), named


def some_reason(life: Life) -> str:
    """What a call that follows from nothing in particular is about."""
    return REASONS[life.chance.weighed(_REASONS)]
