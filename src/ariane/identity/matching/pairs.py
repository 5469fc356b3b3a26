"""Two records that may be one person's, and why."""

from __future__ import annotations

import msgspec

from ariane.model import Identifier

PRIOR = "prior"
"""The part of a weight that is there before anything is compared: how rare it is that two records are one person's."""


class Reason(msgspec.Struct, frozen=True):
    """What one comparison says for (above 0) or against two records being one person's, in bits: log2(m/u).
    `closeness`: how far the two agree, 0 (not at all) to 1 (equal); -1 where one says nothing. `column` may be `prior`,
    or `words` (the words of the names in whatever order)."""

    column: str
    closeness: float
    bits: float


class Pair(msgspec.Struct, frozen=True):
    """Two records, by their strongest identifiers, that are one person's with this probability, and why."""

    a: Identifier
    b: Identifier
    probability: float
    reasons: tuple[Reason, ...] = ()
