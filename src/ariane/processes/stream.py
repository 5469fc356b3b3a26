"""The stream: the log's records, in order, into the state: de-duplicated, tied to persons, their consent noted.

One transaction a batch holds the effects and the offset.
"""

from __future__ import annotations

import sqlalchemy as sa

from ariane.consent import absorb as note_consent
from ariane.identity import absorb as tie
from ariane.identity import rules_of
from ariane.ingest import read
from ariane.model import Event
from ariane.store import State, Stores, metadata

seen = sa.Table(
    "seen",
    metadata,
    sa.Column("event_id", sa.LargeBinary(12), primary_key=True),
    sa.Column("received_us", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
duplicates = sa.Table(
    "duplicates",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
)

CONSUMER = "stream"
READ_BYTES = 16 << 20


def step(stores: Stores, partition: str) -> int:
    """Take one batch of `partition` into the state; how many records it held. 0: nothing new."""
    with stores.state.read() as conn:
        offset = stores.state.offset(conn, CONSUMER, partition)
    batch = stores.log.read(partition, offset, READ_BYTES)
    if batch.next_offset == offset:
        return 0
    events = [(record.offset, read(record.payload)) for record in batch.records if not is_erased(record.payload)]
    with stores.state.begin() as conn:
        fresh = _first_time(conn, partition, events)
        absorb(conn, fresh, stores)
        stores.state.commit_offset(conn, CONSUMER, partition, batch.next_offset)
    return len(batch.records)


def is_erased(payload: bytes) -> bool:
    """Whether the record's place is all that is left of it (see erase.tombstone)."""
    return payload[:2] == b"{}"


def absorb(conn: sa.Connection, events: list[Event], stores: Stores) -> None:
    """What the state keeps of events seen for the first time."""
    changes = tie(conn, events, rules_of(stores.path))
    note_consent(conn, events, changes, stores.settings.consent_categories)


def _first_time(conn: sa.Connection, partition: str, events: list[tuple[int, Event]]) -> list[Event]:
    """The events never seen before; the others' offsets are noted, so that the lake leaves out the same ones."""
    keys = {bytes.fromhex(event.event_id) for _, event in events}
    known = {row[0] for row in State.select_in(conn, sa.select(seen.c.event_id), seen.c.event_id, keys)}
    fresh: list[Event] = []
    repeated: list[dict[str, object]] = []
    for offset, event in events:
        key = bytes.fromhex(event.event_id)
        if key in known:
            repeated.append({"partition": partition, "offset": offset})
        else:
            known.add(key)
            fresh.append(event)
    remember(conn, fresh)
    State.upsert(conn, duplicates, repeated)
    return fresh


def remember(conn: sa.Connection, events: list[Event]) -> None:
    """Note that these events have been taken: the same ones will be duplicates from now on."""
    rows = [{"event_id": bytes.fromhex(event.event_id), "received_us": event.received_us} for event in events]
    State.upsert(conn, seen, rows)


def run(stores: Stores, partitions: list[str] | None = None) -> int:
    """Everything in the log now, into the state; how many records were taken."""
    total = 0
    while taken := sum(step(stores, partition) for partition in partitions or stores.log.partitions()):
        total += taken
    return total
