"""What events say of persons, as records to compare: one for everything that evidence other than likeness ties."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane.consent import Population
from ariane.identity.bulk import fetch
from ariane.identity.commands import INFERRED, LINKED, MANUAL
from ariane.identity.linking import Column
from ariane.identity.matching.meanings import Linkage
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers
from ariane.model import Identifier

LONGEST = 200
"""Characters of a value that are read."""


class Record(msgspec.Struct, frozen=True):
    """What is said of one person. `by` is their strongest identifier, `keys` all they go by, `person_id` whom the state
    takes them for; `uniques`: by kind, the identifier of which a person has only one."""

    by: Identifier
    keys: frozenset[int]
    person_id: str
    said: dict[str, str]
    uniques: dict[str, int]


class Records(msgspec.Struct, frozen=True):
    """All records, in an order of their own, with the columns they have."""

    columns: tuple[Column, ...]
    rows: tuple[Record, ...]

    def table(self) -> dict[str, list[object]]:
        """Column → a value a record."""
        return {c.name: [one.said.get(c.name) for one in self.rows] for c in self.columns}

    def numbers(self) -> dict[int, int]:
        """Identifier's key → the record that holds it."""
        return {key: at for at, one in enumerate(self.rows) for key in one.keys}


def records(conn: sa.Connection, population: Population, linkage: Linkage, rules: Rules) -> Records:
    """The records of a population's persons that fill as many columns as they must.

    Of several values of a column the one said most often counts, then the latest. What ties records by likeness or by
    hand is left out here, so that linking finds the same again and an answer given stays one about two records.
    """
    columns = linkage.compared()
    said = _said(population, linkage)
    bases = _bases(conn, said, rules)
    votes: defaultdict[Any, defaultdict[str, defaultdict[str, tuple[int, int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(lambda: (0, 0)))
    )
    for subject, spoken in said.items():
        base = bases.of.get(subject)
        if base is None:
            continue
        for column, value, n, last_us in spoken:
            held = votes[base][column][value]
            votes[base][column][value] = held[0] + n, max(held[1], last_us)
    found = []
    for base, by_column in votes.items():
        values = {c: max(said, key=lambda value: (said[value], value)) for c, said in by_column.items()}
        values = _whole(values, linkage)
        if len(values) >= linkage.at_least and base in bases.held:
            found.append(bases.record(base, values, rules))
    return Records(columns, tuple(sorted(found, key=lambda one: one.by.key)))


def _whole(values: dict[str, str], linkage: Linkage) -> dict[str, str]:
    """A whole name as given and family names, where the record has none."""
    names = {meaning: name for name, one in linkage.read().items() if (meaning := one.meaning) in ("given", "family")}
    wholes = [name for name, one in linkage.read().items() if one.meaning == "name"]
    if len(names) < 2:
        return values
    values = dict(values)
    for whole in wholes:
        words = values.pop(whole, "").replace(",", " ").split()
        if words and not any(name in values for name in names.values()):
            values[names["given"]] = words[0]
            if len(words) > 1:
                values[names["family"]] = " ".join(words[1:])
    return values


_Spoken = list[tuple[str, str, int, int]]
"""(column, value, how often, when last) of one subject."""


def _said(population: Population, linkage: Linkage) -> dict[int, _Spoken]:
    """What the events of each subject say in the columns. Any engine: the text is searched, then opened here."""
    fields = {name: one.fields for name, one in linkage.read().items()}
    outer = sorted({field.split(".")[0] for each in fields.values() for field in each})
    if not outer:
        return {}
    events = population.events
    named = events.filter(events.properties.re_search(f'"({"|".join(map(re.escape, outer))})" *:'))
    told = named.group_by(["subject_key", "properties"]).aggregate(n=named.count(), last_us=named.occurred_us.max())
    found: defaultdict[int, _Spoken] = defaultdict(list)
    for batch in population.engine.run(told).to_batches(max_chunksize=50_000):
        for row in batch.to_pylist():
            for column, value in _values(row["properties"], fields):
                found[row["subject_key"]].append((column, value, row["n"], row["last_us"]))
    return found


def _values(text: str, fields: dict[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    try:
        properties = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return
    for column, each in fields.items():
        for field in each:
            value: Any = properties
            for part in field.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                yield column, str(value).strip()[:LONGEST]
                break


Base = tuple[str, int]
"""A person, and of those who are tied by likeness or by hand the part, by one of its keys."""


class _Bases(msgspec.Struct):
    """Which base each identifier belongs to, and what each holds: (key, kind, value, status, first_us)."""

    of: dict[int, Base]
    held: dict[Base, list[tuple[int, str, str, str, int]]]

    def record(self, base: Base, values: dict[str, str], rules: Rules) -> Record:
        held = [one for one in self.held[base] if one[3] == "live"]
        best = min(held, key=lambda one: (-rules.priority(one[1]), one[4], one[0]))
        uniques = {one[1]: one[0] for one in held if rules.is_unique(one[1])}
        keys = frozenset(one[0] for one in held)
        return Record(Identifier(best[1], best[2]), keys, base[0], values, uniques)


def _bases(conn: sa.Connection, subjects: Collection[int], rules: Rules) -> _Bases:
    i = identifiers.c
    live = {row[1] for row in fetch(conn, sa.select(i.key, i.person_id).where(i.status == "live"), i.key, subjects)}
    columns = [i[name] for name in ("person_id", "key", "kind", "value", "status", "first_us")]
    parts = _parts(conn)
    of: dict[int, Base] = {}
    held: defaultdict[Base, list[tuple[int, str, str, str, int]]] = defaultdict(list)
    for person, key, *rest in fetch(conn, sa.select(*columns).where(i.status == "live"), i.person_id, live):
        base = person, parts.get(key, 0)
        of[key] = base
        held[base].append((key, *rest))
    return _Bases(of, dict(held))


def _parts(conn: sa.Connection) -> dict[int, int]:
    """Of the persons whom likeness or a decision ties, the part of each identifier: what other evidence ties."""
    e, i = edges.c, identifiers.c
    ties = conn.execute(
        sa.select(e.a_key, e.b_key).where(e.rule.in_([LINKED, MANUAL]) & (e.status == "live"))
    ).fetchall()
    ends = {end for row in ties for end in row}
    persons = {row[0] for row in fetch(conn, sa.select(i.person_id), i.key, ends)}
    keys = {row[0] for row in fetch(conn, sa.select(i.key), i.person_id, persons)}
    others = sa.select(e.a_key, e.b_key).where(e.rule.not_in([*INFERRED, MANUAL]) & (e.status == "live"))
    return roots(keys, [(row[0], row[1]) for row in fetch(conn, others, e.a_key, keys)])


def roots(keys: Iterable[int], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """What the pairs join: the smallest key of each one's group.

    >>> roots([1, 2, 3], [(2, 3)])
    {1: 1, 2: 2, 3: 2}
    """
    leads = {key: key for key in keys}
    for a, b in pairs:
        if a in leads and b in leads:
            join(leads, a, b)
    return {key: top(leads, key) for key in leads}


def top(leads: dict[int, int], key: int) -> int:
    """The head of a key's group."""
    while leads[key] != key:
        leads[key] = leads[leads[key]]
        key = leads[key]
    return key


def join(leads: dict[int, int], a: int, b: int) -> bool:
    """Make one group of two; whether they were two."""
    low, high = sorted((top(leads, a), top(leads, b)))
    leads[high] = low
    return low != high
