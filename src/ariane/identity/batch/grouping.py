"""Keys numbered, and numbers joined into groups: by compiled loops where numba is, else by Arrow and SciPy."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Numbers = NDArray[np.int32]

COMPILED_FROM = 200_000
"""From so many keys on, loading numba costs less than it saves."""


def group(a: Keys, b: Keys, compiled: bool | None = None) -> tuple[Keys, Numbers]:
    """The connected components of the edges a[i] - b[i]: (every key once, in order of first appearance; its
    component's number, from 0). `compiled` None: by size, and by what is installed. Linear but for the union-find
    (Tarjan & van Leeuwen 1984, path halving).

    >>> keys, groups = group(np.array([7, 5, 1]), np.array([5, 9, 2]))
    >>> dict(zip(keys.tolist(), groups.tolist()))
    {7: 0, 5: 0, 1: 1, 9: 0, 2: 1}
    """
    keys, ends = number(np.concatenate([a, b]), compiled)
    return keys, join(ends[: a.size], ends[a.size :], keys.size, compiled)


def number(keys: Keys, compiled: bool | None = None) -> tuple[Keys, Numbers]:
    """Every key once, in order of first appearance, and for each given key its number there."""
    if not _compiles(keys.size, compiled):
        encoded = pa.array(keys).dictionary_encode()
        return encoded.dictionary.to_numpy(), encoded.indices.to_numpy()
    from ariane.identity.batch.compiled import placed

    bits = max(int(2 * keys.size - 1).bit_length(), 4)
    bits -= keys.size > 1 << 20  # at most each key once: a table of 1 to 2 slots a key, usually of 2 to 4
    numbers = np.empty(keys.size, np.int64)
    n, found = placed(keys, np.zeros(1 << bits, np.int32), numbers, np.uint64(64 - bits))
    return numbers[:n].copy(), found


def find(keys: Keys, wanted: Keys) -> Numbers:
    """Where each of `wanted` stands among `keys`, which are distinct; a number of `keys.size` or more when nowhere.

    >>> find(np.array([7, 5]), np.array([5, 7, 8])).tolist()
    [1, 0, 2]
    """
    return number(np.concatenate([keys, wanted]))[1][keys.size :]


def join(a: Numbers, b: Numbers, n: int, compiled: bool | None = None) -> Numbers:
    """The component of each of n numbers that the edges a[i] - b[i] make, numbered from 0."""
    if _compiles(a.size, compiled):
        from ariane.identity.batch.compiled import joined

        groups: Numbers = joined(a, b, n)[1]
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = coo_array((np.ones(a.size, np.int8), (a, b)), shape=(n, n)).tocsr() if n else None
    return np.zeros(0, np.int32) if found is None else connected_components(found, directed=False)[1]


def _compiles(size: int, compiled: bool | None) -> bool:
    if compiled is not None:
        return compiled
    return size >= COMPILED_FROM and find_spec("numba") is not None
