"""What each person agreed to, and the gate every personal read passes. A purpose has a legal basis; a person's
receipts, read from events, add up to a standing per purpose and channel, decided anew whenever persons merge or split:
on a merge the refusal holds, on a split each side keeps its own. A read shows a `Permit` and gets only who may be read;
an analysis takes a `Population`. What nobody named is denied.

>>> from types import SimpleNamespace
>>> from ariane import consent
>>> from ariane.model import Event
>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> yes = Event(event_id="e", message_id="m", source="web", type="track", name="Consent Given", channel="web",
...             occurred_us=0, received_us=0, properties={"purpose": "marketing", "channel": "email"})
>>> holders = SimpleNamespace(version=1, subjects=[(7, True)], changed={"P-1": (7,)}, gone=frozenset(),
...                           fresh=(), marks=(0, 0), members=lambda conn, keys: {"P-1": (7,)})
>>> with state.begin() as conn:
...     consent.absorb(conn, [yes], holders)
>>> marketing = consent.permit("marketing", actor="nina")
>>> with state.read() as conn:
...     consent.require(conn, marketing, "P-1")
...     on = [consent.allowed(conn, marketing, "P-1", channel) for channel in ("email", "sms")]
...     rows = consent.tables(conn)["consents"].num_rows
>>> on, rows, isinstance(marketing, consent.Permit)
([True, False], 1, True)
>>> str(consent.gate(consent.permit("service", actor="nina"), "P-1"))
'true'

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import Population, population
>>> from ariane.store import DuckEngine, Lake
>>> read = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> isinstance(read, Population), read.n_persons(), read.n_held_back()
(True, 0, 0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.consent import stored as _stored  # noqa: F401  declared before any state is created
from ariane.face import face

if TYPE_CHECKING:
    from ariane.consent.exporting import tables
    from ariane.consent.noting import absorb
    from ariane.consent.populating import Population, Segment, population
    from ariane.consent.purposes import Permit, permit
    from ariane.consent.standing import allowed, gate, require

__all__ = [
    "Permit",
    "Population",
    "Segment",
    "absorb",
    "allowed",
    "gate",
    "permit",
    "population",
    "require",
    "tables",
]

__getattr__ = face(
    __name__,
    {
        "Permit": "purposes",
        "Population": "populating",
        "Segment": "populating",
        "absorb": "noting",
        "allowed": "standing",
        "gate": "standing",
        "permit": "purposes",
        "population": "populating",
        "require": "standing",
        "tables": "exporting",
    },
)
