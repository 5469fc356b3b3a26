"""What a batch of events says about identity, added up: sightings of identifiers, evidence between them, decisions."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from struct import pack

import msgspec

from ariane.identity.addressing import in_page
from ariane.identity.commands import (
    CARRIED,
    COMMANDS,
    INTERNAL_SOURCE,
    LINKING,
    LOGIN,
    OBSERVED,
    RULES,
    WEAK,
    Ruling,
    inferred_by,
    rulings_of,
)
from ariane.identity.identifying import (
    Carried,
    Named,
    carried_in_context,
    carried_in_fields,
    carried_in_properties,
    named_of,
    trait_kinds,
)
from ariane.identity.rules import Rules
from ariane.model import Event, Identifier

_RULE_NUMBER = {rule: number for number, rule in enumerate(RULES)}
_LOGINS = frozenset({"identify", "alias"})

Pair = tuple[int, int, str]
"""Two identifiers' keys in ascending order, and the rule that ties them."""


class Sighting(msgspec.Struct, gc=False):
    """How often and when one identifier was seen, and how many events it is the subject of, by channel."""

    identifier: Identifier
    first_us: int
    last_us: int
    n_events: int
    channels: dict[str, int]


class Evidence(msgspec.Struct, gc=False):
    """How often and when two identifiers were seen as one person's, and the first event that says so. `edge_key` and
    `status` are the state's, once it is known there. `score`: what the latest event gave it; None: the rule's trust."""

    a: int
    b: int
    rule: str
    first_us: int
    last_us: int
    n_events: int
    source: str
    event_id: str
    edge_key: int = 0
    score: float | None = None
    status: str = ""

    @property
    def pair(self) -> Pair:
        return self.a, self.b, self.rule

    def add(self, other: Evidence) -> None:
        """Take in more of the same evidence; in any order, the sum is the same."""
        if other.score is not None and (
            self.score is None or (other.last_us, other.score) > (self.last_us, self.score)
        ):
            self.score = other.score
        self.last_us = max(self.last_us, other.last_us)
        self.n_events += other.n_events
        if (other.first_us, other.event_id) < (self.first_us, self.event_id):
            self.first_us, self.event_id, self.source = other.first_us, other.event_id, other.source


class Gathered(msgspec.Struct):
    """A batch added up. `subjects` goes with the events: each one's subject key and whether it is a strong one."""

    sightings: dict[int, Sighting]
    evidence: dict[Pair, Evidence]
    rulings: list[Ruling]
    subjects: list[tuple[int, bool] | None]
    until_us: int


class _Cast(msgspec.Struct, gc=False):
    """The events that carry the same identifiers in the same way: of most persons a batch has a few such. `linked`:
    those that only the page's address names, which are nobody's events."""

    is_login: bool
    named: list[Named]
    linked: list[Named]
    subject: tuple[int, bool] | None
    first_us: int
    last_us: int
    event_id: str
    source: str
    n_events: int
    channels: dict[str, int]


class _Parts:
    """What contexts and properties say, each looked at once: events that say alike share them (see `ingest.rows`)."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._kinds = rules, trait_kinds(rules)
        # By id, with the part itself, lest another be given its id.
        self._contexts: dict[int, tuple[object, Carried, Carried]] = {}
        self._properties: dict[int, tuple[object, Carried, Carried]] = {}

    def of(self, event: Event) -> tuple[Carried, Carried, Carried]:
        """What properties and context carry, and what the page's address does."""
        context, properties = event.context, event.properties
        around = self._contexts.get(id(context))
        if around is None:
            carried = carried_in_context(context, self._kinds, self._rules)
            around = context, carried, in_page(context.get("page"), self._rules)
            self._contexts[id(context)] = around
        said = self._properties.get(id(properties))
        if said is None:
            carried = carried_in_properties(properties, self._kinds)
            said = self._properties[id(properties)] = properties, carried, in_page(properties, self._rules)
        return said[1], around[1], around[2] + said[2] if said[2] and event.type == "page" else around[2]


