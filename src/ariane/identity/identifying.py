"""Reads the identifiers an event carries, normalised, strongest first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ariane.identity.commands import INTERNAL_SOURCE, SPOKEN
from ariane.identity.normalising import normalise as normalise  # known by this address too
from ariane.identity.rules import Rules
from ariane.model import Event, Identifier, key_of

_FROM_FIELDS = frozenset({"user_id", "cookie", "device"})
_RAW = (str, int)  # the very types: true and false name nobody

Carried = tuple[tuple[str, str | int], ...]
"""The kinds and raw values an event carries."""


class Named(NamedTuple):
    """An identifier with what every step needs of it, computed once: its key, and its rank (smaller is stronger)."""

    rank: tuple[int, str, str]
    key: int
    identifier: Identifier
    strong: bool


def identify(event: Event, rules: Rules | None = None) -> tuple[Identifier, ...]:
    """The identifiers an event carries, normalised, strongest kind first; the first is the event's subject.

    They come from `user_id`, `anonymous_id` (kind cookie), `context.device.id`, `context.externalIds`, and the keys
    named like a kind in the traits and properties. Values that name nobody (`null`, `anonymous`, zeros) are left out.

    >>> event = Event(event_id="e", message_id="m", source="web", type="identify", name="", channel="web",
    ...               occurred_us=0, received_us=0, anonymous_id="c-1", user_id="null",
    ...               properties={"email": " Ana@Example.org "})
    >>> [str(identifier) for identifier in identify(event)]
    ['email:ana@example.org', 'cookie:c-1']
    """
    return tuple([named.identifier for named in named_in(event, rules or Rules.default())])


def subject_key(event: Event, rules: Rules | None = None) -> int:
    """The key of the event's strongest identifier: whose event it is. One that carries none is its own subject.

    >>> event = Event(event_id="e", message_id="m", source="web", type="track", name="", channel="web", occurred_us=0,
    ...               received_us=0, anonymous_id="c-1")
    >>> subject_key(event) == Identifier("cookie", "c-1").key
    True
    """
    named = named_in(event, rules or Rules.default())
    return named[0].key if named else key_of("event", event.event_id)


def named_in(event: Event, rules: Rules) -> list[Named]:
    """As `identify`, with keys and ranks; repeated identifiers once."""
    if event.source == INTERNAL_SOURCE and event.name in SPOKEN:
        return []
    return named_of(carried_by(event, trait_kinds(rules), rules), rules)


def named_of(carried: Carried, rules: Rules) -> list[Named]:
    """The identifiers that raw values name, strongest first, each once."""
    found: dict[int, Named] = {}
    for kind, raw in carried:
        named = recognise(rules, kind, raw)
        if named is None:
            continue
        found[named.key] = named
        if kind == "caller_number" and "phone" in rules.kinds:
            # The same number by another name: who calls from it is who left it as their phone.
            phone = recognise(rules, "phone", named.identifier.value)
            if phone is not None:
                found[phone.key] = phone
    return sorted(found.values()) if len(found) > 1 else list(found.values())


def carried_by(event: Event, traits: frozenset[str], rules: Rules) -> Carried:
    """Every (kind, raw value) an event carries, in no order; `traits` as `trait_kinds` gives them."""
    return (
        carried_in_fields(event)
        + carried_in_properties(event.properties, traits)
        + carried_in_context(event.context, traits, rules)
    )


def carried_in_fields(event: Event) -> Carried:
    """What the event's own fields carry, and as an alias its previous id."""
    found: list[tuple[str, Any]] = []
    if event.user_id is not None:
        found.append(("user_id", event.user_id))
    if event.anonymous_id is not None:
        found.append(("cookie", event.anonymous_id))
    if event.type == "alias":
        raw = event.properties.get("previous_id", event.properties.get("previousId"))
        if type(raw) in _RAW:
            found.append(("cookie", raw))
    return tuple(found)


def carried_in_properties(properties: Mapping[str, Any], traits: frozenset[str]) -> Carried:
    if not properties or traits.isdisjoint(properties):
        return ()
    return tuple([(kind, raw) for kind, raw in properties.items() if kind in traits and type(raw) in _RAW])


def carried_in_context(context: Mapping[str, Any], traits: frozenset[str], rules: Rules) -> Carried:
    found: list[tuple[str, Any]] = []
    device = context.get("device")
    if type(device) is dict and type(raw := device.get("id")) in _RAW:
        found.append(("device", raw))
    if "traits" in context or "externalIds" in context:
        found += _among_context(context, traits, rules)
    return tuple(found)


def _among_context(context: Mapping[str, Any], traits: frozenset[str], rules: Rules) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    inner = context.get("traits")
    if type(inner) is dict:
        found += [(kind, raw) for kind, raw in inner.items() if kind in traits and type(raw) in _RAW]
    others = context.get("externalIds")
    if type(others) is list:
        for other in others:
            kind = other.get("type") if type(other) is dict else None
            if type(kind) is str and kind in rules.kinds and type(raw := other.get("id")) in _RAW:
                found.append((kind, raw))
    return found


@lru_cache(8)
def trait_kinds(rules: Rules) -> frozenset[str]:
    """The kinds that are read from traits and properties named like them."""
    return frozenset(rules.kinds) - _FROM_FIELDS


@lru_cache(1 << 17)
def recognise(rules: Rules, kind: str, raw: str | int) -> Named | None:
    """The identifier a raw value names, or None when it names nobody."""
    rule = rules.kinds.get(kind)
    if rule is None:
        return None
    value = normalise(kind, str(raw), rules.country, rule.drop_tags)
    if value is None or is_blocked(rules, kind, value):
        return None
    identifier = Identifier(kind, value)
    return Named((-rule.priority, kind, value), identifier.key, identifier, rules.is_strong(kind))


def is_blocked(rules: Rules, kind: str, value: str) -> bool:
    """Whether this value names nobody under these rules."""
    longest, values, everywhere, by_kind = _blocks(rules)
    if len(value) > longest or value.lower() in values or (everywhere is not None and everywhere.fullmatch(value)):
        return True
    own = by_kind.get(kind)
    return own is not None and own.fullmatch(value) is not None


@lru_cache(8)
def _blocks(rules: Rules) -> tuple[int, frozenset[str], re.Pattern[str] | None, dict[str, re.Pattern[str]]]:
    def joined(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE) if patterns else None

    by_kind = {kind: pattern for kind, rule in rules.kinds.items() if (pattern := joined(rule.block)) is not None}
    values = frozenset(value.lower() for value in rules.block.values)
    return rules.block.longest, values, joined(rules.block.patterns), by_kind
