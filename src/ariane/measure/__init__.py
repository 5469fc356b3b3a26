"""Measurement: what an action changed, and when a number leaves its usual range.

`holdout` says who is left alone, by a keyed hash; `effect` compares those who were acted on with those who were held
out of the same decision, as a difference with its interval, and says *not distinguishable yet* when it covers 0;
`alert` compares a share with its baseline so that a quiet metric stays quiet.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import population
>>> from ariane.store import DuckEngine, Lake
>>> from ariane.measure import Alert, Effect, alert, effect, holdout
>>> nobody = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> holdout("p-1", "thanks", share=0.05) == holdout("p-1", "thanks", share=0.05)
True
>>> found: Effect = effect(nobody, "thanks").value
>>> found.verdict
'not distinguishable yet'
>>> seen: Alert = alert(30, 100, 100, 1000)
>>> seen.direction
'up'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.decide import holdout
    from ariane.measure.alerting import Alert, alert
    from ariane.measure.comparing import Effect, effect

__all__ = ["Alert", "Effect", "alert", "effect", "holdout"]

__getattr__ = face(
    __name__,
    {
        "Alert": "alerting",
        "Effect": "comparing",
        "alert": "alerting",
        "effect": "comparing",
        "holdout": "ariane.decide",
    },
)