def gather(events: Iterable[Event], rules: Rules) -> Gathered:
    """Add up what these events say. Bots are nobody; an event without identifiers has no subject here."""
    batch = Gathered({}, {}, [], [], 0)
    parts, say = _Parts(rules), batch.subjects.append
    casts: dict[object, _Cast] = {}
    for event in events:
        at = event.occurred_us
        if event.received_us > batch.until_us:
            batch.until_us = event.received_us
        if event.source == INTERNAL_SOURCE and event.name in COMMANDS:
            batch.rulings += rulings_of(event)
            say(None)
            continue
        if event.source == INTERNAL_SOURCE and event.name == LINKING:
            _infer(batch.evidence, event)
            say(None)
            continue
        if event.is_bot:
            say(None)
            continue
        said = parts.of(event)
        if event.type == "alias":
            who: object = carried_in_fields(event), said
        else:
            who = event.type == "identify", event.user_id, event.anonymous_id, said
        cast = casts.get(who)
        if cast is None:
            cast = casts[who] = _cast(event, said, rules)
        say(cast.subject)
        cast.n_events += 1
        cast.channels[event.channel] = cast.channels.get(event.channel, 0) + 1
        if at > cast.last_us:
            cast.last_us = at
        elif at < cast.first_us or (at == cast.first_us and event.event_id < cast.event_id):
            cast.first_us, cast.event_id, cast.source = at, event.event_id, event.source
    for cast in casts.values():
        if cast.subject is not None:
            _sight(batch.sightings, cast)
            if len(cast.named) > 1:
                rule = (LOGIN if cast.is_login else OBSERVED) if cast.subject[1] else WEAK
                _tie(batch.evidence, cast, cast.named[1:], rule)
            if cast.linked:
                _tie(batch.evidence, cast, cast.linked, CARRIED)
    return batch


def _cast(event: Event, said: tuple[Carried, Carried, Carried], rules: Rules) -> _Cast:
    named = named_of(carried_in_fields(event) + said[0] + said[1], rules)
    subject = (named[0].key, named[0].strong) if named else None
    linked = [one for one in named_of(said[2], rules) if one not in named] if said[2] else []
    at, is_login = event.occurred_us, event.type in _LOGINS
    return _Cast(is_login, named, linked, subject, at, at, event.event_id, event.source, 0, {})


def _sight(sightings: dict[int, Sighting], cast: _Cast) -> None:
    first_us, last_us = cast.first_us, cast.last_us
    for each in cast.named + cast.linked:
        sighting = sightings.get(each.key)
        if sighting is None:
            sightings[each.key] = Sighting(each.identifier, first_us, last_us, 0, {})
            continue
        if first_us < sighting.first_us:
            sighting.first_us = first_us
        if last_us > sighting.last_us:
            sighting.last_us = last_us
    sighting = sightings[cast.named[0].key]
    sighting.n_events += cast.n_events
    for channel, n in cast.channels.items():
        sighting.channels[channel] = sighting.channels.get(channel, 0) + n


def _tie(evidence: dict[Pair, Evidence], cast: _Cast, others: list[Named], rule: str) -> None:
    subject = cast.named[0].key
    for other in others:
        a, b = (subject, other.key) if subject < other.key else (other.key, subject)
        gain(evidence, Evidence(a, b, rule, cast.first_us, cast.last_us, cast.n_events, cast.source, cast.event_id))


def _infer(evidence: dict[Pair, Evidence], event: Event) -> None:
    said = inferred_by(event)
    if said is not None:
        a, b, rule, score = said
        at = event.occurred_us
        gain(evidence, Evidence(a, b, rule, at, at, 1, event.source, event.event_id, score=score))


def gain(evidence: dict[Pair, Evidence], one: Evidence) -> None:
    """Add this to the evidence there is."""
    known = evidence.get(one.pair)
    if known is None:
        evidence[one.pair] = one
    else:
        known.add(one)


def edge_key_of(a: int, b: int, rule: str) -> int:
    """The key of the evidence under one rule between two keys, `a` < `b`."""
    packed = pack(">qqB", a, b, _RULE_NUMBER[rule])
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big", signed=True)
