"""Machines that do not say so, and cards that are in two places: found by what no person does, over a day of events.

What is judged is what one identifier did on one UTC day: a function of the events alone, the same in any order, on any
engine, live and rebuilt. Such a day is left out of what is measured about people; its events stay in the lake and in
the live view, with the reason. Three rules:

- `pace`: pages opened faster than anyone reads: at least `fast_views` of the day's views of one kind came less than
  `fast_view_s` after the one before, and they are at least half of them.
- `rate`: more than `views_a_minute` views in at least `busy_minutes` minutes of the day.
- `speed`: seen in two places farther apart than can be travelled at `speed_kmh` in the time between. It needs to know
  where the shops are (`[places.<name>]` in the settings).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date

import ibis
import pyarrow as pa

from ariane.model import MINUTE, SECOND
from ariane.settings import Noise, Place
from ariane.store import Engine, schema_of

SEEN_ON = ("web", "app")
"""Channels where a view is a page somebody opened. What objects and tills send has a pace of its own."""

VIEWED = "Product Viewed"
EARTH_KM = 6_371.0088
"""Mean radius of the Earth (IUGG)."""

NEAR_KM = 5.0
"""Places nearer than this are one place: clocks of tills differ."""


def noise(
    engine: Engine, rules: Noise, places: Mapping[str, Place] | None = None, days: Collection[date] | None = None
) -> pa.Table:
    """The days that are left out, as the lake's table `noise`; of these `days` only, when they are given.

    A row says which identifier's day, the reason, the span of the events that show it, how many they are, and a figure:
    the views that came too fast (pace), those of the busiest minute (rate), km/h (speed).

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from ariane.store import DuckEngine, Lake
    >>> noise(DuckEngine(Lake(Path(mkdtemp()))), Noise()).num_rows
    0
    """
    events = engine.table("events")
    events = events.filter(~events.is_bot)
    if days is not None:
        events = events.filter(events.event_on.isin(sorted(days)))
    found = [engine.run(_fast(events, rules)), engine.run(_busy(events, rules))]
    far = _apart(places or {}, rules.speed_kmh)
    if far:
        found.append(engine.run(_travelling(events, far)))
    schema = schema_of("noise")
    table = pa.concat_tables([rows.select(schema.names).cast(schema) for rows in found])
    return table.sort_by([("event_on", "ascending"), ("subject_key", "ascending"), ("reason", "ascending")])


def _views(events: ibis.Table, at_least: int) -> ibis.Table:
    """Views of those who have enough of them on a day to be judged. A page and the product on it are two kinds of view:
    they are told at one instant."""
    is_page = events.type.isin(["page", "screen"])
    views = events.filter(events.channel.isin(SEEN_ON) & (is_page | (events.event == VIEWED)))
    views = views.mutate(family=(views.event == VIEWED).ifelse("product", "page"))
    keys = ["subject_key", "event_on", "family"]
    many = views.group_by(keys).aggregate(n_views=views.count())
    many = many.filter(many.n_views >= at_least)
    return views.select(*keys, "occurred_us", "event_id").inner_join(many, keys)


def _fast(events: ibis.Table, rules: Noise) -> ibis.Table:
    views = _views(events, rules.fast_views)
    within = ibis.window(group_by=["subject_key", "event_on", "family"], order_by=["occurred_us", "event_id"])
    gap = views.occurred_us - views.occurred_us.lag().over(within)
    views = views.mutate(is_fast=(gap < int(rules.fast_view_s * SECOND)).fill_null(False).ifelse(1, 0))
    days = views.group_by(["subject_key", "event_on", "family"]).aggregate(
        n_fast=views.is_fast.sum(), from_us=views.occurred_us.min(), until_us=views.occurred_us.max(), n=views.count()
    )
    fast = days.filter((days.n_fast >= rules.fast_views) & (days.n_fast * 2 >= days.n))
    return _marked(fast, "pace", fast.n_fast)


def _busy(events: ibis.Table, rules: Noise) -> ibis.Table:
    views = _views(events, rules.views_a_minute * rules.busy_minutes)
    minutes = views.mutate(minute=views.occurred_us // MINUTE)
    keys = ["subject_key", "event_on", "family"]
    counted = minutes.group_by([*keys, "minute"]).aggregate(
        n=minutes.count(), from_us=minutes.occurred_us.min(), until_us=minutes.occurred_us.max()
    )
    busy = counted.filter(counted.n > rules.views_a_minute)
    days = busy.group_by(keys).aggregate(
        n_minutes=busy.count(), n=busy.n.sum(), figure=busy.n.max(), from_us=busy.from_us.min(),
        until_us=busy.until_us.max(),
    )  # fmt: skip
    days = days.filter(days.n_minutes >= rules.busy_minutes)
    return _marked(days, "rate", days.figure)


def _travelling(events: ibis.Table, far: list[tuple[str, str, int, float]]) -> ibis.Table:
    """`far`: (shop, shop, the least time between them in microseconds, km)."""
    shops = sorted({shop for pair in far for shop in pair[:2]})
    visits = events.filter((events.channel == "store") & events.prop_store.isin(shops))
    within = ibis.window(group_by=["subject_key", "event_on"], order_by=["occurred_us", "event_id"])
    visits = visits.select("subject_key", "event_on", "occurred_us", store=visits.prop_store, event_id=visits.event_id)
    visits = visits.mutate(came_us=visits.occurred_us.lag().over(within), before=visits.store.lag().over(within))
    pairs = [((visits.before == one) & (visits.store == other), n_us, km) for one, other, n_us, km in far]
    needed = ibis.cases(
        *[(pair, ibis.literal(n_us, "int64")) for pair, n_us, _ in pairs], else_=ibis.literal(0, "int64")
    )
    distance = ibis.cases(*[(pair, ibis.literal(km)) for pair, _, km in pairs], else_=ibis.literal(0.0))
    visits = visits.mutate(took_us=visits.occurred_us - visits.came_us, needed_us=needed, km=distance)
    jumps = visits.filter(visits.took_us < visits.needed_us)
    # A second at least: two tills that ring at once give no speed.
    speed = jumps.km * 3_600 * SECOND / ibis.greatest(jumps.took_us, ibis.literal(SECOND, "int64"))
    jumps = jumps.mutate(speed=speed)
    days = jumps.group_by(["subject_key", "event_on"]).aggregate(
        n=jumps.count(), figure=jumps.speed.max(), from_us=jumps.came_us.min(), until_us=jumps.occurred_us.max()
    )
    return _marked(days, "speed", days.figure.round(0))


def _marked(days: ibis.Table, reason: str, figure: ibis.Value) -> ibis.Table:
    """One row a subject and day, whatever kinds of views it had."""
    rows = days.select(
        "subject_key", "event_on", "from_us", "until_us", n=days.n.cast("int64"), figure=figure.cast("float64")
    )
    return rows.group_by(["subject_key", "event_on"]).aggregate(
        reason=ibis.literal(reason), from_us=rows.from_us.min(), until_us=rows.until_us.max(),
        n_events=rows.n.sum(), figure=rows.figure.max(),
    )  # fmt: skip


def _apart(places: Mapping[str, Place], speed_kmh: float) -> list[tuple[str, str, int, float]]:
    """Each ordered pair of places that are apart, with the least time the way takes."""
    found = []
    for one, here in sorted(places.items()):
        for other, there in sorted(places.items()):
            km = distance_km(here, there)
            if km >= NEAR_KM:
                found.append((one, other, int(km / speed_kmh * 3_600 * SECOND), round(km, 3)))
    return found


def distance_km(one: Place, other: Place) -> float:
    """The way between two places over the Earth's surface, in km.

    d = 2 r asin √(sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2)) (the haversine formula; Sinnott 1984, Sky and Telescope 68).

    >>> round(distance_km(Place(45.764, 4.8357), Place(48.8566, 2.3522)))
    391
    """
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    half_a, half_l = (b - a) / 2, math.radians(other.longitude - one.longitude) / 2
    h = math.sin(half_a) ** 2 + math.cos(a) * math.cos(b) * math.sin(half_l) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, h)))
