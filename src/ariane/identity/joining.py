"""What events that just arrived did to identity: the person each joined, the evidence it brought, who became one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.identity.bulk import fetch
from ariane.identity.identifying import identify
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers, person_changes
from ariane.model import Event, Identifier


class Joined(msgspec.Struct, frozen=True):
    """The person an event joined. `ties` are the pairs of identifiers it was the first to tie, with the rule; `merged`
    the persons who became this one in the same moment.

    >>> Joined("P-1", ties=((Identifier("user_id", "ana"), Identifier("cookie", "c-1"), "login"),)).merged
    ()
    """

    person_id: str
    ties: tuple[tuple[Identifier, Identifier, str], ...] = ()
    merged: tuple[str, ...] = ()


def joined(
    conn: sa.Connection, permit: Permit, events: Sequence[Event], rules: Rules | None = None
) -> dict[str, Joined]:
    """What each of these events did, by event id. Events without an identifier, those the stream has not reached and
    those of persons this permit may not read are left out.

    >>> from ariane.store import State
    >>> state = State("sqlite://"); state.create()
    >>> with state.read() as conn:
    ...     joined(conn, consent.permit("measurement", actor="nina"), [])
    {}
    """
    named = {event.event_id: identify(event, rules) if rules is not None else identify(event) for event in events}
    keys = {identifier.key: identifier for found in named.values() for identifier in found}
    i = identifiers.c
    may = consent.gate(permit, i.person_id)
    known = fetch(conn, sa.select(i.key, i.person_id).where(may), i.key, keys)
    persons: dict[int, str] = dict(map(tuple, known))
    e = edges.c
    columns = sa.select(e.a_key, e.b_key, e.rule, e.event_id, e.version).where(e.event_id.in_(list(named)))
    ties: dict[str, list[tuple[Identifier, Identifier, str]]] = defaultdict(list)
    moments: dict[str, set[int]] = defaultdict(set)
    for a, b, rule, event_id, version in sorted(map(tuple, fetch(conn, columns, e.a_key, keys))):
        if a in keys and b in keys:
            ties[event_id].append((keys[a], keys[b], rule))
            moments[event_id].add(version)
    gone = _gone(conn, {version for found in moments.values() for version in found})
    done: dict[str, Joined] = {}
    for event_id, found in named.items():
        person_id = next((persons[one.key] for one in found if one.key in persons), None)
        if person_id is not None:
            merged = sorted({old for version in moments[event_id] for old in gone.get((version, person_id), ())})
            done[event_id] = Joined(person_id, tuple(ties[event_id]), tuple(merged))
    return done


def _gone(conn: sa.Connection, versions: set[int]) -> dict[tuple[int, str], list[str]]:
    """The persons that became another, by the batch and the person they became."""
    c = person_changes.c
    became = sa.select(c.version, c.new_person_id, c.old_person_id).where(c.cause.in_(["merged", "moved"]))
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for version, new, old in fetch(conn, became, c.version, versions):
        found[version, new].append(old)
    return found
