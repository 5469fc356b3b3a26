"""A person's thread: their events, newest first, with the step each belongs to, grouped by day."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane import consent, journeys
from ariane.console import faces, happening, names, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.model import Purpose

PAGE = 40
MOST = 20_000  # events in a sheet


class Happening(msgspec.Struct, frozen=True):
    clock: str
    channel: str
    channel_name: str
    name: str
    detail: str
    step: str
    tone: str


class Day(msgspec.Struct, frozen=True):
    label: str
    happenings: tuple[Happening, ...]


def rows_of(desk: Desk, asked: Asked, person_id: str, *, most: int = PAGE) -> tuple[list[dict[str, Any]], int]:
    """A page of the person's events, the newest first, each with its step, and how many there are."""
    permit = faces.permit_of(desk, asked)
    purpose: Purpose = "service" if permit.purpose == "service" else "measurement"
    channel = asked.get("channel")

    def compute() -> tuple[list[dict[str, Any]], int]:
        about = consent.population(
            desk.engine,
            purpose,
            basis=permit.basis,
            segment=lambda events: events.filter(events.person_id == person_id),
        )
        events = about.events
        events = events.filter(events.channel == channel) if channel else events
        counted = desk.engine.run(events.aggregate(n=events.count())).to_pylist()[0]["n"]
        newest = events.order_by([events.occurred_us.desc(), events.event_id.desc()])
        page = newest.select(*happening.COLUMNS).limit(most, offset=0 if most > PAGE else (asked.page - 1) * PAGE)
        rows = desk.engine.run(page).to_pylist()
        journey = reading.journey_of(desk)
        touches = journeys.touchpoints(about, journey) if journey.steps else None
        steps: dict[str, str] = {}
        if touches is not None:
            steps = {
                row["event_id"]: row["step"] for row in desk.engine.run(touches.select("event_id", "step")).to_pylist()
            }
        return [{**row, "step": steps.get(row["event_id"], "")} for row in rows], int(counted)

    return desk.answer(("timeline", person_id, permit.purpose, channel, asked.page, most), compute)


def days(desk: Desk, asked: Asked, rows: list[dict[str, Any]]) -> tuple[Day, ...]:
    tongue = desk.tongue(asked.lang)
    steps = {step.key: names.short(step.label(asked.lang)) for step in reading.journey_of(desk).steps}
    by_day: dict[str, list[Happening]] = {}
    for row in rows:
        channel = row["channel"] or ""
        by_day.setdefault(tongue.weekday(row["occurred_us"]), []).append(
            Happening(
                tongue.clock(row["occurred_us"]),
                channel,
                names.channel(tongue, channel),
                happening.headline(tongue, row),
                happening.details(tongue, row),
                steps.get(row["step"], ""),
                happening.tone(row),
            )
        )
    return tuple(Day(label, tuple(happenings)) for label, happenings in by_day.items())
