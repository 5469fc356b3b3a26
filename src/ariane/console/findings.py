"""What hurts, as cards: what, where, for whom, since when, how much worse than usual, and the persons behind it."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane import journeys
from ariane.console import reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk


class Bar(msgspec.Struct, frozen=True):
    """A number on a 0–1 track, with its bounds."""

    label: str
    value: str
    bounds: str
    at: float
    lo: float
    hi: float
    tone: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A finding."""

    anchor: str
    step: str
    tone: str
    icon: str
    kind: str
    slice: str
    when: str
    headline: str
    rows: tuple[Bar, ...]
    explained: str
    persons: str
    href: str
    part: str
    map_href: str


def found(desk: Desk, asked: Asked) -> tuple[Any, ...]:
    """The frictions of the URL's period and segment."""
    period = reading.period_of(desk, asked)

    def compute() -> tuple[Any, ...]:
        try:
            detect = journeys.frictions
        except ImportError:
            return ()
        return tuple(detect(reading.population_of(desk, asked, period), reading.journey_of(desk)))

    return desk.answer(("frictions", period, asked.segment), compute)


def cards(desk: Desk, asked: Asked) -> list[Card]:
    return []


def subtitle(desk: Desk, asked: Asked, shown: list[Card]) -> str:
    return ""


def facts(card: Card) -> list[tuple[str, str, str]]:
    return [(bar.label, bar.value, bar.bounds) for bar in card.rows]


def of(desk: Desk, asked: Asked, anchor: str) -> Any:
    return None


def download(desk: Desk, asked: Asked) -> Any:
    return None
