"""Proposes a mapping from the first rows of a table: a draft to read and correct, never applied unseen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

from ariane.errors import InputError
from ariane.ingest.applying import Row
from ariane.ingest.convert import instant, integer, number
from ariane.ingest.importers.report import Tally
from ariane.ingest.importers.rows import read_rows
from ariane.ingest.importers.table import format_of, one_file
from ariane.ingest.importers.xes import usual_mapping
from ariane.ingest.mapping import Column, EventRule, Field, Mapping, ValueType, When
from ariane.model import CHANNELS

N_ROWS = 300
MOST_PROPERTIES = 40
PATTERNS = (
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
)  # fmt: skip
EPOCHS = (("epoch_us", 10**14, 5 * 10**15), ("epoch_ms", 10**11, 5 * 10**12), ("epoch_s", 10**8, 5 * 10**9))
_TIME = re.compile(r"time|date|(^|_)(at|on|ts|when|day)$|created|moment|instant|heure|jour", re.IGNORECASE)
_USER = re.compile(
    r"^(user|customer|client|person|member|visitor|contact|account|caller)?_?(unique_)?(id|no|number|key)?$",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"anonymous|cookie|visitor|device_?id|session|full_?visitor", re.IGNORECASE)
_EVENT = re.compile(r"^(event|event_?name|action|activity|event_?type|evenement|événement)$", re.IGNORECASE)
_MESSAGE = re.compile(
    r"^(message|event|row|record|transaction|insert|line|order|invoice|call)?_?(id|uuid|guid)$", re.IGNORECASE
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KINDS = {
    "email": re.compile(r"e?_?mail", re.IGNORECASE),
    "phone": re.compile(r"phone|mobile|téléphone|telephone", re.IGNORECASE),
    "loyalty_card": re.compile(r"loyalty|fidelit|fidélit|membership_?(card|no)", re.IGNORECASE),
    "caller_number": re.compile(r"caller_?(number|no)|calling_?number|msisdn", re.IGNORECASE),
    "device": re.compile(r"^device_?(id|uuid)$", re.IGNORECASE),
}


def propose_mapping(path: Path | str) -> Mapping:
    """A mapping guessed from the first 300 rows: the instant, who, what, and everything else as properties.

    Raises InputError when no column looks like an instant or the file has no rows.
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
    held = _held(columns, sample)
    when, written = _when(held, file)
    left = {name: values for name, values in held.items() if name != when.column}
    who = _who(left)
    identifiers = _identifiers(left, who)
    event = next((name for name in left if _EVENT.fullmatch(name) and 0 < len(set(left[name])) <= 100), None)
    message = _message(left, len(sample), {*who, *identifiers.values()})
    used = {*who, *identifiers.values(), event}
    channel = next(
        (name for name, values in left.items() if values and {str(v) for v in values} <= set(CHANNELS)), None
    )
    title = re.sub(r"[^0-9A-Za-z]+", " ", file.name.split(".")[0]).strip().title() or "Imported Row"
    keep = [name for name in left if name not in used and name != channel and left[name]][:MOST_PROPERTIES]
    comma = _has_comma(left[name] for name in keep)
    rule = EventRule(
        timestamp=when,
        name=Column(event) if event else title,
        properties={_snake(name): _field(name, left[name], written, comma) for name in keep},
    )
    return Mapping(
        events=(rule,),
        format=cast(Literal["csv", "ndjson", "parquet"], format),
        channel=Column(channel) if channel else "web",
        user_id=who[0],
        anonymous_id=who[1],
        message_id=message,
        decimal_comma=comma,
        identifiers=dict(identifiers),
    )


def _held(columns: tuple[str, ...], sample: list[Row]) -> dict[str, list[Any]]:
    """The values of each column that are there, nested objects opened by dotted paths."""
    held: dict[str, list[Any]] = {column: [] for column in columns}

    def take(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                take(f"{path}.{key}" if path else str(key), inner)
        elif path and value is not None and value != "":
            held.setdefault(path, []).append(value)

    for row in sample:
        take("", row.values)
    return held


def _when(held: dict[str, list[Any]], file: Path) -> tuple[When, set[str]]:
    """The column of the instant, by its name, else the first; and every column that holds instants."""
    found = {name: format for name, values in held.items() if (format := _format(name, values))}
    if not found:
        raise InputError(
            "No column looks like an instant.",
            where=str(file),
            allowed="ISO 8601, day/month/year, or seconds, milliseconds or microseconds since 1970",
            next_step="Write the mapping by hand: docs/importing.md.",
        )
    fullest = max(len(held[name]) for name in found)
    chosen = max(
        found, key=lambda name: (len(held[name]) == fullest, bool(_TIME.search(name)), -list(held).index(name))
    )
    return When(chosen, found[chosen]), set(found)


def _format(name: str, values: list[Any]) -> str:
    if not values:
        return ""
    if all(isinstance(value, datetime | date) for value in values):
        return "iso"
    texts = [str(value) for value in values]
    if all(re.fullmatch(r"\d+(\.\d+)?", text) for text in texts):
        low, high = min(map(float, texts)), max(map(float, texts))
        fits = next((format for format, first, last in EPOCHS if first <= low and high <= last), "")
        return fits if _TIME.search(name) else ""
    shaped = all(len(text) >= 8 and re.search(r"\d[-/.]\d", text) for text in texts)
    return next((format for format in ("iso", *PATTERNS) if shaped and _all(texts, format)), "")


def _all(texts: Iterable[str], format: str) -> bool:
    return _readable(texts, lambda text: instant(text, format))


def _readable(values: Iterable[Any], read: Callable[[Any], object]) -> bool:
    try:
        for value in values:
            read(value)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True


def _who(held: dict[str, list[Any]]) -> tuple[str, str]:
    filled = [name for name, values in held.items() if values]
    cookie = next((name for name in filled if _COOKIE.search(name)), "")
    user = next((name for name in filled if name != cookie and name.lower() not in ("id", "no", "number", "key", "")
                 and _USER.fullmatch(name)), "")  # fmt: skip
    return user, cookie


def _identifiers(held: dict[str, list[Any]], who: tuple[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, values in held.items():
        if name in who or not values:
            continue
        for kind, pattern in _KINDS.items():
            honest = kind != "email" or all(_EMAIL.fullmatch(str(value)) for value in values)
            if (
                kind not in found
                and pattern.search(name)
                and honest
                and all(isinstance(value, str | int) for value in values)
            ):
                found[kind] = name
                break
    return found


def _message(held: dict[str, list[Any]], n_rows: int, taken: set[str]) -> tuple[str, ...]:
    """A column named like an id that differs on every row."""
    for name, values in held.items():
        if name not in taken and _MESSAGE.fullmatch(name) and len({str(value) for value in values}) == n_rows > 1:
            return (name,)
    return ()


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
        elif not any(re.match(r"[+-]?0\d", text) for text in texts):  # 0612…: a code, not a number
            if _readable(texts, lambda text: integer(text, comma)):
                kind = "integer"
            elif _readable(texts, lambda text: number(text, comma)):
                kind = "number"
            elif {text.lower() for text in texts} <= {"true", "false"}:
                kind = "boolean"
    return Field(name, type=kind) if kind else name


def _snake(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_") or "value"
