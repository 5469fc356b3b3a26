"""What became of records of the log: seen before, held in quarantine and why, or left out, being of somebody
erased. Every other one is an event.

>>> from ariane.store import State
>>> state = State("sqlite://"); state.create()
>>> with state.read() as conn:
...     outcomes(conn, [("web-0", 0)])
{}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
import sqlalchemy as sa

from ariane.processes.stored import quarantined, suppressed
from ariane.processes.stream import duplicates

__all__ = ["Outcome", "outcomes"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of a record, and for what reasons.

    >>> Outcome("duplicate").reasons
    ()
    """

    what: Literal["duplicate", "quarantined", "suppressed"]
    reasons: tuple[str, ...] = ()


def outcomes(conn: sa.Connection, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Outcome]:
    """What became of the records at these places, a partition and an offset each. The stream notes it with the batch
    that holds them; a quarantined one's note goes once the lake holds it, so only the newest have theirs."""
    by_partition: dict[str, list[int]] = {}
    for partition, offset in places:
        by_partition.setdefault(partition, []).append(offset)
    found: dict[tuple[str, int], Outcome] = {}
    for partition, offsets in by_partition.items():
        d, q = duplicates.c, quarantined.c
        repeated = sa.select(d.offset).where(d.partition == partition, d.offset.in_(offsets))
        found |= {(partition, offset): Outcome("duplicate") for offset in conn.execute(repeated).scalars()}
        erased = sa.select(suppressed.c.offset).where(
            suppressed.c.partition == partition, suppressed.c.offset.in_(offsets)
        )
        found |= {(partition, offset): Outcome("suppressed") for offset in conn.execute(erased).scalars()}
        held = sa.select(q.offset, q.reasons).where(q.partition == partition, q.offset.in_(offsets))
        for offset, reasons in conn.execute(held):
            found[partition, offset] = Outcome("quarantined", msgspec.json.decode(reasons, type=tuple[str, ...]))
    return found
