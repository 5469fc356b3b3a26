"""Persons as a pure function of the evidence: the same set gives the same persons, in whatever order it came.

Identifiers that met several persons are shared and tie nobody. What the rest ties together is a component. One that
keeps within every limit and separation is one person; in one that does not, the evidence is replayed from the most to
the least trusted (Kruskal 1956, with unions refused), and each part is a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import msgspec

from ariane.identity.claiming import between_persons, claims_among, contradicted, met_too_many
from ariane.identity.commands import CARRIED, MANUAL, MET, REPLAYED, SUGGESTED
from ariane.identity.evidence import Edge, canonical
from ariane.identity.rules import Rules
from ariane.identity.windows import keeps_in_time, most_at_once, windowed_limits
from ariane.model import key_of

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Known(msgspec.Struct, frozen=True):
    """An identifier as solving sees it. `blocked`: the rules say it names nobody."""

    key: int
    kind: str
    first_us: int
    blocked: bool = False


class Dated(Protocol):
    """What naming persons needs of an identifier."""

    @property
    def kind(self) -> str: ...
    @property
    def first_us(self) -> int: ...


class Groups:
    """Keys joined into disjoint groups (union-find with path halving); a key never joined is a group by itself."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def of(self, key: int) -> int:
        """The key that stands for this one's group."""
        parent = self._parent
        above = parent.get(key, key)
        while above != key:
            higher = parent.get(above, above)
            parent[key] = higher
            key, above = above, higher
        return key

    def join(self, a: int, b: int) -> None:
        a, b = self.of(a), self.of(b)
        if a != b:
            self._parent[b] = a


class Person(msgspec.Struct, frozen=True):
    """A set of identifiers, by key in ascending order. `component`: its raw component's oldest key."""

    person_id: str
    keys: tuple[int, ...]
    component: int
    is_shared: bool = False


def solve(
    identifiers: Iterable[Known], edges: Iterable[Edge], separations: Iterable[tuple[int, int]], rules: Rules
) -> tuple[Person, ...]:
    """The persons this evidence makes, in order of their ids.

    Edges must be live (none retracted) and join identifiers that are given.

    >>> known = [Known(100, "cookie", 10), Known(200, "user_id", 20), Known(300, "user_id", 30)]
    >>> sorted(person.keys for person in solve(known, [Edge(100, 200, "login", 20)], [], Rules.default()))
    [(100, 200), (300,)]
    >>> shared = [Edge(100, 200, "login", 20), Edge(100, 300, "login", 30)]
    >>> sorted(person.keys for person in solve(known, shared, [], Rules.default()))
    [(100,), (200,), (300,)]
    """
    known = {each.key: each for each in identifiers}
    listed = list(edges)
    shared = shared_among({key: each.kind for key, each in known.items() if not each.blocked}, listed, rules)
    return partition(known, listed, separations, shared, rules)


def shared_among(kinds: Mapping[int, str], edges: Iterable[Edge], rules: Rules) -> frozenset[int]:
    """The identifiers that met as many different unique identifiers of one kind as make theirs shared: directly, or,
    where no account claims them, through what they were seen beside (see `between_persons`).

    With them, under keys of their own, those whose links were passed on (see `passed_on`): to `has_power`, a shared
    identifier's links are shared too.
    """
    listed = list(edges)
    claims = claims_among(kinds, listed, rules)
    found = {key for key, others in claims.items() if met_too_many(kinds, key, others, rules)}
    within = {key for key in found if rules.kinds[kinds[key]].shared_within_days is not None}
    if within:
        found -= _spread_out(kinds, within, listed, rules)
    found |= between_persons(kinds, listed, claims, found, rules)
    return frozenset(found | passed_on(listed, rules))


def passed_on(edges: Iterable[Edge], rules: Rules) -> set[int]:
    """The identifiers that links tied to more others than one person's links would: a newsletter put on a page, a
    link in a chat. Each under the key of its links (`links_of`): only they lose their power."""
    tied: defaultdict[int, set[int]] = defaultdict(set)
    for edge in edges:
        if edge.rule == CARRIED:
            tied[edge.a].add(edge.b)
            tied[edge.b].add(edge.a)
    return {links_of(key) for key, others in tied.items() if len(others) > rules.carried.passed_on_after}


def links_of(key: int) -> int:
    """The key under which an identifier's links stand among what is shared."""
    return key_of("links", str(key))


