"""From a profile to a schema somebody can review, and from two schemas to what changed between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ariane.ingest.plan.judging import DRAFT
from ariane.ingest.plan.profile import Field, Path, Profile, merged

ALWAYS_N = 20
"""Fewer events than this say nothing about what is always there."""

ENUM_EACH = 5
"""Values that were each met so often are proposed as the only ones, where there are few."""

LEFT_OPEN = frozenset({"context"})
"""What the libraries fill in changes with their versions: its types are proposed, never that it must be there."""


class Difference(msgspec.Struct, frozen=True):
    """One field that two schemas do not say the same of. `what`: added, removed, type, required, values or format."""

    field: str
    what: str
    before: str
    after: str


def proposed(one: Profile, *others: Profile) -> dict[str, Any]:
    """A schema the events of these profiles keep to (all must be of one event kind, from whatever sources).

    A field that was in every one of at least ALWAYS_N events is required, but in the context; a text that takes few
    values is an enumeration; a form is stated when every text has it. Numbers get no bounds: what was met so far is no
    promise.

    >>> from ariane.ingest.plan.profile import profiles
    >>> from ariane.model import Event
    >>> met = [Event(event_id=str(n), message_id="", source="till", type="track", name="Order Completed", channel="",
    ...              occurred_us=n, received_us=n, properties={"order_id": f"o-{n}"}) for n in range(30)]
    >>> [profile] = profiles(met).values()
    >>> proposed(profile)["properties"]["properties"]
    {'type': 'object', 'required': ['order_id'], 'properties': {'order_id': {'type': 'string'}}}
    """
    whole = one
    for other in others:
        whole = merged(whole, other)
    tree = _tree(whole.fields)
    schema: dict[str, Any] = {"$schema": DRAFT, "title": whole.event or whole.type, "type": "object"}
    body = [name for name in ("properties", "traits") if name in tree and tree[name].n == whole.n >= ALWAYS_N]
    if body:
        schema["required"] = body
    schema["properties"] = {
        name: _schema_of(tree[name], name not in LEFT_OPEN) for name in sorted(tree, key=_order) if name in _SAID
    }
    return schema


_SAID = ("properties", "traits", "context", "userId", "anonymousId")


def _order(name: str) -> int:
    return _SAID.index(name) if name in _SAID else len(_SAID)


class _Node(msgspec.Struct):
    field: Field
    inner: dict[str, _Node] = {}

    @property
    def n(self) -> int:
        return self.field.n


def _tree(fields: Mapping[Path, Field]) -> dict[str, _Node]:
    roots: dict[str, _Node] = {}
    for path in sorted(fields, key=lambda path: (len(path), path)):
        within = roots
        for part in path[:-1]:
            if part not in within:
                break
            within = within[part].inner
        else:
            within[path[-1]] = _Node(fields[path], {})
    return roots


def _schema_of(node: _Node, demanding: bool) -> dict[str, Any]:
    field = node.field
    kinds = sorted(field.types)
    if "integer" in kinds and "number" in kinds:
        kinds.remove("integer")
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if "object" in field.types:
        n = field.types["object"]
        named = {name: inner for name, inner in sorted(node.inner.items()) if name != "[]"}
        always = [name for name, inner in named.items() if inner.n == n]
        if demanding and n >= ALWAYS_N and always:
            schema["required"] = always
        if named:
            schema["properties"] = {name: _schema_of(inner, demanding) for name, inner in named.items()}
    if "[]" in node.inner:
        schema["items"] = _schema_of(node.inner["[]"], demanding)
    texts = field.types.get("string", 0)
    if texts and kinds == ["string"]:
        for form, n in field.formats.items():
            if n == texts:
                schema["format"] = form
        if field.values and demanding and texts >= ALWAYS_N and min(field.values.values()) >= ENUM_EACH:
            schema["enum"] = sorted(field.values)
    return schema


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What two schemas do not say the same of, by field, in the alphabet's order.

    >>> differences({"properties": {"properties": {"properties": {"size": {"type": "string"}}}}},
    ...             {"properties": {"properties": {"properties": {"size": {"type": "integer"}}}}})
    (Difference(field='properties.size', what='type', before='string', after='integer'),)
    """
    return tuple(sorted(_compared("", before, after), key=lambda one: (one.field, one.what)))


def _compared(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for what, key in (("type", "type"), ("values", "enum"), ("format", "format")):
        old, new = _text(before.get(key)), _text(after.get(key))
        if old != new and path:
            yield Difference(path, what, old, new)
    demanded, demands = set(before.get("required") or ()), set(after.get("required") or ())
    olds, news = _inner(before), _inner(after)
    for name in sorted({*olds, *news, *demanded, *demands}):
        where = f"{path}[]" if name == "[]" else f"{path}.{name}" if path else name
        if name in olds and name in news:
            yield from _compared(where, olds[name], news[name])
        elif name in news:
            yield Difference(where, "added", "", _text(news[name].get("type")))
        elif name in olds:
            yield Difference(where, "removed", _text(olds[name].get("type")), "")
        if (name in demanded) != (name in demands):
            told = ("optional", "required")
            yield Difference(where, "required", told[name in demanded], told[name in demands])


def _inner(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = {name: inner for name, inner in (schema.get("properties") or {}).items() if isinstance(inner, Mapping)}
    items = schema.get("items")
    return found | ({"[]": items} if isinstance(items, Mapping) else {})


def _text(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(sorted(map(str, value)))
    return "" if value is None else str(value)
