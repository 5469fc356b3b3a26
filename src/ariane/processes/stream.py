"""The stream: the log's records, in order, into the state: de-duplicated, tied to persons, their consent noted.

One transaction a batch holds the effects and the offset.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from ariane.consent import absorb as note_consent
from ariane.consent.memory import Recall as Consents
from ariane.errors import InputError
from ariane.identity import absorb as tie
from ariane.identity import rules_of
from ariane.identity.history import retell, untold
from ariane.identity.memory import Recall as Persons
from ariane.ingest import read
from ariane.ingest.lag import note, noted
from ariane.ingest.plan import plan_of
from ariane.model import Event
from ariane.processes.handing import LEAST_ROWS, hand, kind_of
from ariane.processes.renewing import renew
from ariane.processes.seen import FOR_EVER, Seen, day_of
from ariane.processes.sifting import REPLAY, heard, sift, warn
from ariane.processes.suppressing import leave_out
from ariane.processes.tabling import reader_of, to_arrow
from ariane.store import State, Stores, metadata
from ariane.store.ports import Read, Record

duplicates = sa.Table(
    "duplicates",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
)

CONSUMER = "stream"
READ_BYTES = 32 << 20
GATHER_S, GATHER_BYTES = 0.5, 16 << 20
LEAST_WINDOW_DAYS = 30
NEVER_FORGOTTEN = frozenset({"import", REPLAY})
"""The partitions of what is imported, and let out of quarantine: a file may be imported again after years, and must add
nothing."""

WRITTEN = b'{"'
"""How a record begins of which something is left."""
_TOMBSTONES = (b"{}", b" ")

Taken = tuple[int, Event]
"""An event with its record's offset."""


class Memory:
    """What the stream holds in memory of the state, from batch to batch. It is never right by itself: each part is
    compared with the state in every transaction, so a batch gives the same answers with an empty one."""

    def __init__(self, stores: Stores) -> None:
        self.seen = Seen(max(LEAST_WINDOW_DAYS, stores.settings.duplicate_window_days))
        self.persons, self.consents = Persons(), Consents()
        self.day = 0
        self.offsets: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.rules: int | None = None
        self.mending: bool | None = None


def step(stores: Stores, partition: str, memory: Memory | None = None) -> int:
    """Take one batch of `partition` into the state; how many records it held. 0: nothing new."""
    memory = memory or Memory(stores)
    memory.rules = renew(stores, memory.rules, memory.consents)
    with stores.state.read() as conn:
        offset = memory.offsets[partition] = stores.state.offset(conn, CONSUMER, partition)
    batch = stores.log.read(partition, offset, READ_BYTES)
    if batch.next_offset == offset:
        return 0
    plan = plan_of(stores.path)  # read after the batch: it knows every version that these events were received under
    if plan or partition == REPLAY:
        events = _events(stores, partition, batch.records)
    else:
        events = _open(stores, partition, offset, batch)
    with stores.state.begin() as conn:
        sound, held = sift(conn, stores, plan, partition, leave_out(conn, stores.path, partition, events))
        fresh = [event for _, event in _first_times(conn, partition, sound, memory)]
        absorb(conn, fresh, stores, memory, held)
        if partition != REPLAY:
            warn(conn, plan, fresh)
        stores.state.commit_offset(conn, CONSUMER, partition, batch.next_offset)
        mended(conn, stores, memory)
        _forget(conn, stores, events, memory)
    memory.offsets[partition] = batch.next_offset
    counts = memory.counts.setdefault(partition, Counter(duplicates=0, quarantined=0))
    counts.update(duplicates=len(sound) - len(fresh), quarantined=len(held))
    note(stores.path, CONSUMER, partition, batch.next_offset, counts)
    return len(batch.records)


def _open(stores: Stores, partition: str, offset: int, batch: Read) -> Sequence[Taken]:
    """The events of a batch, opened as the lake's columns, which are left for the lake's writer."""
    rules, settings = rules_of(stores.path), stores.settings
    found = [(record.offset, record.payload) for record in batch.records]
    written = [one for one in found if one[1][:2] == WRITTEN or not is_erased(one[1])]
    rows = reader_of(rules, tuple(settings.properties.items()), settings.currency).rows(written)
    events = rows.events()
    if len(events) < len(written):
        sound = {at for at, _ in events}
        lost = {at: len(payload) for at, payload in written if at not in sound}
        stores.log.damage.setdefault(partition, {}).update(lost)
    if len(events) >= LEAST_ROWS and (kind := kind_of(rules, settings)) and _is_ahead(stores, partition, offset):
        damaged = {at: n for at, n in stores.log.damage.get(partition, {}).items() if offset <= at < batch.next_offset}
        table = to_arrow(rows, settings.properties, partition)
        hand(stores.path, partition, offset, batch.next_offset, kind, table, damaged)
    return events


