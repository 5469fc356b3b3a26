"""A person's thread: their events, newest first, with the step each belongs to, grouped by day."""

from __future__ import annotations

from typing import Any

import ibis
import msgspec

from ariane import journeys
from ariane.console import faces, happening, lived, names, reading
from ariane.console.asked import KEPT, Asked
from ariane.console.desk import Desk
from ariane.console.reading import Option, Select
from ariane.identity.threads import Thread

PAGE = 40
MOST = 20_000  # events in a sheet
MOST_NAMES = 80


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


class Wanted(msgspec.Struct, frozen=True):
    """Which of a person's events the address asks for."""

    channel: str
    event: str
    text: str
    since_us: int | None
    until_us: int | None


class Filters(msgspec.Struct, frozen=True):
    """The form over the timeline."""

    selects: tuple[Select, ...]
    text: str
    since: str
    until: str
    hidden: tuple[tuple[str, str], ...]
    any: bool
    clear: str


FIELDS = ("channel", "event", "text", "since", "until")


def wanted(asked: Asked) -> Wanted:
    """What the address asks for. InputError when it names a day that is none."""
    period = asked.period(0, 0) if asked.range == "custom" else None
    since, until = (None, None) if period is None else (period.since_us, period.until_us)
    return Wanted(
        asked.get("channel"), asked.get("event"), asked.get("text").strip().lower()[:200],
        since if asked.get("since") else None, until if asked.get("until") else None,
    )  # fmt: skip


def filters(desk: Desk, asked: Asked, thread: Thread, events: tuple[str, ...]) -> Filters:
    tongue = desk.tongue(asked.lang)
    ranked = sorted(thread.channels.items(), key=lambda pair: (-pair[1], pair[0]))
    channels = [(key, f"{names.channel(tongue, key)} ({tongue.number(n)})") for key, n in ranked]
    given = (
        ("channel", tongue._("Channel"), [("", tongue._("Every channel")), *channels]),
        (
            "event",
            tongue._("Event"),
            [("", tongue._("Every event")), *((name, names.short(name, 48)) for name in events)],
        ),
    )
    return Filters(
        tuple(
            Select(name, label, tuple(Option(key, said, asked.get(name) == key) for key, said in options))
            for name, label, options in given
        ),
        asked.get("text"),
        asked.get("since"),
        asked.get("until"),
        tuple((name, asked.get(name)) for name in (*KEPT, "a", "b") if name not in FIELDS and asked.get(name)),
        any(asked.get(name) for name in FIELDS),
        asked.link(page=None, **dict.fromkeys(FIELDS)),
    )


def rows_of(desk: Desk, asked: Asked, person_id: str, *, most: int = PAGE) -> tuple[list[dict[str, Any]], int]:
    """A page of the person's events, the newest first, each with its step, and how many there are."""
    permit, chosen = faces.permit_of(desk, asked), wanted(asked)

    def compute() -> tuple[list[dict[str, Any]], int]:
        about = lived.population_of(desk, asked, person_id)
        events = _narrowed(about.events, chosen)
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

    return desk.answer(("timeline", person_id, permit.purpose, chosen, asked.page, most), compute)


def _narrowed(events: ibis.Table, chosen: Wanted) -> ibis.Table:
    if chosen.channel:
        events = events.filter(events.channel == chosen.channel)
    if chosen.event:
        events = events.filter(events.event == chosen.event)
    if chosen.text:
        within = events.event.fill_null("").lower() + " " + events.properties.fill_null("").lower()
        events = events.filter(within.contains(chosen.text))
    if chosen.since_us is not None:
        events = events.filter(events.occurred_us >= chosen.since_us)
    if chosen.until_us is not None:
        events = events.filter(events.occurred_us < chosen.until_us)
    return events


def event_names(desk: Desk, asked: Asked, person_id: str) -> tuple[str, ...]:
    """What happened to the person, by name, the most frequent first."""
    permit = faces.permit_of(desk, asked)

    def compute() -> tuple[str, ...]:
        events = lived.population_of(desk, asked, person_id).events
        named = events.filter(events.event.notnull() & (events.event != ""))
        counted = named.group_by("event").aggregate(n=named.count())
        rows = desk.engine.run(counted.order_by([counted.n.desc(), counted.event]).limit(MOST_NAMES)).to_pylist()
        return tuple(row["event"] for row in rows)

    return desk.answer(("event names", person_id, permit.purpose), compute)


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
