"""Where things are kept: the log (durable truth), the state (live facts), the lake (columnar history), and the engine
that computes over them. Four narrow ports, each with an implementation for one machine and one that scales out.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.store import DuckEngine, Engine, Lake, SparkEngine
>>> def count(engine: Engine, name: str) -> int:
...     table = engine.table(name)
...     return engine.run(table.aggregate(n=table.count())).column("n")[0].as_py()
>>> count(DuckEngine(Lake(Path(mkdtemp()))), "events")
0
>>> DuckEngine.name, SparkEngine.name
('duckdb', 'spark')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.store.columns import COLUMNS, schema_of
    from ariane.store.engine import DuckEngine, Engine, SparkEngine
    from ariane.store.lake import Lake
    from ariane.store.log import SegmentLog
    from ariane.store.state import State, metadata
    from ariane.store.stores import Stores

__all__ = [
    "COLUMNS",
    "DuckEngine",
    "Engine",
    "Lake",
    "SegmentLog",
    "SparkEngine",
    "State",
    "Stores",
    "metadata",
    "schema_of",
]

__getattr__ = face(
    __name__,
    {
        "COLUMNS": "columns",
        "DuckEngine": "engine",
        "Engine": "engine",
        "Lake": "lake",
        "SegmentLog": "log",
        "SparkEngine": "engine",
        "State": "state",
        "Stores": "stores",
        "metadata": "state",
        "schema_of": "columns",
    },
)
