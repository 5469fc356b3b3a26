"""What a screen's numbers are about: the period, the segment, the population consent leaves, and the journey."""

from __future__ import annotations

import msgspec

from ariane import consent, journeys, segments
from ariane.consent import Population
from ariane.console import names
from ariane.console.asked import DEFAULT_RANGE, KEPT, RANGES, Asked, Period
from ariane.console.desk import Desk
from ariane.journeys import Journey
from ariane.model import Purpose

SEGMENT_FIELDS = {
    "device_type": "ctx_device_type",
    "channel": "channel",
    "store": "prop_store",
    "prop_channels": "prop_channels",
}
"""What a segment may be chosen by: the rule's field, and the column its values are looked up in."""
MOST_VALUES = 16
PURPOSE: Purpose = "measurement"


class Option(msgspec.Struct, frozen=True):
    value: str
    label: str
    chosen: bool


class Select(msgspec.Struct, frozen=True):
    name: str
    label: str
    options: tuple[Option, ...]


class Choices(msgspec.Struct, frozen=True):
    """The controls of a screen's bar: one form, whose fields are the URL's."""

    action: str
    selects: tuple[Select, ...]
    hidden: tuple[tuple[str, str], ...]


def period_of(desk: Desk, asked: Asked) -> Period:
    extent = desk.extent()
    return asked.period(extent.first_us, extent.last_us)


def population_of(desk: Desk, asked: Asked, period: Period | None = None) -> Population:
    """The persons measurement may read in the period and segment of the URL."""
    within = period_of(desk, asked) if period is None else period
    return consent.population(
        desk.engine,
        PURPOSE,
        basis=basis_of(desk, PURPOSE),
        segment=_segment(desk, asked.segment, within.until_us),
        since_us=within.since_us,
        until_us=within.until_us,
    )


def basis_of(desk: Desk, purpose: str) -> str | None:
    """The basis the workspace's settings name, None for the default one."""
    chosen = desk.settings.purposes.get(purpose)
    return chosen.basis if chosen else None


def _segment(desk: Desk, text: str, until_us: int | None) -> consent.Segment | None:
    """The rule the URL holds (docs/segments.md): `buyers`, `channel:store`, `orders>=2,device_type:mobile`."""
    if not text:
        return None
    return segments.as_filter(segments.segment_rule(text), now_us=until_us, engine=desk.engine)


def segment_values(desk: Desk) -> dict[str, list[str]]:
    """The values a segment may be made of: for each column, the most frequent ones, when few enough to list."""
    return desk.answer("segments", lambda: _segment_values(desk))


def _segment_values(desk: Desk) -> dict[str, list[str]]:
    events = desk.engine.table("events")
    found: dict[str, list[str]] = {}
    for field, column in SEGMENT_FIELDS.items():
        known = events.filter(events[column].notnull() & ~events.is_bot)
        counted = known.group_by(value=known[column]).aggregate(n=known.count())
        rows = desk.engine.run(counted.order_by([counted.n.desc(), counted.value]).limit(MOST_VALUES + 1)).to_pylist()
        if 2 <= len(rows) <= MOST_VALUES:
            found[field] = [row["value"] for row in rows]
    return found


def choices(desk: Desk, asked: Asked, *, with_segment: bool = True) -> Choices:
    """The period and segment selects, with what else the URL says kept hidden."""
    tongue = desk.tongue(asked.lang)
    ranges = [Option(key, tongue._(label), key == asked.range) for key, (label, _) in RANGES.items()]
    if asked.range == "custom":
        period = period_of(desk, asked)
        label = (
            tongue.span(period.since_us, period.until_us) if period.since_us is not None and period.until_us else "…"
        )
        ranges.insert(0, Option("", label, True))
    selects = [Select("range", tongue._("Period"), tuple(ranges))]
    if with_segment:
        listed = [Option("", tongue._("Everyone"), not asked.segment)]
        rules = [rule for rule in segments.NAMED if segments.NAMED[rule]]
        for field, values in segment_values(desk).items():
            rules += [segments.text_of(segments.Condition(field, name=value)) for value in values]
        if asked.segment and asked.segment not in rules:
            rules.append(asked.segment)
        listed += [Option(rule, names.segment(tongue, rule), rule == asked.segment) for rule in rules]
        selects.insert(0, Select("segment", tongue._("Segment"), tuple(listed)))
    shown = {select.name for select in selects} | {"since", "until"}
    hidden = tuple((name, asked.get(name)) for name in KEPT if name not in shown and asked.get(name))
    return Choices(asked.path, tuple(selects), hidden)


def journey_of(desk: Desk) -> Journey:
    """The workspace's journey file; without one, what the data itself proposes."""
    file = desk.stores.path / "journey.toml"
    if file.exists():
        stamp = file.stat().st_mtime_ns
        return desk.answer(("journey", stamp), lambda: journeys.load_journey(file, properties=desk.settings.properties))
    return desk.answer("proposed", lambda: journeys.propose(population_of(desk, Asked("/", {"range": "all"}, "en"))))


def segment_name(desk: Desk, asked: Asked) -> str:
    tongue = desk.tongue(asked.lang)
    return names.segment(tongue, asked.segment) if asked.segment else tongue._("Everyone")


def range_name(desk: Desk, asked: Asked) -> str:
    tongue = desk.tongue(asked.lang)
    return tongue._(RANGES.get(asked.range, RANGES[DEFAULT_RANGE])[0])
