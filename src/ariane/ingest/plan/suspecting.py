"""Fields that look personal and that nobody declared so: judged by the field, not by one value.

One order number in ten passes the check digit of a card, and one card in a thousand fields is still a card. So what is
counted is the field: how many of its values have the shape, how many pass the check, in one go over a sample. What is
kept is counts and a masked example; never a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ariane.ingest.plan.frozen import Planned, planned_of
from ariane.ingest.plan.judging import document_of
from ariane.ingest.plan.personal import Sign, masked, signs
from ariane.ingest.plan.profile import Path
from ariane.model import Event

RECOGNISED = frozenset(
    ("email", "phone", "loyalty_card", "card_token", "caller_number", "social_handle", "wallet", "object_serial")
)
"""Keys of properties and traits that name persons and are read as such: they are no surprise."""

MOST_LEAVES = 500
SHARE, MOST = 0.5, 0.9
LEAST_UNSURE = 3

_DECLARED_PATHS = frozenset(
    [
        ("userId",),
        ("anonymousId",),
        ("context", "ip"),
        ("context", "device", "id"),
        ("context", "externalIds", "[]", "id"),
    ]
)
_HINTS = {
    "phone": re.compile(r"phone|tel|mobile|gsm|fax|caller|portable|whatsapp|sms|contact", re.IGNORECASE),
    "card": re.compile(r"card|pan\b|carte|payment", re.IGNORECASE),
    "ip": re.compile(r"ip\b|ip_|addr|host|client|remote", re.IGNORECASE),
    "nir": re.compile(r"nir|secu|social|insee", re.IGNORECASE),
}
_OTHERWISE = {
    "phone": re.compile(r"lat|lon|lng|geo|coord|version|build", re.IGNORECASE),
    "ip": re.compile(r"version|build|release|firmware|os\b", re.IGNORECASE),
}


class Tally(msgspec.Struct):
    """What one field's values look like, as one kind of personal data: how many have the shape, how many pass every
    check, how many of those are sure by their form, how many are all of the text, and the least masked example."""

    n_shaped: int = 0
    n_passing: int = 0
    n_sure: int = 0
    n_whole: int = 0
    example: str = ""


class Seen(msgspec.Struct):
    """Mergeable: of one source, event and field, how many values were looked at and what they look like, by kind."""

    n_values: int
    kinds: dict[str, Tally]


class Suspicion(msgspec.Struct, frozen=True):
    """A field that looks personal and is not declared so. `n` of the `n_values` looked at; `whole`: the field is that
    and nothing else, rather than a text in which it occurs; `example` is masked."""

    source: str
    type: str
    event: str
    field: str
    kind: str
    n: int
    n_values: int
    whole: bool
    example: str


Sightings = dict[tuple[str, Planned, Path], Seen]


def looked_at(events: Iterable[Event]) -> Sightings:
    """What the fields of these events look like. The sightings of two sets of events are added by `added`."""
    found: Sightings = {}
    for event in events:
        about = planned_of(event)
        for path, value in _leaves(event):
            key = (event.source, about, path)
            seen = found.get(key)
            if seen is None:
                seen = found[key] = Seen(0, {})
            seen.n_values += 1
            kinds: dict[str, Tally] = {}
            for sign in _signs(value):
                tally = kinds.setdefault(sign.kind, Tally(n_shaped=1))
                if sign.passes:
                    example = masked(sign.text, sign.kind)
                    tally.example = min(tally.example or example, example)
                    tally.n_passing, tally.n_sure = 1, tally.n_sure | sign.sure
                    tally.n_whole |= sign.whole
            for kind, tally in kinds.items():
                seen.kinds[kind] = _sum(seen.kinds[kind], tally) if kind in seen.kinds else tally
    return found


@lru_cache(1 << 14)
def _signs(value: str | int) -> tuple[Sign, ...]:
    """Browsers, libraries and places come again and again."""
    return tuple(signs(value))


def added(one: Sightings, other: Sightings) -> Sightings:
    """The sightings of both sets of events together, whatever the order."""
    whole = dict(one)
    for key, seen in other.items():
        before = whole.get(key)
        if before is None:
            whole[key] = seen
            continue
        kinds = dict(before.kinds)
        for kind, tally in seen.kinds.items():
            kinds[kind] = _sum(kinds[kind], tally) if kind in kinds else tally
        whole[key] = Seen(before.n_values + seen.n_values, kinds)
    return whole


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(
        one.n_shaped + other.n_shaped,
        one.n_passing + other.n_passing,
        one.n_sure + other.n_sure,
        one.n_whole + other.n_whole,
        min(filter(None, (one.example, other.example)), default=""),
    )


def suspicions(
    sightings: Sightings, declared: Mapping[Planned, Collection[Path]] | None = None
) -> tuple[Suspicion, ...]:
    """The fields that look personal, but for identifiers that are read as such and fields `declared` in the plan.

    >>> def sent(n: int, **properties: str) -> Event:
    ...     return Event(event_id=str(n), message_id="", source="web", type="track", name="Asked", channel="web",
    ...                  occurred_us=0, received_us=0, properties=properties)
    >>> [found] = suspicions(looked_at([sent(1, email="a@b.example", friend="ana@example.org"), sent(2, friend="-")]))
    >>> found.field, found.kind, found.n, found.n_values, found.example
    ('properties.friend', 'email', 1, 2, 'a…@….org')
    """
    found = []
    for (source, about, path), seen in sightings.items():
        if _is_recognised(path) or path in (declared or {}).get(about, ()):
            continue
        for kind, tally in seen.kinds.items():
            if _is_suspect(kind, path, seen, tally):
                field = ".".join(path).replace(".[]", "[]")
                whole = 2 * tally.n_whole >= tally.n_passing
                found.append(
                    Suspicion(
                        source,
                        about.type,
                        about.event,
                        field,
                        kind,
                        tally.n_passing,
                        seen.n_values,
                        whole,
                        tally.example,
                    )
                )
    return tuple(sorted(found, key=lambda one: (-one.n, one.source, one.type, one.event, one.field, one.kind)))


def _is_suspect(kind: str, path: Path, seen: Seen, tally: Tally) -> bool:
    name = path[-1] if path[-1] != "[]" else path[-2]
    if not tally.n_passing or (kind in _OTHERWISE and any(_OTHERWISE[kind].search(part) for part in path)):
        return False
    hinted = kind in _HINTS and _HINTS[kind].search(name) is not None
    if kind == "email":
        return True
    if kind == "ip":
        likely = tally.n_passing >= LEAST_UNSURE and 2 * tally.n_sure >= tally.n_passing
        return tally.n_whole >= MOST * seen.n_values and (hinted or likely)
    if kind == "phone":
        return tally.n_sure > 0 or (hinted and tally.n_passing >= SHARE * seen.n_values)
    if tally.n_passing < SHARE * tally.n_shaped:  # chance passes one in ten (cards) or in 97 (accounts, keys)
        return False
    return hinted or tally.n_sure > 0 or tally.n_whole < tally.n_passing or tally.n_passing >= LEAST_UNSURE


def _is_recognised(path: Path) -> bool:
    if path in _DECLARED_PATHS:
        return True
    within = path[:2] if path[:2] == ("context", "traits") else path[:1]
    return within != ("context",) and len(path) == len(within) + 1 and path[-1] in RECOGNISED


def declared_in(schema: Mapping[str, Any]) -> frozenset[Path]:
    """The fields a schema declares personal: `"x-personal": "email"` (any text, or true) on the field.

    >>> declared_in({"properties": {"properties": {"properties": {"friend": {"x-personal": "email"}}}}})
    frozenset({('properties', 'friend')})
    """
    found: set[Path] = set()

    def walk(path: Path, inner: Any) -> None:
        if not isinstance(inner, Mapping):
            return
        if inner.get("x-personal"):
            found.add(path)
        for name, below in (inner.get("properties") or {}).items():
            walk((*path, name), below)
        if "items" in inner:
            walk((*path, "[]"), inner["items"])

    walk((), schema)
    return frozenset(found)


def _leaves(event: Event) -> Iterator[tuple[Path, Any]]:
    """Texts and whole numbers with their paths. The event's name comes too, as the field `event`."""
    document = document_of(event)
    document.pop("channel", None)
    if event.name:
        yield ("event",), event.name
    stack: list[tuple[Path, Any]] = [((key,), value) for key, value in document.items()]
    left = MOST_LEAVES
    while stack and left:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [((*path, str(key)), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            stack += [((*path, "[]"), inner) for inner in value]
        elif isinstance(value, (str, int)) and not isinstance(value, bool):
            left -= 1
            yield path, value
