"""What each person agreed to, and the gate every personal read passes. A purpose has a legal basis; a person's
receipts, read from events, add up to a standing per purpose and channel, decided anew whenever persons merge or split:
on a merge the refusal holds, on a split each side keeps its own. A read shows a `Permit` and gets only who may be read;
an analysis takes a `Population`. What nobody named is denied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.consent import stored as _stored  # noqa: F401  declared before any state is created
from ariane.face import face

if TYPE_CHECKING:
    from ariane.consent.deciding import decide
    from ariane.consent.populating import Population, population
    from ariane.consent.purposes import Permit, permit
    from ariane.consent.standing import absorb, allowed, gate, require, tables

__all__ = [
    "Permit",
    "Population",
    "absorb",
    "allowed",
    "decide",
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
        "absorb": "standing",
        "allowed": "standing",
        "decide": "deciding",
        "gate": "standing",
        "permit": "purposes",
        "population": "populating",
        "require": "standing",
        "tables": "standing",
    },
)
