"""The mapping file: how the columns of a table become events. Reading its text, and writing it back.

docs/importing.md describes every field with examples.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from ariane.errors import InputError, NotFound
from ariane.ingest.grammar import KINDS, Column, EventRule, Field, Mapping, Named, Skip, ValueType, When, braced
from ariane.ingest.mistakes import explained, near, place, problems

__all__ = [
    "KINDS",
    "Column",
    "EventRule",
    "Field",
    "Mapping",
    "Skip",
    "ValueType",
    "When",
    "columns_of",
    "mapping_text",
    "near",
    "parse_mapping",
    "read_mapping",
    "reads_of",
]


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
        raise explained(error, text, where) from error
    for path, problem, allowed in problems(mapping, kinds):
        raise InputError(f"{path}: {problem}", where=place(where, text, path), allowed=allowed)
    return mapping


def mapping_text(mapping: Mapping) -> str:
    """The mapping as TOML, which `parse_mapping` reads back to the same."""
    raw = msgspec.to_builtins(mapping)
    events = raw.pop("events")
    tables = {name: raw.pop(name) for name in ("identifiers", "context", "properties") if name in raw}
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
    found: dict[str, str] = {}
    for columns, path in reads_of(mapping):
        for column in columns:
            found.setdefault(column, path)
    return found


def reads_of(mapping: Mapping) -> list[tuple[tuple[str, ...], str]]:
    """Everything the mapping reads: the columns of which one is enough, and the field that names them."""
    named: list[tuple[Named, str]] = [(mapping.user_id, "user_id"), (mapping.anonymous_id, "anonymous_id")]
    named += [(column, "message_id") for column in mapping.message_id]
    named += [(column, "group") for column in mapping.group]
    named += [(mapping.channel.column, "channel")] if isinstance(mapping.channel, Column) else []
    named += [(column, f"identifiers.{kind}") for kind, column in mapping.identifiers.items()]
    named += [read for key, field in mapping.context.items() for read in _of_field(field, f"context.{key}")]
    named += [read for key, field in mapping.properties.items() for read in _of_field(field, f"properties.{key}")]
    named += [(rule.column, f"skip[{at}].column") for at, rule in enumerate(mapping.skip)]
    for at, event in enumerate(mapping.events):
        named += [(column, f"events[{at}].when.{column}") for column in event.when]
        named += [(column, f"events[{at}].identifiers.{kind}") for kind, column in event.identifiers.items()]
        if isinstance(event.timestamp, When):
            named.append((event.timestamp.column, f"events[{at}].timestamp.column"))
        if isinstance(event.name, Column):
            named.append((event.name.column, f"events[{at}].name.column"))
        for key, field in event.properties.items():
            named += _of_field(field, f"events[{at}].properties.{key}")
    reads: list[tuple[tuple[str, ...], str]] = []
    for columns, path in named:
        texts = (columns,) if isinstance(columns, str) else columns
        parts = [braced(text) or (text,) for text in texts if text]
        if len(parts) == 1:  # a text with columns in braces needs every one of them
            reads += [((column,), path) for column in parts[0]]
        elif parts:
            reads.append((tuple(column for part in parts for column in part), path))
    return reads


def _of_field(field: Named | Field, path: str) -> list[tuple[Named, str]]:
    return [(field.column, path), (field.since, path)] if isinstance(field, Field) else [(field, path)]


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


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Mapping)
