"""A crowd's events at any size, as the lake keeps them: seeded, a day at a time, without a collector.

Names, channels, shares and properties are those of the demo town. What a person does next is drawn independently: the
crowd is there to be heavy, the town to be true.
"""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ariane.model import DAY, SECOND
from ariane.store import Lake, schema_of

DAYS = 120
FIRST_ON = date(2026, 3, 1)
KEYS_EACH = 2
"""Identifiers a person has."""
BOTS, REFUSE = 0.01, 0.04
"""Shares of persons that are programs, and of those who refuse to be measured."""

Values = tuple[str | float | bool, ...]
_SURVEYS: dict[str, Values] = {
    "prop_survey_id": ("csat-visits_store", "emotion-pays", "ces-calls_support"),
    "prop_question": ("csat", "csat", "emotion", "ces"),
    "prop_score": (1.0, 2.0, 2.0, 1.0, 2.0),
    "prop_about": ("visits_store", "pays", "calls_support", "installs"),
    "prop_kind": ("transactional",),
    "prop_comment": ("Quick and friendly.", "I waited too long.", "The lamp is beautiful.", "Where is my parcel?"),
}  # fmt: skip
_PRODUCTS: dict[str, Values] = {
    "prop_product_id": ("fil-one", "fil-mini", "fil-bulb", "fil-shade"),
    "prop_category": ("lamps", "lamps", "bulbs", "shades"),
}
_REASON: dict[str, Values] = {"prop_reason": ("delivery", "usage", "refund", "light")}


class Act(msgspec.Struct, frozen=True):
    """One kind of event: its share in the whole, and the values its properties are drawn from."""

    event: str
    channel: str
    weight: float
    properties: dict[str, Values] = {}
    is_step: bool = True


ACTS: tuple[Act, ...] = (
    Act("Home", "web", 202, {"prop_path": ("/",)}, False),
    Act("Account", "web", 55, {}, False),
    Act("Preferences", "web", 29, {}, False),
    Act("Home", "app", 27, {"prop_path": ("/",)}, False),
    Act("Email Delivered", "email", 32, {"prop_campaign": ("autumn-light", "thread-of-light")}, False),
    Act("Product Used", "object", 23, {}, False),
    Act("Offer Received", "email", 13, {"prop_offer_type": ("discount", "bogo")}, False),
    Act("Survey Sent", "email", 65, {"prop_kind": ("relational", "transactional"), "prop_question": ("nps",)}, False),
    Act("Survey Dismissed", "email", 14, {}, False),
    Act("Error Shown", "web", 3, {"prop_code": ("E1", "E2"), "prop_step": ("pays", "fills_basket")}, False),
    Act("Rage Click", "web", 2, {"prop_step": ("pays", "searches")}, False),
    Act("Ad Viewed", "social", 45, {"prop_campaign": ("autumn-light", "thread-of-light")}),
    Act("Ad Viewed", "partner", 30, {"prop_campaign": ("autumn-light",)}),
    Act("Ad Clicked", "social", 12, {"prop_campaign": ("thread-of-light",)}),
    Act("Email Opened", "email", 14, {"prop_campaign": ("autumn-light",)}),
    Act("Email Clicked", "email", 5, {"prop_campaign": ("autumn-light",)}),
    Act("Offer Viewed", "email", 7, {"prop_offer_type": ("discount", "bogo")}),
    Act("Friend Mentioned", "word_of_mouth", 5),
    Act("Products Searched", "web", 30),
    Act("Products Searched", "app", 10),
    Act("Product Viewed", "web", 137, _PRODUCTS),
    Act("Product Viewed", "app", 25, _PRODUCTS),
    Act("Product Compared", "web", 20, _PRODUCTS),
    Act("Product Compared", "app", 6, _PRODUCTS),
    Act("Try-On Started", "immersive", 4, _PRODUCTS),
    Act("Try-On Completed", "immersive", 3, _PRODUCTS),
    Act("Store Visited", "store", 22, {"prop_store": ("Lyon", "Paris", "Lille")}),
    Act("Adviser Consulted", "store", 10, {"prop_store": ("Lyon", "Paris", "Lille")}),
    Act("Chat Turn", "chatbot", 15, _REASON),
    Act("Assistant Asked", "voice_assistant", 2, _REASON),
    Act("Product Added", "web", 9, _PRODUCTS),
    Act("Cart Viewed", "app", 9),
    Act("Checkout Started", "web", 7),
    Act("Payment Info Entered", "app", 7),
    Act("Order Completed", "web", 14, {"prop_kind": ("order", "order", "order", "reorder"), **_PRODUCTS}),
    Act("Delivery Promised", "email", 10, {"prop_carrier": ("Iris", "Mercure")}),
    Act("Delivery Made", "partner", 10, {"prop_late_days": (0.0, 0.0, 0.0, 1.0, 4.0), "prop_carrier": ("Iris",)}),
    Act("Product Installed", "object", 5),
    Act("Call Started", "call_centre", 9, _REASON),
    Act("Call Queued", "call_centre", 9, _REASON),
    Act("Call Answered", "call_centre", 7, {"prop_wait_s": (4.0, 30.0, 90.0, 200.0), **_REASON}),
    Act("Call Abandoned", "call_centre", 2, {"prop_wait_s": (35.0, 240.0), **_REASON}),
    Act("Call Ended", "call_centre", 7, {"prop_resolved": (True, True, False), **_REASON}),
    Act("Survey Answered", "email", 14, _SURVEYS),
    Act("Survey Answered", "web", 8, _SURVEYS),
    Act("Review Posted", "web", 5, {"prop_score": (1.0, 3.0, 4.0, 5.0)}),
    Act("Referral Made", "social", 1),
)


