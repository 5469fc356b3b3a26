"""What the texts of a mapping find in a row: a column, a path, several put together, an instant, a property."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from ariane.ingest.convert import as_text, instant, number, plain, reader
from ariane.ingest.grammar import Field, Mapping, Named, Unit, When, braced

UNITS: dict[Unit, int] = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
_NO_CLOCK = When("")

Get = Callable[[dict[str, Any]], Any]
Text = Callable[[dict[str, Any]], str | None]
Recognise = Callable[[str, str], str | None]
"""Takes a column and what it says somebody is called; gives that back, or None when it cannot be trusted."""


class Unreadable(Exception):
    """A row's field that is not what the mapping says it is. `problem` shows its value, for whoever sent it; `wanted`
    does not, and is what may be kept."""

    def __init__(self, field: str, wanted: str, value: Any = None) -> None:
        self.field, self.wanted = field, wanted
        self.problem = wanted if value is None else f"{_shown(value)} is {wanted}"


def look_up(values: dict[str, Any], column: str) -> Any:
    """The value of a column, or of a dotted path into nested objects and lists; None when there is none.

    >>> look_up({"value": {"offer id": "o-1"}, "a.b": 2}, "value.offer id"), look_up({"a.b": 2}, "a.b")
    ('o-1', 2)
    >>> look_up({"lines": [{"sku": "lamp"}]}, "lines.0.sku"), look_up({"lines": []}, "lines.0.sku")
    ('lamp', None)
    """
    if column in values:
        return values[column]
    found: Any = values
    for part in column.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def get_of(named: Named, missing: frozenset[str]) -> Get:
    """What finds a value in a row; None when there is none."""
    gets = [_one(text, missing) for text in ((named,) if isinstance(named, str) else named) if text]
    if len(gets) == 1:
        return gets[0]

    def first(values: dict[str, Any]) -> Any:
        return next((value for get in gets if (value := get(values)) is not None), None)

    return first


def _one(text: str, missing: frozenset[str]) -> Get:
    columns = braced(text)
    if columns:
        return _together(text, [text_of(column, missing) for column in columns])

    def get(values: dict[str, Any]) -> Any:
        value = values[text] if text in values else look_up(values, text)
        return None if value is None or (isinstance(value, str) and value.strip() in missing) else value

    return get


def _together(text: str, gets: list[Text]) -> Get:
    """A text with columns in braces: nothing when one of them holds nothing."""
    between = re.split(r"\{[^{}]+\}", text)

    def get(values: dict[str, Any]) -> Any:
        found = [get(values) for get in gets]
        if None in found:
            return None
        return between[0] + "".join(f"{part}{after}" for part, after in zip(found, between[1:], strict=True))

    return get


def text_of(named: Named, missing: frozenset[str]) -> Text:
    get = get_of(named, missing)

    def text(values: dict[str, Any]) -> str | None:
        value = get(values)
        written = "" if value is None else str(value).strip()
        return None if not written or written in missing else written

    return text


def person_of(named: Named, missing: frozenset[str], recognise: Recognise | None) -> Text:
    get = text_of(named, missing)
    if recognise is None:
        return get
    column = first_of(named)

    def known(values: dict[str, Any]) -> str | None:
        text = get(values)
        return text if text is None else recognise(column, text)

    return known


def instant_of(when: When, named: Named, missing: frozenset[str]) -> Text:
    get = get_of(named, missing)

    def at(values: dict[str, Any]) -> str | None:
        value = get(values)
        if value is None or value == "":
            return None
        try:
            return instant(value, when.format, when.timezone)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Unreadable(first_of(named), f"not an instant ({when.format})", value) from error

    return at


def value_of(field: Field, mapping: Mapping, missing: frozenset[str], when: When = _NO_CLOCK) -> Get:
    """What reads a property of a row."""
    if field.since:
        return _between(field, when, missing)
    if not field.column:
        return lambda values: field.value
    read = _reader(field, mapping, missing, when)
    get, translated = get_of(field.column, missing), field.values

    def value(values: dict[str, Any]) -> Any:
        found = get(values)
        if found is None:
            return translated.get("")
        if translated:
            text = as_text(found).strip()
            if text in translated or "*" in translated:
                return translated.get(text, translated.get("*"))
        try:
            return read(found)
        except (ValueError, TypeError, ArithmeticError) as error:
            wanted = f"not a value of type {field.type or 'json'}"
            raise Unreadable(first_of(field.column), wanted, found) from error

    return value


def _reader(field: Field, mapping: Mapping, missing: frozenset[str], when: When) -> Callable[[Any], Any]:
    comma = mapping.decimal_comma
    if field.sum:
        return _sum(field, comma)
    if field.each:
        inner = [
            (key, value_of(given if isinstance(given, Field) else Field(given), mapping, missing, when))
            for key, given in field.each.items()
        ]
        return lambda found: [
            {key: value for key, get in inner if (value := get(part)) is not None} for part in _objects(found)
        ]
    return reader(field.type, comma, when.timezone)


def _sum(field: Field, comma: bool) -> Callable[[Any], float]:
    def total(found: Any) -> float:
        added = Decimal(0)
        for part in _objects(found):
            value = look_up(part, field.sum)
            if value is None or value == "":
                continue
            try:
                added += Decimal(str(number(value, comma)))
            except (ValueError, TypeError, ArithmeticError) as error:
                name = f"{first_of(field.column)}.{field.sum}"
                raise Unreadable(name, "not a value of type number", value) from error
        return float(added)

    return total


def _objects(found: Any) -> list[dict[str, Any]]:
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, dict)]


def _between(field: Field, when: When, missing: frozenset[str]) -> Get:
    """The time from one instant to another; nothing when one of them is missing."""
    began, ended = instant_of(when, field.since, missing), instant_of(when, field.column, missing)

    def elapsed(values: dict[str, Any]) -> float | None:
        a, b = began(values), ended(values)
        if a is None or b is None:
            return None
        return (datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() / UNITS[field.unit]

    return elapsed


def first_of(named: Named) -> str:
    return named if isinstance(named, str) else next(iter(named), "")


def _shown(value: Any) -> str:
    text = str(plain(value))
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"
