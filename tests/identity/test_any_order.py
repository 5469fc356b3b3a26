"""Persons are a function of the evidence: any order, any batching, and undoing, give the same rows, byte for byte."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.consent.deciding import decide_all
from ariane.consent.receipts import Receipt
from ariane.consent.stored import consents, receipts, stated
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.solving import Edge, Known, solve
from ariane.identity.steering import (
    lift_event,
    link_event,
    merge_event,
    resolve_all,
    restore_event,
    retract_event,
    split_event,
)
from ariane.identity.stored import edges, identifiers, rulings, waiting
from ariane.model import Event
from identity.town import Town, command, event, ident

KINDS = {"user_id": 4, "email": 4, "cookie": 6, "device": 3, "caller_number": 2}
NAMES = [f"{kind}:{kind[0]}{n}" for kind, several in KINDS.items() for n in range(several) if kind != "caller_number"]


def spelled(name: str) -> str:
    kind, _, value = name.partition(":")
    return f"{kind}:{value}@x.org" if kind == "email" else name


@st.composite
def seen(draw: st.DrawFn) -> Event:
    named = {}
    for kind, several in KINDS.items():
        if draw(st.booleans()):
            n = draw(st.integers(0, several - 1))
            number = {"email": f"e{n}@x.org", "caller_number": f"0612345{n:03}"}
            named[kind] = number.get(kind, f"{kind[0]}{n}")
    context = {}
    if draw(st.booleans()):
        context["consent"] = {"categoryPreferences": {"marketing": draw(st.booleans())}}
    kind = draw(st.sampled_from(["track", "track", "identify"]))
    return event(
        draw(st.integers(1, 60)), type=kind, channel=draw(st.sampled_from(["web", "app"])), context=context, **named
    )


@st.composite
def decided(draw: st.DrawFn) -> Event:
    a, b = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
    make = draw(st.sampled_from([merge_event, split_event, lift_event, retract_event, restore_event, link_event]))
    at = draw(st.integers(1, 60))
    if make is link_event:
        rule, score = draw(st.sampled_from(["linked", "linked", "suggested"])), draw(st.sampled_from([0.8, 0.99, 1]))
        said = {"rule": rule, "score": score, "model": "m", "actor": "linkage", "at": "2026-01-01T00:00:00Z"}
        return command(at, link_event(ident(spelled(a)), ident(spelled(b)), **said))
    payload = make(ident(spelled(a)), ident(spelled(b)), actor="nina", at="2026-01-01T00:00:00Z")
    return command(at, payload)


HISTORY = st.lists(st.one_of(seen(), seen(), seen(), decided()), max_size=24, unique_by=lambda one: one.event_id)
RULES = read_rules("[kinds.email]\nlimit = 2\n[kinds.device]\nlimit = 2\nshared_after = 3", "t", base=_default_table())


def cut(events: list[Event], sizes: list[int]) -> list[list[Event]]:
    batches, at = [], 0
    for size in sizes:
        batches.append(events[at : at + size])
        at += size
    return [*batches, events[at:]]


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.randoms(use_true_random=False), st.lists(st.integers(1, 6), max_size=30), st.booleans())
def test_any_order_and_any_batching_give_the_same_rows(history, random, sizes, own_rules) -> None:
    rules = RULES if own_rules else None
    at_once = Town(rules)
    at_once.absorb(*history)
    shuffled = list(history)
    random.shuffle(shuffled)
    online = Town(rules).absorb_in(cut(shuffled, sizes))
    assert online.standing() == at_once.standing()
    assert online.rows(rulings) == at_once.rows(rulings)
    assert online.rows(waiting) == at_once.rows(waiting)


def riding(town: Town) -> dict[tuple[int, str, bool], list[tuple[int, int]]]:
    """When first and last each answer rode along, for each identifier: once for each set of answers it was part of."""
    found: dict[tuple[int, str, bool], list[tuple[int, int]]] = {}
    for key, answers, last_us, first_us, *_ in town.rows(stated):
        for purpose, granted in json.loads(answers):
            found.setdefault((key, purpose, granted), []).append((first_us, last_us))
    return found


def decided_anew(town: Town, person_of: dict[int, str]) -> list[tuple[object, ...]]:
    """The consents these persons' receipts add up to."""
    held: dict[str, list[Receipt]] = {}
    names = [column.name for column in receipts.c]
    strong = {row[0]: bool(row[6]) for row in town.rows(stated)}
    for row in town.rows(receipts):
        held.setdefault(person_of[row[0]], []).append(Receipt(**dict(zip(names, row, strict=True))))
    for (key, purpose, granted), times in riding(town).items():
        last_us = max(last for _, last in times)
        one = Receipt(
            subject_key=key, purpose=purpose, granted=granted, first_us=min(times)[0], at_us=last_us, event_id="",
            source="", strong=strong[key],
        )  # fmt: skip
        held.setdefault(person_of[key], []).append(one)
    return sorted(
        (person, *slot, consent.said, consent.decided_us, consent.clash)
        for person, each in held.items()
        for slot, consent in decide_all(each, {}).items()
    )


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.lists(st.integers(1, 6), max_size=30), st.booleans())
def test_online_is_what_solving_the_whole_evidence_gives(history, sizes, own_rules) -> None:
    rules = RULES if own_rules else Rules.default()
    online = Town(rules).absorb_in(cut(history, sizes))
    known = [Known(row[0], row[1], row[6]) for row in online.rows(identifiers, "version")]
    live = [Edge(row[1], row[2], row[3], row[8]) for row in online.rows(edges) if row[11] != "retracted"]
    apart = [(row[0], row[1]) for row in online.rows(rulings) if row[2] == "separation" and row[3]]
    expected = {key: person.person_id for person in solve(known, live, apart, rules) for key in person.keys}
    assert {row[0]: row[5] for row in online.rows(identifiers, "version")} == expected
    assert online.rows(consents, "version") == decided_anew(online, expected)
    before = online.standing()
    with online.state.begin() as conn:
        changes = resolve_all(conn, rules)
    assert not changes.changed and not changes.gone
    assert online.standing() == before


@settings(max_examples=15, deadline=None)
@given(HISTORY, st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True), st.booleans())
def test_undoing_returns_to_the_start_byte_for_byte(history, pair, merging) -> None:
    history = [one for one in history if one.source != "_ariane"]
    a, b = (ident(spelled(name)) for name in pair)
    town = Town()
    town.absorb(*history)
    before = town.standing()
    do, undo = (merge_event, retract_event) if merging else (split_event, lift_event)
    named = {"actor": "nina", "at": "2026-01-01T00:00:00Z"}
    town.absorb(command(100, do(a, b, **named)))
    town.absorb(command(101, undo(a, b, **named | ({"rule": "manual"} if merging else {}))))
    assert town.standing() == before


@settings(max_examples=15, deadline=None)
@given(HISTORY, st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
def test_retracting_and_restoring_returns_to_the_start(history, pair) -> None:
    history = [one for one in history if one.source != "_ariane"]
    a, b = (ident(spelled(name)) for name in pair)
    town = Town()
    town.absorb(*history)
    before = town.standing()
    town.absorb(command(100, retract_event(a, b, actor="nina", at="2026-01-01T00:00:00Z")))
    town.absorb(command(101, restore_event(a, b, actor="nina", at="2026-01-01T00:00:00Z")))
    assert town.standing() == before
