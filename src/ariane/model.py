"""The nouns: frozen Structs shared by every room, one meaning each.

Times inside are integers, microseconds since 1970 in UTC (suffix `_us`); only screens, SQL relations and documents
show instants. Integers mean the same in every engine; instants with zones do not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, get_args

import msgspec

Stage = Literal["before", "consideration", "conversion", "evaluation", "loyalty"]
Owner = Literal["brand", "partner", "customer", "other"]
Medium = Literal["owned", "paid", "earned"]
EventType = Literal["track", "identify", "page", "screen", "group", "alias"]
Purpose = Literal["service", "measurement", "personalisation", "marketing", "cross_device", "research", "sharing"]

STAGES: tuple[Stage, ...] = get_args(Stage)
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
CHANNELS = (
    "web", "app", "store", "call_centre", "email", "sms", "social", "chatbot", "voice_assistant", "object",
    "immersive", "virtual_world", "mail", "partner", "word_of_mouth",
)  # fmt: skip
"""The channels every workspace knows. The list is open: an event may name another."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SESSION_GAP_S = 1800
"""A session ends where nothing happens for longer: 30 minutes, the convention of web analytics."""


class Identifier(msgspec.Struct, frozen=True, order=True):
    """One name a person goes by: (`kind`, `value`), already normalised.

    >>> Identifier("email", "ana@example.org").key == key_of("email", "ana@example.org")
    True
    >>> str(Identifier("email", "ana@example.org"))
    'email:ana@example.org'
    """

    kind: str
    value: str

    @property
    def key(self) -> int:
        return key_of(self.kind, self.value)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, immutable, as every consumer of the log sees it.

    `name` is the SQL column `event`: the track event's name, or the page or screen's. `properties` holds the traits
    when `type` is identify or group.
    """

    event_id: str
    message_id: str
    source: str
    type: EventType
    name: str
    channel: str
    occurred_us: int
    received_us: int
    anonymous_id: str | None = None
    user_id: str | None = None
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}
    is_bot: bool = False


class Interval(msgspec.Struct, frozen=True):
    """A measured number with its 95 % bounds and what it rests on. `None` bounds: too few to say.

    >>> Interval(0.5, 0.4, 0.6, 100).value
    0.5
    """

    value: float | None
    lo: float | None
    hi: float | None
    n: int


def key_of(kind: str, value: str) -> int:
    """The 64-bit signed key an identifier is joined by.

    Two of 25 million identifiers collide with probability about 2e-5 (n²/2^65).
    """
    digest = _keyed(kind)()
    digest.update(value.encode())
    return int.from_bytes(digest.digest(), "big", signed=True)


@lru_cache(1024)
def _keyed(kind: str) -> Callable[[], blake2b]:
    return blake2b(f"{kind}\0".encode(), digest_size=8).copy


def event_id_of(source: str, message_id: str) -> str:
    """The event's identity, the same however often it is sent: 96 bits of (source, message_id) as 24 hex digits.

    >>> event_id_of("web", "m-1") == event_id_of("web", "m-1") != event_id_of("till", "m-1")
    True
    """
    digest = _begun(source)()  # the source is read once, not with each of its events
    digest.update(message_id.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@lru_cache(1024)
def _begun(source: str) -> Callable[[], blake2b]:
    return blake2b(f"{source}\0".encode("utf-8", "surrogatepass"), digest_size=12).copy
