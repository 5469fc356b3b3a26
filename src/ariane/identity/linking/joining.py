"""The compiled loop of average linkage (numba): a heap of upper bounds, and of every two groups the sum of their pairs.

A mean only falls as a group grows by records that have no pair with the other, so an entry of the heap is never too
low; it is put back with its true mean when it is met (lazy evaluation, Minoux 1978).
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from ariane.identity.linking.needing import compiled, needed
from ariane.identity.linking.reading import Codes

numba = needed("numba")
_NEVER = -(1 << 60)
"""The sum of two groups that hold a pair which may never meet, whatever is added to it."""


@compiled
def _root(parent: Codes, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def _key(i: Any, j: Any) -> Any:
    return (i << 32) | j if i < j else (j << 32) | i


@compiled
def _apart(i: Any, j: Any, sources: Codes, strong: Codes) -> bool:
    if sources[i] & sources[j]:
        return True
    for kind in range(strong.shape[1]):
        if strong[i, kind] >= 0 and strong[j, kind] >= 0 and strong[i, kind] != strong[j, kind]:
            return True
    return False


@compiled
def _chained(n: int, keys: Codes, never: Codes) -> Any:
    """Each record's pairs as a chain: where it goes (`to`), what comes after, the first and the last of each record;
    and how many pairs each has."""
    m = len(keys) + len(never)
    first, last, degree = np.full(n, -1, np.int64), np.full(n, -1, np.int64), np.zeros(n, np.int64)
    to, following = np.empty(2 * m, np.int64), np.full(2 * m, -1, np.int64)
    for k in range(m):
        key = keys[k] if k < len(keys) else never[k - len(keys)]
        for end in range(2):
            at = 2 * k + end
            one, other = (key >> 32, key & 0xFFFFFFFF) if end == 0 else (key & 0xFFFFFFFF, key >> 32)
            to[at], following[at], first[one] = other, first[one], at
            degree[other] += 1
            if last[one] == -1:
                last[one] = at
    return to, following, first, last, degree


@compiled
def _sums(keys: Codes, similarity: Codes, never: Codes) -> Any:
    sums = numba.typed.Dict.empty(numba.int64, numba.int64)
    for k in range(len(keys)):
        sums[keys[k]] = similarity[k]
    for k in range(len(never)):
        sums[never[k]] = _NEVER
    return sums


@compiled
def _moved(sums: Any, gone: Any, kept: Any, other: Any) -> Any:
    """Give a group that grew what the one it took in had with a third; the sum of both."""
    joined, total = _key(kept, other), sums.pop(_key(gone, other))
    if joined in sums:
        total = _NEVER if total == _NEVER or sums[joined] == _NEVER else total + sums[joined]
    sums[joined] = total
    return total


@compiled
def _heaped(keys: Codes, similarity: Codes, bound: int) -> Any:
    heap: list[Any] = [(0.0, np.int64(0), np.int64(0), np.int64(0), np.int64(0))]
    heap.pop()
    for k in range(len(keys)):
        if similarity[k] >= bound:
            i, j = keys[k] >> 32, keys[k] & 0xFFFFFFFF
            heap.append((-float(similarity[k]), i, j, i, j))
    heapq.heapify(heap)
    return heap


@compiled
def average_linkage(
    n: int, keys: Codes, similarity: Codes, bound: int, never: Codes, sources: Codes, strong: Codes
) -> Codes:
    """The group of each record, named by its smallest. `keys`: pairs as smaller << 32 | larger, each once; `similarity`
    and `bound` whole numbers; `never`: pairs that may not meet; `sources` (n bits sets) and `strong` (n × kinds, -1 for
    none) are used up. Means are compared as fractions of doubles, exact below 2^53 in the sums."""
    to, following, first, last, degree = _chained(n, keys, never)
    sums, heap = _sums(keys, similarity, never), _heaped(keys, similarity, bound)
    parent, size, low = np.arange(n), np.ones(n, np.int64), np.arange(n)
    while len(heap) > 0:
        entry, x, y, i, j = heapq.heappop(heap)
        if parent[i] != i or parent[j] != j:
            continue
        mean = sums[_key(i, j)] / (size[i] * size[j])
        now_x, now_y = min(low[i], low[j]), max(low[i], low[j])
        if mean < bound or _apart(i, j, sources, strong):
            continue
        if mean < -entry or x != now_x or y != now_y:
            heapq.heappush(heap, (-mean, now_x, now_y, i, j))
            continue
        gone, kept = (i, j) if degree[i] < degree[j] else (j, i)
        parent[gone], size[kept], low[kept] = kept, size[kept] + size[gone], now_x
        degree[kept] += degree[gone]
        sources[kept] |= sources[gone]
        for kind in range(strong.shape[1]):
            strong[kept, kind] = max(strong[kept, kind], strong[gone, kind])
        at = first[gone]
        while at != -1:
            other = _root(parent, to[at])
            if other != kept and _key(gone, other) in sums:
                mean = _moved(sums, gone, kept, other) / (size[kept] * size[other])
                if mean >= bound:
                    heapq.heappush(heap, (-mean, min(now_x, low[other]), max(now_x, low[other]), kept, other))
            at = following[at]
        if first[gone] != -1:
            following[last[gone]] = first[kept]
            last[kept] = last[gone] if last[kept] == -1 else last[kept]
            first[kept] = first[gone]
    return np.array([low[_root(parent, k)] for k in range(n)])
