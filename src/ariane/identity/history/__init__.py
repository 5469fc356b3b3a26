"""What was told of persons, to whoever follows them: `changes` in the order they were told, resumable; `membership`,
whose each identifier was and since when. It says when Ariane said what: persons themselves are a function of the
evidence alone. Making the state again (`keep_told`, `retell`) adds to it and rewrites nothing.

>>> from ariane import consent, identity
>>> from ariane.identity.history import changes, membership
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> def seen(number: int, cookie: str, user_id: str | None = None) -> Event:
...     return Event(event_id=f"e{number}", message_id=f"m{number}", source="web", type="identify", name="",
...                  channel="web", occurred_us=number, received_us=number, anonymous_id=cookie, user_id=user_id)
>>> for number, cookie, user_id in ((1, "c-1", "ana"), (2, "c-2", None), (3, "c-2", "ana")):
...     with state.begin() as conn:
...         done = identity.absorb(conn, [seen(number, cookie, user_id)])
>>> permit = consent.permit("service", actor="nina")
>>> with state.read() as conn:
...     told = changes(conn, permit)
...     person = identity.person(conn, permit, "cookie:c-2").person_id
...     held = membership(conn, permit, person)
>>> [(one.cause, [str(moved) for moved in one.moved], one.present_id == person) for one in told.rows]
[('merged', ['cookie:c-2'], True)]
>>> [(str(one.identifier), one.person_id == person, one.until_us) for one in held if one.identifier.value == "c-2"]
[('cookie:c-2', False, 3), ('cookie:c-2', True, None)]
"""

from __future__ import annotations

from ariane.identity.following import Membership, TellingPage, Told, changes, membership
from ariane.identity.retelling import keep_told, knows_nothing, restore_told, retell, untold

__all__ = [
    "Membership", "TellingPage", "Told", "changes", "keep_told", "knows_nothing", "membership", "restore_told",
    "retell", "untold",
]  # fmt: skip