def _is_ahead(stores: Stores, partition: str, offset: int) -> bool:
    """Whether this machine's lake writer is yet to come here, by its note. It has been, where the state alone is
    derived again; and where machines share the state another may be the writer, so what is left here would stay."""
    return stores.state.is_sqlite and noted(stores.path, "lake", partition) <= offset


def _events(stores: Stores, partition: str, records: Sequence[Record]) -> Sequence[Taken]:
    """The events of these records. What is no record of an event counts as damaged: it must not stop what follows."""
    try:
        return [(record.offset, read(record.payload)) for record in records if not is_erased(record.payload)]
    except InputError:
        pass
    events: list[Taken] = []
    for record in records:
        try:
            events += [] if is_erased(record.payload) else [(record.offset, read(record.payload))]
        except InputError:
            stores.log.damage.setdefault(partition, {})[record.offset] = len(record.payload)
    return events


def is_erased(payload: bytes) -> bool:
    """Whether the record's place is all that is left of it: a tombstone, or the blanks an erasure left of a line that
    could not be read."""
    return not payload or payload.startswith(_TOMBSTONES)


def absorb(
    conn: sa.Connection, events: list[Event], stores: Stores, memory: Memory, held: Sequence[Event] = ()
) -> None:
    """What the state keeps of events seen for the first time, and what those held in quarantine say about consent."""
    rules = rules_of(stores.path)
    categories = stores.settings.consent_categories
    changes = tie(conn, events, rules, memory.persons, more=bool(held), held=held, categories=categories)
    told = heard(conn, changes, held, rules) if held or plan_of(stores.path) else changes
    note_consent(conn, [*events, *held], told, categories, memory.consents)


def mended(conn: sa.Connection, stores: Stores, memory: Memory) -> None:
    """Where the state is being made again: once it has come as far as the one before, tell what is otherwise."""
    if memory.mending is False:
        return
    until = untold(conn)
    memory.mending = bool(until)
    if not until:
        return
    come, there = stores.state.offsets(conn, CONSUMER), set(stores.log.partitions())
    ends = {one: min(offset, stores.log.end(one)) for one, offset in until.items() if one in there}
    if all(come.get(one, 0) >= end for one, end in ends.items()):  # a log may have lost its tail since
        retell(conn, memory.persons, rules_of(stores.path))
        memory.mending = False


def _first_times(conn: sa.Connection, partition: str, events: Sequence[Taken], memory: Memory) -> Sequence[Taken]:
    """The events never seen before; the others' offsets are noted, so that the lake leaves out the same ones."""
    days = _days([event for _, event in events], partition)
    first = memory.seen.first_times(conn, [event.event_id for _, event in events], days)
    if all(first):
        return events
    repeated = [offset for (offset, _), is_first in zip(events, first, strict=True) if not is_first]
    State.upsert(conn, duplicates, [{"partition": partition, "offset": offset} for offset in repeated])
    return [one for one, is_first in zip(events, first, strict=True) if is_first]


def remember(conn: sa.Connection, events: Sequence[Event], partition: str, memory: Memory) -> None:
    """Note that these events of a partition have been taken: the same ones will be duplicates from now on."""
    memory.seen.note(conn, [event.event_id for event in events], _days(events, partition))


def _days(events: Sequence[Event], partition: str) -> list[int]:
    if partition in NEVER_FORGOTTEN or not events:
        return [FOR_EVER] * len(events)
    received = [event.received_us for event in events]
    first, last = day_of(min(received)), day_of(max(received))
    return [first] * len(events) if first == last else [day_of(us) for us in received]


def _forget(conn: sa.Connection, stores: Stores, events: Sequence[Taken], memory: Memory) -> None:
    """When a new day has begun in the log, drop the ids that no event still to be read can repeat.

    A partition with records yet to be taken holds back what they may repeat, from the day its next one was received; a
    day more is kept, for clocks that are set back.
    """
    today = day_of(events[-1][1].received_us) if events else 0
    if today <= memory.day:
        return
    memory.day = today
    taken = stores.state.offsets(conn, CONSUMER)
    for partition in stores.log.partitions():
        ahead = stores.log.read(partition, taken.get(partition, 0), 1).records
        for _, event in _events(stores, partition, ahead):
            today = min(today, day_of(event.received_us))
    memory.seen.forget(conn, today - 1)


def gather(stores: Stores, memory: Memory, for_s: float) -> None:
    """Let records gather for so long, though never long: a page written for several events is written once. Not while
    many are waiting already."""
    until = time.monotonic() + min(GATHER_S, for_s)
    while (left := until - time.monotonic()) > 0:
        ahead = [stores.log.end(name) - memory.offsets.get(name, 0) for name in stores.log.partitions()]
        if sum(ahead) >= GATHER_BYTES:
            return
        time.sleep(min(0.02, left))


def run(stores: Stores, partitions: list[str] | None = None) -> int:
    """Everything in the log now, into the state; how many records were taken."""
    total, memory = 0, Memory(stores)
    while taken := sum(step(stores, partition, memory) for partition in partitions or stores.log.partitions()):
        total += taken
    return total
