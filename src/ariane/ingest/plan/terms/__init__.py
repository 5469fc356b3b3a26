"""What the plan is told in, by type, and the parts of it that a caller puts together: a schema ready to judge, the
events of the lake one by one, the fields a schema declares personal.

>>> from ariane.ingest.plan.terms import Planned, compiled
>>> str(Planned("track", "Order Completed")), str(Planned("page", "")), compiled({"title": "page"}).schema
('Order Completed', 'page', {'title': 'page'})
"""

from __future__ import annotations

from ariane.ingest.plan.frozen import Planned, Version
from ariane.ingest.plan.judging import Compiled, compiled
from ariane.ingest.plan.observing import Observation, read_events
from ariane.ingest.plan.proposing import Difference
from ariane.ingest.plan.suspecting import Suspicion, declared_in

__all__ = [
    "Compiled",
    "Difference",
    "Observation",
    "Planned",
    "Suspicion",
    "Version",
    "compiled",
    "declared_in",
    "read_events",
]
