"""Checking: the same rule on the events of one person, saying what held, by how much, and what did not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ariane.model import DAY, MINUTE
from ariane.segments.rules import AGES, OPS, ORDER, POSITIVE, All, Condition, Not, Rule, column_of, conditions
from ariane.segments.spelling import text_of


class Check(msgspec.Struct, frozen=True):
    """One condition as it was found: its text, the person's value, the threshold, whether it held."""

    condition: str
    value: int
    threshold: int
    passes: bool


class Checked(msgspec.Struct, frozen=True):
    """Whether the whole rule holds, and every condition in it."""

    passes: bool
    conditions: tuple[Check, ...]


def check(rule: Rule, events: Sequence[Mapping[str, Any]], now_us: int, *, consents: Collection[str] = ()) -> Checked:
    """Evaluate the rule on one person's events (rows with the lake's columns) as of `now_us`.

    `consents` are the purposes the person agreed to. A person without any event up to `now_us` is nobody's member.

    >>> found = check(Condition("orders"), [{"event": "Order Completed", "occurred_us": 5, "channel": "web"}], 9)
    >>> found.passes, found.conditions[0].value
    (True, 1)
    """
    past = sorted(
        (event for event in events if event["occurred_us"] <= now_us),
        key=lambda event: (event["occurred_us"], event.get("event_id", "")),
    )
    values = {condition: _value(condition, past, now_us, consents) for condition in conditions(rule)}
    found = tuple(
        Check(text_of(condition), value, condition.value, bool(OPS[condition.op](value, condition.value)))
        for condition, value in values.items()
    )
    return Checked(bool(past) and _holds(rule, values), found)


def _value(condition: Condition, past: Sequence[Mapping[str, Any]], now_us: int, consents: Collection[str]) -> int:
    field = condition.field
    if field == "consent":
        return int(condition.name in consents)
    if field in AGES:
        at = 0 if field == "first_seen_days" else -1
        return int((now_us - past[at]["occurred_us"]) // DAY) if past else 0
    since_us = now_us - condition.within_days * DAY if condition.within_days else None
    inside = [event for event in past if since_us is None or event["occurred_us"] > since_us]
    if field == "events":
        return len(inside)
    if field == "channels":
        return len({event["channel"] for event in inside if event["channel"] is not None})
    if field == "sessions":
        starts = [
            event["occurred_us"]
            for before, event in zip([None, *past], past, strict=False)
            if before is None or event["occurred_us"] - before["occurred_us"] > 30 * MINUTE
        ]
        return sum(since_us is None or start > since_us for start in starts)
    if field in ("orders", "revenue"):
        orders = [event for event in inside if event["event"] == ORDER]
        return len(orders) if field == "orders" else sum(order.get("prop_revenue_minor") or 0 for order in orders)
    if field == POSITIVE:
        return sum((event.get(column_of(condition.name)) or 0) > 0 for event in inside)
    column = column_of(field)
    return sum(event.get(column) == condition.name for event in inside)


def _holds(rule: Rule, values: Mapping[Condition, int]) -> bool:
    if isinstance(rule, Condition):
        return bool(OPS[rule.op](values[rule], rule.value))
    if isinstance(rule, Not):
        return not _holds(rule.rule, values)
    held = (_holds(child, values) for child in rule.rules)
    return all(held) if isinstance(rule, All) else any(held)
