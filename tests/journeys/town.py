"""A small seeded town: cycles of search, basket, order, delivery and calls, with frictions on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ariane.journeys.blueprint import Journey, read_journey
from ariane.model import DAY, HOUR, MINUTE, SECOND, event_id_of, key_of
from ariane.store import Lake, schema_of

DAY_ZERO = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC, in microseconds."""

JOURNEY = """
name = { en = "Purchase journey", fr = "Parcours d'achat" }
goal = "pays"
window_days = 14

[[steps]]
key = "sees_campaign"
stage = "before"
events = ["Email Opened", "Ad Viewed"]

[[steps]]
key = "searches"
stage = "consideration"
events = ["Products Searched"]

[[steps]]
key = "compares"
stage = "consideration"
events = ["Product Compared"]

[[steps]]
key = "visits_store"
stage = "consideration"
name = { en = "Visits the store", fr = "Visite la boutique" }
events = ["Store Visited"]
where = { channel = ["store"] }

[[steps]]
key = "fills_basket"
stage = "conversion"
events = ["Product Added"]

[[steps]]
key = "pays"
stage = "conversion"
events = ["Order Completed"]

[[steps]]
key = "waits_delivery"
stage = "evaluation"
events = ["Delivery Made"]

[[steps]]
key = "calls_support"
stage = "evaluation"
events = ["Call Started", "Call Answered", "Call Abandoned", "Call Ended"]

[[steps]]
key = "recommends"
stage = "loyalty"
events = ["Referral Made"]
owner = "customer"
medium = "earned"
"""


def journey() -> Journey:
    return read_journey(JOURNEY)


class Planted(msgspec.Struct, frozen=True):
    """A friction to plant: for which slice, between which days (both included), and the chance it strikes."""

    detector: str
    column: str
    value: str
    began: int
    ended: int
    size: float = 0.5

    def strikes(self, rng: np.random.Generator, days: np.ndarray, values: np.ndarray) -> np.ndarray:
        inside = (days >= self.began) & (days <= self.ended) & (values == self.value)
        return inside & (rng.random(len(days)) < self.size)


