"""The graph's memory: identifiers and evidence as columns of numbers, found by key without a Python object each."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from ariane.identity.commands import CARRIED, MANUAL, MET, REPLAYED, RULES, SUGGESTED, WEAK

SHARDS = 4096
"""Tables of places. Each grows by itself, so that no growth holds up a new identifier for long."""
LATELY = 50_000
"""Keys met lately, kept with their places: a dictionary finds them in a tenth of the time."""

LIVE, REFUSED, INERT, WITHHELD, RETRACTED, ABSENT = range(6)
STATUSES = ("live", "refused", "inert", "withheld", "retracted", "absent")
"""What became of evidence: from WITHHELD on it does not count, from RETRACTED on nobody even met by it. `absent` is
never stored: a merge by hand that was taken back."""

RULE_NUMBER = {rule: number for number, rule in enumerate(RULES)}
MANUALLY, WEAKLY, CARRIES, SUGGESTS = (RULE_NUMBER[rule] for rule in (MANUAL, WEAK, CARRIED, SUGGESTED))
REPLAYS = frozenset(RULE_NUMBER[rule] for rule in REPLAYED)
MEETS = frozenset(RULE_NUMBER[rule] for rule in MET)

SHARED, BLOCKED, PASSED, PARTED, DIRTY = 1, 2, 4, 8, 16
"""Marks. The first three are of an identifier: it ties nobody, it names nobody, its links were passed on. PARTED and
DIRTY are of a component and stand at its root: its persons must be looked up one by one; it must be solved again."""
OWN = SHARED | BLOCKED | PASSED


_NO_TABLE = array("i", [-1])
"""What a shard has until its first key comes: nothing is found in it."""


class Nodes:
    """Identifiers, by place: the order in which they came.

    `root` is the place that stands for the identifier's component, `after` the next of the same component in a ring.
    `size` and `oldest` (a place) count at a component's root only. `head` is the first of its evidence, see Edges.
    `refuses`: the purposes it said no to, a bit each (see `withholding`).
    """

    def __init__(self) -> None:
        self.key, self.first_us = array("q"), array("q")
        self.kind, self.marks = array("b"), array("b")
        self.root, self.after, self.size, self.oldest = array("i"), array("i"), array("i"), array("i")
        self.head, self.degree, self.refuses = array("i"), array("i"), array("B")
        self._tables: list[array[int]] = [_NO_TABLE] * SHARDS
        self._filled = array("i", [0]) * SHARDS
        self._met: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.key)

    @property
    def nbytes(self) -> int:
        tables = [table for table in self._tables if table is not _NO_TABLE]
        columns = (self.key, self.first_us, self.kind, self.marks, self.root, self.after, self.size, self.oldest,
                   self.head, self.degree, self.refuses, self._filled, *tables)  # fmt: skip
        return sum(column.__sizeof__() for column in columns)

    def place_of(self, key: int) -> int:
        """The place of a key; -1 when it was never seen."""
        place = self._met.get(key, -1)
        if place < 0 and (place := self._found(key)) >= 0:
            self._meet(key, place)
        return place

    def _meet(self, key: int, place: int) -> None:
        if len(self._met) >= LATELY:
            self._met.clear()
        self._met[key] = place

    def _found(self, key: int) -> int:
        table, keys = self._tables[key & (SHARDS - 1)], self.key
        mask = len(table) - 1
        slot = key >> 12 & mask
        while (place := table[slot]) >= 0:
            if keys[place] == key:
                return place
            slot = slot + 1 & mask
        return -1

    def add(self, key: int, kind: int, first_us: int, marks: int = 0) -> int:
        """The place of a new key: a component of its own."""
        place = len(self.key)
        self.key.append(key)
        self.first_us.append(first_us)
        self.kind.append(kind)
        self.marks.append(marks)
        self.root.append(place)
        self.after.append(place)
        self.size.append(1)
        self.oldest.append(place)
        self.head.append(-1)
        self.degree.append(0)
        self.refuses.append(0)
        self._enter(place)
        self._meet(key, place)
        return place

    def _enter(self, place: int) -> None:
        shard = self.key[place] & (SHARDS - 1)
        table = self._tables[shard]
        if self._filled[shard] * 4 >= len(table) * 3 or table is _NO_TABLE:
            table = self._grown(shard)
        self._put(table, place)
        self._filled[shard] += 1

    def _grown(self, shard: int) -> array[int]:
        old = self._tables[shard]
        table = self._tables[shard] = array("i", [-1]) * max(len(old) * 2, 4)
        for place in old:
            if place >= 0:
                self._put(table, place)
        return table

    def _put(self, table: array[int], place: int) -> None:
        mask = len(table) - 1
        slot = self.key[place] >> 12 & mask
        while table[slot] >= 0:
            slot = slot + 1 & mask
        table[slot] = place

    def component(self, place: int) -> Iterator[int]:
        """The places of an identifier's component, itself first."""
        after = self.after
        yield place
        here = after[place]
        while here != place:
            yield here
            here = after[here]

    def join(self, one: int, other: int) -> int:
        """Make two components one; its root. Marks and the oldest are those of both."""
        root, size, after = self.root, self.size, self.after
        keep, lose = (one, other) if size[one] >= size[other] else (other, one)
        root[lose] = keep
        here = after[lose]
        while here != lose:
            root[here] = keep
            here = after[here]
        after[keep], after[lose] = after[lose], after[keep]
        size[keep] += size[lose]
        if self.age(self.oldest[lose]) < self.age(self.oldest[keep]):
            self.oldest[keep] = self.oldest[lose]
        self.marks[keep] |= self.marks[lose] & (PARTED | DIRTY)
        self.marks[lose] &= OWN
        return keep

    def regroup(self, places: list[int], oldest: int) -> int:
        """Make these places one component, whatever they were in; its root."""
        keep = places[0]
        for at, place in enumerate(places):
            self.root[place], self.after[place] = keep, places[at - 1]
            self.marks[place] &= OWN
        self.size[keep], self.oldest[keep] = len(places), oldest
        return keep

    def age(self, place: int) -> tuple[int, int]:
        return self.first_us[place], self.key[place]


