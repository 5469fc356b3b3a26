"""The words of a mapping file: what it may say of a table's rows, or of the documents another tool sends.

Where a mapping names a column, it may also write a path into nested JSON (`customer.email`, `lines.0.sku`), a text with
columns in braces (`{network}:{handle}`), or a list of these: the first that holds something.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ariane.model import EventType, Purpose

KINDS = (
    "user_id", "loyalty_card", "email", "phone", "caller_number", "card_token", "social_handle", "wallet",
    "object_serial", "cookie", "device",
)  # fmt: skip
"""The identifier kinds every workspace knows; its identity.toml may add others."""

SOURCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")

ValueType = Literal["", "text", "number", "integer", "boolean", "instant", "json"]
Format = Literal["csv", "ndjson", "parquet", "xes"]
Encoding = Literal["utf-8", "latin-1", "cp1252", "iso-8859-15"]
Unit = Literal["seconds", "minutes", "hours", "days"]
EPOCHS = ("epoch_s", "epoch_ms", "epoch_us")

Named = str | tuple[str, ...]
"""A column, a path, a text with columns in braces; or several, of which the first that holds something counts."""

Scalar = str | int | float | bool


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a mapping: a word that is not one of its fields is a mistake, not a comment."""


class Column(Base, frozen=True):
    """A value that differs from row to row: the column it is read from, and what its values stand for ("" none, "*" any
    other)."""

    column: Named
    values: dict[str, str] = {}


class When(Base, frozen=True):
    """The instant: its column, how it is written (`iso`, `epoch_s`, `epoch_ms`, `epoch_us`, or a strptime pattern),
    and the zone of the clock it was read from when it does not say."""

    column: Named
    format: str = "iso"
    timezone: str = "UTC"


class Field(Base, frozen=True):
    """One property: a column, or the same value on every row. `type` empty leaves the value as the file has it.

    `values` says what single values stand for ("" none, "*" any other). `since` makes it the time from that column's
    instant to this one's, in `unit`. `each` reads a list of objects, one property a time; `sum` adds up one number of
    each.
    """

    column: Named = ""
    value: Scalar | None = None
    type: ValueType = ""
    values: dict[str, Scalar] = {}
    since: str = ""
    unit: Unit = "seconds"
    each: dict[str, str | Field] = {}
    sum: str = ""


class Skip(Base, frozen=True):
    """Rows to leave out, counted under `reason`. Exactly one of the tests is given."""

    column: str
    reason: str = ""
    equals: tuple[str, ...] | None = None
    empty: bool | None = None
    below: float | None = None
    above: float | None = None


class EventRule(Base, frozen=True):
    """One event each row stands for. `optional`: an empty instant says that it did not happen.

    `when` lists columns and the values they must have ("*" anything, "" nothing) for the row to be this event. A
    `timestamp` of "received" is the moment the row came in, for senders that tell none. `identifiers` stand instead of
    the mapping's.
    """

    timestamp: When | Literal["received"]
    name: str | Column = ""
    type: EventType = "track"
    optional: bool = False
    when: dict[str, str | int | bool | tuple[str | int | bool, ...]] = {}
    identifiers: dict[str, Named] = {}
    properties: dict[str, Named | Field] = {}


class About(Base, frozen=True):
    """What kind of source a mapping reads, by language; `hook` says that its sender can post it."""

    title: dict[str, str] = {}
    text: dict[str, str] = {}
    hook: bool = True


class Signature(Base, frozen=True):
    """How a sender signs what it posts: an HMAC of `signed`, in a header or in a field of the body.

    `signed` lists what is put together: "body", "header:<name>", or a path in the body. With `p256` the signature is an
    ECDSA one, and the source's secret is the sender's public key.
    """

    header: str = ""
    column: str = ""
    algorithm: Literal["sha256", "sha1", "p256"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: tuple[str, ...] = ("body",)


class Mapping(Base, frozen=True):
    """A whole mapping file. Plain texts in `properties`, `identifiers` and `context` name columns.

    `properties` here are those of every event; an event's own of the same name stand instead.

    `rows` is the path of the list whose elements are the rows; there `above.` leads to what is around it. `group` makes
    rows that follow each other with equal values in these columns one, its parts under `rows`. `free_texts` are the
    properties somebody wrote in their own words, which may hold anything.

    >>> from ariane.ingest.mapping import mapping_text, parse_mapping
    >>> rule = EventRule(timestamp=When("at"), name="Order Completed", properties={"order_id": "no"})
    >>> mapping = Mapping(events=(rule,), user_id="member")
    >>> parse_mapping(mapping_text(mapping)) == mapping
    True
    """

    events: tuple[EventRule, ...]
    about: About | None = None
    format: Format | Literal[""] = ""
    source: str = ""
    channel: str | Column = "web"
    basis: Purpose = "measurement"
    user_id: Named = ""
    anonymous_id: Named = ""
    message_id: tuple[str, ...] = ()
    keep_duplicates: bool = False
    delimiter: str = ""
    encoding: Encoding = "utf-8"
    decimal_comma: bool = False
    missing: tuple[str, ...] = ("",)
    rows: str = ""
    group: tuple[str, ...] = ()
    free_texts: tuple[str, ...] = ()
    identifiers: dict[str, Named] = {}
    context: dict[str, Named | Field] = {}
    properties: dict[str, Named | Field] = {}
    skip: tuple[Skip, ...] = ()
    signature: Signature | None = None


def braced(text: str) -> tuple[str, ...]:
    """The columns a text puts together; none when it is a column itself.

    >>> braced("{network}:{handle}"), braced("handle")
    (('network', 'handle'), ())
    """
    return tuple(re.findall(r"\{([^{}]+)\}", text))
