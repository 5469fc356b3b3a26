"""A mapping as one choice a column: what the column is for. Read from a mapping, and written back into one.

Only mappings of the simple kind can be said so: one event a row, each column used once. Others are edited as text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Table
from collections.abc import Sequence
from typing import Any

import msgspec

from ariane.console.words import N_
from ariane.errors import InputError
from ariane.ingest.importers import Mapping, mapping_text

IDENTIFIERS = (
    "loyalty_card", "email", "phone", "caller_number", "card_token", "social_handle", "wallet", "object_serial",
    "device",
)  # fmt: skip
ROLES: dict[str, str] = {
    "property": N_("a property"),
    "time": N_("when it happened"),
    "event": N_("the event's name"),
    "channel": N_("the channel"),
    "user_id": N_("who: account"),
    "anonymous_id": N_("who: cookie"),
    **{f"id:{kind}": kind for kind in IDENTIFIERS},
    "message_id": N_("the row's own number"),
    "": N_("leave out"),
}
"""What a column can be for, and how it is said; identifiers are said by their kind's name."""

_SIMPLE = frozenset(
    {"events", "format", "source", "channel", "basis", "user_id", "anonymous_id", "message_id", "delimiter", "encoding",
     "decimal_comma", "missing", "identifiers", "keep_duplicates", "about"}
)  # fmt: skip


def roles_of(mapping: Mapping, columns: Sequence[str]) -> dict[str, str] | None:
    """What each column is for; None when the mapping says more than one choice a column can.

    >>> from ariane.ingest.importers import Mapping
    >>> text = '{"events": [{"timestamp": {"column": "at"}, "name": "Sold", "properties": {"shop": "shop"}}]}'
    >>> mapping = msgspec.json.decode(text, type=Mapping)
    >>> roles_of(mapping, ["at", "shop", "note"])
    {'at': 'time', 'shop': 'property', 'note': ''}
    """
    said = tomllib.loads(mapping_text(mapping))
    if set(said) - _SIMPLE or len(said["events"]) != 1:
        return None
    event = said["events"][0]
    if set(event) - {"timestamp", "name", "properties", "type"} or not isinstance(event["timestamp"], dict):
        return None
    pairs = [("time", event["timestamp"]["column"])]
    pairs += [("event", event["name"]["column"])] if isinstance(event.get("name"), dict) else []
    pairs += [("channel", said["channel"]["column"])] if isinstance(said.get("channel"), dict) else []
    pairs += [(name, said[name]) for name in ("user_id", "anonymous_id") if said.get(name)]
    pairs += [(f"id:{kind}", column) for kind, column in said.get("identifiers", {}).items()]
    pairs += [("property", _column(field)) for field in event.get("properties", {}).values()]
    # The row's number may well be a property too: what else a column is for says more.
    taken = {column for _, column in pairs if isinstance(column, str)}
    pairs += [("message_id", column) for column in said.get("message_id", []) if column not in taken]
    found = dict.fromkeys(columns, "")
    for role, column in pairs:
        if not isinstance(column, str) or column not in found or found[column] or role not in ROLES:
            return None
        found[column] = role
    return found


def with_roles(mapping: Mapping, chosen: Table[str, str], event_name: str) -> Mapping:
    """The mapping with these roles. What a property was called and read as stays. InputError when no column says when,
    or two say the same."""
    said: dict[str, Any] = tomllib.loads(mapping_text(mapping))
    event = said["events"][0]
    by_role: dict[str, list[str]] = {}
    for column, role in chosen.items():
        by_role.setdefault(role, []).append(column)
    for role in ("time", "event", "channel", "user_id", "anonymous_id", *(f"id:{kind}" for kind in IDENTIFIERS)):
        if len(by_role.get(role, ())) > 1:
            raise InputError(f"Two columns are for the same: {', '.join(by_role[role])}.", where=role)
    if "time" not in by_role:
        raise InputError("No column says when it happened.", next_step="Choose the column of the instant.")
    known = {_column(field): (name, field) for name, field in event.get("properties", {}).items()}
    event["timestamp"] = event["timestamp"] | {"column": by_role["time"][0]}
    event["name"] = {"column": by_role["event"][0]} if "event" in by_role else event_name.strip() or "Imported Row"
    properties = [known.get(column, (snake(column), column)) for column in by_role.get("property", ())]
    event["properties"] = dict(properties)
    for name in ("user_id", "anonymous_id"):
        said[name] = by_role.get(name, [""])[0]
    said["identifiers"] = {kind: by_role[f"id:{kind}"][0] for kind in IDENTIFIERS if f"id:{kind}" in by_role}
    numbers = [column for column in said.get("message_id", []) if chosen.get(column) in ("property", "message_id")]
    said["message_id"] = list(dict.fromkeys([*numbers, *by_role.get("message_id", [])]))
    if "channel" in by_role:
        was = said.get("channel")
        said["channel"] = (was if isinstance(was, dict) else {}) | {"column": by_role["channel"][0]}
    elif isinstance(said.get("channel"), dict):
        said["channel"] = "web"
    return msgspec.convert(said, Mapping)


def snake(name: str) -> str:
    """A column's name as a property's.

    >>> snake("Order Total (€)")
    'order_total'
    """
    return re.sub(r"\W+", "_", name.replace(".", "_")).strip("_").lower() or "value"


def _column(field: Any) -> Any:
    return field.get("column") if isinstance(field, dict) else field
