"""The mapping file: how the columns of a table become events. Its text, its checks, and its writing back.

docs/importing.md describes every field with examples.
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from ariane.errors import InputError, NotFound
from ariane.model import PURPOSES, EventType, Purpose

KINDS = (
    "user_id", "loyalty_card", "email", "phone", "caller_number", "card_token", "social_handle", "wallet",
    "object_serial", "cookie", "device",
)  # fmt: skip
"""The identifier kinds every workspace knows; its identity.toml may add others."""

ValueType = Literal["", "text", "number", "integer", "boolean", "instant", "json"]
Format = Literal["csv", "ndjson", "parquet"]
Encoding = Literal["utf-8", "latin-1", "cp1252", "iso-8859-15"]
EPOCHS = ("epoch_s", "epoch_ms", "epoch_us")


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a mapping: a word that is not one of its fields is a mistake, not a comment."""


class Column(Base, frozen=True):
    """A value that differs from row to row: the column it is read from."""

    column: str


class When(Base, frozen=True):
    """The instant: its column, how it is written (`iso`, `epoch_s`, `epoch_ms`, `epoch_us`, or a strptime pattern),
    and the zone of the clock it was read from when it does not say."""

    column: str
    format: str = "iso"
    timezone: str = "UTC"


class Field(Base, frozen=True):
    """One property: a column, or the same value on every row. `type` empty leaves the value as the file has it."""

    column: str = ""
    value: str | int | float | bool | None = None
    type: ValueType = ""


class Skip(Base, frozen=True):
    """Rows to leave out, counted under `reason`. Exactly one of the tests is given."""

    column: str
    reason: str = ""
    equals: tuple[str, ...] | None = None
    empty: bool | None = None
    below: float | None = None
    above: float | None = None


class EventRule(Base, frozen=True):
    """One event each row stands for. `optional`: an empty instant says that it did not happen."""

    timestamp: When
    name: str | Column = ""
    type: EventType = "track"
    optional: bool = False
    properties: dict[str, str | Field] = {}


class Mapping(Base, frozen=True):
    """A whole mapping file. Plain texts in `properties`, `identifiers` and `context` name columns.

    >>> rule = EventRule(timestamp=When("at"), name="Order Completed", properties={"order_id": "no"})
    >>> mapping = Mapping(events=(rule,), user_id="member")
    >>> parse_mapping(mapping_text(mapping)) == mapping
    True
    """

    events: tuple[EventRule, ...]
    format: Format | Literal[""] = ""
    source: str = ""
    channel: str | Column = "web"
    basis: Purpose = "measurement"
    user_id: str = ""
    anonymous_id: str = ""
    message_id: tuple[str, ...] = ()
    keep_duplicates: bool = False
    delimiter: str = ""
    encoding: Encoding = "utf-8"
    decimal_comma: bool = False
    missing: tuple[str, ...] = ("",)
    identifiers: dict[str, str] = {}
    context: dict[str, str] = {}
    skip: tuple[Skip, ...] = ()


def read_mapping(path: Path | str, kinds: tuple[str, ...] = KINDS) -> Mapping:
    """Read a mapping file. `kinds` are the identifier kinds the workspace knows.

    Raises NotFound when it is not there, InputError naming file, line, field, what is allowed and what was perhaps
    meant.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(
            "No such mapping file.", where=str(path), next_step="Have one proposed from the first rows of the data."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The mapping cannot be read: {error}.", where=str(path)) from error
    return parse_mapping(text, str(path), kinds)


def parse_mapping(text: str, where: str = "mapping", kinds: tuple[str, ...] = KINDS) -> Mapping:
    """As `read_mapping`, from the text itself."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The mapping is not TOML: {error}.", where=where, next_step="Mend it.") from error
    try:
        mapping = msgspec.convert(raw, Mapping)
    except msgspec.ValidationError as error:
        raise _explained(error, text, where) from error
    for path, problem, allowed in _problems(mapping, kinds):
        raise InputError(f"{path}: {problem}", where=place(where, text, path), allowed=allowed)
    return mapping