class Blocks:
    """Events gathered column by column."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []

    def add(self, event: str, person: np.ndarray, at_us: np.ndarray, channel: Any, **columns: Any) -> None:
        if len(person):
            self.parts.append({"event": event, "person": person, "occurred_us": at_us, "channel": channel, **columns})

    def table(self, seed: int) -> pa.Table:
        rows = sum(len(part["person"]) for part in self.parts)
        columns: dict[str, list[Any]] = {}
        for name in sorted({name for part in self.parts for name in part}):
            columns[name] = [v for part in self.parts for v in _spread(part.get(name), len(part["person"]))]
        occurred = np.array(columns.pop("occurred_us"), dtype=np.int64)
        person = np.array(columns.pop("person"), dtype=np.int64)
        keys = np.array([key_of("user_id", f"p{n}") for n in range(int(person.max()) + 1)], dtype=np.int64)
        given: dict[str, Any] = {
            "event_id": [event_id_of("town", f"{seed}-{n}") for n in range(rows)],
            "message_id": [f"{seed}-{n}" for n in range(rows)],
            "source": ["town"] * rows,
            "type": ["track"] * rows,
            "occurred_us": occurred,
            "received_us": occurred,
            "event_on": pc.cast(pa.array(occurred // DAY, pa.int32()), pa.date32()),
            "user_id": [f"p{n}" for n in person],
            "subject_key": keys[person],
            "is_bot": [False] * rows,
            **columns,
        }
        schema = schema_of("events")
        return pa.table(
            {f.name: pa.array(given[f.name], f.type) if f.name in given else pa.nulls(rows, f.type) for f in schema},
            schema=schema,
        )


def _spread(value: Any, n: int) -> Iterable[Any]:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [value] * n


OS = np.array(["iOS 18", "Android 15", "Windows 11", "macOS 15"])
DEVICE = {"iOS 18": "mobile", "Android 15": "mobile", "Windows 11": "desktop", "macOS 15": "desktop"}
CARRIERS = np.array(["colis_vert", "poste", "rapide"])
STORES = np.array(["Lyon", "Paris", "Lille"])
REASONS = np.array(["delivery", "installation", "invoice"])
VERSIONS = np.array(["4.1", "4.2", "4.3"])


def town(
    seed: int, *, persons: int = 1500, days: int = 120, cycles: float = 3.0, planted: Iterable[Planted] = ()
) -> pa.Table:
    """Events of a town. Persons differ in zeal and in temper, so that trials of one person are not independent."""
    rng = np.random.default_rng(seed)
    strikes: dict[str, list[Planted]] = {}
    for one in planted:
        strikes.setdefault(one.detector, []).append(one)
    n = rng.poisson(cycles, persons)
    who = np.repeat(np.arange(persons), n)
    temper = rng.beta(8, 8, persons)[who]
    start = DAY_ZERO + (rng.random(len(who)) * (days - 2) * DAY).astype(np.int64)
    os = OS[rng.choice(4, persons, p=[0.3, 0.3, 0.25, 0.15])][who]
    version = VERSIONS[np.minimum(2, (rng.random(len(who)) * 3).astype(int))]
    device = np.array([DEVICE[o] for o in os])
    mobile = device == "mobile"
    channel = np.where(mobile & (rng.random(len(who)) < 0.6), "app", "web")
    version = np.where(channel == "app", version, None)
    base = {"ctx_os": os, "ctx_device_type": device, "ctx_app_version": version}
    out = Blocks()
    _shop(out, rng, who, start, channel, base, temper, strikes)
    _calls(out, rng, who, start, temper, strikes, days)
    return out.table(seed)


def _cut(base: Mapping[str, np.ndarray], keep: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[keep] for name, values in base.items()}


def _hit(
    strikes: Mapping[str, list[Planted]], detector: str, rng: np.random.Generator, at: np.ndarray, **values: np.ndarray
) -> np.ndarray:
    hit = np.zeros(len(at), dtype=bool)
    for one in strikes.get(detector, []):
        if one.column in values:
            hit |= one.strikes(rng, (at - DAY_ZERO) // DAY, values[one.column])
    return hit


def _shop(
    out: Blocks, rng: np.random.Generator, who: np.ndarray, start: np.ndarray, channel: np.ndarray,
    base: Mapping[str, np.ndarray], temper: np.ndarray, strikes: Mapping[str, list[Planted]],
) -> None:  # fmt: skip
    m = len(who)

    def later(at: np.ndarray, low: int, high: int) -> np.ndarray:
        return at + (low + rng.random(len(at)) * (high - low)).astype(np.int64)

    mail = rng.random(m) < 0.4
    out.add("Email Opened", who[mail], later(start[mail] - HOUR, 0, HOUR), "email", prop_campaign="spring")
    out.add("Products Searched", who, start, channel, **base)
    at = later(start, MINUTE, 10 * MINUTE)
    out.add("Product Compared", who, at, channel, **base)
    back = (rng.random(m) < 0.15) | _hit(strikes, "ping_pong", rng, start, **base)
    out.add("Products Searched", who[back], later(at[back], MINUTE, 4 * MINUTE), channel[back], **_cut(base, back))
    shop = rng.random(m) < 0.2
    store = STORES[rng.choice(3, m)]
    out.add("Store Visited", who[shop], later(start[shop], HOUR, 4 * HOUR), "store", prop_store=store[shop])
    basket = rng.random(m) < 0.7
    at = later(start, 12 * MINUTE, 20 * MINUTE)
    out.add("Product Added", who[basket], at[basket], channel[basket], **_cut(base, basket))
    lost = _hit(strikes, "drop_off", rng, start, **base)
    paid = basket & (rng.random(m) < 0.35 + 0.5 * temper) & ~lost
    order = np.array([f"o{n}" for n in range(m)], dtype=object)
    at = later(at, MINUTE, 30 * MINUTE)
    out.add(
        "Order Completed", who[paid], at[paid], channel[paid], prop_order_id=order[paid], prop_currency="EUR",
        prop_revenue_minor=(rng.lognormal(9, 0.4, m).astype(np.int64))[paid], **_cut(base, paid),
    )  # fmt: skip
    carrier = CARRIERS[rng.choice(3, m)]
    late = (rng.random(m) < 0.08) | _hit(strikes, "wait", rng, start, prop_carrier=carrier)
    days_late = np.where(late, 1 + rng.poisson(2, m), 0).astype(float)
    at = at + ((2 + days_late) * DAY).astype(np.int64)
    out.add(
        "Delivery Made", who[paid], at[paid], "partner", prop_order_id=order[paid], prop_carrier=carrier[paid],
        prop_late_days=days_late[paid],
    )  # fmt: skip
    told = paid & (rng.random(m) < 0.4)
    score = np.clip(np.round(4.3 - 1.6 * late + rng.normal(0, 0.7, m)), 1, 5)
    out.add(
        "Survey Answered", who[told], later(at[told], HOUR, 8 * HOUR), "email", prop_question="csat",
        prop_score=score[told], prop_about="waits_delivery", prop_kind="transactional",
        prop_comment=np.where(score[told] <= 2, "No news for days.", None),
    )  # fmt: skip
    rel = paid & (rng.random(m) < 0.25)
    nps = np.clip(np.round(7.5 + 1.2 * (score - 4) + rng.normal(0, 1.2, m)), 0, 10)
    out.add(
        "Survey Answered", who[rel], later(at[rel], 9 * HOUR, 30 * HOUR), "email", prop_question="nps",
        prop_score=nps[rel], prop_kind="relational",
    )  # fmt: skip
    refer = paid & (nps >= 9) & (rng.random(m) < 0.3)
    out.add("Referral Made", who[refer], later(at[refer], 20 * HOUR, 60 * HOUR), "social")


def _calls(
    out: Blocks, rng: np.random.Generator, who: np.ndarray, start: np.ndarray, temper: np.ndarray,
    strikes: Mapping[str, list[Planted]], days: int,
) -> None:  # fmt: skip
    calls = rng.random(len(who)) < 0.25 + 0.3 * temper
    who, at = who[calls], start[calls] + (rng.random(int(calls.sum())) * 3 * DAY).astype(np.int64)
    reason = REASONS[rng.choice(3, len(who))]
    again = (rng.random(len(who)) < 0.12) | _hit(strikes, "repeat_contact", rng, at, prop_reason=reason)
    who = np.concatenate([who, who[again]])
    gap = ((1 + rng.random(int(again.sum())) * 4) * DAY).astype(np.int64)
    at = np.concatenate([at, at[again] + gap])
    reason = np.concatenate([reason, reason[again]])
    inside = at < DAY_ZERO + days * DAY
    who, at, reason = who[inside], at[inside], reason[inside]
    m = len(who)
    call = np.array([f"c{n}" for n in range(m)], dtype=object)
    wait = np.round(rng.exponential(41, m), 1)
    wait = np.where(_hit(strikes, "call_wait", rng, at, prop_reason=reason), wait + 400, wait)
    gone = rng.random(m) < 0.1
    said = {"prop_reason": reason, "prop_call_id": call}
    out.add("Call Started", who, at, "call_centre", **said)
    left = at + (wait * SECOND).astype(np.int64)
    out.add("Call Abandoned", who[gone], left[gone], "call_centre", prop_wait_s=wait[gone], **_cut(said, gone))
    out.add("Call Answered", who[~gone], left[~gone], "call_centre", prop_wait_s=wait[~gone], **_cut(said, ~gone))
    out.add(
        "Call Ended", who[~gone], left[~gone] + 5 * MINUTE, "call_centre",
        prop_resolved=rng.random(int((~gone).sum())) < 0.8, **_cut(said, ~gone),
    )  # fmt: skip


def write(root: Path, events: pa.Table, *, denied: Iterable[str] = (), by_day: bool = False) -> Lake:
    """The events as a lake, each user_id a person of the same name; `denied` persons object to measurement."""
    lake = Lake(root)
    lake.append("events", events, partition_by=["event_on"] if by_day else ())
    names = sorted(set(events.column("user_id").to_pylist()))
    known = [
        {"key": key_of("user_id", name), "kind": "user_id", "value": name, "person_id": name, "status": "live"}
        for name in names
    ]
    lake.replace("identifiers", pa.Table.from_pylist(known, schema=schema_of("identifiers")))
    said = [
        {"person_id": name, "purpose": "measurement", "channel": "", "granted": False, "decided_us": DAY_ZERO}
        for name in denied
    ]
    lake.replace("consents", pa.Table.from_pylist(said, schema=schema_of("consents")))
    return lake


def date_of(day: int) -> date:
    return date.fromordinal(date(2026, 1, 1).toordinal() + day)
