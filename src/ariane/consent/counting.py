"""How many answers identifiers carry: what would go with them."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from ariane.consent.stored import receipts, stated
from ariane.store import State

_answers = msgspec.json.Decoder(list[tuple[str, bool]]).decode


def n_given(conn: sa.Connection, keys: Collection[int]) -> int:
    """How many purposes and channels were answered for under these identifiers, each identifier's counted apart.

    Counts alone, so nobody is read.
    """
    r, s = receipts.c, stated.c
    spoken = sa.select(r.subject_key, r.purpose, r.channel).distinct()
    found = {tuple(row) for row in State.select_in(conn, spoken, r.subject_key, keys)}
    for key, answers in State.select_in(conn, sa.select(s.subject_key, s.answers), s.subject_key, keys):
        found.update((key, purpose, "") for purpose, _ in _answers(answers))
    return len(found)
