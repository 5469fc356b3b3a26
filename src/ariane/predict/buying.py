"""Buy till you die: the BG/NBD model (Fader, Hardie & Lee 2005, "Counting your customers the easy way", Marketing
Science 24(2)). While alive a person buys at a Poisson rate λ ~ Gamma(r, α); after each purchase they leave for good
with probability p ~ Beta(a, b). Nobody sees them leave: frequency x, recency t_x and age T tell how likely it is.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from ariane.errors import InputError

Floats = NDArray[np.float64]

EDGE = 7.0
"""The logarithm of a parameter stays within ±EDGE: beyond, the model no longer changes."""

ENOUGH = 10
"""Fewer persons than this with a repeat purchase say nothing about who left."""

TERMS = 50_000


class Fit(msgspec.Struct, frozen=True):
    """The model's parameters, in the unit of time they were fitted in.

    `converged` is False when too few persons bought again to tell those who left from those who wait, or no maximum was
    found: nothing should be read off then. `at_limit`: a parameter went to the end of its range, so that persons could
    not be told apart in it; predictions hold for the limit.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    n_persons: int
    n_repeat: int
    converged: bool
    at_limit: bool = False

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """The probability that a person has not left: 1 / (1 + [x>0] a/(b+x−1) ((α+T)/(α+t_x))^(r+x)) (Fader, Hardie
        & Lee 2008, "Computing P(alive) using the BG/NBD model", eq. 7). 1 for who bought once: nothing says they left.

        >>> Fit(0.243, 4.414, 0.793, 2.426, 0.0, 1, 1, True).p_alive([2], [30.43], [38.86]).round(4)
        array([0.7266])
        """
        x, tx, t = _arrays(frequency, recency, age)
        return np.asarray(1 / (1 + self._odds(x, tx, t)))

    def expected_purchases(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, ahead: float) -> Floats:
        """E[purchases in the next `ahead` units of time | x, t_x, T] (Fader, Hardie & Lee 2005, eq. 10).

        >>> Fit(0.243, 4.414, 0.793, 2.426, 0.0, 1, 1, True).expected_purchases([2], [30.43], [38.86], 39).round(3)
        array([1.226])
        """
        x, tx, t = _arrays(frequency, recency, age)
        a = self.a + 1e-7 if abs(self.a - 1) < 1e-7 else self.a  # a = 1 is a removable singularity
        z = ahead / (self.alpha + t + ahead)
        c = a + self.b + x - 1
        grown = _scaled_hypergeometric(self.r + x, self.b + x, c, z)
        return np.asarray(c / (a - 1) * (1 - grown) / (1 + self._odds(x, tx, t)))

    def _odds(self, x: Floats, tx: Floats, t: Floats) -> Floats:
        """The odds of having left."""
        grown = (self.r + x) * (np.log(self.alpha + t) - np.log(self.alpha + tx))
        return np.where(x > 0, self.a / (self.b + np.maximum(x, 1) - 1) * np.exp(np.minimum(grown, 700)), 0.0)


def fit(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, count: ArrayLike | None = None) -> Fit:
    """Maximum-likelihood parameters from rows of (x, t_x, T), each standing for `count` persons (1 unless given).

    x: repeat purchases; t_x: time of the last one since the first purchase; T: time from the first purchase until now.
    The likelihood is eq. 6 of Fader, Hardie & Lee (2005), with its analytic gradient. InputError when rows contradict
    themselves (a purchase after now, a time below 0) or there are none.
    """
    x, tx, t = _arrays(frequency, recency, age)
    n = np.ones_like(x) if count is None else np.asarray(count, dtype=np.float64)
    if not len(x) or np.any((x < 0) | (tx < 0) | (tx > t) | (n < 0)) or not np.all(np.isfinite(x + tx + t + n)):
        raise InputError("There are no purchases to fit, or some lie after now.", where="fit", allowed="0 ≤ t_x ≤ T")
    scale = max(1e-9, float(np.average(t, weights=n)))
    rows = (x, tx / scale, t / scale, n)
    found = minimize(_loss, np.zeros(4), args=rows, jac=True, method="L-BFGS-B", bounds=[(-EDGE, EDGE)] * 4,
                     options={"maxiter": 2_000, "ftol": 1e-14, "gtol": 1e-9})  # fmt: skip
    r, alpha, a, b = np.exp(found.x)
    total = float(n.sum())
    # Times were divided by `scale`: each of the x + 1 waits changes the density by that factor.
    likelihood = -float(found.fun) * total - float((n * x).sum()) * np.log(scale)
    # A parameter held at the end of its range may still be pulled outwards; the others must be at rest.
    flat = bool(np.all((np.abs(found.jac) < 1e-4) | (np.abs(found.x) > EDGE - 1e-3)))
    at_limit = bool(np.any(np.abs(found.x) > EDGE - 1e-3))
    n_repeat = round(float(n[x > 0].sum()))
    return Fit(
        float(r), float(alpha * scale), float(a), float(b), float(likelihood), round(total), n_repeat,
        flat and n_repeat >= ENOUGH, at_limit,
    )  # fmt: skip


def _loss(theta: Floats, x: Floats, tx: Floats, t: Floats, n: Floats) -> tuple[float, Any]:
    """The mean negative log-likelihood and its gradient in the logarithms of r, α, a, b."""
    r, alpha, a, b = np.exp(theta)
    again = x > 0
    before = b + np.where(again, x, 1.0) - 1
    a1 = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    a2 = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + t)
    left = np.where(again, np.log(a) - np.log(before) - (r + x) * np.log(alpha + tx), -np.inf)
    either = np.logaddexp(alive, left)
    w_alive, w_left = np.exp(alive - either), np.exp(left - either)
    d_r = digamma(r + x) - digamma(r) + np.log(alpha) - w_alive * np.log(alpha + t) - w_left * np.log(alpha + tx)
    d_alpha = r / alpha - (r + x) * (w_alive / (alpha + t) + w_left / (alpha + tx))
    d_a = digamma(a + b) - digamma(a + b + x) + w_left / a
    d_b = digamma(a + b) + digamma(b + x) - digamma(b) - digamma(a + b + x) - w_left / before
    total = n.sum()
    gradient = np.array([(n * d).sum() for d in (d_r * r, d_alpha * alpha, d_a * a, d_b * b)]) / total
    return -float((n * (a1 + a2 + either)).sum() / total), -gradient


def _scaled_hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """(1 − z)^a ₂F₁(a, b; c; z) for positive arguments and 0 ≤ z < 1, by its series (Abramowitz & Stegun 1964, 15.1.1).

    Every term is positive and is held as a logarithm, so that neither large frequencies overflow nor parts cancel.
    """
    log_z, log_term = np.log(z), a * np.log1p(-z)
    total = np.exp(log_term)
    going = np.arange(len(total))  # the rows whose series still moves
    for k in range(TERMS):
        step = np.log((a + k) * (b + k) / ((c + k) * (1.0 + k))) + log_z
        log_term = log_term + step
        term = np.exp(log_term)
        total[going] += term
        if k % 16 == 15:
            rest = (step >= 0) | (term > 1e-15 * total[going] * -np.expm1(np.minimum(step, 0)))
            going, a, b, c = going[rest], a[rest], b[rest], c[rest]
            log_z, log_term = log_z[rest], log_term[rest]
            if not len(going):
                break
    return total


def _arrays(*given: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in given)
