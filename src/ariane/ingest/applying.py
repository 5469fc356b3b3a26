"""What a mapping makes of one row: worked out once for a mapping, then applied row by row. Pure: it reads no file."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from ariane.ingest.convert import as_text, number
from ariane.ingest.finding import (
    Recognise,
    Text,
    Unreadable,
    first_of,
    get_of,
    instant_of,
    look_up,
    person_of,
    text_of,
    value_of,
)
from ariane.ingest.grammar import Column, EventRule, Field, Mapping, Named, Scalar, Skip, When
from ariane.ingest.record import Record

MAX_ID = 128


class Row(NamedTuple):
    """One row: its line in the file, its values by column, the bytes that make it what it is, and the names of the
    columns when these bytes do not say them."""

    line: int
    values: dict[str, Any]
    content: bytes
    header: bytes = b""


class Made(NamedTuple):
    """What a row became; `unfit` says why when it is nothing."""

    records: list[Record]
    unfit: str = ""


def opened(row: Row, path: str) -> Iterator[Row]:
    """The elements of the list at `path` as rows of their own, each with what is around it under `above`.

    >>> [row.values["id"] for row in opened(Row(1, {"items": [{"id": 1}, {"id": 2}]}, b""), "items")]
    [1, 2]
    >>> next(opened(Row(1, {"shop": "Lyon", "items": [{"id": 1}]}, b""), "items")).values["above"]["shop"]
    'Lyon'
    """
    found: list[tuple[Any, dict[str, Any]]] = [(row.values, row.values)]  # what was reached, and the row around it
    for part in path.split("."):
        within: list[tuple[Any, dict[str, Any]]] = []
        for value, around in found:
            reached = value.get(part) if isinstance(value, dict) else None
            if isinstance(reached, list):
                rows = [_beside(element, around) for element in reached]
                within += zip(rows, rows, strict=True)
            elif reached is not None:
                within.append((reached, around))
        found = within
    for place, (value, around) in enumerate(found):
        values = value if isinstance(value, dict) and "above" in value else _beside(value, around)
        yield Row(row.line, values, row.content + f"#{place}".encode(), row.header)


def _beside(element: Any, around: dict[str, Any]) -> dict[str, Any]:
    return {**(element if isinstance(element, dict) else {"value": element}), "above": around}


class Applied:
    """A mapping made ready: for each row its identity, the reason to leave it out, and the records it becomes.

    Message ids begin with `prefix`; without one, with what the row says happened: one order's number may stand in a
    file of orders and in one of deliveries.

    >>> from ariane.ingest.mapping import parse_mapping
    >>> mapping = parse_mapping('''user_id = "who"
    ... [[events]]
    ... name = { column = "what", values = { buy = "Order Completed" } }
    ... timestamp = { column = "at" }
    ... [events.properties]
    ... revenue = { column = "total", type = "number" }''')
    >>> row = Row(1, {"who": "p", "what": "buy", "at": "2026-01-01", "total": "12.5"}, b"1")
    >>> [record] = Applied(mapping).records(row, "till", 0).records
    >>> record.event, record.properties
    ('Order Completed', {'revenue': 12.5})
    >>> record.message_id.partition(":")[0]
    'Order Completed'
    """

    def __init__(self, mapping: Mapping, recognise: Recognise | None = None, prefix: str = "") -> None:
        self.mapping, self._prefix = mapping, prefix
        self._missing = missing = frozenset(mapping.missing)
        self._user_id = person_of(mapping.user_id, missing, recognise)
        self._anonymous_id = person_of(mapping.anonymous_id, missing, recognise)
        self._channel = _Worded(mapping.channel, missing)
        self._identifiers = [
            (kind, person_of(column, missing, recognise)) for kind, column in mapping.identifiers.items()
        ]
        self._context = [
            (
                path.split("."),
                value_of(field, mapping, missing) if isinstance(field, Field) else text_of(field, missing),
            )
            for path, field in mapping.context.items()
        ]
        self._events = [
            _Event(f"/{at}" if at else "", rule, mapping, recognise) for at, rule in enumerate(mapping.events)
        ]
        self._chooses = any(event.chooses for event in self._events)

    def identity(self, row: Row) -> str:
        """What makes the row itself: its message id columns; else its content, with its line when repeats are kept."""
        mapping = self.mapping
        if mapping.message_id:
            parts = [look_up(row.values, column) for column in mapping.message_id]
            if all(part not in (None, "") for part in parts):
                return self._prefix + _short("/".join(str(part) for part in parts))
        content = row.content if self._prefix else row.header + row.content  # a kind's columns are its own
        digest = blake2b(content, digest_size=12)
        if mapping.keep_duplicates:
            digest.update(f"#{row.line}".encode())
        return self._prefix + digest.hexdigest()

    def left_out(self, row: Row) -> str:
        """Why a rule leaves this row out; empty when none does."""
        for rule in self.mapping.skip:
            if _skips(rule, look_up(row.values, rule.column), self._missing, self.mapping.decimal_comma):
                return rule.reason or f"rule on {rule.column}"
        return ""

    def records(self, row: Row, source: str, received_us: int, identity: str = "") -> Made:
        """The row's records. Raises Unreadable when a field is not what the mapping says."""
        values = row.values
        identity = identity or self.identity(row)
        user_id, anonymous_id = self._user_id(values), self._anonymous_id(values)
        shared: dict[str, Any] | None = None
        made: list[Record] = []
        unfit = ""
        for event in self._events:
            if not event.fits(values):
                continue
            name, why = event.named(values)
            if why:
                unfit = why
                continue
            at, happened = event.at(values)
            if not happened:
                continue
            if event.identifiers:
                context = self._context_of(values, event.identifiers)
            else:
                context = shared = self._context_of(values, self._identifiers) if shared is None else shared
            kind = event.rule.type
            made.append(
                Record(
                    source=source,
                    message_id=(identity if self._prefix else f"{_short(name or kind)}:{identity}") + event.key,
                    type=kind,
                    received_us=received_us,
                    event=name if kind == "track" else None,
                    name=name if kind in ("page", "screen") else None,
                    timestamp=at,
                    anonymous_id=anonymous_id,
                    user_id=user_id,
                    properties={key: value for key, get in event.properties if (value := get(values)) is not None},
                    context=context,
                )
            )
        if made or not self._chooses:
            return Made(made)
        return Made(made, unfit or "no event of the mapping fits")

    def _context_of(self, values: dict[str, Any], identifiers: list[tuple[str, Text]]) -> dict[str, Any]:
        channel = self._channel.said(values, "channel")
        context: dict[str, Any] = {"channel": self._channel.means(channel) or channel}
        external = [{"id": value, "type": kind} for kind, get in identifiers if (value := get(values)) is not None]
        if external:
            context["externalIds"] = external
        for path, get in self._context:
            value = get(values)
            if value is not None:
                *above, last = path
                inner = context
                for word in above:
                    inner = inner.setdefault(word, {})
                inner[last] = value
        return context


