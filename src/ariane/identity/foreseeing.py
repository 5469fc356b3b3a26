"""What a decision about two identifiers would do, without doing it; which decisions stand; which are not held yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.errors import InputError, NotFound
from ariane.identity.bulk import fetch
from ariane.identity.commands import COMMANDS, INTERNAL_SOURCE, MANUAL, RULES, SEPARATION, rulings_of
from ariane.identity.graph import Graph, around, settle
from ariane.identity.rows import Row, load_rows
from ariane.identity.rules import Rules
from ariane.identity.stored import identifiers, rulings
from ariane.model import Event, Identifier
from ariane.result import Tabular

VERBS = ("merge", "split", "lift", "retract", "restore")
LATEST_US = 253_402_300_799_999_999
Pair = tuple[int, int]


class Part(msgspec.Struct, frozen=True):
    """One person of a picture: the id they have or would have, their identifiers, the events these are subject of."""

    person_id: str
    identifiers: tuple[Identifier, ...]
    n_events: int
    keys: tuple[int, ...]


class Foreseen(msgspec.Struct, Tabular, frozen=True, dict=True):
    """The persons a decision would change, as they are (`before`) and as they would be (`after`); both empty when it
    would change nobody, because other evidence still ties them or a limit still parts them. A person who keeps all
    their identifiers is there when they would go by another id; `regrouped` leaves them out."""

    before: tuple[Part, ...]
    after: tuple[Part, ...]

    def regrouped(self) -> Foreseen:
        """Only the persons who would gain or lose identifiers."""
        kept = {frozenset(part.keys) for part in self.before} & {frozenset(part.keys) for part in self.after}
        before, after = (
            tuple(part for part in parts if frozenset(part.keys) not in kept) for parts in (self.before, self.after)
        )
        return Foreseen(before, after)

    def as_rows(self) -> list[dict[str, Any]]:
        """One row an identifier and picture."""
        return [
            {"when": when, "person_id": part.person_id, "kind": one.kind, "value": one.value}
            for when, parts in (("before", self.before), ("after", self.after))
            for part in parts
            for one in part.identifiers
        ]


class Decision(msgspec.Struct, frozen=True):
    """What somebody decided about two identifiers and what still holds of it. `verb`: one of VERBS; `rule` is the one
    retracted or restored, "" when it was all of them."""

    verb: str
    a: Identifier
    b: Identifier
    rule: str
    at_us: int
    event_id: str
    actor: str
    person_a: str
    person_b: str


def foresee(
    conn: sa.Connection,
    permit: Permit,
    a: Identifier,
    b: Identifier,
    *,
    do: str,
    rule: str = "",
    rules: Rules | None = None,
) -> Foreseen:
    """The persons before and after merging, splitting, retracting and so on (`do`, one of VERBS).

    Solves the two identifiers' components as the decision would leave them: the cost of that decision, and nothing is
    written. NotFound when one was never seen, ConsentError when somebody it would change may not be read.
    """
    if do not in VERBS or (rule and rule not in RULES):
        raise InputError(f"Nobody decides {do!r} {rule!r}.", allowed=f"{', '.join(VERBS)}; {', '.join(RULES)}")
    rules = rules or Rules.default()
    ends: dict[int, Row] = {}
    load_rows(conn, identifiers.c.key, [a.key, b.key], ends)
    for one in (a, b):
        if one.key not in ends:
            raise NotFound(f"{one} was never seen.", next_step="Search with identity.find.")
    graph = around(conn, rules, ends)
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.key, list(graph.nodes.key), rows)
    inside = {row.component for row in rows.values() if graph.standing(row.key)[1:] == (row.component, row.person_id)}
    was = _grouped({key: row.person_id for key, row in rows.items() if row.component in inside})
    _DO[do](graph, min(a.key, b.key), max(a.key, b.key), rule)
    settle(graph)
    will = _grouped({key: graph.standing(key)[2] for keys in was for key in keys})
    left = {keys: person_id for keys, person_id in was.items() if will.get(keys) != person_id}
    made = {keys: person_id for keys, person_id in will.items() if was.get(keys) != person_id}
    for person_id in left.values():
        consent.require(conn, permit, person_id)
    return Foreseen(_parts(rows, left, rules), _parts(rows, made, rules))


def _grouped(persons: dict[int, str]) -> dict[frozenset[int], str]:
    """The persons of these identifiers, by their keys."""
    groups: defaultdict[str, set[int]] = defaultdict(set)
    for key, person_id in persons.items():
        groups[person_id].add(key)
    return {frozenset(keys): person_id for person_id, keys in groups.items()}


def _merge(graph: Graph, a: int, b: int, _rule: str = "") -> None:
    graph.separate(a, b, stands=False)
    _merge_again(graph, a, b)


def _merge_again(graph: Graph, a: int, b: int) -> None:
    graph.retract(a, b, MANUAL)
    graph.tie(a, b, MANUAL, LATEST_US, LATEST_US)


def _split(graph: Graph, a: int, b: int, _rule: str = "") -> None:
    graph.retract(a, b, MANUAL)
    graph.separate(a, b)


def _lift(graph: Graph, a: int, b: int, _rule: str = "") -> None:
    graph.separate(a, b, stands=False)


def _retract(graph: Graph, a: int, b: int, rule: str) -> None:
    for one in (rule,) if rule else RULES:
        graph.retract(a, b, one)


def _restore(graph: Graph, a: int, b: int, rule: str) -> None:
    if rule == MANUAL:  # giving back what was decided by hand is deciding it again, without lifting a split
        _merge_again(graph, a, b)
    for one in (rule,) if rule else RULES:
        graph.restore(a, b, one)


_DO: dict[str, Callable[[Graph, int, int, str], None]] = {
    "merge": _merge, "split": _split, "lift": _lift, "retract": _retract, "restore": _restore,
}  # fmt: skip


def _parts(rows: dict[int, Row], groups: dict[frozenset[int], str], rules: Rules) -> tuple[Part, ...]:
    """The parts, those with the strongest identifiers first."""

    def strength(key: int) -> tuple[int, int, int]:
        return (-rules.priority(rows[key].kind), rows[key].first_us, key)

    parts = []
    for keys, person_id in sorted(groups.items(), key=lambda pair: min(strength(key) for key in pair[0])):
        listed = sorted(keys, key=strength)
        named = tuple(Identifier(rows[key].kind, rows[key].value) for key in listed)
        parts.append(Part(person_id, named, sum(rows[key].n_events for key in keys), tuple(listed)))
    return tuple(parts)


def decisions(
    conn: sa.Connection, permit: Permit, *, keys: Collection[int] | None = None, limit: int = 50
) -> tuple[Decision, ...]:
    """What people decided, the latest first; about these identifiers, or about any. A decision that a later one about
    the same two overruled is left out."""
    r, a, b = rulings.c, identifiers.alias("a").c, identifiers.alias("b").c
    statement = sa.select(
        r.event_id, r.rule, r.stands, r.at_us, r.actor, a.kind, a.value, a.person_id, b.kind, b.value, b.person_id
    ).where(
        (a.key == r.a_key), (b.key == r.b_key), consent.gate(permit, a.person_id), consent.gate(permit, b.person_id)
    )
    if keys is None:
        # One decision writes at most as many rows as there are rules.
        newest = statement.order_by(r.at_us.desc(), r.event_id, r.rule).limit(limit * (len(RULES) + 1))
        rows = [tuple(row) for row in conn.execute(newest)]
    else:
        rows = [tuple(row) for column in (r.a_key, r.b_key) for row in fetch(conn, statement, column, keys)]
    told: defaultdict[tuple[int, str], dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for row in rows:
        told[-row[3], row[0]][row[1]] = row
    found = [_decision(told[at]) for at in sorted(told)]
    return tuple(found[:limit])


def _decision(said: dict[str, tuple[Any, ...]]) -> Decision:
    """One decision from the rulings it left. A merge lifts the split of the two, a split takes back their merge."""
    holds = {rule: bool(row[2]) for rule, row in said.items()}
    tied = [rule for rule in holds if rule != SEPARATION]
    row = next(iter(said.values()))
    rule = ""
    if holds.get(MANUAL):
        verb = "merge"
    elif SEPARATION in holds:
        verb = "split" if holds[SEPARATION] else "lift"
    else:
        verb = "restore" if holds[tied[0]] else "retract"
        rule = tied[0] if len(tied) == 1 else ""
    return Decision(
        verb, Identifier(row[5], row[6]), Identifier(row[8], row[9]), rule, row[3], row[0], row[4], row[7], row[10]
    )


def unsettled(conn: sa.Connection, events: Iterable[Event]) -> frozenset[str]:
    """The ids of those of these events that decide something the state does not know yet."""
    given = {
        event.event_id: rulings_of(event)
        for event in events
        if event.source == INTERNAL_SOURCE and event.name in COMMANDS
    }
    r = rulings.c
    known = sa.select(r.a_key, r.b_key, r.rule, r.at_us, r.event_id)
    firsts = {ruling.a for decided in given.values() for ruling in decided}
    held = {(row[0], row[1], row[2]): (row[3], row[4]) for row in fetch(conn, known, r.a_key, firsts)}
    return frozenset(
        event_id
        for event_id, decided in given.items()
        if any(held.get((one.a, one.b, one.rule), (-1, "")) < (one.at_us, one.event_id) for one in decided)
    )
