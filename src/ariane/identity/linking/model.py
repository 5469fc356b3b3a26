"""A model of who is whom among records that say no shared key: what each agreement is worth, and how common a match is.
Learned once, kept as JSON, used for pairs, clusters and single records alike."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ariane.identity.linking.calibrating import Calibration
from ariane.identity.linking.columns import NAMES, Column
from ariane.identity.linking.levels import WORDS, compare
from ariane.identity.linking.reading import Codes, Field, Floats, Records
from ariane.identity.linking.training import Agreement
from ariane.identity.linking.trees import taught


class Model(msgspec.Struct, frozen=True):
    """`prior`: the share of all pairs of records that are one person's. `agreements`: m and u of each comparison."""

    columns: tuple[Column, ...]
    prior: float
    agreements: tuple[Agreement, ...]
    calibration: Calibration | None = None
    trees: str = ""
    """What stewards' answers add to a weight (LightGBM's text), where there are enough of them."""

    def to_json(self) -> bytes:
        """The model as one JSON document: `Model.of_json` reads it."""
        return msgspec.json.encode(self)

    @staticmethod
    def of_json(text: bytes) -> Model:
        """The model that `to_json` wrote."""
        return msgspec.json.decode(text, type=Model)


class Weighed(msgspec.Struct, frozen=True):
    """Pairs (`a`, `b`) and how far they agree: a row of `levels` and of `parts` (natural log of m/u, with the rarity of
    an equal value) a pair, a column a comparison; `weight` is the log-odds that a pair is one person's."""

    a: Codes
    b: Codes
    levels: NDArray[np.int8]
    parts: Floats
    weight: Floats

    @property
    def probability(self) -> Floats:
        """1 / (1 + exp(−weight))."""
        return logistic(self.weight)


def logistic(weight: Floats) -> Floats:
    """1 / (1 + exp(−weight)), where exp does not overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(weight, -50, 50))))


def weigh(model: Model, left: Records, a: Codes, right: Records, b: Codes) -> Weighed:
    """What speaks for and against each pair being one person (Fellegi and Sunter 1969, equation 3): log(prior odds) +
    Σ log(m/u), and for an equal value of share f log(m/f) (Winkler 1989), f its share among the records of `right`.

    A name is read twice, by its columns and by its words; only the stronger reading counts.
    """
    levels = np.empty((len(a), len(model.agreements)), np.int8)
    parts = np.empty((len(a), len(model.agreements)))
    for k, one in enumerate(model.agreements):
        levels[:, k] = compare(one.comparison, left, a, right, b)
        parts[:, k] = _worth(one, levels[:, k], right.fields.get(one.comparison.name), b)
    weight = np.log(model.prior / (1 - model.prior)) + together(model.agreements, parts)
    return Weighed(a, b, levels, parts, weight + taught(model.trees, levels, parts, weight))


def together(agreements: Sequence[Agreement], parts: Floats) -> Floats:
    """The sum of the parts, of the two readings of the name the larger."""
    meanings = [one.comparison.meaning for one in agreements]
    columned = [k for k, meaning in enumerate(meanings) if meaning in NAMES]
    worded = [k for k, meaning in enumerate(meanings) if meaning == WORDS]
    rest = [k for k in range(len(meanings)) if k not in columned + worded]
    total = parts[:, rest].sum(axis=1)
    if columned and worded:
        return np.asarray(total + np.maximum(parts[:, columned].sum(axis=1), parts[:, worded].sum(axis=1)))
    return np.asarray(total + parts[:, columned + worded].sum(axis=1))


def _worth(one: Agreement, level: NDArray[np.int8], field: Field | None, b: Codes) -> Floats:
    ratio = np.log(np.asarray(one.m) / np.asarray(one.u))
    worth = np.where(level >= 0, ratio[level], 0.0)
    if field is None or not len(field.values):
        return np.asarray(worth)
    equal = level == one.comparison.n_levels - 1
    share = field.share[field.codes[b[equal]]]
    worth[equal] += np.log(one.u[-1] / share)
    return np.asarray(worth)
