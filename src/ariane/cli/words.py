"""Numbers in words on the command line: one place formats them."""

from __future__ import annotations

from ariane.model import Interval


def interval(one: Interval | None, form: str) -> str:
    """A value with its bounds.

    >>> interval(Interval(1.25, 1.0, 1.5, 40), "+.1f"), interval(Interval(None, None, None, 3), "+.1f")
    ('+1.2 (+1.0 to +1.5)', 'too few')
    """
    if one is None or one.value is None:
        return "too few"
    if one.lo is None or one.hi is None:
        return f"{one.value:{form}}"
    return f"{one.value:{form}} ({one.lo:{form}} to {one.hi:{form}})"


def share(one: Interval | None) -> str:
    """A share of 0–1 as a percentage with its bounds."""
    return interval(one, ".1%")


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration(42), duration(5400), duration(200_000), duration(None)
    ('42 s', '90 min', '2.3 d', '')
    """
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} d"


def text(given: str | dict[str, str], language: str = "en") -> str:
    """A text that may be given per language."""
    if isinstance(given, str):
        return given
    return given.get(language) or next(iter(given.values()), "")
