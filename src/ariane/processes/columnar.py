"""The lake's writer: events from the log into columns, and the state's tables beside them.

It follows the stream and never passes it, so that an event in the lake always has its person, and repeats the stream's
word on what is a duplicate. Progress is part of each commit.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from ariane.consent import tables as consent_tables
from ariane.identity import identify, rules_of
from ariane.identity import tables as identity_tables
from ariane.identity.rules import Rules
from ariane.ingest import columns_of, read
from ariane.model import DAY, Event, key_of
from ariane.processes.stream import CONSUMER, duplicates
from ariane.settings import Settings
from ariane.store import Stores, schema_of

BATCH_BYTES = 64 << 20
_text = msgspec.json.Encoder(order=None).encode


def step(stores: Stores) -> int:
    """Write what the stream has passed since the last commit; how many events were added.

    The state's tables go first: an event without its person would be left out of every count, a person without
    events is only early.
    """
    with stores.state.read() as conn:
        ahead = stores.state.offsets(conn, CONSUMER)
    export(stores)
    added = 0
    for partition, until in ahead.items():
        while (offset := stores.lake.progress("events", partition)) < until:
            added += _append(stores, partition, offset, until)
    return added


def _append(stores: Stores, partition: str, offset: int, until: int) -> int:
    records, position = [], offset
    while position < until and position - offset < BATCH_BYTES:
        batch = stores.log.read(partition, position, min(until - position, 16 << 20))
        if batch.next_offset == position:
            break
        records += batch.records
        position = batch.next_offset
    with stores.state.read() as conn:
        window = (duplicates.c.partition == partition) & duplicates.c.offset.between(offset, position)
        repeated = set(conn.execute(sa.select(duplicates.c.offset).where(window)).scalars())
    rules, settings = rules_of(stores.path), stores.settings
    fresh = (record for record in records if record.offset not in repeated)
    rows = [row_of(read(record.payload), rules, settings, partition, record.offset) for record in fresh]
    table = to_arrow(rows, stores.settings.properties)
    stores.lake.append("events", table, partition_by=["event_on"], progress={partition: position})
    return len(rows)


def row_of(event: Event, rules: Rules, settings: Settings, partition: str, offset: int) -> dict[str, Any]:
    """One event as the lake keeps it."""
    named = identify(event, rules)
    row: dict[str, Any] = columns_of(event, settings.properties, settings.currency)
    row |= {
        "event_id": event.event_id,
        "message_id": event.message_id,
        "source": event.source,
        "type": event.type,
        "event": event.name,
        "channel": event.channel,
        "occurred_us": event.occurred_us,
        "received_us": event.received_us,
        "event_on": event.occurred_us // DAY,
        "anonymous_id": event.anonymous_id,
        "user_id": event.user_id,
        "subject_key": named[0].key if named else key_of("event", event.event_id),
        "is_bot": event.is_bot,
        "properties": _text(event.properties).decode(),
        "context": _text(event.context).decode(),
        "log_partition": partition,
        "log_offset": offset,
    }
    return row


def to_arrow(rows: list[dict[str, Any]], properties: dict[str, str]) -> pa.Table:
    """Rows as an Arrow table of the lake's shape, sorted by subject and time so that one person's rows lie together."""
    schema = schema_of("events", properties)
    columns = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if field.type == pa.date32():
            columns.append(pa.array(values, pa.int32()).cast(pa.date32()))
        else:
            columns.append(pa.array(values, field.type))
    table = pa.Table.from_arrays(columns, schema=schema)
    return table.sort_by([("event_on", "ascending"), ("subject_key", "ascending"), ("occurred_us", "ascending")])


def export(stores: Stores) -> bool:
    """Copy the state's tables into the lake if the state has moved since the last copy; whether it had."""
    with stores.state.read() as conn:
        version = sum(stores.state.offsets(conn, CONSUMER).values())
        if version == stores.lake.progress("identifiers", "state") and stores.lake.exists("identifiers"):
            return False
        tables = identity_tables(conn) | consent_tables(conn)
    for name in ("persons", "consents", "edges", "identifiers"):  # identifiers last: its progress says all are there
        stores.lake.replace(name, tables[name], progress={"state": version})
    return True


def tidy(stores: Stores, *, files_a_day: int = 8) -> None:
    """Join small files where days have gathered many."""
    names = stores.lake.files("events")
    days = {name.rsplit("/", 2)[-2] for name in names}
    if len(names) > files_a_day * max(1, len(days)):
        stores.lake.compact("events")
        stores.lake.sweep("events")
    for name in ("persons", "consents", "edges", "identifiers"):
        if stores.lake.exists(name) and stores.lake.version(name) % 20 == 19:
            stores.lake.sweep(name)


def retire(stores: Stores) -> None:
    """Remove segments of the log that the lake holds and that are older than the retention."""
    before = time.time() - stores.settings.log_retention_days * 86_400
    for partition in stores.log.partitions():
        stores.log.retire(partition, stores.lake.progress("events", partition), older_than=before)
