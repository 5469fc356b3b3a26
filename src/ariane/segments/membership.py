"""Membership: a rule as one expression over the events, the same on every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

import ibis

from ariane.errors import InputError
from ariane.model import DAY, MINUTE
from ariane.segments.rules import OPS, ORDER, POSITIVE, All, Condition, Not, Rule, column_of, conditions, unknown

if TYPE_CHECKING:
    from ariane.consent import Population
    from ariane.store import Engine

SESSION_GAP_US = 30 * MINUTE


def members(population: Population, rule: Rule, *, now_us: int | None = None) -> ibis.Table:
    """The persons of the population for whom the rule holds: person_id.

    Ages and "the last so many days" count back from `now_us`: by default the end of the population's period, or else
    its last event. What happened after `now_us` is not looked at, and a person seen only after it is nobody's member.
    """
    at = now_us if now_us is not None else population.until_us
    return _members(population.events, rule, at, population.engine)


def as_filter(
    rule: Rule, *, now_us: int | None = None, engine: Engine | None = None
) -> Callable[[ibis.Table], ibis.Table]:
    """The rule as `population(segment=…)` wants it: from events to the events of its members.

    The rule sees the events of the population's period only. A rule on consent needs the engine (InputError without).
    """

    def keep(events: ibis.Table) -> ibis.Table:
        return events.semi_join(_members(events, rule, now_us, engine), "person_id")

    return keep


def _members(events: ibis.Table, rule: Rule, now_us: int | None, engine: Engine | None) -> ibis.Table:
    wanted = {condition: f"f{n}" for n, condition in enumerate(dict.fromkeys(conditions(rule)))}
    needed = {"person_id", "occurred_us", "event_id", "event", "channel", "prop_revenue_minor"}
    for condition in wanted:
        if condition.name and condition.field != "consent":
            needed.add(_column(events, condition))
    rows = events.select(*sorted(needed))
    if now_us is None:
        rows = rows.cross_join(rows.aggregate(now_us=rows.occurred_us.max()))
    else:
        rows = rows.mutate(now_us=ibis.literal(now_us, type="int64"))
    rows = rows.filter(rows.occurred_us <= rows.now_us)
    if any(condition.field == "sessions" for condition in wanted):
        rows = _with_session_starts(rows)
    rows = rows.group_by("person_id").aggregate(
        seen=rows.count(),
        **{name: _sum(rows, condition) for condition, name in wanted.items() if condition.field != "consent"},
    )
    for condition, name in wanted.items():
        if condition.field == "consent":
            rows = _with_consent(rows, engine, condition.name, name)
    return rows.filter(_holds(rows, rule, wanted)).select("person_id")


def _column(events: ibis.Table, condition: Condition) -> str:
    is_number = condition.field == POSITIVE
    field = condition.name if is_number else condition.field
    column = column_of(field)
    kinds = {name: kind.is_numeric() if is_number else kind.is_string() for name, kind in events.schema().items()}
    if not kinds.get(column):
        fields = tuple(name.removeprefix("prop_").removeprefix("ctx_") for name, fits in kinds.items() if fits)
        raise unknown(field, fields if is_number else ("consent", POSITIVE, *fields), "segment")
    return column


def _sum(rows: ibis.Table, condition: Condition) -> Any:
    """The number a condition compares, as an aggregate over one person's events."""
    field = condition.field
    inside = rows.occurred_us > rows.now_us - condition.within_days * DAY if condition.within_days else None
    if field == "first_seen_days":
        return ((rows.now_us.max() - rows.occurred_us.min()) // DAY).cast("int64")
    if field == "last_seen_days":
        return ((rows.now_us.max() - rows.occurred_us.max()) // DAY).cast("int64")
    if field == "channels":
        return rows.channel.nunique(where=inside).cast("int64")
    counted = {"events": rows.occurred_us.notnull(), "sessions": rows.starts if field == "sessions" else None}.get(
        field
    )
    if field in ("orders", "revenue"):
        counted = rows.event == ORDER
    if counted is None:
        held = rows[_column(rows, condition)]
        counted = held > 0 if field == POSITIVE else held == condition.name
    counted = (counted if inside is None else counted & inside).fill_null(False)
    amount = rows.prop_revenue_minor.fill_null(0) if field == "revenue" else ibis.literal(1, type="int64")
    return ibis.ifelse(counted, amount, 0).sum().cast("int64")


def _with_session_starts(rows: ibis.Table) -> ibis.Table:
    order = ibis.window(group_by="person_id", order_by=["occurred_us", "event_id"])
    before = rows.mutate(gap_us=rows.occurred_us - rows.occurred_us.lag().over(order))
    return before.mutate(starts=before.gap_us.isnull() | (before.gap_us > SESSION_GAP_US))


def _with_consent(rows: ibis.Table, engine: Engine | None, purpose: str, name: str) -> ibis.Table:
    if engine is None:
        raise InputError("A rule on consent needs the engine it is read from.", where="as_filter", allowed="engine=…")
    consents = engine.table("consents")
    given = consents.filter((consents.purpose == purpose) & consents.granted).select("person_id").distinct()
    given = given.select(giver="person_id")
    joined = rows.left_join(given, rows.person_id == given.giver)
    return joined.mutate(**{name: joined.giver.notnull().cast("int64")}).drop("giver")


def _holds(rows: ibis.Table, rule: Rule, wanted: Mapping[Condition, str]) -> Any:
    if isinstance(rule, Condition):
        return OPS[rule.op](rows[wanted[rule]], ibis.literal(rule.value, type="int64"))
    if isinstance(rule, Not):
        return ~_holds(rows, rule.rule, wanted)
    parts = [_holds(rows, child, wanted) for child in rule.rules]
    if not parts:
        return ibis.literal(isinstance(rule, All))
    return reduce(and_ if isinstance(rule, All) else or_, parts)
