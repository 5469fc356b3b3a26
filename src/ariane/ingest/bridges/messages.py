"""From a message of a broker to a log record: pure.

| in the message                                   | becomes                                                        |
|--------------------------------------------------|----------------------------------------------------------------|
| a level named like an identifier's kind          | that identifier (`object_serial` as a rule)                    |
| a level named `event`, else the payload's `event`| the event's name, by `events`; a known one by itself           |
| any other named level                            | a property                                                     |
| a JSON object                                    | properties; its `value` is called `reading`, as it is no money |
| a JSON number, truth value or text; other text   | the property `reading`                                         |
| the payload's `timestamp`, `time`, `at` or `ts`  | when it happened; else when it came in                         |
| the payload's `message_id` or `messageId`        | message id, with the topic                                     |

A payload's `id` is a property like any other: it as often names the device, the same in all of its messages.
A message that tells no id but a time is the same whenever topic and payload are. One that tells neither can only be
known again by the number the broker gave it, within the messages still unacknowledged (see `mqtt`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from ariane.ingest.bridges.topics import Topic
from ariane.ingest.grammar import KINDS
from ariane.ingest.names import KNOWN_EVENTS
from ariane.ingest.record import Record

READING = "Object Reported"
TIMES = ("timestamp", "time", "at", "ts")
IDS = ("message_id", "messageId")
MAX_PAYLOAD = 32_768
MAX_TEXT = 1_000
OWN_FIELDS = ("user_id", "cookie")
_decode = msgspec.json.Decoder().decode


class Message(msgspec.Struct, frozen=True):
    """What a broker delivered. `number` is the packet's identifier, `again` says that it was sent before."""

    topic: str
    payload: bytes
    number: int = 0
    again: bool = False

    @property
    def content(self) -> str:
        """What makes the message itself: 96 bits of its topic and payload."""
        return blake2b(self.topic.encode("utf-8", "replace") + b"\0" + self.payload, digest_size=12).hexdigest()


def record_of(
    message: Message,
    topic: Topic,
    *,
    source: str,
    received_us: int,
    channel: str = "object",
    events: Mapping[str, str] | None = None,
) -> Record:
    """The record of a message on one of the topics.

    >>> from ariane.ingest.bridges.topics import read_topic
    >>> topic = read_topic("home/{home}/lamp/{object_serial}/{event}")
    >>> message = Message("home/7/lamp/L-9/on", b'{"value": 80, "ts": 1800000000}')
    >>> record = record_of(message, topic, source="lamps", received_us=1, events={"on": "Product Used"})
    >>> record.event, record.properties, record.timestamp
    ('Product Used', {'home': '7', 'reading': 80, 'ts': 1800000000}, 1800000000)
    >>> record.context["externalIds"]
    [{'id': 'L-9', 'type': 'object_serial'}]
    """
    named = topic.match(message.topic) or {}
    said, problem = _said(message.payload)
    properties: dict[str, Any] = {name: level for name, level in named.items() if name not in (*KINDS, "event")}
    properties |= {"reading" if name == "value" else name: value for name, value in said.items()}
    word = named.get("event") or said.get("event")
    event = _event(word, events or {})
    if event == READING and isinstance(word, str):
        properties["signal"] = word
    if "event" in said:
        del properties["event"]
    stamp = next((said[name] for name in TIMES if _is_stamp(said.get(name))), None)
    delivered = {"topic": message.topic, "number": message.number, "content": message.content}
    context: dict[str, Any] = {"channel": channel, "mqtt": delivered}
    external = [{"id": named[kind], "type": kind} for kind in KINDS if kind in named and kind not in OWN_FIELDS]
    if external:
        context["externalIds"] = external
    return Record(
        source=source,
        message_id=_message_id(message, said, stamp, received_us),
        type="track",
        event=event,
        received_us=received_us,
        timestamp=stamp,
        user_id=named.get("user_id"),
        anonymous_id=named.get("cookie"),
        properties=properties,
        context=context,
        invalid=problem,
    )


def _message_id(message: Message, said: dict[str, Any], stamp: object, received_us: int) -> str:
    own = next((said[name] for name in IDS if isinstance(said.get(name), str | int)), None)
    if own is not None:
        return blake2b(f"{message.topic}\0{own}".encode("utf-8", "replace"), digest_size=12).hexdigest()
    if stamp is not None:
        return message.content
    return f"{message.content}-{message.number}-{received_us}"


def _said(payload: bytes) -> tuple[dict[str, Any], str | None]:
    """What a payload says; and what is wrong with it."""
    if len(payload) > MAX_PAYLOAD:
        return {"bytes": len(payload)}, f"the payload takes {len(payload):,} bytes, more than {MAX_PAYLOAD:,}"
    if not payload:
        return {}, None
    try:
        value = _decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            return {"reading": payload.decode().strip()[:MAX_TEXT]}, None
        except UnicodeDecodeError:
            return {"bytes": len(payload)}, "the payload is neither JSON nor text"
    return (value, None) if isinstance(value, dict) else ({} if value is None else {"reading": value}, None)


def _event(word: object, events: Mapping[str, str]) -> str:
    if not isinstance(word, str):
        return events.get("", READING)
    return events.get(word) or (word if word in KNOWN_EVENTS else events.get("", READING))


def _is_stamp(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool) and value != ""
