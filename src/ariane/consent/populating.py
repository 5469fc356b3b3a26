"""A population: the persons a purpose may read, and their events. The gate of every analysis.

An analysis takes a Population and nothing else that leads to persons, so none can be written that skips consent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import ibis
import msgspec

from ariane.consent.holding import all_held, held_by
from ariane.consent.purposes import basis_of
from ariane.model import DAY, Purpose
from ariane.store import Engine

Segment = Callable[[ibis.Table], ibis.Table]
"""A rule over the events table: the same columns back, fewer rows."""


class Population(msgspec.Struct, frozen=True):
    """What may be read for `purpose`: `events` carry `person_id`, and `holder_key`, the identifier by which they are
    that person's: the event's subject, or on a shared machine that of whoever was signed in. Neither machines, nor
    days on which an identifier did what no person does (the lake's `noise`), nor persons who refuse are in it.

    `refused` is everybody the purpose may not read, ever; `held_back` those of them who lived something in the period.
    """

    engine: Engine
    purpose: Purpose
    events: ibis.Table
    persons: ibis.Table
    held_back: ibis.Table
    refused: ibis.Table
    since_us: int | None = None
    until_us: int | None = None

    def everything(self) -> ibis.Table:
        """All events, those of bots and of nobody known too (their `person_id` is null), but for those of persons the
        purpose may not read: for whoever shows events rather than measures persons."""
        return all_held(self.engine, self.engine.table("events")).anti_join(self.refused, "person_id")

    def n_persons(self) -> int:
        """How many persons have at least one event here."""
        counted = self.events.aggregate(n=self.events.person_id.nunique())
        return int(self.engine.run(counted).column("n")[0].as_py())

    def n_held_back(self) -> int:
        """How many persons consent held back: seen, counted, not read."""
        counted = self.held_back.aggregate(n=self.held_back.count())
        return int(self.engine.run(counted).column("n")[0].as_py())


def population(
    engine: Engine,
    purpose: Purpose,
    *,
    basis: str | None = None,
    segment: Segment | None = None,
    person_id: str | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> Population:
    """The persons `purpose` may read, between two instants (from included, to excluded), in one segment; or one
    of them.

    Under `consent` only persons with a grant are read; under `legitimate_interest` all but those who objected; under
    `contract` all. An unknown purpose raises ConsentError: what nobody named is denied.
    """
    rule = basis or basis_of(purpose)
    events, identifiers, consents = engine.table("events"), engine.table("identifiers"), engine.table("consents")
    spoken = consents.filter((consents.purpose == purpose) & ((consents.channel == "") | (rule == "consent")))
    denied = spoken.filter(~spoken.granted).select("person_id").distinct()
    granted = spoken.filter(spoken.granted).select("person_id").distinct()
    if person_id is not None:
        identifiers = identifiers.filter(identifiers.person_id == person_id)
    known = identifiers.select("key", "person_id")
    if rule == "contract":
        allowed, held = known, known.filter(ibis.literal(False))
    elif rule == "legitimate_interest":
        allowed, held = known.anti_join(denied, "person_id"), known.semi_join(denied, "person_id")
    else:
        allowed, held = known.semi_join(granted, "person_id"), known.anti_join(granted, "person_id")
    people = _quiet(engine, events.filter(~events.is_bot))
    if since_us is not None:
        people = people.filter((people.occurred_us >= since_us) & (people.event_on >= _day(since_us)))
    if until_us is not None:
        people = people.filter((people.occurred_us < until_us) & (people.event_on <= _day(until_us)))
    read = held_by(engine, people, allowed, few=person_id is not None)
    if segment is not None:
        read = segment(read)
    kept = held_by(engine, people, held, few=person_id is not None).select("person_id").distinct()
    persons = read.group_by("person_id").aggregate(
        first_us=read.occurred_us.min(), last_us=read.occurred_us.max(), n_events=read.count()
    )
    refused = held.select("person_id").distinct()
    return Population(engine, purpose, read, persons, kept, refused, since_us, until_us)


def _quiet(engine: Engine, events: ibis.Table) -> ibis.Table:
    """Without the days that were no person's. Most workspaces have none: then nothing is joined."""
    noise = engine.table("noise")
    if not engine.run(noise.limit(1).select("subject_key")).num_rows:
        return events
    return events.anti_join(noise.select("subject_key", "event_on").distinct(), ["subject_key", "event_on"])


def _day(instant_us: int) -> date:
    return date(1970, 1, 1) + timedelta(days=instant_us // DAY)
