"""What stewards' answers add to a weight: boosted trees from the label-free model on, that learn what it misses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ariane.identity.linking.needing import needed
from ariane.identity.linking.reading import Floats

FEWEST = 50
"""Answers of each sort below which the label-free model stands as it is."""

_SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "max_bin": 255,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 4,
    "verbosity": -1,
}
_ROUNDS = 200


def features(levels: NDArray[np.int8], parts: Floats, weight: Floats) -> Floats:
    """What the trees see of a pair: each comparison's level and worth, and the label-free weight."""
    return np.column_stack([levels.astype(float), parts, weight])


def grown(levels: NDArray[np.int8], parts: Floats, weight: Floats, same: NDArray[np.bool_]) -> str:
    """Trees that add to `weight` (gradient boosting, Friedman 2001, from the label-free log-odds on), as LightGBM's
    text; the empty text where there are fewer than `FEWEST` answers of either sort."""
    if min(int(same.sum()), int((~same).sum())) < FEWEST:
        return ""
    lightgbm = needed("lightgbm")
    data = lightgbm.Dataset(features(levels, parts, weight), same.astype(float), init_score=weight, free_raw_data=False)
    text: str = lightgbm.train(_SETTINGS, data, num_boost_round=_ROUNDS).model_to_string()
    return text


def taught(trees: str, levels: NDArray[np.int8], parts: Floats, weight: Floats) -> Floats:
    """What the trees add to each weight: 0 without trees."""
    if not trees or not len(weight):
        return np.zeros(len(weight))
    return np.asarray(_booster(trees).predict(features(levels, parts, weight), raw_score=True, num_threads=1))


@lru_cache(maxsize=4)
def _booster(trees: str) -> Any:
    return needed("lightgbm").Booster(model_str=trees)
