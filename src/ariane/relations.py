"""The relations anyone may ask in SQL, with stable names and columns (docs/sql.md), each an expression over what a
purpose may read. Instants are timestamps here, in UTC; inside, they are integers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import ibis

from ariane.consent import Population
from ariane.journeys import Journey, sessions, touchpoints

NAMES = (
    "events", "persons", "identifiers", "edges", "touchpoints", "sessions", "answers", "orders", "consents",
    "decisions", "cases", "membership", "aliases", "person_changes", "households",
)  # fmt: skip


def relation(name: str, population: Population, journey: Journey) -> ibis.Table:
    """The relation called `name`, one of NAMES.

    Persons the population's purpose may not read are in none of them. `events` also holds what no person is known for
    (`person_id` is null) and what bots did (`is_bot`); every other relation is about persons.
    """
    return _BUILDERS[name](population, journey)


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def make_timestamp(instant_us: int) -> datetime:  # type: ignore[empty-body]
    """DuckDB's own: microseconds since 1970 to an instant in UTC."""


def at(instant_us: Any) -> Any:
    """Microseconds since 1970 as a timestamp in UTC."""
    return make_timestamp(instant_us)


def _allowed(population: Population, name: str) -> ibis.Table:
    """A table of the state without the rows of persons the purpose may not read."""
    table = population.engine.table(name)
    return table.anti_join(population.refused, "person_id")


def _events(population: Population, journey: Journey) -> ibis.Table:
    read = population.everything()
    return read.select(
        "event_id", "message_id", "source", "type", "event", "channel",
        occurred_at=at(read.occurred_us), received_at=at(read.received_us), person_id=read.person_id,
        anonymous_id=read.anonymous_id, user_id=read.user_id, properties=read.properties, context=read.context,
        is_bot=read.is_bot,
    )  # fmt: skip


def _persons(population: Population, journey: Journey) -> ibis.Table:
    table = _allowed(population, "persons")
    return table.select(
        "person_id", first_seen_at=at(table.first_seen_us), last_seen_at=at(table.last_seen_us),
        n_events=table.n_events, n_identifiers=table.n_identifiers,
    )  # fmt: skip


def _identifiers(population: Population, journey: Journey) -> ibis.Table:
    return _allowed(population, "identifiers").select("kind", "value", "person_id", "status")


def _edges(population: Population, journey: Journey) -> ibis.Table:
    named = _allowed(population, "identifiers").select("key", name=ibis._.kind + ":" + ibis._.value)
    one, other = named.select(a_key="key", a="name"), named.select(b_key="key", b="name")
    read = population.engine.table("edges").inner_join(one, "a_key").inner_join(other, "b_key")
    return read.select(
        "a", "b", "rule", "source", first_seen_at=at(read.first_us), last_seen_at=at(read.last_us),
        n_events=read.n_events, status=read.status,
    )  # fmt: skip


def _led(population: Population) -> ibis.Table:
    """Where ids lead that nobody goes by any more."""
    present = population.engine.table("persons").select(alias="person_id")
    led = population.engine.table("aliases")
    return led.filter(led["alias"] != led.person_id).anti_join(present, "alias")


def _read(population: Population, rows: ibis.Table, *names: str) -> ibis.Table:
    """The rows without those of persons whom the purpose may not read, former ids being theirs they lead to."""
    former = _led(population).select(former="alias", now="person_id")
    for name in names:
        refused = population.refused.select(now_refused="person_id")
        found = rows.left_join(former, rows[name] == former.former)
        found = found.mutate(led_to=found.now.fill_null(found[name])).drop("former", "now")
        rows = found.anti_join(refused, found.led_to == refused.now_refused).drop("led_to")
    return rows


def _person_changes(population: Population, journey: Journey) -> ibis.Table:
    changes = _read(population, population.engine.table("person_changes"), "old_person_id", "new_person_id")
    return changes.select(
        "n", "cause", person_id=changes.old_person_id, into_person_id=changes.new_person_id.nullif(""),
        told_at=at(changes.at_us), rule=changes.rule.nullif(""), event_id=changes.event_id.nullif(""),
    )  # fmt: skip


def _aliases(population: Population, journey: Journey) -> ibis.Table:
    read = _led(population).anti_join(population.refused, "person_id")
    return read.select("alias", person_id=read.person_id.nullif(""))


