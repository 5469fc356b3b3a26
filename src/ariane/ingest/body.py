"""What a request's body is decoded into: events as the libraries send them, alone or in a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast
from uuid import uuid4

import msgspec

from ariane.errors import InputError
from ariane.ingest.clock import Stamp
from ariane.ingest.record import EMPTY
from ariane.model import EventType

MAX_EVENTS = 20_000
"""Events a request may hold."""

ALLOWANCE = 1_024
"""Bytes a stored event may have beyond the limit set: what is added on receipt."""

Name = str | int | float | None


class TooLarge(InputError):
    """The body, or the one event in it, is larger than the settings allow."""

    code, status = "too_large", 413


class WireEvent(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """One event as the libraries send it, and as the log keeps it once the receiver's stamp is before it.

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
    merge_properties: msgspec.Raw = EMPTY
    dialect: str | None = None


_TEXT = str | None
PlainEvent = cast(
    type[WireEvent],
    msgspec.defstruct(
        "PlainEvent",
        [
            ("type", EventType | None, None),
            ("message_id", Annotated[str, msgspec.Meta(min_length=1)]),
            *((name, _TEXT, None) for name in ("user_id", "anonymous_id", "group_id", "previous_id")),
        ],
        bases=(WireEvent,),
        rename="camel",
        kw_only=True,
        gc=False,
        omit_defaults=True,
    ),
)
"""An event as every library sends it, ids in texts: nothing to mend but, perhaps, in the parts left unread."""


class Envelope(msgspec.Struct, rename="camel"):
    """The body of a batch. Its context and integrations hold for every event that does not say otherwise."""

    batch: list[WireEvent]
    write_key: str | None = None
    sent_at: Stamp = None
    context: msgspec.Raw = EMPTY
    integrations: msgspec.Raw = EMPTY


PlainEnvelope = cast(
    type[Envelope],
    msgspec.defstruct("PlainEnvelope", [("batch", list[PlainEvent])], bases=(Envelope,), rename="camel", kw_only=True),  # type: ignore[valid-type]
)


class Parsed(msgspec.Struct, frozen=True):
    """A body read: its events, each with what is wrong with it, and what holds for all of them.

    `plain`: they are `PlainEvent`s.
    """

    events: list[WireEvent]
    faults: dict[int, str]
    write_key: str | None
    sent_at: Stamp = None
    context: msgspec.Raw = EMPTY
    integrations: msgspec.Raw = EMPTY
    indented: bool = False
    mended: bool = False
    plain: bool = False


class Stamped(msgspec.Struct, frozen=True):
    """What the receiver adds to every event of a request.

    `dialect` is that of the path, "" when it is not told by it. `anonymous_id` is for events that name nobody. An
    event without an id is given a new one, or, with `by_content`, one that follows from what it says.
    """

    source: str
    channel: str
    received_us: int
    max_event_bytes: int = 32_768
    max_body_bytes: int = 4_194_304
    dialect: str = ""
    anonymous_id: str | None = None
    by_content: bool = False
    mint: Callable[[], object] = uuid4