def mapping_text(mapping: Mapping) -> str:
    """The mapping as TOML, which `parse_mapping` reads back to the same."""
    raw = msgspec.to_builtins(mapping)
    events = raw.pop("events")
    tables = {name: raw.pop(name) for name in ("identifiers", "context") if name in raw}
    skips = raw.pop("skip", ())
    text = [f"{name} = {_toml(value)}" for name, value in raw.items()]
    for name, table in tables.items():
        text += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in table.items())]
    for name, entries in (("skip", skips), ("events", events)):
        for entry in entries:
            properties = entry.pop("properties", {})
            text += ["", f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in entry.items())]
            if properties:
                text += [
                    f"[{name}.properties]",
                    *(f"{_key(key)} = {_toml(value)}" for key, value in properties.items()),
                ]
    return "\n".join(text) + "\n"


def columns_of(mapping: Mapping) -> dict[str, str]:
    """Every column the mapping reads, with the field that names it first."""
    named: list[tuple[str, str]] = [("user_id", mapping.user_id), ("anonymous_id", mapping.anonymous_id)]
    named += [("message_id", column) for column in mapping.message_id]
    named += [("channel", mapping.channel.column)] if isinstance(mapping.channel, Column) else []
    named += [(f"identifiers.{kind}", column) for kind, column in mapping.identifiers.items()]
    named += [(f"context.{key}", column) for key, column in mapping.context.items()]
    named += [(f"skip[{at}].column", rule.column) for at, rule in enumerate(mapping.skip)]
    for at, event in enumerate(mapping.events):
        named.append((f"events[{at}].timestamp.column", event.timestamp.column))
        if isinstance(event.name, Column):
            named.append((f"events[{at}].name.column", event.name.column))
        for key, field in event.properties.items():
            named.append((f"events[{at}].properties.{key}", field if isinstance(field, str) else field.column))
    found: dict[str, str] = {}
    for path, column in named:
        if column:
            found.setdefault(column, path)
    return found


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
}
_PARTS: dict[str, type[Base]] = {"skip[]": Skip, "events[]": EventRule, "events[].timestamp": When}


def _explained(error: msgspec.ValidationError, text: str, where: str) -> InputError:
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


def _problems(mapping: Mapping, kinds: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """What the types cannot say: (path, problem, what is allowed)."""
    found: list[tuple[str, str, str]] = []
    if not mapping.events:
        found.append(("events", "no event is described.", "at least one [[events]]"))
    if mapping.source and not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", mapping.source):
        found.append(("source", f"'{mapping.source}' cannot name a source.", "lower-case letters, digits, - and _"))
    if mapping.delimiter and (len(mapping.delimiter) != 1 or mapping.delimiter in '"\r\n'):
        found.append(("delimiter", "it must be one character.", "for instance ',' ';' '|' or '\\t'"))
    for kind in mapping.identifiers:
        if kind not in kinds:
            found.append(
                (f"identifiers.{kind}", f"unknown identifier kind '{kind}'{near(kind, kinds)}", ", ".join(kinds))
            )
    for path in mapping.context:
        taken = path.split(".")[0] in ("channel", "externalIds")
        if taken or any(other != path and path.startswith(f"{other}.") for other in mapping.context):
            found.append(
                (f"context.{path}", "something else stands under that name.", "a free path such as campaign.name")
            )
    for at, rule in enumerate(mapping.skip):
        if sum(test is not None for test in (rule.equals, rule.empty, rule.below, rule.above)) != 1:
            found.append((f"skip[{at}]", "a rule has exactly one test.", "equals, empty, below, above"))
    for at, event in enumerate(mapping.events):
        if event.type in ("track", "page", "screen") and not event.name:
            found.append((f"events[{at}].name", f"a {event.type} event needs a name.", 'a text, or { column = "…" }'))
        try:
            ZoneInfo(event.timestamp.timezone)
        except (KeyError, ValueError, OSError):
            path = f"events[{at}].timestamp.timezone"
            found.append(
                (path, f"unknown time zone '{event.timestamp.timezone}'.", "names such as Europe/Paris or UTC")
            )
        if event.timestamp.format not in ("iso", *EPOCHS) and "%" not in event.timestamp.format:
            path, known = f"events[{at}].timestamp.format", ("iso", *EPOCHS)
            problem = f"unknown format '{event.timestamp.format}'{near(event.timestamp.format, known)}"
            found.append((path, problem, ", ".join(known) + ", or a strptime pattern such as %d/%m/%Y %H:%M"))
        for key, field in event.properties.items():
            if isinstance(field, Field) and (field.column == "") == (field.value is None):
                found.append((f"events[{at}].properties.{key}", "give a column or a value.", "column, value"))
    return found


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: Any) -> str:
    """JSON's texts and numbers are TOML's, but for the delete character, which TOML wants escaped."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
