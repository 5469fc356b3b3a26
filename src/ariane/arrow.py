"""Arrow as our own processes use it."""

from __future__ import annotations

import sys
from typing import Literal


class _Absent:
    """Finds that pandas is not installed."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def load_arrow(pool: Literal["own", "system"] = "own") -> None:
    """Load Arrow without pandas, in a process that is ours; `system`: let it take memory where everything else does.

    Arrow asks once whether pandas is there, and is told no: it would load it at its first list or when its data sets
    are imported, a fifth of a second and 40 MB that none of our processes needs. Whoever imports pandas later, or asks
    for a DataFrame, still finds it.

    >>> load_arrow()
    >>> import pyarrow as pa
    >>> pa.table({"n": [1, 2]}).to_pandas()["n"].sum()
    np.int64(3)
    """
    import pyarrow as pa

    if pool == "system":
        pa.set_memory_pool(pa.system_memory_pool())
    sys.meta_path.insert(0, _Absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_Absent)
