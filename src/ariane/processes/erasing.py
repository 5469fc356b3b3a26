"""Erasure: the one rewrite. A person's events leave the log and the lake, and everything derived is derived again
without them.

The log's segments and the lake's files that hold any of them are written anew beside the old ones and put in their
place; the lake's tables begin a history of their own, so that neither a page of an old file nor the statistics of a
table keep a word of the person. A record's place in the log stays: it is filled with a tombstone of the same length, so
every offset still means what it meant. What was said of them before cannot come back: see `suppressing`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ariane.identity import rules_of
from ariane.identity.owned import alone
from ariane.processes.delivering import unsend
from ariane.processes.handing import clear
from ariane.processes.levelling import Progress, catch_up
from ariane.processes.rebuilding import finish as finish_rebuild
from ariane.processes.rebuilding import rebuild
from ariane.processes.seeking import COLUMNS, Seeker
from ariane.processes.sifting import QUARANTINE
from ariane.processes.suppressing import left_in_log, suppress
from ariane.processes.tabling import BASIS
from ariane.store import Stores

READ_BYTES = 8 << 20
NOTE = "erasing.json"


class Erasure(msgspec.Struct, frozen=True):
    """What was erased: how many events of how many identifiers."""

    n_events: int
    n_identifiers: int


def erase(stores: Stores, keys: Iterable[int], on_progress: Progress | None = None) -> Erasure:
    """Erase every event that carries one of the identifiers `keys`, from log, lake and state.

    Reads the log and who each of the lake's events is about, writes the few files that change, and derives the state
    again: about as long as the stream takes for all events. Needs the workspace to itself: Conflict while it is served.
    Killed half way, it goes on when it is called again, with whatever keys.
    """
    finish_rebuild(stores, on_progress)
    catch_up(stores, on_progress)  # the log is taken anew in another order: no repeat may stand between state and lake
    with stores.only("supervisor"), stores.only("stream"), stores.only("lake"):
        wanted = frozenset(keys) | _unfinished(stores.path)
        stores.state.create()  # the outbox is declared with this room: a state made without it has no such table
        # Keys, not names: what is noted to finish an erasure must not keep what it erases.
        _write_whole(stores.path / NOTE, msgspec.json.encode(sorted(wanted)))
        with stores.state.read() as conn:
            suppress(stores.path, alone(conn, wanted), wanted, time.time_ns() // 1000)
        unsend(stores, wanted)  # while the state still knows whose messages they are
        seeker, left_out = Seeker(wanted, rules_of(stores.path)), frozenset(left_in_log(stores))
        clear(stores.path)  # copies of records
        gone: set[str] = set()
        for partition in stores.log.partitions():
            with stores.log.writer(partition) as writer:
                writer.close()  # nobody appends: the newest segment may be rewritten too
            gone |= _rewrite_log(stores, partition, seeker, left_out)
        gone |= _rewrite_lake(stores, seeker)
    rebuild(stores, on_progress, keep_events=True)
    (stores.path / NOTE).unlink()  # until now the state and what is derived from it still knew them
    return Erasure(len(gone), len(wanted))


def finish(stores: Stores) -> Erasure | None:
    """Go on with an erasure that was cut short; None when there is none."""
    return erase(stores, ()) if _unfinished(stores.path) else None


def _unfinished(path: Path) -> frozenset[int]:
    note = path / NOTE
    return frozenset(msgspec.json.decode(note.read_bytes(), type=list[int])) if note.exists() else frozenset()


def _rewrite_log(stores: Stores, partition: str, seeker: Seeker, left_out: Collection[bytes]) -> set[str]:
    """Blank the person's records, and those that were left out since the last erasure; the ids of the person's."""
    gone: set[str] = set()

    def kept(payload: bytes) -> bytes:
        if payload in left_out:
            return tombstone(payload)
        event_id = seeker.in_record(payload)
        if event_id is None:
            return payload
        gone.add(event_id)
        return tombstone(payload)

    stores.log.rewrite(partition, kept)
    return gone


def tombstone(payload: bytes) -> bytes:
    """What stands in the place of an erased record: an event of nobody, as long as the record was.

    >>> tombstone(b'{"source":"web","messageId":"m-1","type":"track","receivedUs":1}').strip()
    b'{}'
    """
    return b"{}" + b" " * (len(payload) - 2)


def _rewrite_lake(stores: Stores, seeker: Seeker) -> set[str]:
    """Write the files of the events, and of what is held in quarantine, that hold rows of the person without these;
    the others stay as they are."""
    gone: set[str] = set()

    def of_events(rows: pa.Table) -> list[bool]:
        return seeker.in_rows(rows)

    def of_records(rows: pa.Table) -> list[bool]:
        return [seeker.in_record(record.encode()) is not None for record in rows.column("record").to_pylist()]

    looks: dict[str, tuple[Callable[[pa.Table], list[bool]], Sequence[str]]] = {
        "events": (of_events, COLUMNS),
        QUARANTINE: (of_records, ("record",)),
    }
    for name, (look, columns) in looks.items():
        if not stores.lake.exists(name):
            continue

        def kept(rows: pa.Table, look: Callable[[pa.Table], list[bool]] = look) -> pa.Table:
            hit = pa.array(look(rows), pa.bool_())
            gone.update(rows.column("event_id").filter(hit).to_pylist())
            return rows.filter(pc.invert(hit))

        def touched(rows: pa.Table, look: Callable[[pa.Table], list[bool]] = look) -> bool:
            return any(look(rows))

        consumers = [*stores.log.partitions(), BASIS]
        stores.lake.rewrite(name, kept, consumers=consumers, touched=touched, columns=columns)
    return gone


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
