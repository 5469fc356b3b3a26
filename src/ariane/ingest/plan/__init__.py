"""The tracking plan: what each event should look like, and what arrives instead. A schema per event (JSON Schema, in
the workspace's folder `plan`) is proposed from what has arrived, edited and reviewed like any file, and frozen by
choice: from then on events that break it are warned about, or held in quarantine until the plan or the sender is
mended. Fields that look personal and were not declared so are found on the way.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.ingest.plan import (
...     Plan, differences, freeze, observe, plan_of, planned, proposed, read_schema, suspicions, write_schema)
>>> from ariane.store import DuckEngine, Lake
>>> shop, orders = Path(mkdtemp()), planned("Order Completed")
>>> seen = observe(DuckEngine(Lake(shop / "lake")))
>>> seen.kinds, suspicions(seen.sightings)
((), ())
>>> schema = {"title": "Order Completed", "properties": {"properties": {"required": ["order_id"]}}}
>>> file = write_schema(shop, orders, schema)
>>> frozen = freeze(shop, orders, "quarantine")
>>> isinstance(plan_of(shop), Plan), frozen.version, differences(read_schema(shop, orders), schema)
(True, 1, ())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.ingest.plan.freezing import freeze, read_schema, write_schema
    from ariane.ingest.plan.frozen import Plan, plan_of, planned
    from ariane.ingest.plan.observing import observe
    from ariane.ingest.plan.proposing import differences, proposed
    from ariane.ingest.plan.suspecting import suspicions

__all__ = [
    "Plan",
    "differences",
    "freeze",
    "observe",
    "plan_of",
    "planned",
    "proposed",
    "read_schema",
    "suspicions",
    "write_schema",
]

__getattr__ = face(
    __name__,
    {
        "Plan": "frozen",
        "differences": "proposing",
        "freeze": "freezing",
        "observe": "observing",
        "plan_of": "frozen",
        "planned": "frozen",
        "proposed": "proposing",
        "read_schema": "freezing",
        "suspicions": "suspecting",
        "write_schema": "freezing",
    },
)
