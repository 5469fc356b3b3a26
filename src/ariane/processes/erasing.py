"""Erasure: the one rewrite. A person's events leave the log and the lake, and everything derived is derived again
without them.

Log segments and the lake's events table are written anew beside the old ones and put in their place, so that neither
a page of the old file nor the statistics of the table keep a word of the person. A record's place in the log stays: it
is filled with a tombstone of the same length, so every offset still means what it meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ariane.errors import InputError
from ariane.identity import Rules, identify, rules_of
from ariane.ingest import read
from ariane.model import Event
from ariane.processes.delivering import unsend
from ariane.processes.levelling import Progress
from ariane.processes.rebuilding import event_of, rebuild
from ariane.processes.sifting import QUARANTINE
from ariane.store import Stores

READ_BYTES = 8 << 20
NOTE = "erasing.json"


class Erasure(msgspec.Struct, frozen=True):
    """What was erased: how many events of how many identifiers."""

    n_events: int
    n_identifiers: int


def erase(stores: Stores, keys: Iterable[int], on_progress: Progress | None = None) -> Erasure:
    """Erase every event that carries one of the identifiers `keys`, from log, lake and state.

    Takes about as long as a rebuild, and needs the workspace to itself: Conflict while it is served. Killed half way,
    it goes on when it is called again, with whatever keys.
    """
    with stores.only("supervisor"), stores.only("stream"), stores.only("lake"):
        wanted = frozenset(keys) | _unfinished(stores.path)
        # Keys, not names: what is noted to finish an erasure must not keep what it erases.
        _write_whole(stores.path / NOTE, msgspec.json.encode(sorted(wanted)))
        unsend(stores, wanted)  # while the state still knows whose messages they are
        rules = rules_of(stores.path)
        gone: set[str] = set()
        for partition in stores.log.partitions():
            with stores.log.writer(partition) as writer:
                writer.close()  # nobody appends: the newest segment may be rewritten too
            gone |= _rewrite_log(stores, partition, wanted, rules)
        gone |= _rewrite_lake(stores, wanted, rules)
        (stores.path / NOTE).unlink()
    rebuild(stores, on_progress)
    return Erasure(len(gone), len(wanted))


def finish(stores: Stores) -> Erasure | None:
    """Go on with an erasure that was cut short; None when there is none."""
    return erase(stores, ()) if _unfinished(stores.path) else None


def _unfinished(path: Path) -> frozenset[int]:
    note = path / NOTE
    return frozenset(msgspec.json.decode(note.read_bytes(), type=list[int])) if note.exists() else frozenset()


def _concerns(event: Event, wanted: frozenset[int], rules: Rules) -> bool:
    return any(identifier.key in wanted for identifier in identify(event, rules))


def _rewrite_log(stores: Stores, partition: str, wanted: frozenset[int], rules: Rules) -> set[str]:
    gone: set[str] = set()

    def kept(payload: bytes) -> bytes:
        try:
            event = read(payload)
        except InputError:
            return payload
        if not _concerns(event, wanted, rules):
            return payload
        gone.add(event.event_id)
        return tombstone(payload)

    stores.log.rewrite(partition, kept)
    return gone


def tombstone(payload: bytes) -> bytes:
    """What stands in the place of an erased record: an event of nobody, as long as the record was.

    >>> tombstone(b'{"source":"web","messageId":"m-1","type":"track","receivedUs":1}').strip()
    b'{}'
    """
    return b"{}" + b" " * (len(payload) - 2)


def _rewrite_lake(stores: Stores, wanted: frozenset[int], rules: Rules) -> set[str]:
    """Write the events, and what is held in quarantine, without the person's rows, each in the old table's place."""
    gone: set[str] = set()
    tables: dict[str, tuple[Callable[[dict[str, Any]], Event], list[str]]] = {
        "events": (event_of, ["event_in"]),
        QUARANTINE: (lambda row: read(row["record"].encode()), []),
    }
    for name, (reading, partition_by) in tables.items():

        def kept(rows: pa.Table, reading: Callable[[dict[str, Any]], Event] = reading) -> pa.Table:
            concerned = [_concerns(reading(row), wanted, rules) for row in rows.to_pylist()]
            gone.update(row for row, hit in zip(rows.column("event_id").to_pylist(), concerned, strict=True) if hit)
            return rows.filter(pc.invert(pa.array(concerned, pa.bool_())))

        if stores.lake.exists(name):
            stores.lake.rewrite(name, kept, partition_by=partition_by, consumers=stores.log.partitions())
    return gone


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
