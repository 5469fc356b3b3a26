"""Compiled schemas: what an event is held against, and what it breaks, in words that hold nothing of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from ariane.errors import InputError
from ariane.model import Event

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMA_BYTES = 262_144
MAX_REASONS = 5
MOST_ERRORS = 1_000
TRAITS = frozenset({"identify", "group"})
"""Types whose properties are called traits, on the wire and in a schema."""

FIELDS = ("properties", "traits", "context", "userId", "anonymousId", "channel")
"""What a schema may speak of: the keys of the document that `document_of` makes of an event."""

_PATTERN_BYTES = 1 << 20
_NAMING = frozenset({"properties", "$defs", "definitions", "dependentSchemas", "patternProperties"})


class Compiled(msgspec.Struct, frozen=True):
    """A schema ready to judge events."""

    schema: Mapping[str, Any]
    validator: Any

    def is_kept(self, event: Event) -> bool:
        """Whether the event keeps to the schema. One that cannot even be held against it does not."""
        try:
            return bool(self.validator.is_valid(document_of(event)))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return False

    def reasons(self, event: Event) -> tuple[str, ...]:
        """What the event breaks, at most MAX_REASONS of them, sorted; empty when it keeps to the schema."""
        try:
            errors = list(islice(self.validator.iter_errors(document_of(event)), MOST_ERRORS))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return ("the event holds a value that no schema can describe",)
        return tuple(sorted({_reason(error, self.schema) for error in errors})[:MAX_REASONS])


def document_of(event: Event) -> dict[str, Any]:
    """The event as a schema sees it: its properties (or traits), context, ids and channel.

    >>> event = Event(event_id="", message_id="", source="", type="identify", name="", channel="web", occurred_us=0,
    ...               received_us=0, user_id="ana", properties={"plan": "gold"})
    >>> document_of(event)
    {'traits': {'plan': 'gold'}, 'context': {}, 'channel': 'web', 'userId': 'ana'}
    """
    context = event.context
    if "ariane" in context:  # ours, not the sender's
        context = {key: value for key, value in context.items() if key != "ariane"}
    body = "traits" if event.type in TRAITS else "properties"
    found: dict[str, Any] = {body: event.properties, "context": context, "channel": event.channel}
    if event.user_id is not None:
        found["userId"] = event.user_id
    if event.anonymous_id is not None:
        found["anonymousId"] = event.anonymous_id
    return found


def compiled(schema: Mapping[str, Any], where: str = "") -> Compiled:
    """A schema ready to judge. InputError when it is no JSON Schema (draft 2020-12), refers to another document, or is
    too large.

    Patterns run on an engine without backtracking, in time linear in the text: no schema can stall the stream. What
    that engine has not (back references, look-around) is refused.

    >>> compiled({"properties": {"properties": {"required": ["order_id"]}}}).reasons(
    ...     Event(event_id="", message_id="", source="", type="track", name="", channel="", occurred_us=0,
    ...           received_us=0))
    ('properties.order_id is missing',)
    """
    _check(schema, where)
    try:
        validator = jsonschema_rs.Draft202012Validator(
            dict(schema),
            validate_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        message = getattr(error, "message", None) or str(error)
        raise InputError(
            f"This is no schema an event can be held against: {message[:300]}.",
            where=where,
            allowed="JSON Schema draft 2020-12 in one document, patterns without back references and look-around",
            next_step="Mend it; 'ariane plan check' says whether it can be used.",
        ) from error
    return Compiled(dict(schema), validator)


def _check(schema: Mapping[str, Any], where: str) -> None:
    if not isinstance(schema, dict):
        raise InputError("A schema is a JSON object.", where=where)
    try:
        size = len(msgspec.json.encode(schema))
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise InputError(f"The schema is not JSON: {error}.", where=where) from error
    if size > MAX_SCHEMA_BYTES:
        raise InputError(f"The schema takes {size:,} bytes.", where=where, allowed=f"at most {MAX_SCHEMA_BYTES:,}")
    draft = schema.get("$schema", DRAFT)
    if draft.rstrip("#") != DRAFT if isinstance(draft, str) else True:
        raise InputError(f"The schema is written for '{draft}'.", where=where, allowed=DRAFT)
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise InputError(
                f"The schema refers to '{reference[:100]}'.",
                where=where,
                allowed="references within the document (#/$defs/…)",
                next_step="Copy what it refers to into $defs.",
            )
    unknown = sorted(set(schema.get("properties") or {}) - set(FIELDS))
    if unknown:
        raise InputError(
            f"The schema speaks of '{unknown[0][:80]}', which no event has.",
            where=where,
            allowed=", ".join(FIELDS),
            next_step='Put the fields of the event under "properties": {"properties": {"properties": {…}}}.',
        )


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _reason(error: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong and where, from the schema alone: as many different reasons as the schema has, and no value."""
    path = [str(part) for part in error.schema_path]
    keyword = path[-1] if path else ""
    field = _field(path[:-1])
    rule = _at(schema, error.schema_path)
    if keyword == "required" and hasattr(error.kind, "property"):
        return f"{field + '.' if field else ''}{error.kind.property} is missing"
    said = _WORDS.get(keyword)
    limit = rule if isinstance(rule, (int, float, str)) else "/".join(map(str, rule)) if isinstance(rule, list) else ""
    return f"{field or 'the event'} {said.format(str(limit)[:80]) if said else f'breaks {keyword!r}'}"


_WORDS = {
    "type": "is not of type {}",
    "enum": "is none of {}",
    "const": "is not {}",
    "format": "is no {}",
    "pattern": "does not match {}",
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "exclusiveMinimum": "is not more than {}",
    "exclusiveMaximum": "is not less than {}",
    "multipleOf": "is no multiple of {}",
    "minLength": "is shorter than {}",
    "maxLength": "is longer than {}",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "uniqueItems": "repeats an item",
    "additionalProperties": "holds a field that is not in the plan",
    "unevaluatedProperties": "holds a field that is not in the plan",
    "minProperties": "has fewer than {} fields",
    "maxProperties": "has more than {} fields",
}


def _field(path: list[str]) -> str:
    """The event's field a place of the schema is about: properties/properties/properties/size → properties.size."""
    parts: list[str] = []
    naming = False
    for part in path:
        if naming:
            parts.append(part)
            naming = False
        elif part in _NAMING:
            naming = part == "properties"
            if part == "patternProperties":
                parts.append("*")
        elif part in ("items", "prefixItems", "contains"):
            parts[-1:] = [f"{parts[-1]}[]" if parts else "[]"]
    return ".".join(parts)


def _at(schema: Any, path: list[str | int]) -> Any:
    for part in path:
        if isinstance(schema, dict):
            schema = schema.get(str(part))
        elif isinstance(schema, list) and isinstance(part, int) and part < len(schema):
            schema = schema[part]
        else:
            return None
    return schema
