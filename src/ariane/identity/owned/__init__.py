"""Which identifiers are one person's alone: what may be remembered of somebody who is erased, without touching those
who share a machine or a number with them.

>>> from ariane import identity
>>> from ariane.identity.owned import alone
>>> from ariane.model import Event, Identifier
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> def login(number: int) -> Event:
...     return Event(event_id=f"e{number}", message_id=f"m{number}", source="web", type="identify", name="",
...                  channel="web", occurred_us=number, received_us=number, anonymous_id="kiosk", user_id=f"u-{number}")
>>> with state.begin() as conn:
...     done = identity.absorb(conn, [login(1), login(2)])
>>> kiosk, account = Identifier("cookie", "kiosk").key, Identifier("user_id", "u-1").key
>>> with state.read() as conn:
...     alone(conn, [kiosk, account, 42]) == {account}
True
"""

from __future__ import annotations

from ariane.identity.exporting import alone

__all__ = ["alone"]