def _membership(population: Population, journey: Journey) -> ibis.Table:
    held = _allowed(population, "identifiers").select("key", "kind", "value", "first_us", now="person_id")
    changes, moves = population.engine.table("person_changes"), population.engine.table("person_moves")
    ended = changes.inner_join(moves, "n").select(
        "key", "n", "cause", "rule", "event_id", person_id="old_person_id", until_us="at_us"
    )
    past = held.inner_join(ended, "key")
    past = past.select(*held.columns, "n", "cause", "rule", "event_id", "person_id", "until_us")
    null = ibis.null
    last = held.mutate(
        n=null("int64"), cause=null("string"), rule=null("string"), event_id=null("string"), person_id=held.now,
        until_us=null("int64"),
    )  # fmt: skip
    every = past.union(last.select(*past.columns))
    before = ibis.window(group_by="key", order_by=every.n.fill_null(2**62))
    # What began a stretch is the change that ended the one before it.
    begun = every.mutate(
        since_us=every.until_us.lag().over(before), began_by=every.cause.lag().over(before),
        by_rule=every.rule.lag().over(before), by_event=every.event_id.lag().over(before),
    )  # fmt: skip
    begun = _read(population, begun, "person_id")
    first = ibis.least(begun.first_us, begun.until_us.fill_null(begun.first_us))
    return begun.select(
        "kind", "value", "person_id", valid_from=at(begun.since_us.fill_null(first)), valid_to=at(begun.until_us),
        cause=begun.began_by, rule=begun.by_rule.nullif(""), event_id=begun.by_event.nullif(""),
    )  # fmt: skip


def _households(population: Population, journey: Journey) -> ibis.Table:
    identifiers = population.engine.table("identifiers").select(identifier_key="key", kind="kind", value="value")
    pairs = population.engine.table("households").inner_join(identifiers, "identifier_key")
    for side in ("person_a", "person_b"):
        pairs = pairs.anti_join(population.refused.select(**{side: "person_id"}), side)
    return pairs.select(
        "person_a", "person_b", "kind", "value", "n_days", first_seen_at=at(pairs.first_us),
        last_seen_at=at(pairs.last_us),
    )  # fmt: skip


def _touchpoints(population: Population, journey: Journey) -> ibis.Table:
    touches = touchpoints(population, journey)
    return touches.select(
        "person_id", "event_id", "event", "channel", "stage", "step", "owner", "medium",
        occurred_at=at(touches.occurred_us),
    )  # fmt: skip


def _sessions(population: Population, journey: Journey) -> ibis.Table:
    table = sessions(population)
    return table.select(
        "session_id", "person_id", "n_events", "n_channels", "first_event", "last_event",
        started_at=at(table.started_us), ended_at=at(table.ended_us),
    )  # fmt: skip


def _answers(population: Population, journey: Journey) -> ibis.Table:
    events = population.events.filter(population.events.event == "Survey Answered")
    return events.select(
        "person_id", "channel", answer_id=events.event_id, survey_id=events.prop_survey_id,
        question=events.prop_question, score=events.prop_score, comment=events.prop_comment, about=events.prop_about,
        kind=events.prop_kind, answered_at=at(events.occurred_us),
    )  # fmt: skip


def _orders(population: Population, journey: Journey) -> ibis.Table:
    events = population.events.filter(population.events.event == "Order Completed")
    return events.select(
        "person_id", "channel", order_id=events.prop_order_id.fill_null(events.event_id),
        revenue_minor=events.prop_revenue_minor, currency=events.prop_currency, store=events.prop_store,
        ordered_at=at(events.occurred_us),
    )  # fmt: skip


def _consents(population: Population, journey: Journey) -> ibis.Table:
    table = _allowed(population, "consents")
    return table.select("person_id", "purpose", "channel", "granted", decided_at=at(table.decided_us))


def _named(event: str) -> Callable[[Population, Journey], ibis.Table]:
    """The relation of events that carry a name of ours; their particulars are in `properties`."""

    def build(population: Population, journey: Journey) -> ibis.Table:
        events = population.events.filter(population.events.event == event)
        return events.select(
            "person_id", "channel", "event_id", reason=events.prop_reason, outcome=events.prop_outcome,
            occurred_at=at(events.occurred_us), properties=events.properties,
        )  # fmt: skip

    return build


_BUILDERS: dict[str, Callable[[Population, Journey], ibis.Table]] = {
    "events": _events,
    "persons": _persons,
    "identifiers": _identifiers,
    "edges": _edges,
    "touchpoints": _touchpoints,
    "sessions": _sessions,
    "answers": _answers,
    "orders": _orders,
    "consents": _consents,
    "decisions": _named("Decision Made"),
    "cases": _named("Case Opened"),
    "membership": _membership,
    "aliases": _aliases,
    "person_changes": _person_changes,
    "households": _households,
}
