"""Journeys: what persons lived, measured from their events, beside what the brand desired and what they say of it.

A readable file names the steps of a journey (`load_journey`), or one is proposed from the data (`propose`). Every
analysis takes a consented population and that journey and builds one expression that runs unchanged on DuckDB and on
Spark Connect: `touchpoints`, `sessions`, `funnel`, `graph`. `journey_map` puts persons, emotion, conversion and waits
of every step into one Struct that a screen can draw; `frictions` dates what hurts and says for whom;
`persons_behind` opens the persons behind any of these numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.journeys.blueprint import Journey, load_journey
    from ariane.journeys.drill import persons_behind
    from ariane.journeys.friction import frictions
    from ariane.journeys.funnels import funnel
    from ariane.journeys.map import journey_map
    from ariane.journeys.paths import graph
    from ariane.journeys.proposal import propose
    from ariane.journeys.session import sessions
    from ariane.journeys.steps import touchpoints

__all__ = [
    "Journey",
    "frictions",
    "funnel",
    "graph",
    "journey_map",
    "load_journey",
    "persons_behind",
    "propose",
    "sessions",
    "touchpoints",
]

__getattr__ = face(
    __name__,
    {
        "Journey": "blueprint",
        "frictions": "friction",
        "funnel": "funnels",
        "graph": "paths",
        "journey_map": "map",
        "load_journey": "blueprint",
        "persons_behind": "drill",
        "propose": "proposal",
        "sessions": "session",
        "touchpoints": "steps",
    },
)
