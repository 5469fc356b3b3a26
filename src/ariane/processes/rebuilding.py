"""Delete everything derived and derive it again from the events. The answer is the same; a test holds it so."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import ibis
import msgspec

from ariane.errors import InputError, Transient
from ariane.identity import rules_of
from ariane.identity.history import keep_told, knows_nothing, restore_told
from ariane.ingest import read
from ariane.ingest.plan import plan_of
from ariane.model import Event
from ariane.processes import stream
from ariane.processes.handing import clear
from ariane.processes.levelling import Progress, catch_up
from ariane.processes.renewing import renew
from ariane.processes.sifting import QUARANTINE, REPLAY, warn
from ariane.processes.tabling import BASIS, basis_of
from ariane.store import DuckEngine, Stores

_TOLD = ("person_changes", "person_moves", "aliases", "identifiers")


class Plan(msgspec.Struct, frozen=True):
    """What a rebuild that was begun has decided: whether the lake's events stay, and whether lake and stream stood
    level, so that the log's own word on what is a repeat fits theirs."""

    stay: bool
    level: bool


def rebuild(stores: Stores, on_progress: Progress | None = None, *, keep_events: bool = False) -> None:
    """Delete the state and every derived table, and derive them again.

    The events are the log's; where the log's beginning was retired, the lake's `events` table holds what it held, and
    is replayed first. With `keep_events` the lake's events stay also where the log is whole, unless the identity rules
    have changed since they were written. Conflict while the workspace is being served.

    Where the lake's events stay and the lake had not come as far as the stream, or the state is too damaged to say how
    far that was, everything the lake holds is replayed and the log is read from where the lake stands: which of the
    copies of an event counts is then the lake's word alone. Killed at any instant, it goes on when it is called again
    or when serving starts; the workers wait until then.
    """
    with stores.only("stream", mending=True), stores.only("lake", mending=True):
        whole = all(stores.log.start(partition) == 0 for partition in stores.log.partitions())
        plan = _plan(stores, whole, keep_events)
        stores.lake.begin(msgspec.json.encode(plan))  # before anything goes: what is left could not tell
        clear(stores.path)
        _empty_state(stores)
        for name in stores.lake.names():
            if (whole and not plan.stay) or name not in ("events", QUARANTINE):
                stores.lake.drop(name)
        starts = _starts(stores, plan) if plan.stay or not whole else {}
        if any(starts.values()):
            _replay_lake(stores, starts)
        stores.lake.end()
    catch_up(stores, on_progress)
    shutil.rmtree(stores.path / "models", ignore_errors=True)


def finish(stores: Stores, on_progress: Progress | None = None) -> bool:
    """Go on with a rebuild that was cut short; False when there is none."""
    if stores.lake.unfinished() is None:
        return False
    rebuild(stores, on_progress, keep_events=True)
    return True


def _plan(stores: Stores, whole: bool, keep_events: bool) -> Plan:
    """What to do, or what a rebuild that was cut short had decided: of what it left only the lake's events can be
    asked, and those only if they were to stay."""
    note = stores.lake.unfinished()
    begun = msgspec.json.decode(note, type=Plan) if note else None
    stay = keep_events and (begun is None or begun.stay)
    stay = stay and stores.lake.progress("events", BASIS) == basis_of(rules_of(stores.path))
    if begun is not None:
        return Plan(stay, begun.level)
    return Plan(stay, level=(whole and not stay) or _is_level(stores))


def _is_level(stores: Stores) -> bool:
    """Whether the lake has come as far as the stream."""
    try:
        with stores.state.read() as conn:
            taken = stores.state.offsets(conn, stream.CONSUMER)
    except InputError as damage:
        _tell(f"{damage.what} What the lake holds is taken as it is, and the log is read from where the lake stands.")
        return False
    except Transient:
        if not stores.state.is_sqlite:
            raise
        return False  # a file without its tables
    return all(stores.lake.progress("events", one) == taken.get(one, 0) for one in stores.log.partitions())


def _empty_state(stores: Stores) -> None:
    """An empty state in the place of the old one, but for what was told of persons; a file that is too damaged to be
    emptied is set aside, and the lake's copy of what was told is taken."""
    try:
        stores.state.create()
        with stores.state.begin() as conn:
            lost = knows_nothing(conn)
            keep_told(conn, stores.state.offsets(conn, stream.CONSUMER))
        stores.state.drop()
        stores.state.create()
    except InputError as damage:
        aside = stores.state.set_aside()
        if aside is None:
            raise
        _tell(
            f"{damage.what} The file was set aside as {aside.name}. What no event says is in it alone: which messages "
            "were sent. It names persons: delete it once it is not needed."
        )
        stores.state.create()
        lost = True
    if lost and all(stores.lake.exists(name) for name in _TOLD):
        held = {name: stores.lake.read(name) for name in _TOLD}
        ends = {partition: stores.log.end(partition) for partition in stores.log.partitions()}
        with stores.state.begin() as conn:
            restore_told(conn, held, ends)


def _tell(said: str) -> None:
    sys.stderr.write(f"ariane rebuild: {said}\n")


def _starts(stores: Stores, plan: Plan) -> dict[str, int]:
    """From where the log is read again; what the lake holds of before is replayed."""
    begins = {partition: stores.log.start(partition) for partition in stores.log.partitions()}
    if plan.level:
        return begins
    return {one: max(begin, stores.lake.progress("events", one)) for one, begin in begins.items()}


def _replay_lake(stores: Stores, starts: dict[str, int]) -> None:
    """Absorb the history before `starts` from the lake, in the order it was received, and start the stream after it."""
    engine = DuckEngine(stores.lake)
    memory = stream.Memory(stores)
    renew(stores, None, memory.consents)  # while the state is empty: it will have been solved by these rules
    for rows in _in_batches(engine, stores.settings.stream_batch):
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
        stream.mended(conn, stores, memory)


def _in_batches(engine: DuckEngine, size: int) -> Iterator[list[dict[str, Any]]]:
    """The lake's events as they were received, so many at a time. Ordered once, for where batches begin; each batch is
    then read from the files that hold its time."""
    events = engine.table("events")
    order = [events.received_us, events.log_partition, events.log_offset]
    ranked = events.select(*order, nth=ibis.row_number().over(ibis.window(order_by=order)))
    firsts = [tuple(row.values())[:3] for row in engine.run(ranked.filter(ranked.nth % size == 0)).to_pylist()]
    for first, following in zip_longest(sorted(firsts), sorted(firsts)[1:]):
        batch = events.filter(_from(events, *first), events.received_us >= first[0])
        if following is not None:
            batch = batch.filter(~_from(events, *following), events.received_us <= following[0])
        yield engine.run(batch).to_pylist()


def _from(events: ibis.Table, received_us: int, partition: str, offset: int) -> ibis.expr.types.BooleanValue:
    """Whether an event stands at this place, or after it."""
    further = (events.log_partition == partition) & (events.log_offset >= offset)
    return (events.received_us > received_us) | (
        (events.received_us == received_us) & ((events.log_partition > partition) | further)
    )


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