def _spread_out(kinds: Mapping[int, str], keys: Collection[int], edges: Iterable[Edge], rules: Rules) -> set[int]:
    """Those of `keys` whose rule counts within days, and that met too few within any so many days.

    Two that met count as meeting from the first time to the last.
    """
    spans: defaultdict[tuple[int, str], dict[int, tuple[int, int]]] = defaultdict(dict)
    for edge in edges:
        if edge.rule not in MET:
            continue
        first, last = edge.first_us, max(edge.first_us, edge.last_us)
        for one, other in ((edge.a, edge.b), (edge.b, edge.a)):
            if one in keys and rules.is_unique(kind := kinds.get(other, "")):
                known = spans[one, kind].get(other, (first, last))
                spans[one, kind][other] = min(first, known[0]), max(last, known[1])
    crowded: set[int] = set()
    for (key, _), met in spans.items():
        rule = rules.kinds[kinds[key]]
        if most_at_once(met.values(), rule.shared_within_days or 0) >= (rule.shared_after or 0):
            crowded.add(key)
    return set(keys) - crowded


def has_power(edge: Edge, shared: Collection[int]) -> bool:
    """Whether an edge may tie: shared identifiers tie only where a person decided so, and links only until they are
    passed on. What behaviour suggests never ties."""
    if edge.rule == MANUAL:
        return True
    if edge.rule == SUGGESTED or edge.a in shared or edge.b in shared:
        return False
    return edge.rule != CARRIED or (links_of(edge.a) not in shared and links_of(edge.b) not in shared)


def partition(
    known: Mapping[int, Known],
    edges: Iterable[Edge],
    separations: Iterable[tuple[int, int]],
    shared: Collection[int],
    rules: Rules,
) -> tuple[Person, ...]:
    """The persons of a set of identifiers that no powerful edge leaves, given which of them are shared."""
    blocked = {key for key, each in known.items() if each.blocked}
    tying = [e for e in edges if has_power(e, shared) and e.a not in blocked and e.b not in blocked]
    groups, components = _components(known, tying)
    broken = _broken(known, groups, components, tying, separations, rules)
    if broken:
        kinds = {key: each.kind for key, each in known.items() if groups.of(key) in broken}
        claims = claims_among(kinds, tying, rules)
        agreeing = [edge for edge in tying if not contradicted(edge, kinds, claims)]
        if len(agreeing) < len(tying):
            tying = agreeing
            groups, components = _components(known, tying)
            broken = _broken(known, groups, components, tying, separations, rules)
    apart = [(a, b) for a, b in separations if a in known and b in known and groups.of(a) == groups.of(b)]
    replayed: defaultdict[int, list[Edge]] = defaultdict(list)
    if broken:
        for edge in tying:
            root = groups.of(edge.a)
            if root in broken:
                replayed[root].append(edge)
    persons: list[Person] = []
    for root, keys in components.items():
        parts = _replay(known, keys, replayed[root], apart, rules) if root in broken else [keys]
        persons += named(known, keys, parts, shared, blocked, rules)
    return tuple(sorted(persons, key=lambda person: person.person_id))


def _components(known: Iterable[int], tying: Iterable[Edge]) -> tuple[Groups, dict[int, list[int]]]:
    groups = Groups()
    for edge in tying:
        groups.join(edge.a, edge.b)
    components: defaultdict[int, list[int]] = defaultdict(list)
    for key in known:
        components[groups.of(key)].append(key)
    return groups, components


def _broken(
    known: Mapping[int, Known],
    groups: Groups,
    components: Mapping[int, list[int]],
    tying: Iterable[Edge],
    separations: Iterable[tuple[int, int]],
    rules: Rules,
) -> set[int]:
    """The components that may be several persons."""
    broken = {root for root, keys in components.items() if not _within(known, keys, rules)}
    broken |= {groups.of(a) for a, b in separations if a in known and b in known and groups.of(a) == groups.of(b)}
    replaying = {groups.of(edge.a) for edge in tying if edge.rule in REPLAYED}
    return broken | {
        root for root in replaying if sum(rules.is_strong(known[key].kind) for key in components[root]) > 1
    }


def _replay(
    known: Mapping[int, Known], keys: list[int], edges: list[Edge], separations: list[tuple[int, int]], rules: Rules
) -> list[list[int]]:
    """Kruskal over one component: a union that would break a limit or a separation is refused, and one by which a link
    would join two known people."""
    groups = Groups()
    counts = {key: {known[key].kind: 1} for key in keys}
    windows = windowed_limits(rules)
    firsts = {key: {known[key].kind: [known[key].first_us]} for key in keys if known[key].kind in windows}
    apart: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in separations:
        if a in counts:
            apart[a].add(b)
            apart[b].add(a)
    for edge in sorted(edges, key=canonical):
        a, b = groups.of(edge.a), groups.of(edge.b)
        if a == b or b in apart[a]:
            continue
        joint = {kind: counts[a].get(kind, 0) + counts[b].get(kind, 0) for kind in counts[a].keys() | counts[b].keys()}
        seen = _together(firsts.get(a), firsts.get(b))
        if not keeps(joint, rules) and not (windows and keeps_in_time(joint, seen, rules)):
            continue
        if edge.rule in REPLAYED and _names_human(counts[a], rules) and _names_human(counts[b], rules):
            continue  # a link never joins two known people
        root, gone = (a, b) if len(counts[a]) >= len(counts[b]) else (b, a)
        groups.join(root, gone)
        counts[root] = joint
        if seen:
            firsts[root] = seen
        for other in apart.pop(gone, ()):
            apart[other].discard(gone)
            apart[other].add(root)
            apart[root].add(other)
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for key in keys:
        parts[groups.of(key)].append(key)
    return list(parts.values())


