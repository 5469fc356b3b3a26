"""The offers of a coffee house's rewards app: transcript, profile and portfolio, as JSON lines.

| file and value                  | becomes                                                                    |
|---------------------------------|----------------------------------------------------------------------------|
| transcript, offer received      | Offer Received {offer_id, offer_type, channels}                            |
| transcript, offer viewed        | Offer Viewed, the same                                                     |
| transcript, offer completed     | Offer Completed, the same and {reward}, in the store                       |
| transcript, transaction         | Order Completed {order_id, revenue, currency}, in the store                |
| profile                         | identify {gender, age, income, became_member_on}                           |
| person, id                      | user_id                                                                    |

`time` counts hours from the start of the test, which the files do not date: here it is 1 August 2018, 00:00 UTC, the
first of a month after the last member joined. Events of one hour keep the order of the file, a microsecond apart.
The offer's key is spelled `offer id` or `offer_id`. Age 118 stands for an unknown one and is left out. `channels` joins
the offer's channels in the order web+email+mobile+social; which of them a person saw is not in the files, so offers
carry the most immediate channel of their set (social, else app for mobile, else email), received and viewed alike.
Exact duplicates are kept: a person may hold the same offer twice and complete both with one purchase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from ariane.ingest.importers.files import need
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import typed_lines
from ariane.ingest.record import Record

BEGAN = datetime(2018, 8, 1, tzinfo=UTC)
NO_AGE = 118
CURRENCY = "USD"
ORDER = ("web", "email", "mobile", "social")
NEAREST = (("social", "social"), ("mobile", "app"), ("email", "email"))
NAMES = {
    "offer received": "Offer Received",
    "offer viewed": "Offer Viewed",
    "offer completed": "Offer Completed",
    "transaction": "Order Completed",
}
_STORE = msgspec.Raw(b'{"channel":"store"}')
_ON_THE_WAY = frozenset({"offer received", "offer viewed"})


class _Value(msgspec.Struct, frozen=True):
    spaced: str | None = msgspec.field(default=None, name="offer id")
    offer_id: str | None = None
    amount: float | None = None
    reward: float | None = None


class _Line(msgspec.Struct, frozen=True):
    person: str
    event: str
    value: _Value
    time: int


class _Offer(msgspec.Struct, frozen=True):
    id: str
    offer_type: str
    channels: tuple[str, ...]


class _Profile(msgspec.Struct, frozen=True):
    id: str
    gender: str | None = None
    age: int | None = None
    income: float | None = None
    became_member_on: str | int | None = None


class _Known(msgspec.Struct, frozen=True):
    """What every event of an offer says."""

    channels: str
    properties: dict[str, object]
    context: msgspec.Raw


def _paths(folder: Path) -> list[Path]:
    return [need(folder, f"{name}.json") for name in ("portfolio", "profile", "transcript")]


def _records(job: Job) -> Iterator[Record]:
    portfolio, profile, transcript = _paths(job.path)
    offers = _offers(portfolio, job)
    persons: set[str] = set()
    yield from _profiles(profile, job, persons)
    yield from _transcript(transcript, job, offers, persons)


def _offers(path: Path, job: Job) -> dict[str, _Known]:
    known = {}
    for _, offer in typed_lines(path, job.tally, _Offer):
        channels = "+".join(channel for channel in ORDER if channel in offer.channels)
        said: dict[str, object] = {"offer_id": offer.id, "offer_type": offer.offer_type, "channels": channels}
        nearest = next((ours for theirs, ours in NEAREST if theirs in offer.channels), "web")
        known[offer.id] = _Known(channels, said, _raw({"channel": nearest}))
    return known


def _profiles(path: Path, job: Job, persons: set[str]) -> Iterator[Record]:
    """Each member's traits, at the hour the test began: the earliest the brand could use them in it."""
    tally, at = job.tally, BEGAN.isoformat().replace("+00:00", "Z")
    no_age = 0
    for text, profile in typed_lines(path, tally, _Profile):
        persons.add(profile.id)
        traits: dict[str, object] = {"gender": profile.gender, "age": profile.age, "income": profile.income}
        if profile.age == NO_AGE:
            no_age += 1
            traits["age"] = None
        member = str(profile.became_member_on or "")
        traits["became_member_on"] = f"{member[:4]}-{member[4:6]}-{member[6:8]}" if len(member) == 8 else None
        yield Record(
            source=job.source,
            message_id=_content_id(text),
            type="identify",
            received_us=job.received_us,
            timestamp=at,
            user_id=profile.id,
            properties={key: value for key, value in traits.items() if value is not None},
            context=_STORE,
        )
    tally.figures["profiles of unknown age"] = no_age


