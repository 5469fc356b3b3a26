"""Chance: one stream a person, that depends on the seed and the person's number alone; hours of the day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import exp, log
from typing import TypeVar

import numpy as np

from ariane.demo.brand import DAY_MS

T = TypeVar("T")
PERSON, HOUSEHOLDS, BOT = 0, 1, 2
"""What a stream is for; the first number of its spawn key."""

HOUR_MS = 3_600_000
_HOURS = {
    "phone": (2, 1, 0.5, 0.3, 0.3, 0.6, 2, 5, 6, 5, 5, 5, 7, 6, 5, 5, 5, 6, 7, 8, 9, 10, 8, 5),
    "laptop": (1, 0.5, 0.2, 0.1, 0.1, 0.3, 1, 3, 7, 9, 9, 8, 6, 8, 8, 8, 8, 6, 5, 5, 7, 7, 4, 2),
    "tablet": (1, 0.4, 0.1, 0.1, 0.1, 0.2, 1, 2, 3, 3, 3, 3, 4, 4, 3, 3, 4, 5, 6, 8, 12, 13, 9, 4),
    "store": (0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 9, 8, 6, 7, 8, 9, 10, 9, 0, 0, 0, 0, 0),
    "call_centre": (0, 0, 0, 0, 0, 0, 0, 2, 7, 10, 11, 9, 6, 7, 9, 9, 8, 7, 4, 0, 0, 0, 0, 0),
    "email": (0, 0, 0, 0, 0, 0, 4, 12, 14, 10, 6, 4, 6, 4, 3, 3, 4, 8, 8, 5, 3, 1, 0, 0),
}


class Chance:
    """One person's stream of chance: uniform and normal numbers, drawn in blocks because single draws cost ten times.

    >>> Chance(7, PERSON, 3).uniform() == Chance(7, PERSON, 3).uniform() != Chance(7, PERSON, 4).uniform()
    True
    """

    __slots__ = ("normal", "uniform")

    def __init__(self, seed: int, purpose: int, number: int) -> None:
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, number))))
        self.uniform: Callable[[], float] = _blocks(generator.random, 512).__next__
        self.normal: Callable[[], float] = _blocks(generator.standard_normal, 96).__next__

    def waits(self, mean: float) -> float:
        """An exponential waiting time."""
        return -mean * log(1.0 - self.uniform())

    def spread(self, median: float, sigma: float) -> float:
        """A lognormal number."""
        return median * exp(sigma * self.normal())

    def count(self, mean: float) -> int:
        """A Poisson number (Knuth 1969, 3.4.1 algorithm Q); meant for small means."""
        limit, product, n = exp(-mean), self.uniform(), 0
        while product > limit:
            product *= self.uniform()
            n += 1
        return n

    def pick(self, among: Sequence[T]) -> T:
        return among[int(self.uniform() * len(among))]

    def weighed(self, bounds: Sequence[float]) -> int:
        """An index, by weights given as their running sums (see `bounds_of`)."""
        return bisect_right(bounds, self.uniform() * bounds[-1])

    def hour(self, kind: str, day: int) -> int:
        """An instant (ms) of this day, at an hour that suits the kind of device or place."""
        bounds = HOURS[kind]
        hour = bisect_right(bounds, self.uniform() * bounds[-1])
        return day * DAY_MS + hour * HOUR_MS + int(self.uniform() * HOUR_MS)


def bounds_of(weights: Sequence[float]) -> tuple[float, ...]:
    """Running sums, for `Chance.weighed`.

    >>> bounds_of((1, 2, 3))
    (1, 3, 6)
    """
    return tuple(accumulate(weights))


def _blocks(draw: Callable[[int], np.ndarray], size: int) -> Iterator[float]:
    while True:
        yield from draw(size).tolist()


HOURS = {kind: bounds_of(weights) for kind, weights in _HOURS.items()}
