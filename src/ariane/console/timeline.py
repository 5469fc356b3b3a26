"""A person's thread: their events, newest first, with the step each belongs to, grouped by day."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from ariane.console import happening, names, reading
from ariane.console.asked import KEPT, Asked, Period
from ariane.console.desk import Desk
from ariane.console.past import past
from ariane.console.reading import Option, Select
from ariane.identity.threads import Thread

PAGE = 40
MOST_NAMES = 80
LATEST_US = 253_402_300_799_999_999


class Happening(msgspec.Struct, frozen=True):
    clock: str
    channel: str
    channel_name: str
    name: str
    detail: str
    step: str
    tone: str
    shared: str


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
    period = asked.period(0, LATEST_US) if asked.range == "custom" else Period(None, None)
    return Wanted(
        asked.get("channel"),
        asked.get("event"),
        asked.get("text").strip().lower()[:200],
        period.since_us if asked.get("since") else None,
        period.until_us if asked.get("until") else None,
    )


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
    """A page of the person's events that the address asks for, newest first, and how many there are."""
    chosen = wanted(asked)
    rows = [row for row in past(desk, asked, person_id).events if _fits(row, chosen)]
    first = 0 if most > PAGE else (asked.page - 1) * PAGE
    return rows[first : first + most], len(rows)


def _fits(row: dict[str, Any], chosen: Wanted) -> bool:
    return (
        chosen.channel in ("", row["channel"])
        and chosen.event in ("", row["event"])
        and (chosen.since_us is None or row["occurred_us"] >= chosen.since_us)
        and (chosen.until_us is None or row["occurred_us"] < chosen.until_us)
        and chosen.text in f"{row['event'] or ''} {row['properties'] or ''}".lower()
    )


def event_names(desk: Desk, asked: Asked, person_id: str) -> tuple[str, ...]:
    """What happened to the person, by name, the most frequent first."""
    counted = Counter(row["event"] for row in past(desk, asked, person_id).events if row["event"])
    return tuple(name for name, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_NAMES])


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
                tongue._("on a shared machine, while they were signed in") if row["followed"] else "",
            )
        )
    return tuple(Day(label, tuple(happenings)) for label, happenings in by_day.items())
