"""Whose an event is: the one place that says so for every analysis."""

from __future__ import annotations

import ibis

from ariane.store import Engine

_PLACE = ["subject_key", "occurred_us"]


def held_by(engine: Engine, events: ibis.Table, persons: ibis.Table, *, few: bool = False) -> ibis.Table:
    """The events of these persons (rows of `identifiers`: key, person_id), with `person_id` and `holder_key`, the
    identifier that says so: the event's subject, but for the anonymous events of a shared machine, that of whoever was
    signed in there then (the lake's table `followed`). `few`: the persons are few, and their events are looked for.

    Most workspaces have no such events: then nothing more is joined.
    """
    known = persons.select(holder_key="key", person_id="person_id")
    columns = (*events.columns, "holder_key", "person_id")
    if few and _any_follow(engine):
        # In two halves, each narrowed to the persons: one pass over all events to say whose they are costs far more.
        followed = engine.table("followed")
        own = events.mutate(holder_key=events.subject_key).inner_join(known, "holder_key").anti_join(followed, _PLACE)
        theirs = followed.rename(holder_key="account_key").inner_join(known, "holder_key")
        return own.select(*columns).union(events.inner_join(theirs, _PLACE).select(*columns))
    return _told(engine, events).inner_join(known, "holder_key").select(*columns)


def all_held(engine: Engine, events: ibis.Table) -> ibis.Table:
    """All of these events as `held_by` gives them; the `person_id` of nobody's is null."""
    known = engine.table("identifiers").select(holder_key="key", person_id="person_id")
    return _told(engine, events).left_join(known, "holder_key").select(*events.columns, "holder_key", "person_id")


def _told(engine: Engine, events: ibis.Table) -> ibis.Table:
    """The events with `holder_key`."""
    if not _any_follow(engine):
        return events.mutate(holder_key=events.subject_key)
    told = events.left_join(engine.table("followed"), _PLACE, rname="followed_{name}")
    return told.mutate(holder_key=told.account_key.fill_null(told.subject_key))


def _any_follow(engine: Engine) -> bool:
    return bool(engine.run(engine.table("followed").limit(1).select("subject_key")).num_rows)
