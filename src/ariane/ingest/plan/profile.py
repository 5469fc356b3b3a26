"""What arrives, summed up: for each source and event, its fields, their types, how often they come, what they hold.

A profile is mergeable: the profile of two sets of events is the merge of their profiles, whatever the order and the
grouping. It keeps numbers and, where a field holds few different short values, those values with their counts; never an
example of anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec

from ariane.ingest.clock import instant_us
from ariane.ingest.plan.frozen import Planned, planned_of
from ariane.ingest.plan.judging import document_of
from ariane.model import Event

MAX_FIELDS = 400
"""Fields of one event kept: the least deep, then the first in the alphabet."""

MAX_VALUES = 24
MAX_VALUE_LENGTH = 64
MAX_DEPTH = 8

Path = tuple[str, ...]

_SKIPPED = frozenset({"userId", "anonymousId"})
_EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63}")
_URI = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s]+", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
FORMATS = ("date-time", "date", "email", "uri", "uuid")


class Field(msgspec.Struct):
    """One field of an event. `n`: events that have it (or items of a list). `types`: how often each JSON type was met;
    `formats`: how many texts had each form; `values`: the different values with their counts, None when too many."""

    n: int = 0
    types: dict[str, int] = {}
    formats: dict[str, int] = {}
    values: dict[str, int] | None = {}
    least: float | None = None
    most: float | None = None
    shortest: int | None = None
    longest: int | None = None


class Profile(msgspec.Struct):
    """One event kind from one source: how many, from when to when, and its fields by path."""

    source: str
    type: str
    event: str
    n: int
    first_us: int
    last_us: int
    fields: dict[Path, Field]

    @property
    def planned(self) -> Planned:
        return Planned(self.type, self.event)


def profiles(events: Iterable[Event]) -> dict[tuple[str, Planned], Profile]:
    """The profiles of these events, by (source, what it is planned under).

    >>> def order(n: int) -> Event:
    ...     return Event(event_id=str(n), message_id="", source="till", type="track", name="Order Completed",
    ...                  channel="store", occurred_us=n, received_us=n, properties={"revenue": n * 1.5})
    >>> [one] = profiles([order(1), order(2)]).values()
    >>> one.n, one.fields["properties", "revenue"].n, one.fields["properties", "revenue"].most
    (2, 2, 3.0)
    """
    found: dict[tuple[str, Planned], Profile] = {}
    for event in events:
        about = planned_of(event)
        profile = found.get((event.source, about))
        at = event.received_us
        if profile is None:
            profile = found[event.source, about] = Profile(event.source, about.type, about.event, 0, at, at, {})
        profile.n += 1
        profile.first_us, profile.last_us = min(profile.first_us, at), max(profile.last_us, at)
        for path, value in _leaves(document_of(event)):
            field = profile.fields.get(path)
            if field is None:
                field = profile.fields[path] = Field(types={}, formats={}, values={})
            _see(field, value)
    for profile in found.values():
        _bound(profile)
    return found


def merged(one: Profile, other: Profile) -> Profile:
    """The profile of both sets of events together. Both are of one event kind; of two sources, it is of any ("")."""
    fields = {path: _merged(field, other.fields.get(path)) for path, field in one.fields.items()}
    fields |= {path: _merged(field, None) for path, field in other.fields.items() if path not in fields}
    profile = Profile(
        one.source if one.source == other.source else "", one.type, one.event, one.n + other.n,
        min(one.first_us, other.first_us), max(one.last_us, other.last_us), fields,
    )  # fmt: skip
    _bound(profile)
    return profile


def _bound(profile: Profile) -> None:
    """Only so many fields: keys taken from data (a field per product) are not a plan."""
    if len(profile.fields) > MAX_FIELDS:
        kept = sorted(profile.fields, key=lambda path: (len(path), path))[:MAX_FIELDS]
        profile.fields = {path: profile.fields[path] for path in kept}


def _leaves(document: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every field with its path, objects and lists included; the items of a list together, under "[]"."""
    stack: list[tuple[Path, Any]] = [((key,), value) for key, value in document.items()]
    while stack:
        path, value = stack.pop()
        yield path, value
        if len(path) >= MAX_DEPTH:
            continue
        if isinstance(value, dict):
            stack += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            stack += [((*path, "[]"), inner) for inner in value]


def _see(field: Field, value: Any) -> None:
    field.n += 1
    kind = type_of(value)
    field.types[kind] = field.types.get(kind, 0) + 1
    if kind == "string":
        length = len(value)
        field.shortest = length if field.shortest is None else min(field.shortest, length)
        field.longest = length if field.longest is None else max(field.longest, length)
        form = format_of(value)
        if form:
            field.formats[form] = field.formats.get(form, 0) + 1
        if field.values is not None:
            if length > MAX_VALUE_LENGTH or form:
                field.values = None
            else:
                field.values[value] = field.values.get(value, 0) + 1
                if len(field.values) > MAX_VALUES:
                    field.values = None
    elif kind in ("integer", "number"):
        number = float(value) if abs(value) < 1e300 else 1e300
        field.least = number if field.least is None else min(field.least, number)
        field.most = number if field.most is None else max(field.most, number)


def _merged(one: Field, other: Field | None) -> Field:
    if other is None:
        return msgspec.structs.replace(one)
    values = None
    if one.values is not None and other.values is not None:
        values = _added(one.values, other.values)
        values = None if len(values) > MAX_VALUES else values
    return Field(
        n=one.n + other.n,
        types=_added(one.types, other.types),
        formats=_added(one.formats, other.formats),
        values=values,
        least=_of(min, one.least, other.least),
        most=_of(max, one.most, other.most),
        shortest=_of(min, one.shortest, other.shortest),
        longest=_of(max, one.longest, other.longest),
    )


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return one | {key: one.get(key, 0) + n for key, n in other.items()}


def _of(choose: Any, one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else choose(one, other)


def type_of(value: Any) -> str:
    """The JSON Schema type of a value. A number written with a point is meant to have decimals, even when it has none.

    >>> [type_of(value) for value in (True, 1, 1.0, 1.5, "a", None, [], {})]
    ['boolean', 'integer', 'number', 'number', 'string', 'null', 'array', 'object']
    """
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else "object"


def format_of(text: str) -> str:
    """The form a text has, among FORMATS; "" for none.

    >>> format_of("2026-10-01"), format_of("https://a.example/x"), format_of("Lyon")
    ('date', 'uri', '')
    """
    if len(text) > 2_000:
        return ""
    if _DAY.match(text):
        if _INSTANT.fullmatch(text):
            return "date-time" if instant_us(text) is not None else ""
        return "date" if len(text) == 10 and instant_us(text) is not None else ""
    if _UUID.fullmatch(text):
        return "uuid" if UUID(text) else ""
    if "@" in text and _EMAIL.fullmatch(text):
        return "email"
    return "uri" if "://" in text and _URI.fullmatch(text) else ""
