"""The graph itself: what is seen, tied, retracted and separated; who is whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from ariane.identity.commands import MANUAL, RULES
from ariane.identity.evidence import Edge
from ariane.identity.graph.columns import (
    ABSENT,
    BLOCKED,
    CARRIES,
    DIRTY,
    INERT,
    MANUALLY,
    OWN,
    PARTED,
    PASSED,
    RETRACTED,
    RULE_NUMBER,
    SHARED,
    STATUSES,
    SUGGESTS,
    WITHHELD,
    Edges,
    Nodes,
)
from ariane.identity.graph.weighing import again, unweigh, weigh
from ariane.identity.graph.withholding import met, refuse
from ariane.identity.rules import Rules
from ariane.identity.solving import person_id_of, shared_person_id_of
from ariane.identity.windows import windowed_limits

_LONE = SHARED | BLOCKED
NAMES_KEPT = 10_000
"""Person ids spelled out and kept, by the place they come from."""


class Graph:
    """Who is whom, kept as evidence comes and goes.

    Between two calls of `settled` (see `ariane.identity.graph.settling`) components that evidence broke, or may have,
    are marked and not yet solved: `person_of` is right after settling. An edge costs what its component costs.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules.default()
        self.nodes, self.edges = Nodes(), Edges()
        self.kinds: list[str] = []
        self.parts: dict[int, str] = {}
        """The person of each identifier in a component of several persons."""
        self.apart: defaultdict[int, set[int]] = defaultdict(set)
        """Separations, by key, both ways."""
        self.before: dict[int, tuple[str, int, int]] = {}
        self.fresh: set[int] = set()
        self.dirty: set[int] = set()
        self.judged: dict[int, int] = {}
        self.new_edges: set[int] = set()
        self.limits: list[int] = []
        self.shared_after: list[int] = []
        """The limit of each kind, by its number, and after how many it is shared; 0: none, never."""
        self.watched = any(rule.shared_within_days is not None for rule in self.rules.kinds.values())
        """Whether evidence seen again may make an identifier shared."""
        self.bound = [self.rules.bits_of((self.rules.purpose_of(rule),)) for rule in RULES]
        """The bit of the purpose that each rule's evidence is used for; 0: nobody can refuse it."""
        self.n_refusing = 0
        self.unmet: dict[int, int] = {}
        """What identifiers refuse that were never seen: whoever speaks from quarantine is not."""
        self._numbers: dict[str, int] = {}
        self._ids: dict[int, str] = {}

    def kind_number(self, kind: str) -> int:
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
            rule = self.rules.kinds.get(kind)
            self.limits.append(0 if rule is None or rule.limit is None else rule.limit)
            self.shared_after.append(0 if rule is None or rule.shared_after is None else rule.shared_after)
        return number

    def person_of(self, key: int) -> str | None:
        """The person an identifier belongs to; None when it was never seen."""
        place = self.nodes.place_of(key)
        return None if place < 0 else self.person_at(place)

    def person_at(self, place: int) -> str:
        nodes = self.nodes
        root = nodes.root[place]
        if nodes.marks[root] & PARTED:
            return self.parts[place]
        oldest = nodes.oldest[root]
        if nodes.marks[root] & _LONE and nodes.size[root] == 1:
            return shared_person_id_of(nodes.key[oldest])
        person = self._ids.get(oldest)
        if person is None:
            if len(self._ids) >= NAMES_KEPT:
                self._ids.clear()
            person = self._ids[oldest] = person_id_of(nodes.key[oldest])
        return person

    def members(self, key: int) -> tuple[int, ...]:
        """The keys of the person an identifier belongs to, itself among them; none when it was never seen."""
        place = self.nodes.place_of(key)
        return tuple([self.nodes.key[one] for one in self.person_places(place)]) if place >= 0 else ()

    def person_places(self, place: int) -> Iterator[int]:
        nodes = self.nodes
        if not nodes.marks[nodes.root[place]] & PARTED:
            return nodes.component(place)
        person = self.parts[place]
        return (one for one in nodes.component(place) if self.parts[one] == person)

    def standing(self, key: int) -> tuple[str, int, str]:
        """An identifier's status, its component (the key of its oldest), its person."""
        place = self.nodes.place_of(key)
        marks = self.nodes.marks[place]
        status = "blocked" if marks & BLOCKED else "shared" if marks & SHARED else "live"
        return status, self.nodes.key[self.nodes.oldest[self.nodes.root[place]]], self.person_at(place)

    def status_of(self, a: int, b: int, rule: str) -> str:
        """What became of evidence: live, refused, inert, withheld, retracted; absent when there is none."""
        return STATUSES[self.edges.status[edge] if (edge := self._find(a, b, rule)) >= 0 else ABSENT]

    def see(self, key: int, kind: str, first_us: int) -> bool:
        """An identifier was seen; whether it is a new one."""
        nodes = self.nodes
        place = nodes.place_of(key)
        if place < 0:
            place = nodes.add(key, self.kind_number(kind), first_us)
            self.fresh.add(place)
            if self.unmet and (bits := self.unmet.pop(key, 0)):
                nodes.refuses[place] = bits
                self.n_refusing += 1
            return True
        if first_us < nodes.first_us[place]:
            root = nodes.root[place]
            if nodes.marks[root] & (PARTED | DIRTY) or self.kinds[nodes.kind[place]] in windowed_limits(self.rules):
                self.spoil(place)
            elif (first_us, key) < nodes.age(nodes.oldest[root]) and nodes.oldest[root] != place:
                self.remember(nodes.component(place))
                nodes.oldest[root] = place
            nodes.first_us[place] = first_us
        return False

    def tie(self, a: int, b: int, rule: str, first_us: int, last_us: int, *, retracted: bool = False) -> int:
        """There is evidence that two identifiers, both seen (`a` < `b`), are one person's; its place."""
        low, high = self.nodes.place_of(a), self.nodes.place_of(b)
        number, edges = RULE_NUMBER[rule], self.edges
        edge = edges.find(self.nodes, low, high, number)
        if edge < 0:
            status = RETRACTED if retracted else INERT
            edge = edges.add(self.nodes, low, high, number, first_us, last_us, status)
            self.new_edges.add(edge)
        else:
            earlier = first_us < edges.first_us[edge]
            if not earlier and last_us <= edges.last_us[edge] and edges.status[edge] != ABSENT:
                return edge
            edges.first_us[edge] = min(first_us, edges.first_us[edge])
            edges.last_us[edge] = max(last_us, edges.last_us[edge])
            if edges.status[edge] != ABSENT:
                if edges.status[edge] < WITHHELD:
                    again(self, edge, low, high, earlier=earlier)
                return edge
            edges.first_us[edge], edges.last_us[edge] = first_us, last_us
            self.judge(edge, RETRACTED if retracted else INERT)
        if edges.status[edge] != RETRACTED:
            weigh(self, edge, low, high)
            met(self, edge)
        return edge

    def retract(self, a: int, b: int, rule: str) -> None:
        """The evidence counts no more; a merge by hand is gone altogether."""
        edge = self._find(a, b, rule)
        if edge < 0 or self.edges.status[edge] in (RETRACTED, ABSENT):
            return
        status = ABSENT if rule == MANUAL else RETRACTED
        unweigh(self, edge, self.edges.ends[2 * edge], self.edges.ends[2 * edge + 1], status)
        met(self, edge)

    def restore(self, a: int, b: int, rule: str) -> None:
        """Retracted evidence counts again."""
        edge = self._find(a, b, rule)
        if edge >= 0 and self.edges.status[edge] == RETRACTED:
            self.judge(edge, INERT)
            weigh(self, edge, self.edges.ends[2 * edge], self.edges.ends[2 * edge + 1])
            met(self, edge)

    def refused_by(self, key: int) -> tuple[str, ...]:
        """The purposes that an identifier refuses itself."""
        place = self.nodes.place_of(key)
        bits = self.unmet.get(key, 0) if place < 0 else self.nodes.refuses[place]
        return tuple([purpose for at, purpose in enumerate(self.rules.bound) if bits >> at & 1]) if bits else ()

    def refuse(self, key: int, purposes: Collection[str]) -> None:
        """These, of the purposes that evidence is used for, are the ones an identifier refuses from now on."""
        refuse(self, key, purposes)

    def separate(self, a: int, b: int, *, stands: bool = True) -> None:
        """These two are never one person; or that is taken back."""
        for one, other in ((a, b), (b, a)):
            if stands:
                self.apart[one].add(other)
            else:
                self.apart[one].discard(other)
                if not self.apart[one]:
                    del self.apart[one]
            place = self.nodes.place_of(one)
            if place >= 0:
                self.spoil(place)

    def remember(self, places: Iterable[int]) -> None:
        """Note where identifiers stand before that changes."""
        nodes, before, fresh = self.nodes, self.before, self.fresh
        for place in places:
            if place not in before and place not in fresh:
                oldest = nodes.oldest[nodes.root[place]]
                before[place] = self.person_at(place), oldest, nodes.marks[place] & _LONE

    def judge(self, edge: int, status: int) -> None:
        was = self.edges.status[edge]
        if was != status:
            if edge not in self.new_edges:
                self.judged.setdefault(edge, was)
            self.edges.status[edge] = status

    def has_power(self, edge: int) -> bool:
        """Whether evidence may tie (as `solving.has_power`); with a blocked identifier nothing does."""
        marks, ends, rule = self.nodes.marks, self.edges.ends, self.edges.rule[edge]
        both = marks[ends[2 * edge]] | marks[ends[2 * edge + 1]]
        if not both & OWN:
            return rule != SUGGESTS
        if both & BLOCKED or rule == MANUALLY:
            return not both & BLOCKED
        return not both & SHARED and rule != SUGGESTS and (rule != CARRIES or not both & PASSED)

    def _find(self, a: int, b: int, rule: str) -> int:
        low, high = self.nodes.place_of(a), self.nodes.place_of(b)
        return -1 if low < 0 or high < 0 else self.edges.find(self.nodes, low, high, RULE_NUMBER[rule])

    def splice(self, one: int, other: int) -> None:
        """Two components to be solved as one."""
        self.spoil(one)
        self.spoil(other)
        if self.nodes.root[one] != self.nodes.root[other]:
            self.nodes.join(self.nodes.root[one], self.nodes.root[other])

    def spoil(self, place: int) -> None:
        """The component of this identifier must be solved again."""
        root = self.nodes.root[place]
        if not self.nodes.marks[root] & DIRTY:
            self.remember(self.nodes.component(root))
            self.nodes.marks[root] |= DIRTY
        self.dirty.add(place)

    def evidence(self, edge: int) -> Edge:
        """Evidence as solving sees it."""
        ends, key = self.edges.ends, self.nodes.key
        return Edge(
            key[ends[2 * edge]], key[ends[2 * edge + 1]], RULES[self.edges.rule[edge]], self.edges.first_us[edge],
            self.edges.last_us[edge],
        )  # fmt: skip
