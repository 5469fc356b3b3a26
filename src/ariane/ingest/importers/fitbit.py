"""The days of persons who wore an activity tracker, one row a person and day.

| row                       | becomes                                                                               |
|---------------------------|---------------------------------------------------------------------------------------|
| a person's first          | Segment Consent Preference Updated: research yes, every other purpose no              |
| every                     | Object Reported {product_id, period, worn, steps, distance_km, active_minutes, …}     |
| Id                        | user_id                                                                               |

A row is not something a person did: it is the sum a tracker sent of a day, so that is what the event is called. It is
dated at the day's last second, when the sum was known; the file names no time zone, so UTC. A day without a step, all
sedentary, was not worn. These are data on health: they were given for research and for nothing else, which is written
down as the person's own answer, so that the import comes under `research` and no other purpose may read a single row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ariane.ingest.convert import instant
from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import named_rows
from ariane.ingest.record import Record
from ariane.model import PURPOSES

CONTEXT = {"channel": "object"}
STUDY = "Furberg et al. 2016"
ALLOWED = ("research", "service")
WHOLE_DAY = 1_440
MINUTES = ("VeryActiveMinutes", "FairlyActiveMinutes", "LightlyActiveMinutes", "SedentaryMinutes")
NEEDED = ("Id", "ActivityDate", "TotalSteps", "TotalDistance", *MINUTES, "Calories")


def _part(path: Path) -> Part:
    return part(path, "dailyActivity_merged.csv")


def _records(job: Job) -> Iterator[Record]:
    tally, known, not_worn = job.tally, set[str](), 0
    found = _part(job.path)
    for line, row in named_rows(found, tally, NEEDED):
        try:
            day = _day(row["ActivityDate"])
            said = _said(row)
        except ValueError as error:
            tally.bad(found.path, line, "", str(error))
            continue
        person = tally.identity("Id", row["Id"])
        if person is not None and person not in known:
            known.add(person)
            yield _answer(job, person, day)
        not_worn += not said["worn"]
        yield Record(
            source=job.source,
            message_id=f"day-{row['Id']}-{day}",
            type="track",
            event="Object Reported",
            received_us=job.received_us,
            timestamp=instant(f"{day}T23:59:59"),
            user_id=person,
            properties=said,
            context=CONTEXT,
        )
    tally.figures |= {"days": tally.n_rows, "persons": len(known), "days not worn": not_worn}


def _day(text: str) -> str:
    """`4/12/2016` as `2016-04-12`."""
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
    if match is None:
        raise ValueError(f"'{text[:40]}' is no day")
    return f"{match[3]}-{int(match[1]):02d}-{int(match[2]):02d}"


def _said(row: dict[str, str]) -> dict[str, Any]:
    very, fairly, lightly, sedentary = (int(row[column]) for column in MINUTES)
    steps = int(row["TotalSteps"])
    return {
        "product_id": "fitbit",
        "period": "day",
        "worn": not (steps == 0 and sedentary == WHOLE_DAY),
        "steps": steps,
        "distance_km": round(float(row["TotalDistance"]), 3),
        "active_minutes": very + fairly + lightly,
        "very_active_minutes": very,
        "sedentary_minutes": sedentary,
        "calories": int(row["Calories"]),
    }


def _answer(job: Job, person: str, day: str) -> Record:
    """What the person agreed to, before their first row: an express answer to every purpose."""
    return Record(
        source=job.source,
        message_id=f"answer-{person}",
        type="track",
        event="Segment Consent Preference Updated",
        received_us=job.received_us,
        timestamp=instant(f"{day}T00:00:00"),
        user_id=person,
        properties={"text_version": STUDY},
        context=CONTEXT | {"consent": {"categoryPreferences": {purpose: purpose in ALLOWED for purpose in PURPOSES}}},
    )


FITBIT = Importer(
    kind="fitbit",
    about="Daily sums of activity trackers, for research only (CSV file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    basis="research",
    aliases=("fitbit-daily",),
)
