"""The wire format of Segment and RudderStack: from a request's body to log records.

A body in good shape is decoded in one pass, properties and context left as the text they came in. Whatever that pass
refuses goes a slower way (`mending`) that keeps each event and says what is wrong with it: one odd event never costs
the others.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from ariane.ingest.body import (
    ALLOWANCE,
    MAX_EVENTS,
    Envelope,
    Parsed,
    PlainEnvelope,
    PlainEvent,
    Stamped,
    TooLarge,
    WireEvent,
)
from ariane.ingest.mending import DEEP, mend, merged, objects, settle, shorten
from ariane.ingest.record import EMPTY, encode_stamp
from ariane.ingest.repair import MAX_DEPTH, TOO_DEEP, is_deep
from ariane.ingest.routes import RUDDER
from ariane.ingest.rudder import dialect_of

__all__ = ["Stamped", "TooLarge", "mend", "parse", "payloads_of"]

_encode = msgspec.json.Encoder().encode
_plain_envelope = msgspec.json.Decoder(PlainEnvelope).decode
_envelope = msgspec.json.Decoder(Envelope).decode
_plain_event = msgspec.json.Decoder(PlainEvent).decode
_event = msgspec.json.Decoder(WireEvent).decode
_OPEN = ord("{")
_SHALLOW = 5 * MAX_DEPTH + 50  # five bytes a level at least, without lists; the stamp and the names are not nested


def parse(kind: str, body: bytes) -> Parsed:
    """Read the body of ``POST /v1/<kind>``. Raises InputError when no event can be made out, TooLarge when too many."""
    try:
        if not body.isascii():
            body.decode()  # texts left unread would otherwise keep bytes that are not UTF-8
        parsed = _batch(body) if kind == "batch" else _single(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parsed = mend(kind, body)
    if len(parsed.events) > MAX_EVENTS:
        raise TooLarge(
            f"The batch holds {len(parsed.events)} events.", allowed=f"at most {MAX_EVENTS}", next_step="Send several."
        )
    return parsed


def _batch(body: bytes) -> Parsed:
    plain = True
    try:
        whole = _plain_envelope(body)
    except msgspec.ValidationError:
        whole, plain = _envelope(body), False
    indented = b"\n" in body or b"\r" in body
    shared = (whole.write_key, whole.sent_at, whole.context, whole.integrations)
    return Parsed(whole.batch, {}, *shared, indented, plain=plain and not indented)


def _single(body: bytes) -> Parsed:
    plain = True
    try:
        event = _plain_event(body)
    except msgspec.ValidationError:
        event, plain = _event(body), False
    indented = b"\n" in body or b"\r" in body
    return Parsed([event], {}, event.write_key, indented=indented, plain=plain and not indented)


def payloads_of(kind: str, parsed: Parsed, stamp: Stamped) -> tuple[list[bytes], int]:
    """The log records of a parsed body, and how many carry a reason why they are not valid.

    Raises TooLarge when the body is one event and that is too large; in a batch such an event keeps its names only.
    """
    before = encode_stamp(stamp.source, stamp.channel, stamp.received_us)
    _share(kind, parsed, stamp)
    dialect = RUDDER if stamp.dialect == RUDDER or _dialect(parsed) == RUDDER else None
    most = stamp.max_event_bytes if dialect is None else stamp.max_body_bytes
    ids = Counter[bytes]() if stamp.by_content else None
    plain = parsed.plain and kind != "merge"
    payloads: list[bytes] = []
    n_invalid = 0
    for event in parsed.events:
        event.dialect = dialect
        event.write_key = None
        if plain and _in_shape(event):
            payload = before + _encode(event)[1:]
            size = len(payload)
            if size <= most and ((size < _SHALLOW and b"[" not in payload) or not is_deep(payload)):
                payloads.append(payload)
                continue
        fault = settle(event, parsed.faults.get(len(payloads)), stamp, ids)
        payload, fault = _finished(kind, parsed, event, fault, before, most)
        if fault is not None:
            payload = payload[:-1] + b',"invalid":' + msgspec.json.encode(fault) + b"}"
            n_invalid += 1
        payloads.append(payload)
    return payloads, n_invalid


def _share(kind: str, parsed: Parsed, stamp: Stamped) -> None:
    """Give each event what the request says for all: its type, context, integrations, when it was sent, by whom."""
    context, integrations = objects(parsed.context), objects(parsed.integrations)
    sent_at = parsed.sent_at
    if not (context or integrations or sent_at is not None or stamp.anonymous_id) and kind == "batch":
        return
    for event in parsed.events:
        if context:
            event.context = merged(context, event.context)
        if integrations:
            event.integrations = merged(integrations, event.integrations)
        if sent_at is not None and event.sent_at is None:
            event.sent_at = sent_at
        if kind != "batch":
            event.type = kind
        if stamp.anonymous_id and event.anonymous_id is None and event.user_id is None:
            event.anonymous_id = stamp.anonymous_id


def _dialect(parsed: Parsed) -> str | None:
    """What the first event with a context speaks; one client sends a whole batch."""
    for event in parsed.events:
        if event.context is not EMPTY:
            return dialect_of(event.context)
    return None


def _in_shape(event: WireEvent) -> bool:
    """Whether a plain event has a name where it needs one, and objects where it should: what no decoder tells."""
    if event.type is None or (event.event is None and event.type == "track") or event.event == "":
        return False
    if (raw := event.properties) is not EMPTY and bytes(raw)[0] != _OPEN:
        return False
    if (raw := event.context) is not EMPTY and bytes(raw)[0] != _OPEN:
        return False
    if (raw := event.traits) is not EMPTY and bytes(raw)[0] != _OPEN:
        return False
    if (raw := event.integrations) is not EMPTY and bytes(raw)[0] != _OPEN:
        return False
    return event.merge_properties is EMPTY


def _finished(
    kind: str, parsed: Parsed, event: WireEvent, fault: str | None, before: bytes, most: int
) -> tuple[bytes, str | None]:
    """The record of an event that has been settled, no larger than allowed, and what is wrong with it."""
    payload = before + _encode(event)[1:]
    if parsed.indented:
        payload = msgspec.json.format(payload, indent=-1)
    if len(payload) > most + ALLOWANCE:
        if kind != "batch":
            raise _too_large(len(payload), most)
        fault = f"{len(payload)} bytes, more than {most}: properties and context left out"
        shorten(event)
        payload = before + _encode(event)[1:]
    if parsed.mended and fault is None and TOO_DEEP in payload:
        fault = DEEP
    return payload, fault


def _too_large(size: int, allowed: int) -> TooLarge:
    return TooLarge(
        f"The event takes {size} bytes.",
        allowed=f"at most {allowed}",
        next_step="Send less in its properties, or raise max_event_bytes.",
    )
