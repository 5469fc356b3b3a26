"""Limits and sharing that count within a stretch of days instead of for ever.

All are functions of the set of instants given, never of the order they came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from ariane.identity.rules import Rules
from ariane.model import DAY


def most_within(instants: Iterable[int], days: int) -> int:
    """The most of these instants (µs) that lie within any so many days.

    >>> most_within([0, 1 * DAY, 5 * DAY, 6 * DAY, 7 * DAY], 2)
    3
    """
    ordered = sorted(instants)
    most = start = 0
    for end, at in enumerate(ordered):
        while at - ordered[start] > days * DAY:
            start += 1
        most = max(most, end - start + 1)
    return most


def most_at_once(spans: Iterable[tuple[int, int]], days: int) -> int:
    """The most of these spans (first and last µs, both included) that any so many days touch.

    >>> most_at_once([(0, 1 * DAY), (3 * DAY, 9 * DAY), (20 * DAY, 20 * DAY)], 2)
    2
    """
    # Days that begin at t touch a span when first - days <= t <= last; what opens comes before what ends.
    turns = [turn for first, last in spans for turn in ((first - days * DAY, False), (last, True))]
    most = now = 0
    for _, ends in sorted(turns):
        now += -1 if ends else 1
        most = max(most, now)
    return most


@lru_cache(8)
def windowed_limits(rules: Rules) -> Mapping[str, tuple[int, int]]:
    """The kinds whose limit counts within days: (limit, days) of each."""
    return {
        kind: (rule.limit, rule.within_days)
        for kind, rule in rules.kinds.items()
        if rule.limit is not None and rule.within_days is not None
    }


def keeps_in_time(counts: Mapping[str, int], firsts: Mapping[str, list[int]], rules: Rules) -> bool:
    """Whether one person may have so many identifiers of each kind; `firsts`: when first seen, where days count.

    >>> from ariane.identity.rules import read_rules
    >>> text = "strong_from = 'email'\\n[kinds.email]\\npriority = 8\\nlimit = 2\\nwithin_days = 30"
    >>> rules = read_rules(text, "mine.toml")
    >>> keeps_in_time({"email": 3}, {"email": [0, 1 * DAY, 90 * DAY]}, rules)
    True
    >>> keeps_in_time({"email": 3}, {"email": [0, 1 * DAY, 9 * DAY]}, rules)
    False
    """
    windows = windowed_limits(rules)
    for kind, n in counts.items():
        rule = rules.kinds.get(kind)
        if rule is None or rule.limit is None or n <= rule.limit:
            continue
        if kind not in windows or most_within(firsts[kind], windows[kind][1]) > rule.limit:
            return False
    return True


@lru_cache(8)
def shares_in_time(rules: Rules) -> bool:
    """Whether for some kind it matters until when two identifiers were seen together, not only since when."""
    return any(rule.shared_within_days is not None for rule in rules.kinds.values())
