"""The quarantine: records that break the plan, kept whole in the lake with their reasons, until they are let out.

The lake's writer sets them apart as it passes them; a later replay lets those out that keep to the plan as it is now,
by appending them to the log once more. From there they go the ordinary way, so each becomes an event once, however
often the replay is cut short and run again. What is held is what was set apart and never became an event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import ibis
import msgspec
import pyarrow as pa
import sqlalchemy as sa

from ariane.identity import rules_of, subject_key
from ariane.ingest import read
from ariane.ingest.plan import Plan, plan_of, planned
from ariane.model import Event
from ariane.processes.levelling import Progress, catch_up
from ariane.processes.sifting import QUARANTINE, REPLAY
from ariane.processes.stored import quarantined
from ariane.store import DuckEngine, Engine, Stores, schema_of

AT_ONCE = 2_000
SOON_S = 5.0


class Replayed(msgspec.Struct, frozen=True):
    """How many events were let out of quarantine, and how many stay."""

    n_released: int
    n_held: int


def set_apart(
    stores: Stores, partition: str, offset: int, until: int, records: list[tuple[int, bytes]]
) -> list[tuple[int, bytes]]:
    """Write those of these records that the stream held apart to the quarantine, before anything of them reaches the
    events; the others. A record is written once, however often the writer begins here again."""
    q = quarantined.c
    with stores.state.read() as conn:
        window = (q.partition == partition) & q.offset.between(offset, until)
        found = conn.execute(sa.select(q.offset, q.version, q.reasons).where(window)).fetchall()
    if not found:
        return records
    apart = {row[0]: (row[1], row[2]) for row in found}
    written = stores.lake.progress(QUARANTINE, partition)
    rows = [
        _row(stores, partition, at, payload, *apart[at]) for at, payload in records if at in apart and at >= written
    ]
    if rows:
        table = pa.Table.from_pylist(rows, schema=schema_of(QUARANTINE))
        stores.lake.append(QUARANTINE, table, progress={partition: until})
    return [record for record in records if record[0] not in apart]


def any_apart(stores: Stores, partition: str, offset: int, until: int) -> bool:
    """Whether the stream held any of these records apart."""
    q = quarantined.c
    window = (q.partition == partition) & q.offset.between(offset, until)
    with stores.state.read() as conn:
        return conn.execute(sa.select(q.offset).where(window).limit(1)).first() is not None


def _row(
    stores: Stores, partition: str, offset: int, payload: bytes, version: int, reasons: str
) -> dict[str, str | int | None]:
    event = read(payload)
    return {
        "event_id": event.event_id, "message_id": event.message_id, "source": event.source, "type": event.type,
        "event": event.name, "received_us": event.received_us, "occurred_us": event.occurred_us,
        "subject_key": subject_key(event, rules_of(stores.path)), "version": version, "reasons": reasons,
        "record": payload.decode("utf-8", "replace"), "log_partition": partition, "log_offset": offset,
    }  # fmt: skip


def held(engine: Engine, about: str | None = None) -> ibis.Table:
    """The records in quarantine, one an event; `about` narrows to one event (a track event's name, or a type).

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from ariane.store import Lake
    >>> engine = DuckEngine(Lake(Path(mkdtemp())))
    >>> engine.run(held(engine, "Order Completed").count()).column(0).to_pylist()
    [0]
    """
    apart, events = engine.table(QUARANTINE), engine.table("events")
    if about is not None:
        one = planned(about)
        apart = apart.filter(apart.type == one.type)
        apart = apart.filter(apart.event == one.event) if one.type == "track" else apart
    left = apart.anti_join(events.select("event_id"), "event_id")
    first = ibis.window(group_by="event_id", order_by=["received_us", "log_partition", "log_offset"])
    numbered = left.mutate(nth=ibis.row_number().over(first))
    return numbered.filter(numbered.nth == 0).drop("nth")


def replay(stores: Stores, about: str | None = None, on_progress: Progress | None = None) -> Replayed:
    """Let out what keeps to the plan as it is now, and wait until it is in the lake.

    Conflict while another replay runs; Transient when the workers have stopped moving. Killed at any instant and called
    again, it goes on: nothing is lost, and nothing comes twice.
    """
    with stores.only(REPLAY):
        plan = plan_of(stores.path)
        coming_s = plan.latest_us() / 1e6 - time.time()
        time.sleep(coming_s if 0 < coming_s < SOON_S else 0)  # a version frozen just now is meant to count
        catch_up(stores, on_progress)  # what an earlier replay appended is an event first
        n_released = n_held = 0
        with stores.log.writer(REPLAY) as writer:
            for payloads in _batches(stores, about):
                sound = [payload for payload in payloads if is_sound(plan, read(payload))]
                if sound:
                    writer.append(sound)
                n_released += len(sound)
                n_held += len(payloads) - len(sound)
    catch_up(stores, on_progress)
    return Replayed(n_released, n_held)


def is_sound(plan: Plan, event: Event) -> bool:
    """Whether an event keeps to the plan as it is now, or to parts of it that only warn."""
    return plan.verdict(event, time.time_ns() // 1000, mode="quarantine") is None


def _batches(stores: Stores, about: str | None) -> Iterator[list[bytes]]:
    if not stores.lake.exists(QUARANTINE):
        return
    engine = DuckEngine(stores.lake)
    rows = engine.run(held(engine, about).order_by(["received_us", "log_partition", "log_offset"]).select("record"))
    engine.close()
    for batch in rows.to_batches(max_chunksize=AT_ONCE):
        yield [record.encode() for record in batch.column(0).to_pylist()]
