"""Prediction: what persons will probably do, from what they did. Every number here is predicted, never observed.

`score` estimates for each person who bought whether they still will, and how often in the next 90 days, by the BG/NBD
model of repeat buying. `fit` finds that model's parameters by maximum likelihood on counts, so its cost does not grow
with the number of persons; `Fit` holds them and answers `p_alive` and `expected_purchases` in closed form.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import population
>>> from ariane.store import DuckEngine, Lake
>>> from ariane.predict import fit, score
>>> nobody = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> score(nobody).to_arrow().column_names[-2:]
['p_alive', 'expected_purchases_90d']
>>> fit([2, 0, 1], [30.4, 0.0, 1.7], [38.9, 38.9, 38.9]).converged  # three persons tell nothing
False
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.predict.buying import Fit, fit
    from ariane.predict.scoring import score

__all__ = ["Fit", "fit", "score"]

__getattr__ = face(__name__, {"Fit": "buying", "fit": "buying", "score": "scoring"})