class Crowd(msgspec.Struct, frozen=True):
    """How many persons, and how many of their events belong to a step and may be read: what a map must count."""

    n_events: int
    n_persons: int
    n_readable: int
    n_touching: int


def write(lake: Lake, n_events: int, n_persons: int, seed: int = 1) -> Crowd:
    """Write the lake's tables of a crowd, one file a day, and tell what is true of it."""
    rng = np.random.default_rng(seed)
    activity = np.cumsum(rng.lognormal(0.0, 1.0, n_persons))
    bots, refuse = rng.random(n_persons) < BOTS, rng.random(n_persons) < REFUSE
    touching = np.zeros(n_persons, bool)
    is_step = np.array([act.is_step for act in ACTS])
    n_readable = 0
    for day in range(DAYS):
        n = n_events * (day + 1) // DAYS - n_events * day // DAYS
        person, table = _day(rng, day, n, activity, bots)
        lake.append("events", table[0], partition_by=["event_on"])
        steps = is_step[table[1]] & ~(bots | refuse)[person]
        touching[person[steps]] = True
        n_readable += int(steps.sum())
    _write_persons(lake, n_persons, refuse)
    return Crowd(n_events, n_persons, n_readable, int(touching.sum()))


def _day(
    rng: np.random.Generator, day: int, n: int, activity: NDArray[np.float64], bots: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], tuple[pa.Table, NDArray[np.int64]]]:
    """A day's events, in visits of one to a dozen, sorted as the lake's writer sorts them."""
    sizes = np.minimum(rng.geometric(0.25, n), 12)
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), n) + 1]
    visits = len(sizes)
    persons = np.searchsorted(activity, rng.random(visits) * activity[-1])
    keys = persons * KEYS_EACH + rng.integers(KEYS_EACH, size=visits)
    starts = rng.integers(0, DAY - 3600 * SECOND, visits)
    person, key, start = (np.repeat(one, sizes)[:n] for one in (persons, keys, starts))
    midnight = (FIRST_ON - date(1970, 1, 1)).days + day
    occurred = midnight * DAY + start + rng.integers(0, 3600 * SECOND, n)
    act = np.searchsorted(_SHARES, rng.random(n) * _SHARES[-1], side="right")
    subject = _mixed(key)
    order = np.lexsort((occurred, subject))
    person, subject, occurred, act = person[order], subject[order], occurred[order], act[order]
    columns = {
        "event_id": _hexadecimal(rng, n),
        "event": _NAMES.take(pa.array(act)),
        "channel": _CHANNELS.take(pa.array(act)),
        "occurred_us": pa.array(occurred),
        "received_us": pa.array(occurred),
        "event_on": pa.array(np.full(n, midnight, np.int32)).cast(pa.date32()),
        "subject_key": pa.array(subject),
        "is_bot": pa.array(bots[person]),
    }
    columns |= {name: _drawn(rng, name, act) for name in _DRAWN}
    schema = schema_of("events")
    arrays = [columns[field.name] if field.name in columns else _blank(field, n) for field in schema]
    return person, (pa.Table.from_arrays(arrays, schema=schema), act)


def _blank(field: pa.Field, n: int) -> pa.Array:
    """Columns no analysis reads are left empty."""
    base = {"source": "bench", "type": "track", "properties": "{}", "context": "{}"}
    return pa.repeat(base[field.name], n) if field.name in base else pa.nulls(n, field.type)


def _write_persons(lake: Lake, n_persons: int, refuse: NDArray[np.bool_]) -> None:
    names = pa.array([f"p{number:015x}" for number in range(n_persons)])
    key = np.arange(n_persons * KEYS_EACH)
    identifiers = pa.table(
        {
            "key": _mixed(key),
            "kind": pa.repeat("cookie", len(key)),
            "value": pa.array(key).cast(pa.string()),
            "person_id": names.take(pa.array(key // KEYS_EACH)),
            "status": pa.repeat("live", len(key)),
        }
    )
    lake.replace("identifiers", identifiers.cast(schema_of("identifiers")))
    persons = names.filter(pa.array(refuse))
    n = len(persons)
    consents = pa.table(
        {
            "person_id": persons,
            "purpose": pa.repeat("measurement", n),
            "channel": pa.repeat("", n),
            "granted": pa.repeat(False, n),
            "decided_us": pa.repeat(0, n),
        }
    )
    lake.replace("consents", consents.cast(schema_of("consents")))


def _mixed(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys spread over 64 bits as hashes are, without collision (the finaliser of SplitMix64, Steele et al. 2014)."""
    x = key.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.int64] = (x ^ (x >> np.uint64(31))).view(np.int64)
    return mixed


def _hexadecimal(rng: np.random.Generator, n: int) -> pa.Array:
    """n random texts of 24 hexadecimal digits."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[rng.integers(0, 16, n * 24, dtype=np.uint8)]
    ends = np.arange(0, 24 * (n + 1), 24, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(digits))


_SHARES = np.cumsum([act.weight for act in ACTS])
_NAMES, _CHANNELS = pa.array([act.event for act in ACTS]), pa.array([act.channel for act in ACTS])
_DRAWN = tuple(dict.fromkeys(name for act in ACTS for name in act.properties))


def _drawn(rng: np.random.Generator, name: str, act: NDArray[np.int64]) -> pa.Array:
    """The values of one property: drawn from those of each event's act, absent where it has none."""
    lists = [act_.properties.get(name, ()) for act_ in ACTS]
    sizes = np.array([len(one) for one in lists])
    place = (np.cumsum(sizes) - sizes)[act] + (rng.random(len(act)) * sizes[act]).astype(np.int64)
    values = pa.array([value for one in lists for value in one], schema_of("events").field(name).type)
    return values.take(pa.array(place, mask=sizes[act] == 0))
