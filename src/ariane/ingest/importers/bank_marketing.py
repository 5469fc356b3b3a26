"""A bank's calls to sell a savings account, one row a client: the last call of the campaign.

| columns                                        | becomes                                                          |
|------------------------------------------------|------------------------------------------------------------------|
| age, job, marital, education, default …        | identify, when called                                            |
| month, day_of_week, campaign, pdays, previous  | Offer Received {offer_id, offer_type, channels, contacts, …}     |
| duration                                       | Call Ended {call_id, reason, talk_s}, that many seconds later    |
| y yes                                          | Offer Completed, when the call ended                             |

The rows hold month and weekday only, in the order of the calls: the day is the first one that fits after the row
before, from May 2008 on. In the first months that gives the very days of the bank's older file; where calls are weeks
apart it may be a week early. The hour is not known: the clock starts at midnight in Lisbon and the order is kept.
`campaign` counts the calls of this campaign, this one included: the earlier ones have no date, so they are a number
(`contacts`), not events. How long they talked says how it ended: it stands on Call Ended alone, never on the offer.
Nobody is named: each row is a client of its own, told by its line, so identical rows are different clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ariane.ingest.convert import month_of, number
from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import named_rows
from ariane.ingest.record import Record

ZONE = ZoneInfo("Europe/Lisbon")
FIRST = date(2008, 5, 1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CONTEXT = {"channel": "call_centre"}
OFFER = {"offer_id": "term_deposit", "offer_type": "savings", "channels": "call_centre"}
NEVER = "999"
TRAITS = ("job", "marital", "education", "default", "housing", "loan")
INDICATORS = ("emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed")
NEEDED = (
    "age", *TRAITS, "contact", "month", "day_of_week", "duration", "campaign", "pdays", "previous", "poutcome",
    *INDICATORS, "y",
)  # fmt: skip


def _part(path: Path) -> Part:
    return part(path, "bank-additional-full.csv", "bank-additional.csv")


class _Calendar:
    """The day of each row, from its month and weekday and the rows before it."""

    def __init__(self) -> None:
        self._day = FIRST
        self._place = 0

    def next(self, month: int, weekday: int) -> datetime:
        """The instant of the next row: a microsecond times ten after the one before, on the same day or a later one."""
        day = self._day
        if month != day.month:
            day = date(day.year + (month < day.month), month, 1)
        day += timedelta(days=(weekday - day.weekday()) % 7)
        if day.month != month:
            raise ValueError("the weekdays do not fit into the month: the rows are not in the order of the calls")
        self._place = self._place + 1 if day == self._day else 0
        self._day = day
        return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC) + timedelta(
            microseconds=10 * self._place
        )


def _records(job: Job) -> Iterator[Record]:
    tally, calendar, ways, said_yes = job.tally, _Calendar(), Counter[str](), 0
    found = _part(job.path)
    for line, row in named_rows(found, tally, NEEDED, delimiter=";"):
        try:
            at = calendar.next(month_of(row["month"]), WEEKDAYS.index(row["day_of_week"]))
            records = list(_call(job, row, line - 1, at))
        except ValueError as error:
            tally.bad(found.path, line, "", str(error))
            continue
        ways[row["contact"]] += 1
        said_yes += row["y"] == "yes"
        yield from records
    figures: dict[str, float] = {"clients called": ways.total(), "said yes": said_yes}
    tally.figures |= figures | dict(ways.most_common())
    if ways:
        tally.figures["share of yes"] = said_yes / ways.total()


def _call(job: Job, row: dict[str, str], client: int, at: datetime) -> Iterator[Record]:
    talk_s, call_id = int(row["duration"]), f"call-{client}"
    ended = at + timedelta(seconds=talk_s, microseconds=2)
    events: list[tuple[str | None, datetime, dict[str, Any]]] = [
        (None, at, _traits(row)),
        ("Offer Received", at + timedelta(microseconds=1), _offer(row)),
        ("Call Ended", ended, {"call_id": call_id, "reason": "savings offer", "talk_s": talk_s}),
    ]
    if row["y"] == "yes":
        events.append(("Offer Completed", ended + timedelta(microseconds=1), OFFER))
    for place, (name, when, said) in enumerate(events):
        yield Record(
            source=job.source,
            message_id=f"{call_id}-{place}",
            type="track" if name else "identify",
            event=name,
            received_us=job.received_us,
            timestamp=when.isoformat()[:-6] + "Z",
            anonymous_id=f"client-{client}",
            properties=said,
            context=CONTEXT,
        )


def _traits(row: dict[str, str]) -> dict[str, Any]:
    known = {name: row[name] for name in TRAITS if row[name] != "unknown"}
    return {"age": int(row["age"])} | known


def _offer(row: dict[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = OFFER | {"line": row["contact"], "contacts": int(row["campaign"])}
    said["previous_contacts"] = int(row["previous"])
    if row["poutcome"] != "nonexistent":
        said["previous_outcome"] = row["poutcome"]
    if row["pdays"] != NEVER:
        said["days_since_contact"] = int(row["pdays"])
    return said | {"indicators": {name: number(row[name]) for name in INDICATORS}}


BANK_MARKETING = Importer(
    kind="bank-marketing",
    about="A bank's calls to sell a savings account, with their outcome (CSV or zip file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    basis="marketing",
    journey="bank_marketing.toml",
)
