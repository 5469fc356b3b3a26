"""Delivery: what was decided leaves the house once, or says why it did not.

A message is put in the outbox in the same transaction as whatever caused it (`enqueue`); a worker takes it with a lease
(`claim`), hands it to the adapter of its channel and writes down how that ended (`settle`); `deliver_due` is one round
of that. Consent is asked when a message is put in and again before it leaves. Adapters get a message at least once and
are told its id, so that a repeat changes nothing; `EmailFiles` writes each e-mail as a file.

>>> from ariane.consent import permit
>>> from ariane.store import State
>>> from ariane.deliver import Adapter, Message, claim, deliver_due, enqueue, forget, settle
>>> state = State("sqlite://"); state.create()
>>> message = Message(message_id="m-1", person_id="p-1", purpose="service", channel="email", address_kind="email",
...                   address="ana@example.org", payload={"subject": "Merci", "text": "À bientôt."}, created_us=0)
>>> with state.begin() as conn:
...     enqueue(conn, permit("service", actor="doc"), message)
...     settle(conn, claim(conn, now_us=1)[0], now_us=1, error="busy")
'queued'
>>> class Silent(Adapter):
...     def send(self, message): pass
>>> deliver_due(state, {"email": Silent()}, now_us=60_000_000)
{'sent': 1}
>>> with state.begin() as conn:
...     forget(conn, ["p-1"])
['m-1']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.deliver import stored as _stored  # noqa: F401  declared before any state is created
from ariane.face import face

if TYPE_CHECKING:
    from ariane.deliver.email_files import EmailFiles
    from ariane.deliver.outbox import Message, claim, enqueue, forget, settle
    from ariane.deliver.rounds import Adapter, deliver_due

__all__ = [
    "Adapter",
    "EmailFiles",
    "Message",
    "claim",
    "deliver_due",
    "enqueue",
    "forget",
    "settle",
]

__getattr__ = face(
    __name__,
    {
        "Adapter": "rounds",
        "EmailFiles": "email_files",
        "Message": "outbox",
        "claim": "outbox",
        "deliver_due": "rounds",
        "enqueue": "outbox",
        "forget": "outbox",
        "settle": "outbox",
    },
)
