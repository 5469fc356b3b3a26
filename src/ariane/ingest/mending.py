"""What is done for events that are not in the shape a record has: they are kept, with the reason."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import get_args

import msgspec

from ariane.errors import InputError
from ariane.ingest.body import Name, Parsed, Stamped, WireEvent
from ariane.ingest.record import EMPTY
from ariane.ingest.repair import MAX_DEPTH, cut_deep, is_deep, repair
from ariane.ingest.rudder import external_ids
from ariane.model import EventType

_TYPES: frozenset[str] = frozenset(get_args(EventType))
DEEP = f"nested deeper than {MAX_DEPTH} levels"
_NAME_LENGTH = 256
_CUT = (
    "message_id", "event", "name", "user_id", "anonymous_id", "group_id", "previous_id", "timestamp",
    "original_timestamp", "sent_at",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def settle(event: WireEvent, fault: str | None, stamp: Stamped, ids: Counter[bytes] | None) -> str | None:
    """Bring the event into the shape a record has; what is wrong with it, or None."""
    event.write_key = None
    if event.type == "merge" or event.merge_properties is not EMPTY:
        fault = fault or _merge(event)
    if event.type not in _TYPES:
        said = "missing" if event.type is None else repr(event.type[:40])
        fault = fault or f"type is {said}, none of {', '.join(sorted(_TYPES))}"
        event.type = "track"
    elif event.type == "track" and not event.event:
        fault = fault or "a track event without a name"
    for field in ("user_id", "anonymous_id", "group_id", "previous_id"):
        value = getattr(event, field)
        if value is not None and value.__class__ is not str:
            setattr(event, field, _name(value))
    for field in ("properties", "traits", "context", "integrations"):
        raw = getattr(event, field)
        if raw is not EMPTY:
            raw, fault = _fitted(raw, field, fault)
            setattr(event, field, raw)
    if event.message_id.__class__ is not str or not event.message_id:
        event.message_id = _name(event.message_id) or (str(stamp.mint()) if ids is None else _id_of(event, ids))
    return fault


def _merge(event: WireEvent) -> str | None:
    """Two identifiers of one person, told by RudderStack's merge: an identify that carries both."""
    named = external_ids(event.merge_properties)
    event.merge_properties = EMPTY
    if event.type != "merge":
        return None
    event.type = "identify"
    if named is None:
        return "a merge that does not name two identifiers"
    ids = msgspec.Raw(msgspec.json.encode({"externalIds": named}))
    event.context = merged(objects(ids), event.context)
    return None


def _id_of(event: WireEvent, seen: Counter[bytes]) -> str:
    """An id that follows from what the event says, and from how often the request has said it before."""
    sent_at, event.sent_at = event.sent_at, None
    digest = blake2b(_encode(event), digest_size=12).digest()
    event.sent_at = sent_at
    seen[digest] += 1
    return f"{digest.hex()}-{seen[digest]}"


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
    return msgspec.Raw(cut_deep(text)), fault or DEEP


def shorten(event: WireEvent) -> None:
    """Leave out what made the event too large, and cut its names to what can still be one."""
    event.properties = event.traits = event.context = event.integrations = EMPTY
    for name in _CUT:
        value = getattr(event, name)
        if isinstance(value, str) and len(value) > _NAME_LENGTH:
            setattr(event, name, value[:_NAME_LENGTH])


def objects(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return _object(raw) if raw is not EMPTY and bytes(raw)[:1] == b"{" else {}


def merged(outer: dict[str, msgspec.Raw], inner: msgspec.Raw) -> msgspec.Raw:
    if inner is not EMPTY and bytes(inner)[:1] not in b"{n":
        return inner
    return msgspec.Raw(msgspec.json.encode(outer | objects(inner)))


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
    common = (shared.write_key, shared.sent_at, shared.context, shared.integrations)
    return Parsed(events, faults, *common, mended=True)


_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(WireEvent)}
del _FIELDS["dialect"]
_RAW = frozenset({"properties", "traits", "context", "integrations", "merge_properties"})
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
