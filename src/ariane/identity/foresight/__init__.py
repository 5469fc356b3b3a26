"""What a decision about identity would do before it is taken, what was decided, and what the stream has yet to do.

>>> from ariane import consent, identity
>>> from ariane.identity import steering
>>> from ariane.identity.foresight import Decision, Foreseen, Part, decisions, foresee, unsettled
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> login = Event(event_id="e", message_id="m", source="web", type="identify", name="", channel="web", occurred_us=0,
...               received_us=0, anonymous_id="c-1", user_id="ana")
>>> with state.begin() as conn:
...     done = identity.absorb(conn, [login])
>>> account, cookie = identity.identify(login)
>>> given = steering.split_event(account, cookie, actor="nina", at="2026-01-02T03:04:05Z")
>>> said = Event(event_id="s", message_id="s", source="_ariane", type="track", name=given["event"], channel="",
...              occurred_us=9, received_us=9, properties=given["properties"])
>>> permit = consent.permit("service", actor="nina")
>>> with state.read() as conn:
...     seen = foresee(conn, permit, account, cookie, do="split")
...     waiting = unsettled(conn, [said])
>>> isinstance(seen, Foreseen), isinstance(seen.before[0], Part), len(seen.before), len(seen.after), sorted(waiting)
(True, True, 1, 2, ['s'])
>>> with state.begin() as conn:
...     done = identity.absorb(conn, [said])
>>> with state.read() as conn:
...     held, waiting = decisions(conn, permit)[0], unsettled(conn, [said])
>>> isinstance(held, Decision), held.verb, held.actor, sorted(waiting)
(True, 'split', 'nina', [])
"""

from __future__ import annotations

from ariane.identity.foreseeing import Decision, Foreseen, Part, decisions, foresee, unsettled

__all__ = ["Decision", "Foreseen", "Part", "decisions", "foresee", "unsettled"]
