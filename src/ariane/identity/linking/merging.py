"""Compiled loops over sorted lists (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ariane.identity.linking.needing import compiled
from ariane.identity.linking.reading import Codes, Keys

_MIX = np.uint64(0x9E3779B97F4A7C15)


@compiled
def shared_bits(starts_l: Codes, at_l: Codes, a: Codes, starts_r: Codes, at_r: Codes, b: Codes, bits: Codes) -> Codes:
    """What the words that each pair of records shares are worth, in hundredths of bits; -1 where one has no word."""
    found = np.empty(len(a), np.int64)
    for k in range(len(a)):
        i, i_end = starts_l[a[k]], starts_l[a[k] + 1]
        j, j_end = starts_r[b[k]], starts_r[b[k] + 1]
        total = -1 if i == i_end or j == j_end else 0
        while i < i_end and j < j_end:
            if at_l[i] == at_r[j]:
                total += bits[at_l[i]]
                i += 1
                j += 1
            elif at_l[i] < at_r[j]:
                i += 1
            else:
                j += 1
        found[k] = total
    return found


@compiled
def pairs_within(keys: Keys, owners: Codes, most: int) -> Codes:
    """Every two owners of one key, as smaller << 32 | larger; `keys` ascending, then `owners`; keys that more than
    `most` owners share give none. A pair that shares two keys is given twice."""
    n, start = 0, 0
    for end in range(1, len(keys) + 1):
        if end == len(keys) or keys[end] != keys[start]:
            held = end - start
            n += held * (held - 1) // 2 if held <= most else 0
            start = end
    found, k, start = np.empty(n, np.int64), 0, 0
    for end in range(1, len(keys) + 1):
        if end == len(keys) or keys[end] != keys[start]:
            if end - start <= most:
                for i in range(start, end):
                    for j in range(i + 1, end):
                        found[k] = (owners[i] << 32) | owners[j]
                        k += 1
            start = end
    return found


@compiled
def _mixed(x: Any, y: Any) -> Any:
    mixed = (x ^ (x >> np.uint64(29))) * _MIX + y
    return (mixed ^ (mixed >> np.uint64(32))) * _MIX


@compiled
def salted(keys: Keys, rule: int) -> Keys:
    """Keys that no other rule's equal."""
    found = np.empty(len(keys), np.uint64)
    for k in range(len(keys)):
        found[k] = _mixed(keys[k], np.uint64(rule))
    return found


@compiled
def owners(starts: Codes) -> Codes:
    """The record of each key: i for the keys from `starts[i]` to `starts[i + 1]`."""
    found = np.empty(starts[-1], np.int64)
    for i in range(len(starts) - 1):
        for k in range(starts[i], starts[i + 1]):
            found[k] = i
    return found


@compiled
def crossed_keys(starts_x: Codes, x: Keys, starts_y: Codes, y: Keys, rule: int) -> tuple[Keys, Codes]:
    """Every key of a record in `x` with every one in `y`, and the record of each."""
    n = 0
    for i in range(len(starts_x) - 1):
        n += (starts_x[i + 1] - starts_x[i]) * (starts_y[i + 1] - starts_y[i])
    found, of, k = np.empty(n, np.uint64), np.empty(n, np.int64), 0
    for i in range(len(starts_x) - 1):
        for p in range(starts_x[i], starts_x[i + 1]):
            for q in range(starts_y[i], starts_y[i + 1]):
                found[k] = _mixed(_mixed(x[p], y[q]), np.uint64(rule))
                of[k] = i
                k += 1
    return found, of


@compiled
def paired_keys(starts: Codes, keys: Keys) -> tuple[Codes, Keys]:
    """Every two keys of a record, in the order they are held: (starts, keys)."""
    begins = np.zeros(len(starts), np.int64)
    for i in range(len(starts) - 1):
        n = starts[i + 1] - starts[i]
        begins[i + 1] = begins[i] + n * (n - 1) // 2
    found, k = np.empty(begins[-1], np.uint64), 0
    for i in range(len(starts) - 1):
        for p in range(starts[i], starts[i + 1]):
            for q in range(p + 1, starts[i + 1]):
                found[k] = _mixed(keys[p], keys[q])
                k += 1
    return begins, found


@compiled
def distinct_keys(starts: Codes, numbers: Keys, at: Codes) -> tuple[Codes, Keys]:
    """The keys `numbers[at]` of each record, ascending, each once: (starts, keys)."""
    begins, found, k = np.zeros(len(starts), np.int64), np.empty(len(at), np.uint64), 0
    for i in range(len(starts) - 1):
        held = np.sort(numbers[at[starts[i] : starts[i + 1]]])
        for p in range(len(held)):
            if p == 0 or held[p] != held[p - 1]:
                found[k] = held[p]
                k += 1
        begins[i + 1] = k
    return begins, found[:k]


@compiled
def holders_of(asked: Keys, keys: Keys, starts: Codes, counts: Codes, holders: NDArray[np.int32]) -> Codes:
    """The records that hold a key asked for, ascending, each once; `keys` ascending, those of the k-th at
    `holders[starts[k]:starts[k] + counts[k]]`."""
    at = np.searchsorted(keys, asked)
    n = 0
    for k in range(len(asked)):
        if at[k] < len(keys) and keys[at[k]] == asked[k]:
            n += counts[at[k]]
    found, n = np.empty(n, np.int64), 0
    for k in range(len(asked)):
        if at[k] < len(keys) and keys[at[k]] == asked[k]:
            for held in range(starts[at[k]], starts[at[k]] + counts[at[k]]):
                found[n] = holders[held]
                n += 1
    return np.unique(found)
