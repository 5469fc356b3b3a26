"""What a model inferred ties, with its score, once both are seen; a person's decision holds against it."""

from __future__ import annotations

from typing import Any

import pytest

from ariane.errors import InputError
from ariane.identity.steering import link_event, resolve_all, restore_event, retract_event, split_event
from ariane.identity.stored import edges, persons, waiting
from ariane.model import Event
from identity.town import Town, command, event, ident

A, B = "loyalty_card:T1", "email:ana@x.org"
SEEN = [event(1, loyalty_card="T1"), event(2, email="ana@x.org")]


def inferred(at: int, score: float, rule: str = "linked", a: str = A, b: str = B) -> Event:
    said = {"rule": rule, "score": score, "model": "m1", "actor": "linkage", "at": "2026-01-01T00:00:00Z"}
    return command(at, link_event(ident(a), ident(b), **said))


def tie(town: Town) -> tuple[Any, ...]:
    """rule, trust, n_events, status of the only evidence."""
    (row,) = town.rows(edges)
    return row[3], row[7], row[10], row[11]


def test_linked_evidence_ties_with_its_latest_score_once_both_were_seen() -> None:
    town = Town()
    town.absorb(inferred(9, 0.995))
    town.absorb(SEEN[0])
    assert not town.rows(edges) and len(town.rows(waiting)) == 1
    town.absorb(SEEN[1])
    assert town.together(A, B) and tie(town) == ("linked", 0.995, 1, "live") and not town.rows(waiting)
    town.absorb(inferred(8, 0.99))
    assert tie(town) == ("linked", 0.995, 2, "live")
    town.absorb(inferred(10, 0.992))
    assert tie(town) == ("linked", 0.992, 3, "live")
    assert [row[2] for row in town.rows(persons)] == [2_000_000], "being linked is not being seen"


def test_suggested_evidence_ties_nobody() -> None:
    town = Town()
    town.absorb(*SEEN, inferred(3, 0.9, "suggested"))
    assert not town.together(A, B) and tie(town)[:2] == ("suggested", 0.9)


@pytest.mark.parametrize("make", [retract_event, split_event])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_persons_decision_holds_against_later_inference(make, order) -> None:
    decided = command(4, make(ident(A), ident(B), actor="nina", at="2026-01-01T00:00:00Z"))
    both = [decided, inferred(9, 0.999)]
    town = Town()
    for one in [SEEN, *[[both[at]] for at in order]]:
        town.absorb(*one)
    assert not town.together(A, B)
    with town.state.begin() as conn:
        assert not resolve_all(conn).changed
    if make is retract_event:
        town.absorb(command(11, restore_event(ident(A), ident(B), actor="nina", at="2026-01-01T00:00:00Z")))
        assert town.together(A, B)


def test_what_cannot_be_read_infers_nothing() -> None:
    named = {"score": 0.9, "model": "m", "actor": "c", "at": "2026-01-01T00:00:00Z"}
    with pytest.raises(InputError, match="linked, suggested"):
        link_event(ident(A), ident(B), rule="manual", **named)
    with pytest.raises(InputError, match="probability"):
        link_event(ident(A), ident(B), **named | {"score": 1.2})
    town = Town()
    broken = command(3, {"event": "Identifiers Linked", "properties": {"a": A, "b": B, "rule": "manual", "score": 1}})
    town.absorb(*SEEN, broken)
    assert not town.rows(edges)
