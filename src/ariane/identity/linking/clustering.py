"""Records into persons: average linkage over the pairs that speak for each other, with pairs that may never meet.

Connected components join two persons for one wrong link; the mean over all pairs between two groups does not, for a
wrong link is outvoted by the pairs around it. What may never be together is checked at every union.
"""

from __future__ import annotations

import msgspec
import numpy as np

from ariane.errors import InputError
from ariane.identity.linking.joining import average_linkage
from ariane.identity.linking.reading import Codes, Floats

SCALE = 1 << 30
"""Similarities are summed as whole numbers of 1/SCALE, so that sums do not depend on the order they are made in."""

_SOURCES = 63


class Apart(msgspec.Struct, frozen=True):
    """What may never be one person, by the records' numbers in the order they were given.

    `source`: a number a record, -1 for none: two records of one source, which holds nobody twice, are two persons (at
    most 63 sources). `strong`: one list a kind of identifier, a number for each record's value, -1 for none: two values
    of one kind are two persons. `pairs`: two records each.
    """

    source: tuple[int, ...] = ()
    strong: tuple[tuple[int, ...], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()


def cluster(n: int, a: Codes, b: Codes, similarity: Floats, threshold: float, apart: Apart | None = None) -> Codes:
    """The group of each of `n` records, numbered by its first record's rank: agglomeration by the mean similarity of
    all pairs between two groups (Sokal and Michener 1958; Lance and Williams 1967: s(A∪B, C) = (|A|·s(A, C) +
    |B|·s(B, C)) / (|A| + |B|)), pairs not given counting 0, from the highest mean down while it is ≥ `threshold`.

    Equal means: the pair of groups with the smaller first records first. A union that `apart` forbids is passed over.
    The order of the pairs changes nothing. `similarity` in 0–1. Time O(E·log²E) for E pairs.

    >>> import numpy as np
    >>> a, b, s = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 3]), np.array([0.9, 0.8, 0.9, 0.7])
    >>> [int(group) for group in cluster(4, a, b, s, 0.5)]
    [0, 0, 0, 1]
    >>> [int(group) for group in cluster(4, a, b, s, 0.5, Apart(pairs=((0, 1),)))]
    [0, 1, 1, 2]
    """
    apart = apart or Apart()
    if not len(a) == len(b) == len(similarity):
        raise InputError("Pairs and similarities differ in number.", where="cluster")
    if len(a) and not (min(a.min(), b.min()) >= 0 and max(a.max(), b.max()) < n and (a != b).all()):
        raise InputError(
            "A pair names a record that is not there, or one twice.", where="cluster", allowed=f"0–{n - 1}"
        )
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    order = np.lexsort((similarity, high, low))[::-1]  # of a pair given twice the most similar is kept
    keys = (low[order] << 32) | high[order]
    keys, first = np.unique(keys, return_index=True)
    whole = np.rint(np.clip(similarity[order][first], 0, 1) * SCALE).astype(np.int64)
    never = np.array(sorted({(min(p) << 32) | max(p) for p in apart.pairs}), dtype=np.int64)
    bound = max(round(threshold * SCALE), 1)
    found = average_linkage(n, keys, whole, bound, never, _sources(n, apart), _strong(n, apart))
    _, start, back = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start))[back].astype(np.int64)


def _sources(n: int, apart: Apart) -> Codes:
    """A bit a source."""
    source = np.array(apart.source or [-1] * n, dtype=np.int64)
    if len(source) != n or source.max(initial=-1) >= _SOURCES:
        raise InputError(
            "Sources are not one a record, or too many.",
            where="apart.source",
            allowed=f"{n} numbers from -1 to {_SOURCES - 1}",
        )
    return np.where(source >= 0, np.int64(1) << np.maximum(source, 0), 0).astype(np.int64)


def _strong(n: int, apart: Apart) -> Codes:
    if any(len(values) != n for values in apart.strong):
        raise InputError("A kind has not one value a record.", where="apart.strong", allowed=f"{n} numbers each")
    return np.array(apart.strong, dtype=np.int64).reshape(len(apart.strong), n).T.copy()
