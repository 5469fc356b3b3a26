"""Evidence as solving sees it, and the order in which it is replayed."""

from __future__ import annotations

import msgspec

from ariane.identity.commands import RULES

_RANK = {rule: rank for rank, rule in enumerate(RULES)}


class Edge(msgspec.Struct, frozen=True):
    """Live evidence that the identifiers of two keys (`a` < `b`) are one person's. `last_us` matters only where sharing
    counts within days; 0: it was seen once, at `first_us`."""

    a: int
    b: int
    rule: str
    first_us: int
    last_us: int = 0


def canonical(edge: Edge) -> tuple[int, int, int, int]:
    """The order evidence is replayed in: most trusted, then oldest, then by key."""
    return (_RANK.get(edge.rule, len(_RANK)), edge.first_us, edge.a, edge.b)
