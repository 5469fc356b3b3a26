"""Person ids for many keys at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_DIGITS = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", np.uint8)
_LENGTH = 14


def person_ids(keys: NDArray[np.int64]) -> pa.Array:
    """The ids of persons whose oldest identifiers have these keys: `solving.person_id_of` of each.

    >>> person_ids(np.array([0, -1])).to_pylist()
    ['P-000000000000', 'P-ZZZZZZZZZZZZ']
    """
    written = np.empty((keys.size, _LENGTH), np.uint8)
    written[:, 0], written[:, 1] = ord("P"), ord("-")
    bits = keys.view(np.uint64)
    for at in range(12):
        written[:, 2 + at] = _DIGITS[(bits >> np.uint64(59 - 5 * at)) & np.uint64(31)]
    starts = np.arange(keys.size + 1, dtype=np.int64) * _LENGTH
    return pa.LargeStringArray.from_buffers(keys.size, pa.py_buffer(starts), pa.py_buffer(written))
