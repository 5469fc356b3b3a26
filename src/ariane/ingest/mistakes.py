"""What is wrong with a mapping file: where, what is allowed there, and what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from ariane.errors import InputError
from ariane.ingest.grammar import (
    EPOCHS,
    SOURCE_NAME,
    About,
    Base,
    Column,
    Encoding,
    EventRule,
    Field,
    Format,
    Mapping,
    Signature,
    Skip,
    Unit,
    ValueType,
    When,
)
from ariane.model import PURPOSES, EventType


def place(where: str, text: str, path: str) -> str:
    """`where` with the line on which the field named by `path` stands, when it can be told.

    >>> place("m.toml", "format = 'csv'\\n[[events]]\\n[[events]]\\nname = 3", "events[1].name")
    'm.toml:4'
    """
    table = re.match(r"(\w+)\[(\d+)\]", path)
    start, lines = 0, text.splitlines()
    if table:
        heads = [at for at, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{table[1]}\s*\]\]", line)]
        start = heads[int(table[2])] if int(table[2]) < len(heads) else 0
    for word in reversed(re.findall(r"[^.\[\]]+", path)):
        for at in range(start, len(lines)):
            if re.search(rf"(^|[\s\[.{{,])[\"']?{re.escape(word)}[\"']?\s*[\].=]", lines[at]):
                return f"{where}:{at + 1}"
    return f"{where}:{start + 1}" if table else where


def near(word: str, known: tuple[str, ...] | list[str]) -> str:
    """`: did you mean …?` when something known is close, else a full stop."""
    close = get_close_matches(word, known, n=1)
    return f": did you mean '{close[0]}'?" if close else "."


_CHOICES: dict[str, tuple[str, ...]] = {
    "type": get_args(EventType),
    "basis": PURPOSES,
    "encoding": get_args(Encoding),
    "format": get_args(Format),
    "unit": get_args(Unit),
}
_PARTS: dict[str, type[Base]] = {
    "skip[]": Skip,
    "events[]": EventRule,
    "events[].timestamp": When,
    "about": About,
    "signature": Signature,
}


def explained(error: msgspec.ValidationError, text: str, where: str) -> InputError:
    message, _, at = str(error).partition(" - at `$")
    path = at.rstrip("`").lstrip(".")
    part = _PARTS.get(
        re.sub(r"\d+", "", path), Column if path.endswith(("name", "channel")) else Field if path else Mapping
    )
    unknown = re.search(r"unknown field `(.*)`", message)
    missing = re.search(r"missing required field `(.*)`", message)
    if unknown:
        name = unknown[1]
        fields = part.__struct_fields__
        what = f"unknown field '{name}'{near(name, fields)}"
        return InputError(what, where=place(where, text, f"{path}.{name}".lstrip(".")), allowed=", ".join(fields))
    if missing:
        what = f"{path or 'the mapping'} lacks '{missing[1]}'."
        return InputError(what, where=place(where, text, path), next_step="See docs/importing.md.")
    last = path.rpartition(".")[2]
    choices = get_args(ValueType) if last == "type" and "properties" in path else _CHOICES.get(last, ())
    allowed = ", ".join(choice for choice in choices if choice)
    wrong = re.search(r"value '(.*)'", message)
    return InputError(
        f"{path}: {message}{near(wrong[1], allowed.split(', ')) if wrong else '.'}",
        where=place(where, text, path),
        allowed=allowed,
        next_step="See docs/importing.md.",
    )


Problem = tuple[str, str, str]
"""The path of a field, what is wrong with it, what is allowed."""


def problems(mapping: Mapping, kinds: tuple[str, ...]) -> Iterator[Problem]:
    """What the types cannot say."""
    if not mapping.events:
        yield "events", "no event is described.", "at least one [[events]]"
    if mapping.source and not SOURCE_NAME.fullmatch(mapping.source):
        yield "source", f"'{mapping.source}' cannot name a source.", "lower-case letters, digits, - and _"
    if mapping.delimiter and (len(mapping.delimiter) != 1 or mapping.delimiter in '"\r\n'):
        yield "delimiter", "it must be one character.", "for instance ',' ';' '|' or '\\t'"
    named = [("", mapping.identifiers), *((f"events[{at}].", one.identifiers) for at, one in enumerate(mapping.events))]
    for path, kind in ((f"{at}identifiers.{kind}", kind) for at, identifiers in named for kind in identifiers):
        if kind not in kinds:
            yield path, f"unknown identifier kind '{kind}'{near(kind, kinds)}", ", ".join(kinds)
    for path in mapping.context:
        taken = path.split(".")[0] in ("channel", "externalIds")
        if taken or any(other != path and path.startswith(f"{other}.") for other in mapping.context):
            yield f"context.{path}", "something else stands under that name.", "a free path such as campaign.name"
    for at, rule in enumerate(mapping.skip):
        if sum(test is not None for test in (rule.equals, rule.empty, rule.below, rule.above)) != 1:
            yield f"skip[{at}]", "a rule has exactly one test.", "equals, empty, below, above"
    if mapping.group and mapping.format not in ("", "csv"):
        yield "group", "only the rows of a CSV file are put together.", 'in nested JSON: rows = "<path of the list>"'
    signed = mapping.signature
    if signed is not None and (signed.header == "") == (signed.column == ""):
        yield "signature", "give the header or the column it stands in.", "header, column"
    for at, event in enumerate(mapping.events):
        yield from _of_event(f"events[{at}]", event)
    for key, field in mapping.properties.items():
        if isinstance(field, Field):
            yield from _of_field(f"properties.{key}", field)
    known = {*mapping.properties, *(key for event in mapping.events for key in event.properties)}
    for key in mapping.free_texts:
        if key not in known:
            yield "free_texts", f"no event has a property '{key}'{near(key, sorted(known))}", ", ".join(sorted(known))


def _of_event(path: str, event: EventRule) -> Iterator[Problem]:
    if event.type in ("track", "page", "screen") and not event.name:
        yield f"{path}.name", f"a {event.type} event needs a name.", 'a text, or { column = "…" }'
    when = event.timestamp
    if isinstance(when, When):
        try:
            ZoneInfo(when.timezone)
        except (KeyError, ValueError, OSError):
            at = f"{path}.timestamp.timezone"
            yield at, f"unknown time zone '{when.timezone}'.", "names such as Europe/Paris or UTC"
        if when.format not in ("iso", *EPOCHS) and "%" not in when.format:
            known = ("iso", *EPOCHS)
            problem = f"unknown format '{when.format}'{near(when.format, known)}"
            yield (
                f"{path}.timestamp.format",
                problem,
                ", ".join(known) + ", or a strptime pattern such as %d/%m/%Y %H:%M",
            )
    for key, field in event.properties.items():
        if isinstance(field, Field):
            yield from _of_field(f"{path}.properties.{key}", field)


def _of_field(path: str, field: Field) -> Iterator[Problem]:
    if (field.column == "") == (field.value is None):
        yield path, "give a column or a value.", "column, value"
    if bool(field.each) + bool(field.sum) + bool(field.since) > 1:
        yield path, "a property is one of these.", "each, sum, since"
    for key, inner in field.each.items():
        if isinstance(inner, Field):
            yield from _of_field(f"{path}.each.{key}", inner)
