"""What a batch of events says about identity, added up: sightings of identifiers, evidence between them, decisions."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from struct import pack

import msgspec

from ariane.identity.commands import COMMANDS, INTERNAL_SOURCE, LOGIN, OBSERVED, RULES, WEAK, Ruling, rulings_of
from ariane.identity.identifying import named_in
from ariane.identity.rules import Rules
from ariane.model import Event, Identifier

_RULE_NUMBER = {rule: number for number, rule in enumerate(RULES)}


class Sighting(msgspec.Struct):
    """How often and when one identifier was seen, and how many events it is the subject of, by channel."""

    identifier: Identifier
    first_us: int
    last_us: int
    n_events: int = 0
    channels: dict[str, int] = {}


class Evidence(msgspec.Struct):
    """How often and when two identifiers were seen as one person's, and the first event that says so."""

    a: int
    b: int
    rule: str
    first_us: int
    last_us: int
    n_events: int
    source: str
    event_id: str

    def add(self, other: Evidence) -> None:
        """Take in more of the same evidence; in any order, the sum is the same."""
        self.last_us = max(self.last_us, other.last_us)
        self.n_events += other.n_events
        if (other.first_us, other.event_id) < (self.first_us, self.event_id):
            self.first_us, self.event_id, self.source = other.first_us, other.event_id, other.source


class Gathered(msgspec.Struct):
    """A batch added up. `subjects` goes with the events: each one's subject key and whether it is a strong one."""

    sightings: dict[int, Sighting]
    evidence: dict[int, Evidence]
    rulings: list[Ruling]
    subjects: list[tuple[int, bool] | None]
    until_us: int


def gather(events: Iterable[Event], rules: Rules) -> Gathered:
    """Add up what these events say. Bots are nobody; an event without identifiers has no subject here."""
    batch = Gathered({}, {}, [], [], 0)
    pairs: dict[tuple[int, int, str], Evidence] = {}
    for event in events:
        batch.until_us = max(batch.until_us, event.received_us)
        if event.source == INTERNAL_SOURCE and event.name in COMMANDS:
            batch.rulings += rulings_of(event)
            batch.subjects.append(None)
            continue
        named = () if event.is_bot else named_in(event, rules)
        if not named:
            batch.subjects.append(None)
            continue
        at, subject = event.occurred_us, named[0]
        batch.subjects.append((subject.key, subject.strong))
        for each in named:
            sighting = batch.sightings.get(each.key)
            if sighting is None:
                sighting = batch.sightings[each.key] = Sighting(each.identifier, at, at, 0, {})
            elif at < sighting.first_us:
                sighting.first_us = at
            elif at > sighting.last_us:
                sighting.last_us = at
            if each is subject:
                sighting.n_events += 1
                sighting.channels[event.channel] = sighting.channels.get(event.channel, 0) + 1
        if len(named) > 1:
            strong = subject.strong
            rule = (LOGIN if event.type in ("identify", "alias") else OBSERVED) if strong else WEAK
            for other in named[1:]:
                _pair(pairs, subject.key, other.key, rule, event)
    for one in pairs.values():
        batch.evidence[edge_key_of(one.a, one.b, one.rule)] = one
    return batch


def _pair(pairs: dict[tuple[int, int, str], Evidence], a: int, b: int, rule: str, event: Event) -> None:
    if a > b:
        a, b = b, a
    at = event.occurred_us
    known = pairs.get((a, b, rule))
    if known is None:
        pairs[a, b, rule] = Evidence(a, b, rule, at, at, 1, event.source, event.event_id)
        return
    known.n_events += 1
    if at > known.last_us:
        known.last_us = at
    if at < known.first_us or (at == known.first_us and event.event_id < known.event_id):
        known.first_us, known.event_id, known.source = at, event.event_id, event.source


def edge_key_of(a: int, b: int, rule: str) -> int:
    """The key of the evidence under one rule between two keys, `a` < `b`."""
    packed = pack(">qqB", a, b, _RULE_NUMBER[rule])
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big", signed=True)