def _names_human(kinds: Iterable[str], rules: Rules) -> bool:
    return any(rules.is_strong(kind) for kind in kinds)


_Firsts = dict[str, list[int]]
"""When identifiers were first seen, by kind; only of kinds whose limit counts within days."""


def _together(one: _Firsts | None, other: _Firsts | None) -> _Firsts:
    if not one or not other:
        return one or other or {}
    return {kind: one.get(kind, []) + other.get(kind, []) for kind in one.keys() | other.keys()}


def _within(known: Mapping[int, Known], keys: list[int], rules: Rules) -> bool:
    """Whether one person may have all these identifiers."""
    if within_limits([known[key].kind for key in keys], rules):
        return True
    windows = windowed_limits(rules)
    if not windows:
        return False
    counts: defaultdict[str, int] = defaultdict(int)
    firsts: defaultdict[str, list[int]] = defaultdict(list)
    for key in keys:
        counts[known[key].kind] += 1
        firsts[known[key].kind].append(known[key].first_us)
    return keeps_in_time(counts, firsts, rules)


def within_limits(kinds: Collection[str], rules: Rules) -> bool:
    """Whether one person may have identifiers of all these kinds, whenever they were first seen: where a limit counts
    within days, False only means that it must be looked at."""
    if len(kinds) < 2:
        return True
    counts: defaultdict[str, int] = defaultdict(int)
    for kind in kinds:
        counts[kind] += 1
    return keeps(counts, rules)


def keeps(counts: Mapping[str, int], rules: Rules) -> bool:
    """Whether one person may have so many identifiers of each kind, whenever they were first seen."""
    for kind, n in counts.items():
        if n > 1:
            rule = rules.kinds.get(kind)
            if rule is not None and rule.limit is not None and n > rule.limit:
                return False
    return True


def named(
    known: Mapping[int, Dated],
    keys: list[int],
    parts: list[list[int]],
    shared: Collection[int],
    blocked: Collection[int],
    rules: Rules,
) -> list[Person]:
    """Give each part of one component its person id.

    The component's id comes from its oldest identifier, so a merge keeps the oldest id. Of several parts the one with
    the strongest identifier keeps it; the others take the id of their own oldest, or one derived from it when that id
    is kept elsewhere. What is shared alone stands for itself, under an id no person ever had.
    """
    if len(keys) == 1:
        key = keys[0]
        alone = key in shared or key in blocked
        return [Person(shared_person_id_of(key) if alone else person_id_of(key), (key,), key, alone)]
    oldest = min(keys, key=lambda key: (known[key].first_us, key))
    if len(parts) == 1:
        return [Person(person_id_of(oldest), tuple(sorted(keys)), oldest)]

    def strength(key: int) -> tuple[int, int, int]:
        return (-rules.priority(known[key].kind), known[key].first_us, key)

    strongest = min(keys, key=strength)
    persons = []
    for part in parts:
        own = min(part, key=lambda key: (known[key].first_us, key))
        if strongest in part:
            person_id = person_id_of(oldest)
        elif own == oldest:
            person_id = person_id_of(key_of("part", str(own)))
        else:
            person_id = person_id_of(own)
        persons.append(Person(person_id, tuple(sorted(part)), oldest))
    return persons


def person_id_of(key: int) -> str:
    """The id of a person whose oldest identifier has this key: P- and its first 60 bits in Crockford's base 32.

    >>> person_id_of(0), person_id_of(-1)
    ('P-000000000000', 'P-ZZZZZZZZZZZZ')
    """
    bits = (key & 0xFFFF_FFFF_FFFF_FFFF) >> 4
    return "P-" + "".join([_CROCKFORD[(bits >> shift) & 31] for shift in range(55, -1, -5)])


def shared_person_id_of(key: int) -> str:
    """The id under which a shared identifier stands for itself."""
    return person_id_of(key_of("shared", str(key)))


def keys_behind(person_id: str) -> tuple[int, int] | None:
    """The range of keys whose person id this would be (both included), or None when it is no person id.

    >>> keys_behind(person_id_of(12345))
    (12336, 12351)
    """
    digits = person_id.upper().removeprefix("P-")
    if len(digits) != 12 or any(digit not in _CROCKFORD for digit in digits):
        return None
    bits = 0
    for digit in digits:
        bits = bits << 5 | _CROCKFORD.index(digit)
    low = bits << 4
    low = low - (1 << 64) if low >= 1 << 63 else low
    return low, low + 15
