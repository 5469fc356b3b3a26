"""Who may be read on a screen, and who the events just arrived belong to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from ariane import consent, identity
from ariane.consent import Permit
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.words import N_
from ariane.model import Event
from ariane.store import metadata

REASONS = {
    "support": N_("Answering this person"),
    "access": N_("A request for access"),
    "correction": N_("Correcting a mistake"),
}
"""Why identifiers may be shown in clear: each is the service this person is owed."""


class Reveal(msgspec.Struct, frozen=True):
    """The links that show identifiers in clear, or hide them again."""

    shown: bool
    reason: str
    links: tuple[tuple[str, str], ...]
    hide: str


def bases(desk: Desk) -> dict[str, str]:
    """The legal bases this workspace sets over the default ones."""
    return {purpose: rule.basis for purpose, rule in desk.settings.purposes.items()}


def permit_of(desk: Desk, asked: Asked) -> Permit:
    """Measurement, which shows nobody's identifiers; service once the URL gives a reason for it."""
    reason = asked.get("reveal")
    if reason in REASONS:
        return consent.permit("service", actor="console", reason=reason, bases=bases(desk))
    return consent.permit("measurement", actor="console", bases=bases(desk))


def reveal(desk: Desk, asked: Asked) -> Reveal:
    tongue = desk.tongue(asked.lang)
    reason = asked.get("reveal")
    links = tuple((tongue._(label), asked.link(reveal=key)) for key, label in REASONS.items())
    return Reveal(
        reason in REASONS, tongue._(REASONS[reason]) if reason in REASONS else "", links, asked.link(reveal=None)
    )


def person_of(desk: Desk, events: Sequence[Event]) -> dict[str, str]:
    """The person each event joined (event_id → person_id), of those measurement may read and the stream has reached."""
    subjects = {event.event_id: found[0].key for event in events if (found := identity.identify(event))}
    if not subjects:
        return {}
    known = _identifiers().c
    may = consent.gate(consent.permit("measurement", actor="console", bases=bases(desk)), known.person_id)
    statement = sa.select(known.key, known.person_id).where(known.key.in_(set(subjects.values())), may)
    with desk.stores.state.read() as conn:
        persons = {row.key: row.person_id for row in conn.execute(statement)}
    return {event_id: persons[key] for event_id, key in subjects.items() if key in persons}


def _identifiers() -> sa.Table:
    """The state's table of identifiers, which the identity room declares when its reads are loaded."""
    if "identifiers" not in metadata.tables:
        identity.people  # noqa: B018 - naming it loads it
    return metadata.tables["identifiers"]
