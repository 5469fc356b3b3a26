"""Small lakes for tests: events written by hand, through the same Lake every process writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from ariane.model import DAY, event_id_of, key_of
from ariane.store import Lake, schema_of

DAY_ZERO = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC, a Thursday, in microseconds."""


def event(person: str, name: str, at_us: int, *, channel: str = "web", **columns: Any) -> dict[str, Any]:
    """One event of one person. Further columns are given by their names in the lake, `prop_` left out where it fits."""
    known = set(schema_of("events").names)
    named = {(column if column in known else f"prop_{column}"): value for column, value in columns.items()}
    return {"person": person, "event": name, "occurred_us": at_us, "channel": channel, **named}


def write_lake(
    root: Path,
    events: Iterable[Mapping[str, Any]],
    consents: Iterable[tuple[str, str, str, bool]] = (),
    merged: Mapping[str, str] | None = None,
) -> Lake:
    """A lake holding `events`, the identifiers of their persons, and consents (person, purpose, channel, granted).
    `merged` gives an identifier another person than itself."""
    lake = Lake(root)
    rows = [_row(dict(given), number) for number, given in enumerate(events)]
    names = sorted({row["user_id"] for row in rows} | {person for person, *_ in consents})
    of = {name: (merged or {}).get(name, name) for name in names}
    lake.append("events", pa.Table.from_pylist(rows, schema=schema_of("events")), partition_by=["event_on"])
    lake.replace(
        "identifiers",
        pa.Table.from_pylist(
            [
                {
                    "key": key_of("user_id", name),
                    "kind": "user_id",
                    "value": name,
                    "person_id": of[name],
                    "status": "live",
                }
                for name in names
            ],
            schema=schema_of("identifiers"),
        ),
    )
    said = [
        {"person_id": of[person], "purpose": purpose, "channel": channel, "granted": granted, "decided_us": DAY_ZERO}
        for person, purpose, channel, granted in consents
    ]
    lake.replace("consents", pa.Table.from_pylist(said, schema=schema_of("consents")))
    return lake


def _row(given: dict[str, Any], number: int) -> dict[str, Any]:
    person, at_us = given.pop("person"), given["occurred_us"]
    return {
        "event_id": event_id_of("test", f"m-{number}"),
        "message_id": f"m-{number}",
        "source": "test",
        "type": "track",
        "received_us": at_us,
        "event_on": date(1970, 1, 1) + timedelta(days=at_us // DAY),
        "user_id": person,
        "subject_key": key_of("user_id", person),
        "is_bot": False,
        "properties": "{}",
        "context": "{}",
        "log_partition": "test-0",
        "log_offset": number,
        **given,
    }
