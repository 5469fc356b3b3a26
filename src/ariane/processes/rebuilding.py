"""Delete everything derived and derive it again from the events. The answer is the same; a test holds it so."""

from __future__ import annotations

import shutil
from typing import Any

import ibis
import msgspec

from ariane.identity import rules_of
from ariane.ingest import read
from ariane.ingest.plan import plan_of
from ariane.model import Event
from ariane.processes import stream
from ariane.processes.levelling import Progress, catch_up
from ariane.processes.sifting import QUARANTINE, REPLAY, warn
from ariane.processes.tabling import BASIS, basis_of
from ariane.store import DuckEngine, Stores


def rebuild(stores: Stores, on_progress: Progress | None = None, *, keep_events: bool = False) -> None:
    """Delete the state and every derived table, and derive them again.

    The events are the log's; where the log's beginning was retired, the lake's `events` table holds what it held, and
    is replayed first. With `keep_events` the lake's events stay also where the log is whole, unless the identity rules
    have changed since they were written. Conflict while the workspace is being served.
    """
    with stores.only("stream"), stores.only("lake"):
        whole = all(stores.log.start(partition) == 0 for partition in stores.log.partitions())
        stay = keep_events and stores.lake.progress("events", BASIS) == basis_of(rules_of(stores.path))
        stores.state.drop()
        stores.state.create()
        for name in stores.lake.names():
            if (whole and not stay) or name not in ("events", QUARANTINE):
                stores.lake.drop(name)
        if not whole:
            _replay_lake(stores)
    catch_up(stores, on_progress)
    shutil.rmtree(stores.path / "models", ignore_errors=True)


def _replay_lake(stores: Stores) -> None:
    """Absorb the retired part of the history from the lake, in the order it was received, and start the stream after
    it."""
    starts = {partition: stores.log.start(partition) for partition in stores.log.partitions()}
    engine = DuckEngine(stores.lake)
    memory = stream.Memory(stores)
    events = engine.table("events")
    rank = events.mutate(
        nth=ibis.row_number().over(ibis.window(order_by=["received_us", "log_partition", "log_offset"]))
    )
    for at in range(0, stores.lake.n_rows("events"), stores.settings.stream_batch):
        rows = engine.run(rank.filter((rank.nth >= at) & (rank.nth < at + stores.settings.stream_batch))).to_pylist()
        retired = [row for row in rows if row["log_offset"] < starts.get(row["log_partition"], 1 << 62)]
        with stores.state.begin() as conn:
            for partition in {row["log_partition"] for row in retired}:
                stream.remember(
                    conn, [event_of(row) for row in retired if row["log_partition"] == partition], partition, memory
                )
            events_of = [event_of(row) for row in retired]
            stream.absorb(conn, events_of, stores, memory)
            released = {row["event_id"] for row in retired if row["log_partition"] == REPLAY}
            warn(conn, plan_of(stores.path), [event for event in events_of if event.event_id not in released])
    _hear_quarantine(stores, engine, starts, memory)
    engine.close()
    with stores.state.begin() as conn:
        for partition, start in starts.items():
            stores.state.commit_offset(conn, stream.CONSUMER, partition, start)


def _hear_quarantine(stores: Stores, engine: DuckEngine, starts: dict[str, int], memory: stream.Memory) -> None:
    """Absorb what the retired part of the quarantine says about consent."""
    rows = engine.run(engine.table(QUARANTINE).select("log_partition", "log_offset", "record")).to_pylist()
    retired = [row for row in rows if row["log_offset"] < starts.get(row["log_partition"], 1 << 62)]
    with stores.state.begin() as conn:
        stream.absorb(conn, [], stores, memory, [read(row["record"].encode()) for row in retired])


def event_of(row: dict[str, Any]) -> Event:
    """The event a row of the lake's `events` table was made from."""
    return Event(
        event_id=row["event_id"],
        message_id=row["message_id"],
        source=row["source"],
        type=row["type"],
        name=row["event"],
        channel=row["channel"],
        occurred_us=row["occurred_us"],
        received_us=row["received_us"],
        anonymous_id=row["anonymous_id"],
        user_id=row["user_id"],
        properties=msgspec.json.decode(row["properties"]),
        context=msgspec.json.decode(row["context"]),
        is_bot=row["is_bot"],
    )
