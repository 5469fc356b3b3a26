"""A town with known truth: the people of a phygital brand, Maison Dédale, living 120 days on every channel.

It knows nothing of the product but its HTTP API: `send` posts what `Town` generates to a running collector, as any
site or till would. What is true (who is who, what was planted, when) is written apart and read only by tests and by
the page that compares what was found with it (`load`, `identity_score`, `match_frictions`).

>>> import tempfile
>>> from pathlib import Path
>>> from ariane.demo import Built, Plan, build, standing
>>> plan = Plan(folder=Path(tempfile.mkdtemp()) / "town", n_persons=4, seed=1, port=None)
>>> standing(plan)
False
>>> serving, built = build(plan, already=False)
>>> serving.stop()
>>> isinstance(built, Built), built.n_sent > 0, standing(plan)
(True, True, True)
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ariane.face import face

if TYPE_CHECKING:
    from ariane.demo.brand import journey_toml
    from ariane.demo.building import Built, Plan, build, standing
    from ariane.demo.score import identity_score, match_frictions
    from ariane.demo.sending import send
    from ariane.demo.town import Town
    from ariane.demo.truth import load

__all__ = [
    "Built",
    "Plan",
    "Town",
    "build",
    "identity_score",
    "journey_toml",
    "load",
    "match_frictions",
    "send",
    "standing",
]

__getattr__ = face(
    __name__,
    {
        "Built": "building",
        "Plan": "building",
        "Town": "town",
        "build": "building",
        "identity_score": "score",
        "journey_toml": "brand",
        "load": "truth",
        "match_frictions": "score",
        "send": "sending",
        "standing": "building",
    },
)


class _Callable(ModuleType):
    """Lets `ariane.demo(…)` build the town: the public name is the room's own."""

    def __call__(self, path: str | Path = "ariane-demo", *, persons: int = 5_000, seed: int = 1) -> Any:
        """Build the town in the folder `path`, or open it if it stands; gives the workspace.

        Every event goes through the collector over HTTP, so 5,000 persons take about a minute.
        """
        from ariane.workspace import Workspace

        plan = self.Plan(folder=Path(path), n_persons=persons, seed=seed, port=None)
        if not self.standing(plan):
            serving, _ = self.build(plan, already=False)
            serving.stop()
        return Workspace(plan.folder)


sys.modules[__name__].__class__ = _Callable
