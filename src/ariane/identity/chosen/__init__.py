"""Persons chosen by what they have and what became of them lately, and whose an identifier is by its key.

>>> from ariane import consent, identity
>>> from ariane.identity.chosen import choose, whose
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> login = Event(event_id="e", message_id="m", source="web", type="identify", name="", channel="web", occurred_us=0,
...               received_us=0, anonymous_id="c-1", user_id="ana")
>>> with state.begin() as conn:
...     done = identity.absorb(conn, [login])
>>> permit = consent.permit("service", actor="nina")
>>> account, _cookie = identity.identify(login)
>>> with state.read() as conn:
...     counts = [choose(conn, permit, kind="cookie", channel=channel).total for channel in ("web", "store")]
...     held = whose(conn, permit, [account.key])
>>> counts, [str(one) for one, _person in held.values()]
([1, 0], ['user_id:ana'])
"""

from __future__ import annotations

from ariane.identity.choosing import choose, whose

__all__ = ["choose", "whose"]
