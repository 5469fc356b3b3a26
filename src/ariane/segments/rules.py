"""The rule: a tree of conditions, each a whole number that a person's events add up to, compared with another."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

import msgspec

from ariane.errors import InputError
from ariane.store import COLUMNS

ORDER = "Order Completed"

COUNTS = ("events", "orders", "revenue", "channels", "sessions", "first_seen_days", "last_seen_days")
"""Numbers of a person: events, orders (`Order Completed`), their revenue in minor units whatever the currency, distinct
channels, sessions (gaps over 30 min), whole days since the first and since the last event."""

AGES = ("first_seen_days", "last_seen_days")

POSITIVE = "positive"
"""The field that counts the events whose number of that name (`late_days`, `wait_s`) is above 0."""

OPS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


class Condition(msgspec.Struct, frozen=True):
    """`field` `op` `value`, such as orders >= 2.

    A field with a name counts the events that carry it (`channel` named store, `event` named Order Completed, any
    registered text property); `positive` of a number counts the events where it is above 0; `consent` of a purpose is
    1 when it was given. `within_days` looks at the last so many days only; 0 looks at everything.
    """

    field: str
    op: str = ">="
    value: int = 1
    name: str = ""
    within_days: int = 0


class All(msgspec.Struct, frozen=True):
    """Every one of the rules holds. With none: everyone."""

    rules: tuple[Rule, ...] = ()


class AnyOf(msgspec.Struct, frozen=True):
    """At least one of the rules holds. With none: nobody."""

    rules: tuple[Rule, ...] = ()


class Not(msgspec.Struct, frozen=True):
    """The rule does not hold."""

    rule: Rule


Rule = Condition | All | AnyOf | Not


def canonical(rule: Rule) -> Rule:
    """The same rule without groups of one, groups within their like, and double negation.

    >>> canonical(All((All((Condition("orders"),)),)))
    Condition(field='orders', op='>=', value=1, name='', within_days=0)
    """
    if isinstance(rule, Condition):
        return rule
    if isinstance(rule, Not):
        inner = canonical(rule.rule)
        if isinstance(inner, (All, AnyOf)) and not inner.rules:
            return AnyOf() if isinstance(inner, All) else All()
        return inner.rule if isinstance(inner, Not) else Not(inner)
    kind = type(rule)
    flat: list[Rule] = []
    for child in map(canonical, rule.rules):
        flat.extend(child.rules if isinstance(child, kind) else [child])
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def conditions(rule: Rule) -> Iterator[Condition]:
    """Every condition in the rule, left to right."""
    if isinstance(rule, Condition):
        yield rule
    elif isinstance(rule, Not):
        yield from conditions(rule.rule)
    else:
        for child in rule.rules:
            yield from conditions(child)


def column_of(field: str) -> str:
    """The events' column a named field counts. A workspace's own registered property is `prop_` and its name."""
    if field in ("event", "channel", "source", "type") or field in COLUMNS:
        return field
    return next((f"{head}{field}" for head in ("prop_", "ctx_") if f"{head}{field}" in COLUMNS), f"prop_{field}")


def checked(condition: Condition, where: str) -> Condition:
    """The condition, if it makes sense. InputError saying what was allowed otherwise."""
    field, named = condition.field, bool(condition.name)
    if condition.op not in OPS:
        raise InputError(f"Unknown comparison '{condition.op}'.", where=where, allowed=" ".join(OPS))
    if not named and field not in COUNTS:
        raise unknown(field, COUNTS, where)
    if named and field in COUNTS:
        raise InputError(
            f"'{field}' is a number and takes no name.", where=where, allowed=f"{field}>={condition.value}"
        )
    if condition.within_days < 0 or (condition.within_days and field in (*AGES, "consent")):
        raise InputError(f"'{field}' cannot look at the last {condition.within_days} days.", where=where)
    return condition


def unknown(field: str, among: tuple[str, ...], where: str) -> InputError:
    """The error for a name nothing has, with the one that was probably meant."""
    close = get_close_matches(field, among, n=1)
    meant = f": did you mean '{close[0]}'?" if close else "."
    return InputError(f"Unknown field '{field}'{meant}", where=where, allowed=", ".join(among))