class _Event:
    """One `[[events]]` made ready."""

    def __init__(self, key: str, rule: EventRule, mapping: Mapping, recognise: Recognise | None) -> None:
        self.key, self.rule = key, rule
        missing = frozenset(mapping.missing)
        self.identifiers = _persons(rule.identifiers, missing, recognise)
        self._name = _Worded(rule.name, missing)
        when = rule.timestamp
        self._at = instant_of(when, when.column, missing) if isinstance(when, When) else None
        self._column = first_of(when.column) if isinstance(when, When) else ""
        self._conditions = [(get_of(column, missing), _wanted(values)) for column, values in rule.when.items()]
        self.chooses = bool(self._conditions or self._name.values)
        instants = when if isinstance(when, When) else When("")
        self.properties = [
            (key, value_of(field if isinstance(field, Field) else Field(field), mapping, missing, instants))
            for key, field in (mapping.properties | rule.properties).items()
        ]

    def fits(self, values: dict[str, Any]) -> bool:
        for get, wanted in self._conditions:
            value = get(values)
            text = "" if value is None else as_text(value).strip()
            if text not in wanted and not (text and "*" in wanted):
                return False
        return True

    def named(self, values: dict[str, Any]) -> tuple[str, str]:
        """The event's name, or why this row is none."""
        if self.rule.type not in ("track", "page", "screen"):
            return "", ""
        name = self._name.said(values, "event's name")
        said = self._name.means(name)
        return (said or "", "" if said else f"no event for '{name[:40]}'")

    def at(self, values: dict[str, Any]) -> tuple[str | None, bool]:
        """When it happened; and whether it did."""
        if self._at is None:
            return None, True
        at = self._at(values)
        if at is None and not self.rule.optional:
            raise Unreadable(self._column, "empty, and it gives the time")
        return at, at is not None


class _Worded:
    """A text that is the same on every row or read from a column, and what its values stand for."""

    def __init__(self, given: str | Column, missing: frozenset[str]) -> None:
        self._fixed = given if isinstance(given, str) else None
        self._column = "" if isinstance(given, str) else first_of(given.column)
        self._get = text_of("" if isinstance(given, str) else given.column, missing)
        self.values = {} if isinstance(given, str) else given.values

    def said(self, values: dict[str, Any], what: str) -> str:
        if self._fixed is not None:
            return self._fixed
        text = self._get(values)
        if text is None and "" in self.values:
            return ""
        if text is None:
            raise Unreadable(self._column, f"empty, and it gives the {what}")
        return text

    def means(self, text: str) -> str | None:
        """What a text stands for; itself when nothing is said of any, None when nothing is said of this one."""
        return self.values.get(text, self.values.get("*")) if self.values else text


def _short(text: str) -> str:
    return text if len(text) <= MAX_ID else blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _persons(
    identifiers: dict[str, Named], missing: frozenset[str], recognise: Recognise | None
) -> list[tuple[str, Text]]:
    return [(kind, person_of(column, missing, recognise)) for kind, column in identifiers.items()]


def _wanted(values: Scalar | tuple[Scalar, ...]) -> frozenset[str]:
    return frozenset(as_text(value) for value in (values if isinstance(values, tuple) else (values,)))


def _skips(rule: Skip, value: Any, missing: frozenset[str], decimal_comma: bool) -> bool:
    absent = value is None or (isinstance(value, str) and value.strip() in missing)
    if rule.empty is not None:
        return absent == rule.empty
    if absent:
        return False
    if rule.equals is not None:
        return str(value) in rule.equals or as_text(value) in rule.equals
    try:
        amount = number(value, decimal_comma)
    except (TypeError, ValueError):
        return False
    return (rule.below is not None and amount < rule.below) or (rule.above is not None and amount > rule.above)
