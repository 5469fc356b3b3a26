"""From a log record to an event: pure, so that reading the log again gives the same events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from ariane.errors import InputError
from ariane.ingest.bots import is_machine
from ariane.ingest.claimed import claims_of, unclaimed, without
from ariane.ingest.clock import EARLIEST_US, FUTURE_US, Stamp, instant_us, occurred_us
from ariane.ingest.repair import repair
from ariane.ingest.routes import RUDDER
from ariane.model import CHANNELS, Event, EventType, event_id_of

APP_LIBRARIES = re.compile(
    r"ios|swift|android|kotlin|java-?mobile|react-native|flutter|xamarin|unity|mobile|cordova", re.IGNORECASE
)
WEB_LIBRARIES = re.compile(r"analytics\.js|analytics-next|javascript|gtm|browser", re.IGNORECASE)
_APP_SYSTEMS = frozenset({"ios", "iphone os", "ipados", "android", "watchos", "harmonyos"})
_KNOWN_CHANNELS = frozenset(CHANNELS)
_NO_SOURCES: Mapping[str, Any] = {}


class HasChannel(Protocol):
    """What reading needs of a source's settings."""

    @property
    def channel(self) -> str: ...


class Stored(msgspec.Struct, kw_only=True, rename="camel"):
    """A record as it is read: `record.Record` with its JSON opened."""

    source: str
    message_id: str
    type: EventType
    received_us: int
    event: str | None = None
    name: str | None = None
    timestamp: Stamp = None
    original_timestamp: Stamp = None
    sent_at: Stamp = None
    anonymous_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    channel: str | None = None
    dialect: str | None = None
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    invalid: str | None = None


_decode = msgspec.json.Decoder(Stored).decode


def read(payload: bytes, sources: Mapping[str, HasChannel] = _NO_SOURCES) -> Event:
    """The event in a log record: clock corrected, channel derived, bots flagged.

    `sources` (name → settings) gives the channel of a source whose record does not carry one. An event that was not
    quite valid says why in `context["ariane"]["invalid"]`. Who an event says it is only because a page's address said
    so (`?ajs_uid=`) is kept as a claim, `context["ariane"]["claimed"]`, and identifies nobody. A group's id and an
    alias's previous id are found in the properties as `groupId` and `previousId`. Raises InputError for a payload that
    is no log record.

    >>> from ariane.ingest.record import Record, encode
    >>> event = read(encode(Record(source="web", message_id="m-1", type="track", event="Product Viewed",
    ...                            received_us=1_800_000_000_000_000, timestamp="2027-01-15T07:00:00Z")))
    >>> event.name, event.channel, event.received_us - event.occurred_us
    ('Product Viewed', 'web', 3600000000)
    """
    try:
        stored = _decode(payload)
        if b"\\" in payload and b"\\u0000" in payload:
            stored = _decode(msgspec.json.encode(_without_nul(msgspec.json.decode(payload))))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        stored = _reread(payload)
    properties, context = stored.properties, stored.context
    if stored.traits and stored.type in ("identify", "group"):
        properties = stored.traits
    if stored.group_id is not None:
        properties.setdefault("groupId", stored.group_id)
    if stored.previous_id is not None:
        properties.setdefault("previousId", stored.previous_id)
    if stored.invalid is not None:
        context["ariane"] = {"invalid": stored.invalid}
    if "page" in context and b"ajs_" in payload and (claims := claims_of(context)):
        stored.user_id = unclaimed(stored.user_id, claims.get("user_id"))
        stored.anonymous_id = unclaimed(stored.anonymous_id, claims.get("anonymous_id"))
        properties = without(properties, claims)
        told = {"claimed": claims} if stored.invalid is None else {"claimed": claims, "invalid": stored.invalid}
        context["ariane"] = told
    kind = stored.type
    name = stored.event if kind == "track" else stored.name
    if name is None:
        given = properties.get("name") if kind in ("page", "screen") else None
        name = given if isinstance(given, str) else ""
    channel = context.get("channel")
    return Event(
        event_id=event_id_of(stored.source, stored.message_id),
        message_id=stored.message_id,
        source=stored.source,
        type=kind,
        name=name,
        channel=channel if type(channel) is str and channel in _KNOWN_CHANNELS else _channel(stored, sources),
        occurred_us=happened_us(stored),
        received_us=stored.received_us,
        anonymous_id=stored.anonymous_id or None,
        user_id=stored.user_id or None,
        properties=properties,
        context=context,
        is_bot=is_machine(context),
    )


def happened_us(stored: Stored) -> int:
    """When it happened, in the sender's dialect: RudderStack's keeps an explicit `timestamp` that can be true and
    corrects only the original one; Segment's corrects whichever there is (see `clock.occurred_us`)."""
    if stored.dialect == RUDDER and stored.timestamp is not None:
        stated = instant_us(stored.timestamp)
        if stated is not None and EARLIEST_US <= stated <= stored.received_us + FUTURE_US:
            return stated
    return occurred_us(stored.original_timestamp or stored.timestamp, stored.sent_at, stored.received_us)


def _channel(stored: Stored, sources: Mapping[str, HasChannel]) -> str:
    """What the event says, then what its library, system or browser says, then what its source is set to, then web."""
    context = stored.context
    found = said_channel(context) or said_channel(stored.properties) or derived_channel(context) or stored.channel
    if found:
        return found
    source = sources.get(stored.source)
    return (source.channel if source else "") or "web"


def said_channel(part: Mapping[str, Any]) -> str:
    """The channel that a context or properties name outright; empty when they do not."""
    given = part.get("channel")
    if isinstance(given, str) and given:
        return given if given in _KNOWN_CHANNELS else _named(given)
    return ""


def derived_channel(context: Mapping[str, Any]) -> str:
    """The channel that a context's library, system or browser speaks of; empty when they do not."""
    library, system, agent = context.get("library"), context.get("os"), context.get("userAgent")
    if isinstance(library, dict) and isinstance(name := library.get("name"), str) and (found := _of_library(name)):
        return found
    if isinstance(system, dict) and isinstance(name := system.get("name"), str) and name.lower() in _APP_SYSTEMS:
        return "app"
    return "web" if isinstance(agent, str) and agent.startswith("Mozilla/") else ""


@lru_cache(maxsize=1024)
def _of_library(name: str) -> str:
    if APP_LIBRARIES.search(name):
        return "app"
    return "web" if WEB_LIBRARIES.search(name) else ""


@lru_cache(maxsize=1024)
def _named(channel: str) -> str:
    """A channel as a key: lower case, words joined by one underscore."""
    return "_".join(re.findall(r"\w+", channel.lower()))[:64] or "web"


def _reread(payload: bytes) -> Stored:
    """Slow way in: numbers no machine holds, and records written by other means."""
    try:
        return _decode(msgspec.json.encode(_without_nul(msgspec.json.decode(repair(payload)))))
    except (InputError, msgspec.DecodeError) as error:
        raise InputError(
            f"This is no log record: {error}", next_step="Run 'ariane doctor' on the workspace."
        ) from error


def _without_nul(value: Any) -> Any:
    """Texts with U+FFFD for NUL, which PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value
