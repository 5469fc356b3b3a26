"""Segment's wire format: from a request's body to log records.

A body in good shape is decoded in one pass, properties and context left as the text they came in. Whatever that pass
refuses goes a slower way that keeps each event and says what is wrong with it: one odd event never costs the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from uuid import uuid4

import msgspec

from ariane.errors import InputError
from ariane.ingest.clock import Stamp
from ariane.ingest.record import EMPTY, Record, encode
from ariane.ingest.repair import MAX_DEPTH, TOO_DEEP, cut_deep, is_deep, repair
from ariane.model import EventType

MAX_EVENTS = 20_000
"""Events a request may hold."""

ALLOWANCE = 1_024
"""Bytes a stored event may have beyond the limit set: what is added on receipt."""

_TYPES: frozenset[str] = frozenset(get_args(EventType))
_TRAITS = frozenset({"identify", "group"})
Name = str | int | float | None


class TooLarge(InputError):
    """The body, or the one event in it, is larger than the settings allow."""

    code, status = "too_large", 413


class WireEvent(msgspec.Struct, rename="camel"):
    """One event as the Segment libraries send it. Numbers are taken for names: many sources number their users."""

    type: str | None = None
    message_id: Name = None
    event: str | None = None
    name: str | None = None
    user_id: Name = None
    anonymous_id: Name = None
    group_id: Name = None
    previous_id: Name = None
    timestamp: Stamp = None
    original_timestamp: Stamp = None
    sent_at: Stamp = None
    write_key: str | None = None
    properties: msgspec.Raw = EMPTY
    traits: msgspec.Raw = EMPTY
    context: msgspec.Raw = EMPTY
    integrations: msgspec.Raw = EMPTY


class Envelope(msgspec.Struct, rename="camel"):
    """The body of a batch. Its context and integrations hold for every event that does not say otherwise."""

    batch: list[WireEvent]
    write_key: str | None = None
    sent_at: Stamp = None
    context: msgspec.Raw = EMPTY
    integrations: msgspec.Raw = EMPTY


class Parsed(msgspec.Struct, frozen=True):
    """A body read: its events, each with what is wrong with it, and what holds for all of them."""

    events: list[WireEvent]
    faults: dict[int, str]
    write_key: str | None
    sent_at: Stamp = None
    context: msgspec.Raw = EMPTY
    integrations: msgspec.Raw = EMPTY
    mended: bool = False


class Stamped(msgspec.Struct, frozen=True):
    """What the receiver adds to every event of a request."""

    source: str
    channel: str
    received_us: int
    max_event_bytes: int = 32_768
    mint: Callable[[], object] = uuid4


_envelope = msgspec.json.Decoder(Envelope).decode
_event = msgspec.json.Decoder(WireEvent).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(kind: str, body: bytes) -> Parsed:
    """Read the body of ``POST /v1/<kind>``. Raises InputError when no event can be made out, TooLarge when too many."""
    try:
        if not body.isascii():
            body.decode()  # texts left unread would otherwise keep bytes that are not UTF-8
        if kind == "batch":
            whole = _envelope(body)
            parsed = Parsed(whole.batch, {}, whole.write_key, whole.sent_at, whole.context, whole.integrations)
        else:
            event = _event(body)
            parsed = Parsed([event], {}, event.write_key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parsed = mend(kind, body)
    if len(parsed.events) > MAX_EVENTS:
        raise TooLarge(
            f"The batch holds {len(parsed.events)} events.", allowed=f"at most {MAX_EVENTS}", next_step="Send several."
        )
    return parsed


def payloads_of(kind: str, parsed: Parsed, stamp: Stamped) -> tuple[list[bytes], int]:
    """The log records of a parsed body, and how many carry a reason why they are not valid.

    Raises TooLarge when the body is one event and that is too large; in a batch such an event keeps its names only.
    """
    context = _objects(parsed.context)
    integrations = _objects(parsed.integrations)
    payloads: list[bytes] = []
    n_invalid = 0
    for place, event in enumerate(parsed.events):
        if context:
            event.context = _merged(context, event.context)
        if integrations:
            event.integrations = _merged(integrations, event.integrations)
        if event.sent_at is None:
            event.sent_at = parsed.sent_at
        record = _record(kind if kind != "batch" else event.type, event, parsed.faults.get(place), stamp)
        payload = encode(record)
        if len(payload) > stamp.max_event_bytes + ALLOWANCE:
            if kind != "batch":
                raise TooLarge(
                    f"The event takes {len(payload)} bytes.",
                    allowed=f"at most {stamp.max_event_bytes}",
                    next_step="Send less in its properties, or raise max_event_bytes.",
                )
            record = _shortened(record, len(payload), stamp.max_event_bytes)
            payload = encode(record)
        elif is_deep(payload) or (parsed.mended and TOO_DEEP in payload):
            reason = record.invalid or f"nested deeper than {MAX_DEPTH} levels"
            record = msgspec.structs.replace(record, invalid=None)
            payload = cut_deep(encode(record))[:-1] + b',"invalid":' + msgspec.json.encode(reason) + b"}"
            n_invalid += 1
        n_invalid += record.invalid is not None
        payloads.append(payload)
    return payloads, n_invalid


def _record(kind: str | None, event: WireEvent, fault: str | None, stamp: Stamped) -> Record:
    if kind not in _TYPES:
        fault = (
            fault or f"type is {'missing' if kind is None else repr(kind[:40])}, none of {', '.join(sorted(_TYPES))}"
        )
        kind = "track"
    elif kind == "track" and not event.event:
        fault = fault or "a track event without a name"
    properties, context = event.properties, event.context
    if kind in _TRAITS and event.traits is not EMPTY:
        properties = event.traits
    if properties is not EMPTY and bytes(properties)[:1] != b"{":
        properties, fault = _wrapped(properties, "properties or traits", fault)
    if context is not EMPTY and bytes(context)[:1] != b"{":
        context, fault = _wrapped(context, "context", fault)
    return Record(
        source=stamp.source,
        message_id=_name(event.message_id) or str(stamp.mint()),
        type=kind or "track",
        received_us=stamp.received_us,
        event=event.event,
        name=event.name,
        timestamp=event.timestamp,
        original_timestamp=event.original_timestamp,
        sent_at=event.sent_at,
        anonymous_id=_name(event.anonymous_id),
        user_id=_name(event.user_id),
        group_id=_name(event.group_id),
        previous_id=_name(event.previous_id),
        channel=stamp.channel or None,
        properties=properties,
        context=context,
        integrations=event.integrations,
        invalid=fault,
    )


def _name(value: Name) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _wrapped(value: msgspec.Raw, what: str, fault: str | None) -> tuple[msgspec.Raw, str | None]:
    text = bytes(value)
    if text == b"null":
        return EMPTY, fault
    return msgspec.Raw(b'{"value":' + text + b"}"), fault or f"{what} not an object"


def _shortened(record: Record, size: int, allowed: int) -> Record:
    """The event without what made it too large, its names cut to what can still be one."""
    names = (
        "message_id",
        "event",
        "name",
        "anonymous_id",
        "user_id",
        "group_id",
        "previous_id",
        "timestamp",
        "sent_at",
    )
    cut: dict[str, Any] = {
        name: value[:256] for name in names if isinstance(value := getattr(record, name), str) and len(value) > 256
    }
    cut |= {"properties": EMPTY, "context": EMPTY, "integrations": EMPTY, "original_timestamp": None}
    cut["invalid"] = f"{size} bytes, more than {allowed}: properties and context left out"
    return msgspec.structs.replace(record, **cut)


def _objects(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return _object(raw) if raw is not EMPTY and bytes(raw)[:1] == b"{" else {}


def _merged(outer: dict[str, msgspec.Raw], inner: msgspec.Raw) -> msgspec.Raw:
    if inner is not EMPTY and bytes(inner)[:1] not in b"{n":
        return inner
    return msgspec.Raw(msgspec.json.encode(outer | _objects(inner)))


def mend(kind: str, body: bytes) -> Parsed:
    """The slow way: the body repaired, each event taken for what it can be."""
    whole = msgspec.json.decode(repair(body))
    if not isinstance(whole, dict):
        raise InputError(
            "The body is not a JSON object.", allowed='{"batch": [...]}' if kind == "batch" else "one event"
        )
    listed = whole.get("batch") if kind == "batch" else [whole]
    if not isinstance(listed, list):
        raise InputError(
            "The batch has no list of events.", where='"batch"', allowed="a list", next_step="See Segment's HTTP API."
        )
    events: list[WireEvent] = []
    faults: dict[int, str] = {}
    for place, item in enumerate(listed):
        event, fault = _taken(item)
        events.append(event)
        if fault:
            faults[place] = fault
    shared, _ = _taken({name: whole.get(name) for name in ("writeKey", "sentAt", "context", "integrations")})
    return Parsed(events, faults, shared.write_key, shared.sent_at, shared.context, shared.integrations, True)


_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(WireEvent)}
_RAW = frozenset({"properties", "traits", "context", "integrations"})
_TEXT_ONLY = frozenset({"type", "event", "name", "write_key"})


def _taken(item: object) -> tuple[WireEvent, str | None]:
    """An event from whatever was in its place, and what is wrong with it."""
    if not isinstance(item, dict):
        return WireEvent(properties=msgspec.Raw(msgspec.json.encode({"value": item}))), "the event is not an object"
    event, fault = WireEvent(), None
    for sent, field in _FIELDS.items():
        value = item.get(sent)
        if value is None:
            continue
        if field in _RAW:
            setattr(event, field, msgspec.Raw(msgspec.json.encode(value)))
        elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
            setattr(event, field, str(value) if field in _TEXT_ONLY else value)
        else:
            fault = fault or f"{sent} is neither text nor number"
    return event, fault