class Edges:
    """Evidence, by place. `ends` holds two places of identifiers for each piece: that of the lower key, then that of
    the higher. `after` chains the evidence of each identifier: an entry is twice the place, plus one for the second
    end."""

    def __init__(self) -> None:
        self.ends, self.after = array("i"), array("i")
        self.rule, self.status = array("b"), array("b")
        self.first_us, self.last_us = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.rule)

    @property
    def nbytes(self) -> int:
        columns = (self.ends, self.after, self.rule, self.status, self.first_us, self.last_us)
        return sum(column.__sizeof__() for column in columns)

    def add(self, nodes: Nodes, low: int, high: int, rule: int, first_us: int, last_us: int, status: int) -> int:
        place = len(self.rule)
        self.ends.extend((low, high))
        self.after.extend((nodes.head[low], nodes.head[high]))
        nodes.head[low], nodes.head[high] = 2 * place, 2 * place + 1
        nodes.degree[low] += 1
        nodes.degree[high] += 1
        self.rule.append(rule)
        self.status.append(status)
        self.first_us.append(first_us)
        self.last_us.append(last_us)
        return place

    def of(self, nodes: Nodes, place: int) -> Iterator[tuple[int, int]]:
        """The evidence that touches an identifier: its place, and that of the identifier at the other end."""
        entry, after, ends = nodes.head[place], self.after, self.ends
        while entry >= 0:
            yield entry >> 1, ends[entry ^ 1]
            entry = after[entry]

    def find(self, nodes: Nodes, low: int, high: int, rule: int) -> int:
        """The place of the evidence under one rule between two identifiers; -1 when there is none."""
        here, there = (low, high) if nodes.degree[low] <= nodes.degree[high] else (high, low)
        entry, after, ends, rules = nodes.head[here], self.after, self.ends, self.rule
        while entry >= 0:
            if ends[entry ^ 1] == there and rules[entry >> 1] == rule:
                return entry >> 1
            entry = after[entry]
        return -1
