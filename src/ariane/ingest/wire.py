"""Segment's wire format: from a request's body to log records.

A body in good shape is decoded in one pass, properties and context left as the text they came in. Whatever that pass
refuses goes a slower way that keeps each event and says what is wrong with it: one odd event never costs the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args
from uuid import uuid4

import msgspec

from ariane.errors import InputError
from ariane.ingest.clock import Stamp
from ariane.ingest.record import EMPTY, encode_stamp
from ariane.ingest.repair import MAX_DEPTH, TOO_DEEP, cut_deep, is_deep, repair
from ariane.model import EventType

MAX_EVENTS = 20_000
"""Events a request may hold."""

ALLOWANCE = 1_024
"""Bytes a stored event may have beyond the limit set: what is added on receipt."""

_TYPES: frozenset[str] = frozenset(get_args(EventType))
Name = str | int | float | None


class TooLarge(InputError):
    """The body, or the one event in it, is larger than the settings allow."""

    code, status = "too_large", 413


class WireEvent(msgspec.Struct, rename="camel", omit_defaults=True):
    """One event as the Segment libraries send it, and as the log keeps it once the receiver's stamp is before it.

    Numbers are taken for names: many sources number their users.
    """

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
    indented: bool = False
    mended: bool = False


class Stamped(msgspec.Struct, frozen=True):
    """What the receiver adds to every event of a request."""

    source: str
    channel: str
    received_us: int
    max_event_bytes: int = 32_768
    mint: Callable[[], object] = uuid4


_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_NAME_LENGTH = 256
_CUT = (
    "message_id", "event", "name", "user_id", "anonymous_id", "group_id", "previous_id", "timestamp",
    "original_timestamp", "sent_at",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_envelope = msgspec.json.Decoder(Envelope).decode
_event = msgspec.json.Decoder(WireEvent).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(kind: str, body: bytes) -> Parsed:
    """Read the body of ``POST /v1/<kind>``. Raises InputError when no event can be made out, TooLarge when too many."""
    indented = b"\n" in body or b"\r" in body
    try:
        if not body.isascii():
            body.decode()  # texts left unread would otherwise keep bytes that are not UTF-8
        if kind == "batch":
            whole = _envelope(body)
            shared = (whole.write_key, whole.sent_at, whole.context, whole.integrations)
            parsed = Parsed(whole.batch, {}, *shared, indented)
        else:
            event = _event(body)
            parsed = Parsed([event], {}, event.write_key, indented=indented)
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
    before = encode_stamp(stamp.source, stamp.channel, stamp.received_us)
    context, integrations = _objects(parsed.context), _objects(parsed.integrations)
    allowed = stamp.max_event_bytes + ALLOWANCE
    payloads: list[bytes] = []
    n_invalid = 0
    for place, event in enumerate(parsed.events):
        if context:
            event.context = _merged(context, event.context)
        if integrations:
            event.integrations = _merged(integrations, event.integrations)
        if event.sent_at is None:
            event.sent_at = parsed.sent_at
        if kind != "batch":
            event.type = kind
        fault = _settle(event, parsed.faults.get(place) if parsed.faults else None, stamp.mint)
        payload = before + _encode(event)[1:]
        if parsed.indented:
            payload = msgspec.json.format(payload, indent=-1)
        if len(payload) > allowed:
            if kind != "batch":
                raise _too_large(len(payload), stamp.max_event_bytes)
            fault = f"{len(payload)} bytes, more than {stamp.max_event_bytes}: properties and context left out"
            _shorten(event)
            payload = before + _encode(event)[1:]
        if parsed.mended and fault is None and TOO_DEEP in payload:
            fault = _DEEP
        if fault is not None:
            payload = payload[:-1] + b',"invalid":' + msgspec.json.encode(fault) + b"}"
            n_invalid += 1
        payloads.append(payload)
    return payloads, n_invalid


def _settle(event: WireEvent, fault: str | None, mint: Callable[[], object]) -> str | None:
    """Bring the event into the shape a record has; what is wrong with it, or None."""
    event.write_key = None
    if event.type not in _TYPES:
        said = "missing" if event.type is None else repr(event.type[:40])
        fault = fault or f"type is {said}, none of {', '.join(sorted(_TYPES))}"
        event.type = "track"
    elif event.type == "track" and not event.event:
        fault = fault or "a track event without a name"
    if event.message_id.__class__ is not str or not event.message_id:
        event.message_id = _name(event.message_id) or str(mint())
    if event.user_id.__class__ is not str:
        event.user_id = _name(event.user_id)
    if event.anonymous_id.__class__ is not str:
        event.anonymous_id = _name(event.anonymous_id)
    if event.group_id is not None:
        event.group_id = _name(event.group_id)
    if event.previous_id is not None:
        event.previous_id = _name(event.previous_id)
    if event.properties is not EMPTY:
        event.properties, fault = _fitted(event.properties, "properties", fault)
    if event.traits is not EMPTY:
        event.traits, fault = _fitted(event.traits, "traits", fault)
    if event.context is not EMPTY:
        event.context, fault = _fitted(event.context, "context", fault)
    if event.integrations is not EMPTY:
        event.integrations, fault = _fitted(event.integrations, "integrations", fault)
    return fault


def _name(value: Name) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _fitted(value: msgspec.Raw, what: str, fault: str | None) -> tuple[msgspec.Raw, str | None]:
    """An object no deeper than can be read back, whatever was given in its place."""
    text = bytes(value)
    if text[:1] == b"{" and (len(text) < 2 * MAX_DEPTH or not is_deep(text)):
        return value, fault
    if text == b"null":
        return EMPTY, fault
    if text[:1] != b"{":
        text, fault = b'{"value":' + text + b"}", fault or f"{what} not an object"
    return msgspec.Raw(cut_deep(text)), fault or _DEEP


def _too_large(size: int, allowed: int) -> TooLarge:
    return TooLarge(
        f"The event takes {size} bytes.",
        allowed=f"at most {allowed}",
        next_step="Send less in its properties, or raise max_event_bytes.",
    )


def _shorten(event: WireEvent) -> None:
    """Leave out what made the event too large, and cut its names to what can still be one."""
    event.properties = event.traits = event.context = event.integrations = EMPTY
    for name in _CUT:
        value = getattr(event, name)
        if isinstance(value, str) and len(value) > _NAME_LENGTH:
            setattr(event, name, value[:_NAME_LENGTH])


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
    return Parsed(events, faults, shared.write_key, shared.sent_at, shared.context, shared.integrations, mended=True)


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
