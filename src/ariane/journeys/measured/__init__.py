"""What the measurements of journeys return, by type.

>>> from ariane.journeys.measured import Finding, Funnel, JourneyMap, Kpi, StepView
>>> [kind.__struct_fields__[0] for kind in (JourneyMap, StepView, Kpi, Funnel, Finding)]
['name', 'key', 'key', 'steps', 'detector']
"""

from __future__ import annotations

from ariane.journeys.friction import Finding
from ariane.journeys.funnels import Funnel
from ariane.journeys.kpis import Kpi, Week
from ariane.journeys.map import Cell, JourneyMap, StepView, Verbatim

__all__ = ["Cell", "Finding", "Funnel", "JourneyMap", "Kpi", "StepView", "Verbatim", "Week"]