def _transcript(path: Path, job: Job, offers: dict[str, _Known], persons: set[str]) -> Iterator[Record]:
    counts: Counter[str] = Counter()
    by_channels: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    places: Counter[int] = Counter()
    n_duplicates = 0
    for text, line in typed_lines(path, job.tally, _Line):
        name = NAMES.get(line.event)
        if name is None:
            job.tally.skip(f"unknown event {line.event[:40]}")
            continue
        counts[line.event] += 1
        persons.add(line.person)
        message_id = _content_id(text)
        seen[message_id] += 1
        if (times := seen[message_id]) > 1:
            n_duplicates += 1
            message_id = f"{message_id}-{times}"
        places[line.time] += 1
        offer_id = line.value.offer_id or line.value.spaced
        offer = offers.get(offer_id or "")
        if offer is not None:
            by_channels[offer.channels, line.event] += 1
        yield Record(
            source=job.source,
            message_id=message_id,
            type="track",
            event=name,
            received_us=job.received_us,
            timestamp=_at(line.time, places[line.time]),
            user_id=line.person,
            properties=_properties(line, offer, offer_id, message_id),
            context=offer.context if offer is not None and line.event in _ON_THE_WAY else _STORE,
        )
    job.tally.n_duplicates = n_duplicates
    _figures(job, counts, by_channels, len(persons))


def _properties(
    line: _Line, offer: _Known | None, offer_id: str | None, message_id: str
) -> msgspec.Raw | dict[str, object]:
    if line.event == "transaction":
        return {"order_id": message_id, "revenue": line.value.amount, "currency": CURRENCY}
    said: dict[str, object] = offer.properties if offer is not None else {"offer_id": offer_id}
    return said if line.value.reward is None else {**said, "reward": line.value.reward}


def _figures(job: Job, counts: Counter[str], by_channels: Counter[tuple[str, str]], n_persons: int) -> None:
    figures = job.tally.figures
    figures.update({event: counts[event] for event in NAMES})
    figures["persons"] = n_persons
    figures["exact duplicates, kept"] = job.tally.n_duplicates
    for channels in sorted({channels for channels, event in by_channels if event == "offer received"}):
        viewed, received = by_channels[channels, "offer viewed"], by_channels[channels, "offer received"]
        figures[f"view rate, {channels}"] = viewed / received


@lru_cache(4)
def _hour(hours: int) -> str:
    return (BEGAN + timedelta(hours=hours)).strftime("%Y-%m-%dT%H")


def _at(hours: int, place: int) -> str:
    seconds, micros = divmod(place, 1_000_000)
    return f"{_hour(hours)}:{seconds // 60:02d}:{seconds % 60:02d}.{micros:06d}Z"


def _content_id(text: bytes) -> str:
    return blake2b(text, digest_size=12).hexdigest()


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


STARBUCKS = Importer(
    kind="starbucks",
    about="Offers received, viewed and completed, and sales, of a rewards app (folder)",
    files=_paths,
    records=_records,
    journey="starbucks.toml",
    aliases=("starbucks-offers",),
)
