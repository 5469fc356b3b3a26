"""Who refuses what, identifier by identifier, whatever persons they make: what evidence about them may be used for
hangs on it. An identifier refuses a purpose when the latest answer that it carries about it, for all channels, is no;
of two at the same instant the no is the later. Who never answered refuses nothing here: whether they may be read is for
the gate.

>>> from ariane.consent.refusals import PURPOSES, SERVICE, refused, refused_by, refused_in
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> no = Event(event_id="e", message_id="m", source="web", type="track", name="Consent Withdrawn", channel="web",
...            occurred_us=5, received_us=5, properties={"purpose": "measurement"})
>>> with state.read() as conn:
...     turned = refused_in(conn, [no], [(7, False)], PURPOSES, before=lambda key: ())
...     kept = refused(conn, PURPOSES), refused_by(conn, [SERVICE], [7])
>>> turned, kept
({7: frozenset({'measurement'})}, ({}, {}))
"""

from __future__ import annotations

from ariane.consent.refusing import PURPOSES, SERVICE, refused, refused_by, refused_in

__all__ = ["PURPOSES", "SERVICE", "refused", "refused_by", "refused_in"]
