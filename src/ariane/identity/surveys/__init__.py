"""How identity stands as a whole, for those who look after it: counts by kind and rule, what several persons share,
what was refused by which limit, values that name nobody, who became whom.

>>> from ariane import consent, identity
>>> from ariane.identity.inforce import rules_of
>>> from ariane.identity.surveys import Change, Refusal, Shared, Survey, Tally
>>> from ariane.identity.surveys import blocked, changes, refused, shared, survey
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> def login(number: int, cookie: str) -> Event:
...     return Event(event_id=f"e{number}", message_id=f"m{number}", source="web", type="identify", name="",
...                  channel="web", occurred_us=number, received_us=number, anonymous_id=cookie, user_id=f"u-{number}")
>>> with state.begin() as conn:
...     done = identity.absorb(conn, [login(1, "kiosk"), login(2, "kiosk"), login(3, "c-3")])
>>> permit = consent.permit("service", actor="nina")
>>> with state.read() as conn:
...     whole, one = survey(conn), shared(conn, permit)[0]
...     none = (*refused(conn, permit), *blocked(conn, permit), *changes(conn, permit))
>>> isinstance(whole, Survey), [(each.name, each.status, each.n) for each in whole.identifiers][1:]
(True, [('cookie', 'live', 1), ('cookie', 'shared', 1)])
>>> isinstance(one, Shared), one.n_met, isinstance(whole.edges[0], Tally), none
(True, 2, True, ())
>>> Refusal.__struct_fields__[:3], Change.__struct_fields__[1:4]
(('tie', 'person_a', 'person_b'), ('old_person_id', 'new_person_id', 'cause'))
"""

from __future__ import annotations

from ariane.identity.surveying import (
    Change,
    Refusal,
    Shared,
    Survey,
    Tally,
    blocked,
    changes,
    refused,
    shared,
    survey,
)

__all__ = ["Change", "Refusal", "Shared", "Survey", "Tally", "blocked", "changes", "refused", "shared", "survey"]
