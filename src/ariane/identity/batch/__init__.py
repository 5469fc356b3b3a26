"""The whole history solved at once, equal to what solving event by event gives, identifier by identifier. Everything
goes through arrays: shared identifiers and components are found in bulk, and the plain components, nearly all, are
named in bulk; only a component in which a limit or a separation is broken is replayed by `identity.solving`.
`solve_all` does it in memory, `resolve_all` over the state, writing what changed; `group` finds
components alone, `contract` on whatever engine holds the edges; `solve_on` does it all on DuckDB or a cluster.

>>> import pyarrow as pa
>>> from ariane.identity import Rules
>>> from ariane.identity.batch import solve_all
>>> known = pa.table({"key": [100, 200, 300], "kind": ["cookie", "user_id", "user_id"], "first_us": [10, 20, 30],
...                   "status": ["live"] * 3})
>>> evidence = pa.table({"a_key": [100], "b_key": [200], "rule": ["login"], "first_us": [20], "status": ["live"]})
>>> solved = solve_all(known, evidence, [], Rules.default())
>>> solved.identifiers.column("component").to_pylist(), solved.edges.column("status").to_pylist()
([100, 100, 300], ['live'])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.identity.batch.contracting import contract
    from ariane.identity.batch.grouping import group
    from ariane.identity.batch.resolving import resolve_all
    from ariane.identity.batch.spreading import Spread, solve_on
    from ariane.identity.batch.whole import Solved, solve_all

__all__ = ["Solved", "Spread", "contract", "group", "resolve_all", "solve_all", "solve_on"]

__getattr__ = face(
    __name__,
    {
        "Solved": "whole",
        "Spread": "spreading",
        "contract": "contracting",
        "group": "grouping",
        "resolve_all": "resolving",
        "solve_all": "whole",
        "solve_on": "spreading",
    },
)
