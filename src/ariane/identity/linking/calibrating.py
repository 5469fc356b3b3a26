"""Probabilities that mean what they say, and where to cut, both without a label."""

from __future__ import annotations

import msgspec
import numpy as np

from ariane.identity.linking.reading import Floats

_BINS = 400


class Calibration(msgspec.Struct, frozen=True):
    """From log-odds to probability: straight lines between knots, flat outside them."""

    weights: tuple[float, ...]
    probabilities: tuple[float, ...]

    def probability(self, weight: Floats) -> Floats:
        """The probability at each weight.

        >>> import numpy as np
        >>> Calibration((-2.0, 2.0), (0.1, 0.9)).probability(np.array([-5.0, 0.0, 9.0])).round(2).tolist()
        [0.1, 0.5, 0.9]
        """
        return np.asarray(np.interp(weight, self.weights, self.probabilities))


def calibrate(weight: Floats, together: Floats) -> Calibration:
    """How often pairs of a weight end up `together` (0 or 1 a pair) in one cluster: isotonic regression (Barlow et al.
    1972; as calibration Zadrozny and Elkan 2002), a block of n pairs with k together counting (k + ½)/(n + 1).

    Weights add up columns as if each erred alone, so high ones promise too much. A cluster has heard all the records
    around a pair, so its verdict stands in for a label: right far more often than the pair alone.
    """
    from scipy.optimize import isotonic_regression

    order = np.lexsort((together, weight))
    sorted_weight, sorted_together = weight[order], together[order]
    if not len(order):
        return Calibration((0.0,), (0.5,))
    fitted = isotonic_regression(sorted_together).x
    starts = np.concatenate([[0], np.flatnonzero(np.diff(fitted)) + 1, [len(fitted)]])
    k = np.add.reduceat(sorted_together, starts[:-1])
    n = np.diff(starts)
    middle = np.add.reduceat(sorted_weight, starts[:-1]) / n
    probability = np.maximum.accumulate((k + 0.5) / (n + 1))
    kept = np.unique(np.linspace(0, len(middle) - 1, min(_BINS, len(middle))).astype(int))
    return Calibration(tuple(middle[kept].tolist()), tuple(probability[kept].tolist()))


def cut(probability: Floats) -> float:
    """The mean probability from which joining two groups raises the expected pairwise F1 of the whole: half of the best
    F1 that these probabilities allow (Lipton, Elkan and Naryanaswamy 2014, theorem 1), itself expected from them.

    >>> import numpy as np
    >>> cut(np.array([1.0, 1.0, 0.0, 0.0]))
    0.5
    """
    if not len(probability):
        return 0.5
    ordered = np.sort(probability)[::-1]
    expected = 2 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())
    return float(expected.max() / 2)
