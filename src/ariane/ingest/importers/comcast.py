"""Complaints about a telephone and internet company, filed with its regulator, one row a ticket.

| columns                             | becomes                                                                     |
|-------------------------------------|-----------------------------------------------------------------------------|
| Date, Date_month_year, Time         | Complaint Made {ticket_id, comment, outcome, city, state, …}                |
| Received Via                        | the channel: call_centre or web                                             |
| Status                              | outcome: open, pending, closed or solved, as on the day of the export       |
| Ticket #                            | message id; the ticket is its own person, as nobody's name is in the file   |

The two columns of the date must agree. Clock times are taken for those of Washington, where they were received; the
file does not say. When a ticket was solved is not in it either, so there is no event for that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ariane.ingest.convert import instant, month_of
from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import named_rows
from ariane.ingest.record import Record

ZONE = "America/New_York"
CHANNELS = {"Customer Care Call": "call_centre", "Internet": "web"}
NEEDED = (
    "Ticket #", "Customer Complaint", "Date", "Date_month_year", "Time", "Received Via", "City", "State", "Zip code",
    "Status", "Filing on Behalf of Someone",
)  # fmt: skip


def _part(path: Path) -> Part:
    return part(path, "Comcast_telecom_complaints_data.csv", "comcast.csv")


def _records(job: Job) -> Iterator[Record]:
    tally = job.tally
    outcomes, ways = Counter[str](), Counter[str]()
    found = _part(job.path)
    for line, row in named_rows(found, tally, NEEDED):
        try:
            at = _instant(row["Date"], row["Date_month_year"], row["Time"])
        except ValueError as error:
            tally.bad(found.path, line, "Date", str(error))
            continue
        ticket = row["Ticket #"].strip()
        if tally.seen(ticket.encode()):
            continue
        outcomes[row["Status"]] += 1
        ways[row["Received Via"]] += 1
        yield Record(
            source=job.source,
            message_id=f"ticket-{ticket}",
            type="track",
            event="Complaint Made",
            received_us=job.received_us,
            timestamp=at,
            anonymous_id=f"ticket-{ticket}",
            properties=_said(row, ticket),
            context={"channel": CHANNELS.get(row["Received Via"], row["Received Via"])},
        )
    tally.figures |= {"tickets": outcomes.total()} | dict(ways.most_common()) | dict(outcomes.most_common())


def _said(row: dict[str, str], ticket: str) -> dict[str, Any]:
    return {
        "ticket_id": ticket,
        "comment": row["Customer Complaint"].strip(),
        "outcome": row["Status"].lower(),
        "city": row["City"],
        "state": row["State"],
        "zip": row["Zip code"],
        "on_behalf_of_another": row["Filing on Behalf of Someone"] == "Yes",
    }


def _instant(numbers: str, words: str, clock: str) -> str:
    """`22-04-2015` and `22-Apr-15` with `03:53:50 PM`, as ISO 8601; the day comes first in both."""
    first = re.fullmatch(r"(\d{1,2})[-/](\d{1,2})[-/](\d{4})", numbers.strip())
    second = re.fullmatch(r"(\d{1,2})-([A-Z][a-z]{2})-(\d{2})", words.strip())
    hands = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2}) ([AP])M", clock.strip())
    if first is None or second is None or hands is None:
        raise ValueError(f"'{numbers[:20]}', '{words[:20]}', '{clock[:20]}': no day and time")
    day, month, year = int(first[1]), int(first[2]), int(first[3])
    if (day, month, year % 100) != (int(second[1]), month_of(second[2]), int(second[3])):
        raise ValueError(f"'{numbers}' and '{words}' are not the same day")
    hour = int(hands[1]) % 12 + (12 if hands[4] == "P" else 0)
    return instant(f"{year}-{month:02d}-{day:02d}T{hour:02d}:{hands[2]}:{hands[3]}", timezone=ZONE)


COMCAST = Importer(
    kind="comcast",
    about="Complaints about a telecoms company, by call or web (CSV file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    aliases=("comcast-complaints", "complaints"),
)
