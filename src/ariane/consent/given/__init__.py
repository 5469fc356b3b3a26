"""What was said about consent, by identifier: how much of it would leave a person with some of their identifiers.

>>> from ariane.consent.given import n_given
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> with state.read() as conn:
...     n_given(conn, [42])
0
"""

from __future__ import annotations

from ariane.consent.counting import n_given

__all__ = ["n_given"]
