"""How alike the habits of two persons are, and who is so alike that it is worth asking."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from itertools import combinations

import msgspec

WEIGHTS = {"networks": 1.0, "days": 1.0, "pages": 0.5, "hours": 0.25}
"""What each likeness weighs. Networks, and networks by day, say most, pages half as much; hours break ties."""

MOST_ON = 8
"""A network that more persons use is nobody's home: offices, shops, mobile carriers."""

LEAST_DAYS = 2
LEAST_SCORE = 0.4
AHEAD = 1.25
"""Whoever is suggested is so many times as like as the next: two who live together are as like as one who has two."""

Counts = Mapping[Hashable, float]


class Habits(msgspec.Struct):
    """What one person does: how often each network, each network on a day, each page, each hour of the week."""

    networks: Counter[Hashable] = msgspec.field(default_factory=Counter)
    days: Counter[Hashable] = msgspec.field(default_factory=Counter)
    pages: Counter[Hashable] = msgspec.field(default_factory=Counter)
    hours: Counter[Hashable] = msgspec.field(default_factory=Counter)


class Likeness(msgspec.Struct, frozen=True):
    """Two persons, how alike they are (0 to 1, not a probability), and on how many networks and days they met."""

    a: str
    b: str
    score: float
    n_networks: int
    n_days: int


def alike(habits: Mapping[str, Habits], apart: frozenset[tuple[str, str]]) -> list[Likeness]:
    """The pairs of persons worth asking about, the most alike first; none of `apart` (ids in ascending order).

    The score is a weighted mean of cosines between counts, damped (1 + log n) and weighed by rarity, log((1 + N) / n)
    for what n of N persons do (Salton & Buckley 1988). A pair must have met on a network of few on two days, be each
    other's most alike, clearly ahead of the next, and pass `LEAST_SCORE`; all fixed beforehand, fitted to no data.

    >>> home = lambda *days: Habits(Counter(["h"]), Counter(("h", day) for day in days), Counter(["/lamps"]))
    >>> cafe = Habits(Counter(["c"]), Counter([("c", 1)]), Counter(["/"]))
    >>> [(one.a, one.b, one.n_days) for one in alike({"A": home(1, 2, 3), "B": home(1, 3), "C": cafe}, frozenset())]
    [('A', 'B', 2)]
    """
    private = _private(habits)
    met: Counter[tuple[str, str]] = Counter()
    for persons in private.values():
        met.update(combinations(sorted(persons), 2))
    vectors = {name: _vectors(habits, name) for name in WEIGHTS}
    scored: dict[tuple[str, str], float] = {}
    best: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for (a, b), n_days in met.items():
        if n_days >= LEAST_DAYS and (a, b) not in apart:
            score = sum(w * _cosine(vectors[name][a], vectors[name][b]) for name, w in WEIGHTS.items())
            scored[a, b] = score / sum(WEIGHTS.values())
            best[a].append((scored[a, b], b))
            best[b].append((scored[a, b], a))
    found = []
    for (a, b), score in scored.items():
        if score >= LEAST_SCORE and all(_is_clear(best[one], other) for one, other in ((a, b), (b, a))):
            n_networks = len(habits[a].networks.keys() & habits[b].networks.keys())
            found.append(Likeness(a, b, round(score, 4), n_networks, met[a, b]))
    return sorted(found, key=lambda one: (-one.score, one.a, one.b))


def _private(habits: Mapping[str, Habits]) -> dict[Hashable, set[str]]:
    """Who was on each network on each day, of the networks that few use."""
    users: defaultdict[Hashable, set[str]] = defaultdict(set)
    for person, one in habits.items():
        for network in one.networks:
            users[network].add(person)
    found: defaultdict[Hashable, set[str]] = defaultdict(set)
    for person, one in habits.items():
        for at in one.days:
            if isinstance(at, tuple) and len(users[at[0]]) <= MOST_ON:
                found[at].add(person)
    return found


def _vectors(habits: Mapping[str, Habits], name: str) -> dict[str, dict[Hashable, float]]:
    """Each person's counts of one sort, damped and weighed by rarity, of length 1."""
    n_doing = Counter(what for one in habits.values() for what in getattr(one, name))
    found = {}
    for person, one in habits.items():
        weighed = {
            what: (1 + math.log(n)) * math.log((1 + len(habits)) / n_doing[what])
            for what, n in getattr(one, name).items()
        }
        length = math.sqrt(sum(weight * weight for weight in weighed.values()))
        found[person] = {what: weight / length for what, weight in weighed.items()} if length else {}
    return found


def _cosine(one: Counts, other: Counts) -> float:
    few, many = sorted((one, other), key=len)
    return sum(weight * many.get(what, 0.0) for what, weight in few.items())


def _is_clear(ranked: list[tuple[float, str]], other: str) -> bool:
    """Whether `other` is the most alike, and clearly so."""
    first, *rest = sorted(ranked, reverse=True)[:2]
    return first[1] == other and (not rest or first[0] >= AHEAD * rest[0][0])
