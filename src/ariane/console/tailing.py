"""The newest of the log: the last records of every partition, and those that follow."""

from __future__ import annotations

import msgspec

from ariane import ingest
from ariane.errors import InputError, NotFound
from ariane.model import Event
from ariane.store.ports import Log, Record

BACK_BYTES = 96 * 1024
FORWARD_BYTES = 1024 * 1024


class Arrival(msgspec.Struct, frozen=True):
    """One record of the log as it came in. `event` is None when it could not be read; `refused` says why it is not
    quite an event."""

    received_us: int
    source: str
    name: str
    event: Event | None
    refused: str
    partition: str = ""
    offset: int = -1


class Reason(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a record that says what is wrong with it."""

    source: str = ""
    event: str | None = None
    type: str = ""
    received_us: int = 0
    invalid: str | None = None


_reason = msgspec.json.Decoder(Reason)


def arrival(payload: bytes, partition: str = "", offset: int = -1) -> Arrival:
    """Read one record, whatever it holds, from this place of the log.

    >>> arrival(b'{"source":"web","messageId":"1","type":"track","receivedUs":5,"invalid":"No event name."}').refused
    'No event name.'
    """
    try:
        told = _reason.decode(payload)
    except msgspec.DecodeError as error:
        return Arrival(0, "", "", None, str(error), partition, offset)
    name = told.event or told.type
    try:
        event = ingest.read(payload)
    except (InputError, msgspec.DecodeError) as error:
        return Arrival(told.received_us, told.source, name, None, told.invalid or str(error), partition, offset)
    return Arrival(told.received_us, told.source, event.name or name, event, told.invalid or "", partition, offset)


def _of(record: Record, partition: str) -> Arrival:
    return arrival(record.payload, partition, record.offset)


def _is_erased(record: Record) -> bool:
    """Whether only the place of the record is left: a tombstone, or blanks where a line was damaged."""
    return record.payload[:2] == b"{}" or record.payload[:1] in b" "


def standing_at(log: Log, place: str) -> bytes:
    """The record at a place written `partition:offset`. NotFound when none stands there."""
    partition, _, offset = place.rpartition(":")
    if partition in log.partitions() and offset.isdecimal() and len(offset) < 19:
        at = int(offset)
        if log.start(partition) <= at < log.end(partition):
            read = log.read(partition, at, 1).records
            if read and read[0].offset == at and not _is_erased(read[0]):
                return read[0].payload
    raise NotFound(
        f"No event stands at '{place[:80]}' of the log.",
        allowed="partition:offset, such as web-0:4096",
        next_step="The log keeps events for a while (log_retention_days); the lake holds them all.",
    )


class Tail:
    """A reader that stands at the end of every partition. Each stream of the screen has its own."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.at = {partition: log.end(partition) for partition in log.partitions()}

    def recent(self, most: int, back_bytes: int = BACK_BYTES) -> list[Arrival]:
        """The last records there are, newest first; of each partition no more than the last `back_bytes`."""
        found: list[Arrival] = []
        for partition, end in self.at.items():
            begin = max(self.log.start(partition), end - back_bytes)
            batch = self.log.read(partition, begin, back_bytes)
            found += [_of(record, partition) for record in batch.records[-most:] if not _is_erased(record)]
        return sorted(found, key=lambda one: one.received_us, reverse=True)[:most]

    def fresh(self, most: int) -> tuple[list[Arrival], int]:
        """What has arrived since the last call, the newest `most` of it in order, and how many there were."""
        found: list[Arrival] = []
        total = 0
        for partition in self.log.partitions():
            batch = self.log.read(partition, self.at.get(partition, 0), FORWARD_BYTES)
            self.at[partition] = batch.next_offset
            total += len(batch.records)
            found += [_of(record, partition) for record in batch.records[-most:] if not _is_erased(record)]
        return sorted(found, key=lambda one: one.received_us)[-most:], total
