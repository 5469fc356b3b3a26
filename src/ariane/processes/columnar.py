"""The lake's writer: events from the log into columns, where the stream did not hand them over as such, and the
state's tables beside them.

It follows the stream and never passes it, so that an event in the lake always has its person, and repeats the stream's
word on what is a duplicate. Progress is part of each commit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ariane.identity import Rules
from ariane.ingest.lag import note
from ariane.processes.exporting import export, settle
from ariane.processes.handing import Handed, handed, kind_of, let_go
from ariane.processes.quarantining import any_apart, set_apart
from ariane.processes.renewing import in_force
from ariane.processes.stored import suppressed
from ariane.processes.stream import CONSUMER, WRITTEN, duplicates, is_erased
from ariane.processes.tabling import BASIS, MIXED, basis_of, reader_of, sort, to_arrow
from ariane.store import Stores

BATCH_BYTES = 32 << 20
FAR_BEHIND_BYTES = 8 << 20
GATHERED_BYTES = 64 << 20
"""With each step the state's news are written too: in a rush, for several batches of events at once."""
CATCHING_UP_S = 60.0
SORTED_ROWS = 10_000
"""So many rows that are sorted among themselves need not be sorted among others: a person's lie together enough."""


def step(stores: Stores) -> int:
    """Write what the stream has passed since the last commit; how many events were added.

    The state's tables go first: an event without its person would be left out of every count, a person without
    events is only early.
    """
    ahead = passed(stores)
    export(stores)
    added = 0
    for partition, until in ahead.items():
        while (offset := stores.lake.progress("events", partition)) < until:
            added += _append(stores, partition, offset, until)
        let_go(stores.path, partition, offset)
    return added


def passed(stores: Stores) -> dict[str, int]:
    """How far the stream has come in each partition: the lake goes no further."""
    with stores.state.read() as conn:
        return stores.state.offsets(conn, CONSUMER)


def _append(stores: Stores, partition: str, offset: int, until: int) -> int:
    """Write the next batch of a partition; how many events it added."""
    rules = in_force(stores).rules
    left = handed(stores.path, partition, kind_of(rules, stores.settings))
    ready = _handed_from(left, offset, until)
    if ready:
        position = ready[-1].end
        table = _taken_over(stores, partition, offset, ready)
    else:
        position, table = offset, None
    if table is None:  # nothing was handed over, or not all of it is to become events
        ends = [position] if ready else [one.start for one in left if one.start > offset]
        position, table = _read(stores, rules, partition, offset, min([until, *ends]))
    basis = basis_of(rules)
    if stores.lake.exists("events") and stores.lake.progress("events", BASIS) != basis:
        basis = MIXED  # rows of other rules are there: what is derived from them anew must read them anew
    stores.lake.append("events", table, partition_by=["event_in"], progress={partition: position, BASIS: basis})
    let_go(stores.path, partition, position)
    note(stores.path, "lake", partition, position)
    return int(table.num_rows)


def _handed_from(left: Sequence[Handed], offset: int, until: int) -> list[Handed]:
    """What was handed over from this offset on without a gap, up to a batch."""
    ready: list[Handed] = []
    position = offset
    for one in left:
        if one.start == position and one.end <= until and position - offset < BATCH_BYTES:
            ready.append(one)
            position = one.end
    return ready


def _taken_over(stores: Stores, partition: str, offset: int, ready: Sequence[Handed]) -> pa.Table | None:
    """The rows that were handed over, without repeats; None when they cannot be had, or some belong in quarantine."""
    until = ready[-1].end
    whole = [part for one in ready if (part := one.rows()) is not None]
    if len(whole) < len(ready) or any_apart(stores, partition, offset, until):
        return None
    for _, damaged in whole:
        stores.log.damage.setdefault(partition, {}).update(damaged)
    repeated = _repeated(stores, partition, offset, until)
    table = pa.concat_tables([rows for rows, _ in whole])
    if repeated:
        table = table.filter(pc.invert(pc.is_in(table.column("log_offset"), pa.array(sorted(repeated), pa.int64()))))
    return table if table.num_rows >= SORTED_ROWS * len(whole) else sort(table)


def _read(stores: Stores, rules: Rules, partition: str, offset: int, until: int) -> tuple[int, pa.Table]:
    """The rows of the log's records from `offset` on, up to a batch of them, and where they end."""
    records: list[tuple[int, bytes]] = []
    position = offset
    while position < until and position - offset < BATCH_BYTES:
        batch = stores.log.read(partition, position, min(until - position, 8 << 20))
        if batch.next_offset == position:
            break
        found = [(record.offset, record.payload) for record in batch.records]
        records += [one for one in found if one[1][:2] == WRITTEN or not is_erased(one[1])]
        position = batch.next_offset
    if repeated := _repeated(stores, partition, offset, position):
        records = [record for record in records if record[0] not in repeated]
    records = set_apart(stores, partition, offset, position, records)
    reader = reader_of(rules, tuple(stores.settings.properties.items()), stores.settings.currency)
    return position, to_arrow(reader.rows(records), stores.settings.properties, partition)


def _repeated(stores: Stores, partition: str, offset: int, until: int) -> set[int]:
    """The offsets of what the stream found to have been there before, or to be of people who were erased."""
    found: set[int] = set()
    with stores.state.read() as conn:
        for noted in (duplicates, suppressed):
            window = (noted.c.partition == partition) & noted.c.offset.between(offset, until)
            found.update(conn.execute(sa.select(noted.c.offset).where(window)).scalars())
    return found


def tidy(stores: Stores, *, busy: bool = False) -> None:
    """Join small files where they have become many, and put news of the state's tables among the rest: while events
    come, only where they have become very much."""
    stores.lake.join("events")
    settle(stores, busy=busy)


def sweep(stores: Stores) -> None:
    """Remove what no version of the lake needs any more."""
    for name in stores.lake.names():
        stores.lake.sweep(name)


def retire(stores: Stores) -> None:
    """Remove segments of the log that the lake holds and that are older than the retention."""
    before = time.time() - stores.settings.log_retention_days * 86_400
    for partition in stores.log.partitions():
        stores.log.retire(partition, stores.lake.progress("events", partition), older_than=before)


def gather(stores: Stores, *, for_s: float, quiet_s: float = 0.3) -> None:
    """Let events gather for `for_s`, or until the stream has stood still for `quiet_s`.

    While the log is far ahead nobody waits for the newest event: then a whole batch gathers, for up to a minute.
    """
    began = moved_at = time.monotonic()
    last = 0
    done = {partition: stores.lake.progress("events", partition) for partition in stores.log.partitions()}
    while True:
        ready, behind = _ahead(stores, done)
        now = time.monotonic()
        if ready != last:
            last, moved_at = ready, now
        catching_up = behind >= FAR_BEHIND_BYTES and ready < behind
        patience_s, longest_s = (CATCHING_UP_S / 10, CATCHING_UP_S) if catching_up else (quiet_s, for_s)
        if ready >= GATHERED_BYTES or now - moved_at > patience_s or now - began >= longest_s:
            return
        time.sleep(0.1)


def _ahead(stores: Stores, done: Mapping[str, int]) -> tuple[int, int]:
    """Bytes that the stream has passed and the lake, which is `done` so far, has not; and those that the log holds."""
    taken = passed(stores)
    ready = sum(offset - done.get(partition, 0) for partition, offset in taken.items())
    return ready, sum(stores.log.end(partition) - done.get(partition, 0) for partition in stores.log.partitions())
