"""The loops that numba compiles: keys numbered through a hash table, and groups by union-find. Loaded only where numba
is; compiled once a machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ariane.errors import NotFound

try:
    from numba import njit
except ImportError as missing:  # whoever needs speed more than room installs it
    raise NotFound(
        "numba is not installed.", where="ariane.identity.batch.compiled",
        allowed="SciPy's loops, which need nothing more",
        next_step="Install the extra 'linkage': pip install 'ariane[linkage]'.",
    ) from missing  # fmt: skip


def _placed(keys: Any, slots: Any, numbers: Any, shift: Any) -> Any:
    """Number keys in order of first appearance (open addressing, linear probing); how many there are, and the numbers.

    `slots` holds a number + 1, 0 where free; `numbers` the keys by number.
    """
    mask = slots.size - 1
    found = np.empty(keys.size, np.int32)
    n = 0
    for at in range(keys.size):
        key = keys[at]
        slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> shift)
        while True:
            held = slots[slot]
            if held == 0:
                numbers[n] = key
                found[at] = n
                n += 1
                slots[slot] = n
                break
            if numbers[held - 1] == key:
                found[at] = held - 1
                break
            slot = (slot + 1) & mask
    return n, found


def _joined(a: Any, b: Any, n: Any) -> Any:
    """The group of each of n things, numbered from 0 (union-find, the smaller number on top, path halving)."""
    above = np.arange(n).astype(np.int32)
    for at in range(a.size):
        one, other = a[at], b[at]
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        while above[other] != other:
            above[other] = above[above[other]]
            other = above[other]
        if one < other:
            above[other] = one
        elif other < one:
            above[one] = other
    groups = np.empty(n, np.int32)
    n_groups = 0
    for at in range(n):  # what is above has a smaller number, so its group is known
        if above[at] == at:
            groups[at] = n_groups
            n_groups += 1
        else:
            groups[at] = groups[above[at]]
    return n_groups, groups


placed: Any = njit(cache=True, nogil=True)(_placed)
joined: Any = njit(cache=True, nogil=True)(_joined)
