"""The temporal scan statistic: in which stretch of days was a rate higher than in the rest, and could it be chance?

For a series of daily trials n_d and bad ones k_d, every interval of days is compared with the days outside it by the
binomial log-likelihood ratio (Kulldorff 1997, eq. 2)

    LLR = k log(k/n) + (n−k) log((n−k)/n) + (K−k) log((K−k)/(N−n)) + … − K log(K/N) − (N−K) log((N−K)/N)

where k/n > (K−k)/(N−n), and 0 otherwise. The largest LLR dates the stretch. Its p-value comes from the same maximum
over series drawn at random under one constant rate, with a Gumbel law fitted to them (Abrams, Kulldorff & Kleinman
2010) so that small p-values need few draws.
"""

from __future__ import annotations

from math import exp, expm1, log, pi, sqrt
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
N_DRAWS = 199
SHORTEST, LONGEST = 2, 92
EULER = 0.5772156649015329


class Stretch(msgspec.Struct, frozen=True):
    """The days `first`…`last` (indices, both inside) of the series' largest LLR."""

    llr: float
    first: int
    last: int


def strongest(n: Ints, k: Ints) -> list[Stretch]:
    """The largest LLR of each row of n and k (series × days), over stretches of 2 to 92 days with at most half of the
    trials.

    >>> n = np.full((1, 30), 10); k = np.full((1, 30), 1); k[0, 10:15] = 6
    >>> found = strongest(n, k)[0]; found.first, found.last, round(found.llr, 1)
    (10, 14, 28.0)
    """
    rows, days = n.shape
    total_n, total_k = n.sum(axis=1, keepdims=True), k.sum(axis=1, keepdims=True)
    table = _x_log_x(int(total_n.max(initial=0)))
    flat = table[total_k] + table[total_n - total_k] - table[total_n]
    sum_n = np.concatenate([np.zeros((rows, 1), np.int64), n.cumsum(axis=1)], axis=1)
    sum_k = np.concatenate([np.zeros((rows, 1), np.int64), k.cumsum(axis=1)], axis=1)
    best = np.zeros(rows)
    first, last = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for length in range(SHORTEST, min(LONGEST, days - 1) + 1):
        n_in, k_in = sum_n[:, length:] - sum_n[:, :-length], sum_k[:, length:] - sum_k[:, :-length]
        n_out, k_out = total_n - n_in, total_k - k_in
        llr = table[k_in] + table[n_in - k_in] - table[n_in] + table[k_out] + table[n_out - k_out] - table[n_out] - flat
        llr[(k_in * n_out <= k_out * n_in) | (2 * n_in > total_n)] = 0.0
        at = llr.argmax(axis=1)
        top = llr[np.arange(rows), at]
        better = top > best
        best = np.where(better, top, best)
        first, last = np.where(better, at, first), np.where(better, at + length - 1, last)
    return [Stretch(float(a), int(b), int(c)) for a, b, c in zip(best, first, last, strict=True)]


def sharpened(n: Ints, amount: Floats, stretch: Stretch, reach: int = 7) -> Stretch:
    """The stretch with its ends moved, by up to `reach` days, to where the amounts' mean changed most.

    How long says more about when than whether too long. The amounts are taken as exponential (Huang, Kulldorff &
    Gregorio 2007, without censoring): LLR = N log(S/N) − n log(s/n) − (N−n) log((S−s)/(N−n)).
    """
    total_n, total = float(n.sum()), float(amount.sum())
    sum_n, sums = np.concatenate([[0], n.cumsum()]), np.concatenate([[0.0], amount.cumsum()])
    best, found = -1.0, stretch
    for first in range(max(0, stretch.first - reach), min(len(n), stretch.first + reach + 1)):
        for last in range(max(first + SHORTEST - 1, stretch.last - reach), min(len(n), stretch.last + reach + 1)):
            inside, within = float(sum_n[last + 1] - sum_n[first]), float(sums[last + 1] - sums[first])
            outside, without = total_n - inside, total - within
            if min(inside, outside, within, without) <= 0 or within * outside <= without * inside:
                continue
            llr = total_n * log(total / total_n) - inside * log(within / inside) - outside * log(without / outside)
            if llr > best:
                best, found = llr, Stretch(stretch.llr, first, last)
    return found


def p_value(n: Ints, k: Ints, llr: float, rng: np.random.Generator, draws: int = N_DRAWS) -> float:
    """How probable an LLR this large is anywhere in the series if its rate never changed.

    The Gumbel's scale is at least 1, the slope of the LLR's own tail, so that it is never read too small.
    """
    rate = k.sum() / max(1, n.sum())
    drawn = rng.binomial(n, rate, size=(draws, len(n))).astype(np.int64)
    maxima = np.array([one.llr for one in strongest(np.broadcast_to(n, drawn.shape), drawn)])
    scale = max(1.0, float(maxima.std(ddof=1)) * sqrt(6) / pi)
    place = float(maxima.mean()) - EULER * float(maxima.std(ddof=1)) * sqrt(6) / pi
    return -expm1(-exp(-(llr - place) / scale))


def dispersion(n: Ints, k: Ints) -> float:
    """How much more a daily series varies than independent trials would (Pearson's χ² per degree of freedom), at least
    1: trials of one person are not independent (McCullagh & Nelder 1989, §4.5)."""
    kept = n > 0
    n, k = n[kept], k[kept]
    if len(n) < 10 or not 0 < k.sum() < n.sum():
        return 1.0
    rate = k.sum() / n.sum()
    return max(1.0, float((((k - n * rate) ** 2) / (n * rate * (1 - rate))).sum()) / (len(n) - 1))


def excess_z(k_in: int, n_in: int, k_out: int, n_out: int, other: tuple[int, int, int, int]) -> float:
    """How many standard errors the log odds rose more in the stretch than they did for everybody else then.

    Difference in differences of log odds, ½ added to every count (Haldane 1956, Anscombe 1956).
    """
    counts = (k_in, n_in - k_in, k_out, n_out - k_out, other[0], other[1] - other[0], other[2], other[3] - other[2])
    a, b, c, d, e, f, g, h = (count + 0.5 for count in counts)
    rise = np.log(a / b) - np.log(c / d) - (np.log(e / f) - np.log(g / h))
    return float(rise / sqrt(sum(1 / x for x in (a, b, c, d, e, f, g, h))))


def odds_ratio(k_in: int, n_in: int, k_out: int, n_out: int) -> float:
    """How many times the odds of a bad trial in the stretch are those outside it, ½ added to every count.

    >>> round(odds_ratio(9, 12, 40, 400), 1)
    24.2
    """
    return (k_in + 0.5) * (n_out - k_out + 0.5) / ((n_in - k_in + 0.5) * (k_out + 0.5))


def _x_log_x(largest: int) -> Floats:
    x = np.arange(largest + 1, dtype=np.float64)
    x[1:] *= np.log(x[1:])
    return x


def days_of(day: Any, first: int, n_days: int, weight: Any) -> Ints:
    """Counts summed by day, as a series from `first`."""
    return np.bincount(day - first, weights=weight, minlength=n_days).astype(np.int64)
