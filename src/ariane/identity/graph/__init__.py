"""The online graph: every identifier and piece of evidence of a workspace in compact arrays, and the persons they make.
One sighting, one tie, one retraction changes one component; what that did is told once, by `settle`, and it is what
solving the whole evidence anew would give. About a hundred bytes an identifier.

>>> graph = Graph()
>>> new = graph.see(100, "cookie", 10), graph.see(200, "user_id", 20)
>>> tie = graph.tie(100, 200, "login", 20, 20)
>>> sorted(settle(graph).fresh), graph.person_of(100) == graph.person_of(200)
([100, 200], True)
>>> graph.retract(100, 200, "login")
>>> settle(graph).moved, graph.person_of(100) == graph.person_of(200)
(frozenset({200}), False)
"""

from __future__ import annotations

from ariane.identity.graph.columns import STATUSES
from ariane.identity.graph.graph import Graph
from ariane.identity.graph.guards import judge_all
from ariane.identity.graph.loading import around, load
from ariane.identity.graph.settled import Settled
from ariane.identity.graph.settling import settle

__all__ = ["STATUSES", "Graph", "Settled", "around", "judge_all", "load", "settle"]
