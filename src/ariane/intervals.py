"""95 % bounds: one implementation of each, used by every room that shows a number."""

from __future__ import annotations

from math import sqrt

from ariane.model import Interval

Z = 1.959963984540054  # the standard normal's 97.5 % point


def wilson(k: float, n: float, z: float = Z) -> Interval:
    """A share k/n with Wilson's score interval (Wilson 1927, eq. 4). Never outside 0–1, defined for k = 0 and k = n.

    >>> i = wilson(8, 10); round(i.lo, 3), round(i.hi, 3)
    (0.49, 0.943)
    >>> wilson(0, 0)
    Interval(value=None, lo=None, hi=None, n=0)
    """
    if n <= 0:
        return Interval(None, None, None, 0)
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half), round(n))


def nps(promoters: float, passives: float, detractors: float, z: float = Z) -> Interval:
    """Net Promoter Score, −100…100, with the adjusted Wald interval (Rocks 2016, arXiv 1601.07235: n + 3, ¾ added to
    promoters and detractors). The point value is the unadjusted score; people who did not answer are in no count.

    >>> nps(45, 35, 20).value
    25.0
    """
    n = promoters + passives + detractors
    if n <= 0:
        return Interval(None, None, None, 0)
    value = 100 * (promoters - detractors) / n
    m = n + 3
    p, d = (promoters + 0.75) / m, (detractors + 0.75) / m
    half = 100 * z * sqrt((p + d - (p - d) ** 2) / m)
    middle = 100 * (p - d)
    return Interval(value, max(-100.0, middle - half), min(100.0, middle + half), round(n))


def mean(total: float, total_of_squares: float, n: int, n_effective: float | None = None) -> Interval:
    """A mean with Student's t interval, from its sum and sum of squares. `n_effective` replaces n in the standard error
    when observations are weighted (Kish 1965: (Σw)²/Σw²). Fewer than two observations give no bounds.

    >>> i = mean(10.0, 22.0, 5); round(i.value, 2), round(i.lo, 2), round(i.hi, 2)
    (2.0, 1.12, 2.88)
    """
    if n <= 0:
        return Interval(None, None, None, 0)
    value = total / n
    m = n_effective if n_effective is not None else float(n)
    if n < 2 or m <= 1:
        return Interval(value, None, None, n)
    variance = max(0.0, (total_of_squares - n * value * value) / (n - 1))
    half = student(m - 1) * sqrt(variance / m)
    return Interval(value, value - half, value + half, n)


def student(degrees: float) -> float:
    """Student's t 97.5 % point by its expansion in 1/degrees (Abramowitz & Stegun 1964, 26.7.5), within 0.7 % from 3
    degrees up; the two smallest are exact.

    >>> round(student(10), 3), round(student(1), 2)
    (2.228, 12.71)
    """
    if degrees < 1.5:
        return 12.706204736432095
    if degrees < 2.5:
        return 4.302652729911275
    z, v = Z, degrees
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4


def difference(k1: float, n1: float, k2: float, n2: float, z: float = Z) -> Interval:
    """k1/n1 − k2/n2, two independent shares, with Newcombe's hybrid score interval (Newcombe 1998, Statistics in
    Medicine 17, method 10). `n` is the smaller group's.

    >>> i = difference(56, 70, 48, 80); round(i.value, 1), round(i.lo, 4), round(i.hi, 4)
    (0.2, 0.0524, 0.3339)
    """
    one, two = wilson(k1, n1, z), wilson(k2, n2, z)
    if one.value is None or one.lo is None or one.hi is None or two.value is None or two.lo is None or two.hi is None:
        return Interval(None, None, None, 0)
    value = one.value - two.value
    below = sqrt((one.value - one.lo) ** 2 + (two.hi - two.value) ** 2)
    above = sqrt((one.hi - one.value) ** 2 + (two.value - two.lo) ** 2)
    return Interval(value, max(-1.0, value - below), min(1.0, value + above), min(one.n, two.n))
