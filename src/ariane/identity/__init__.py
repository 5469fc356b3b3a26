"""Who is whom: identifiers become persons. Events bring evidence that two identifiers are one person's; persons are a
pure function of that evidence, never of its order, so every merge can be explained and undone. `identify` reads an
event's identifiers by the rules of identity.toml; `absorb` takes events in and keeps the state's persons; the reads
find, show and explain them, each for a purpose (their types: `identity.threads`). What people decide about identity,
merging, splitting and taking back, is in `identity.steering`.

>>> from pathlib import Path
>>> from ariane import consent, identity
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> login = Event(event_id="e", message_id="m", source="web", type="identify", name="", channel="web", occurred_us=0,
...               received_us=0, anonymous_id="c-1", user_id="ana")
>>> with state.begin() as conn:
...     changes = identity.absorb(conn, [login], identity.rules_of(Path("no-workspace")))
>>> permit = consent.permit("service", actor="nina")
>>> with state.read() as conn:
...     found = identity.find(conn, permit, "ana")[0]
...     listed = identity.people(conn, permit)
...     thread = identity.person(conn, permit, "cookie:c-1")
...     why = identity.explain(conn, permit, *identity.identify(login))
...     copied = identity.tables(conn)
>>> found.person_id == thread.person_id, listed.total, [tie.rule for tie in why.path], copied["edges"].num_rows
(True, 1, ['login'], 1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face
from ariane.identity import stored as _stored  # noqa: F401  declared before any state is created

if TYPE_CHECKING:
    from ariane.identity.absorbing import absorb
    from ariane.identity.explaining import explain
    from ariane.identity.exporting import tables
    from ariane.identity.identifying import identify, subject_key
    from ariane.identity.inforce import rules_of
    from ariane.identity.reading import find, people, person
    from ariane.identity.rules import Rules

__all__ = [
    "Rules",
    "absorb",
    "explain",
    "find",
    "identify",
    "people",
    "person",
    "rules_of",
    "subject_key",
    "tables",
]

__getattr__ = face(
    __name__,
    {
        "Rules": "rules",
        "absorb": "absorbing",
        "explain": "explaining",
        "find": "reading",
        "identify": "identifying",
        "people": "reading",
        "person": "reading",
        "rules_of": "inforce",
        "subject_key": "identifying",
        "tables": "exporting",
    },
)
