"""The log record: one event as it was received, one line of JSON, before anything is derived from it.

The collector and the importers write records; `read` turns one into a `model.Event`. A record keeps what was sent
(raw properties and context, the three clocks), so that a better reading can be applied to the whole history later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from ariane.errors import InputError

EMPTY = msgspec.Raw(b"{}")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One event to be logged. In the log its fields have Segment's names (`messageId`, `userId`), as they came.

    `properties` holds the traits when `type` is identify or group. `properties` and `context` are given as a dict, or
    as `msgspec.Raw` when they are already JSON text. `timestamp`, `original_timestamp` and `sent_at` are whatever was
    sent (ISO 8601 text, or a number of seconds or milliseconds since 1970); `received_us` is ours. `channel` is the
    one configured for the source, kept so that a later change of settings does not rewrite history. `invalid` says
    why the event is not quite one: it is kept and counted, never dropped. `dialect` is `rudder` when the sender's rule
    is that an explicit `timestamp` stands as it is (see `reading.happened_us`).
    """

    source: str
    message_id: str
    type: str
    received_us: int
    event: str | None = None
    name: str | None = None
    timestamp: str | int | float | None = None
    original_timestamp: str | int | float | None = None
    sent_at: str | int | float | None = None
    anonymous_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    channel: str | None = None
    properties: msgspec.Raw | dict[str, Any] = EMPTY
    context: msgspec.Raw | dict[str, Any] = EMPTY
    integrations: msgspec.Raw | dict[str, Any] = EMPTY
    dialect: str | None = None
    invalid: str | None = None


_encode = msgspec.json.Encoder().encode


def encode(record: Record) -> bytes:
    """The record as one line of JSON, without the newline: what the log stores.

    Raises `InputError` when a text holds half of a surrogate pair, which no UTF-8 file can store.

    >>> encode(Record(source="web", message_id="m-1", type="track", event="Product Used", received_us=1,
    ...               properties={"uses": 3}))
    b'{"source":"web","messageId":"m-1","type":"track","receivedUs":1,"event":"Product Used","properties":{"uses":3}}'
    """
    try:
        payload = _encode(record)
    except UnicodeEncodeError as error:
        raise InputError(
            "The event holds half of a surrogate pair.",
            where=f"{record.source} event {record.message_id!a}",
            allowed="text that UTF-8 can store",
            next_step="Replace the character at the source, for instance with U+FFFD.",
        ) from error
    # Only raw JSON that was pretty-printed can hold a line break: texts have theirs escaped.
    return msgspec.json.format(payload, indent=-1) if b"\n" in payload or b"\r" in payload else payload


def encode_stamp(source: str, channel: str, received_us: int) -> bytes:
    """How a record starts that goes on with the event as it was sent.

    >>> encode_stamp("web", "", 7)
    b'{"source":"web","receivedUs":7,'
    """
    before, after = _stamp(source, channel)
    return b"%b%d%b" % (before, received_us, after)


@lru_cache(1024)
def _stamp(source: str, channel: str) -> tuple[bytes, bytes]:
    """What stands before and after the time of receipt."""
    after = b',"channel":%b,' % _encode(channel) if channel else b","
    return b'{"source":%b,"receivedUs":' % _encode(source), after
