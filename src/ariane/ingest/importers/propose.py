"""Proposes a mapping from the first rows of a table: a draft to read and correct, never applied unseen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

from ariane.errors import InputError
from ariane.ingest.applying import Row
from ariane.ingest.convert import integer, number
from ariane.ingest.finding import look_up
from ariane.ingest.importers.guesses import (
    channel_of,
    event_of,
    identifiers_of,
    is_missing,
    meaning_of,
    message_of,
    missing_of,
    snake,
    who_of,
)
from ariane.ingest.importers.instants import when_of
from ariane.ingest.importers.report import Tally
from ariane.ingest.importers.rows import read_rows
from ariane.ingest.importers.table import format_of, one_file
from ariane.ingest.importers.xes import usual_mapping
from ariane.ingest.mapping import Column, EventRule, Field, Mapping, ValueType

N_ROWS = 300
N_UNIQUE = 100_000
MOST_PROPERTIES = 40
MOST_DIGITS = 15
"""More digits than this are a name, and no machine's number keeps them all."""
_CODE = re.compile(
    r"(^|_)(id|no|zip|zip_code|postal|postal_code|post_?code|code_postal|sku|ean|code|key|barcode|iban)$"
)
_STORE = re.compile(r"(^|_)(store|shop|till|magasin|boutique|caisse)(_|$)")
_COPIED = re.compile(r"(\s*\(\d+\)|[\s_-]+(copy|copie))+$", re.IGNORECASE)
Held = dict[str, list[Any]]


def propose_mapping(path: Path | str) -> Mapping:
    """A mapping guessed from the first 300 rows: when, who, on which channel, what, and all else as properties.

    Columns named and filled like those of an order, a review or a complaint make these events. Raises InputError when
    no column looks like an instant or the file has no rows.
    """
    file = Path(path)
    one_file(file)
    format = format_of(file)
    columns, rows = read_rows(file, Tally(), format=format)
    sample = list(islice(rows, N_ROWS))
    if not sample:
        raise InputError("The file has no rows to look at.", where=str(file), next_step="Write the mapping by hand.")
    if format == "xes":
        return usual_mapping(list(dict.fromkeys(name for row in sample for name in row.values)))
    everything = _held(columns, sample)
    missing = missing_of(everything)
    held = {name: [value for value in values if not is_missing(value)] for name, values in everything.items()}
    when, instants = when_of(held, file)
    left = {name: values for name, values in held.items() if name not in _columns_in(str(when.column))}
    user, cookie = who_of(left)
    identifiers = identifiers_of(left, (user, cookie))
    event, channel = event_of(left), channel_of(left)
    known, meant = ("", {}) if event else meaning_of(left)
    used = {user, cookie, event or "", str(channel.column) if channel else "", *identifiers.values()}
    message = tuple(name for name in message_of(left, len(sample), used) if _is_unique(file, format, name))
    keep = [name for name in left if name not in used and left[name]][:MOST_PROPERTIES]
    comma = _has_comma(left[name] for name in keep)
    named = {column: key for key, column in meant.items()}
    rule = EventRule(
        timestamp=when,
        name=Column(event) if event else known or _title(file),
        properties={named.get(name) or snake(name): _field(name, left[name], instants, comma) for name in keep},
    )
    return Mapping(
        events=(rule,),
        format=cast(Literal["csv", "ndjson", "parquet"], format),
        channel=channel or ("store" if any(_STORE.search(snake(name)) for name in left) else "web"),
        user_id=user,
        anonymous_id=cookie,
        message_id=message,
        decimal_comma=comma,
        missing=missing,
        identifiers=cast(dict[str, Any], identifiers),
    )


def _held(columns: tuple[str, ...], sample: list[Row]) -> Held:
    """The values of each column that are there, nested objects opened by dotted paths."""
    held: Held = {column: [] for column in columns}

    def take(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                take(f"{path}.{key}" if path else str(key), inner)
        elif path and value is not None and value != "":
            held.setdefault(path, []).append(value)

    for row in sample:
        take("", row.values)
    return held


def _is_unique(file: Path, format: str, column: str) -> bool:
    """Whether no two of the first 100,000 rows have the same value there: 300 are too few to know an id by."""
    _, rows = read_rows(file, Tally(), format=format)
    seen: set[int] = set()
    for row in islice(rows, N_UNIQUE):
        key = hash(str(look_up(row.values, column)))
        if key in seen:
            return False
        seen.add(key)
    return True


def _columns_in(named: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\{([^{}]+)\}", named)) or (named,)


def _title(file: Path) -> str:
    """The file's name as an event's; a copy's is the original's, as the name is part of each event's id."""
    named = _COPIED.sub("", file.name.split(".")[0])
    return re.sub(r"[^0-9A-Za-z]+", " ", named).strip().title() or "Imported Row"


def _has_comma(columns: Iterable[list[Any]]) -> bool:
    """Whether decimals are written with a comma: some column is numbers only if they are."""
    for values in columns:
        texts = [value for value in values if isinstance(value, str)]
        written = all(re.fullmatch(r"[+-]?\d[\d .]*(,\d{1,2})?", text) for text in texts)
        if written and any("," in text for text in texts) and _readable(texts, lambda text: number(text, True)):
            return True
    return False


def _field(name: str, values: list[Any], instants: set[str], comma: bool) -> str | Field:
    kind: ValueType = ""
    texts = [value for value in values if isinstance(value, str)]
    if texts and len(texts) == len(values):
        if name in instants and all(re.match(r"\d{4}-", text) for text in texts):
            kind = "instant"
        elif not _is_code(name, texts):
            if _readable(texts, lambda text: integer(text, comma)):
                kind = "integer"
            elif _readable(texts, lambda text: number(text, comma)):
                kind = "number"
            elif {text.lower() for text in texts} <= {"true", "false"}:
                kind = "boolean"
    return Field(name, type=kind) if kind else name


def _is_code(name: str, texts: list[str]) -> bool:
    """Whether digits are a name and not an amount: a postal code, an id, 0612…, more of them than a number keeps."""
    if _CODE.search(snake(name)):
        return True
    return any(re.match(r"[+-]?0\d", text) or re.fullmatch(rf"\d{{{MOST_DIGITS + 1},}}", text) for text in texts)


def _readable(values: Iterable[Any], read: Callable[[Any], object]) -> bool:
    try:
        for value in values:
            read(value)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True
