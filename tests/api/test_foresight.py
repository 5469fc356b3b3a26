"""What a decision is said to do is what it does, whoever it touches: whole persons, their ids, nobody forgotten."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane import consent, identity
from ariane.identity import foresight, steering
from ariane.model import Event, Identifier
from ariane.store import State, metadata

KNOWN = ["cookie:c0", "cookie:c1", "user_id:u0", "user_id:u1", "email:e0@a.fr"]
GIVEN = {
    "merge": steering.merge_event,
    "split": steering.split_event,
    "lift": steering.lift_event,
    "retract": steering.retract_event,
    "restore": steering.restore_event,
}
SEEN = st.tuples(st.integers(0, 1), st.none() | st.integers(0, 1), st.none() | st.just(0), st.booleans())
PAIRS = st.tuples(st.sampled_from(KNOWN), st.sampled_from(KNOWN)).filter(lambda pair: pair[0] != pair[1])
DECIDED = st.tuples(st.sampled_from(sorted(GIVEN)), PAIRS, st.sampled_from(["", "manual", "login", "observed", "weak"]))


def happened(number: int, seen: tuple[int, int | None, int | None, bool]) -> Event:
    cookie, user, email, named = seen
    return Event(
        event_id=f"e{number}", message_id=f"m{number}", source="web", type="identify" if named else "track",
        name="Seen", channel="web", occurred_us=number, received_us=number, anonymous_id=f"c{cookie}",
        user_id=f"u{user}" if user is not None else None,
        properties={"email": f"e{email}@a.fr"} if email is not None else {},
    )  # fmt: skip


def decided(number: int, do: str, pair: tuple[str, str], rule: str) -> Event:
    a, b = (Identifier(*text.split(":")) for text in pair)
    more: dict[str, Any] = {"rule": rule} if do in ("retract", "restore") else {}
    payload = GIVEN[do](a, b, actor="nina", at="2026-01-02T03:04:05Z", **more)
    return Event(
        event_id=f"d{number}", message_id=f"d{number}", source="_ariane", type="track", name=payload["event"],
        channel="", occurred_us=number, received_us=number, properties=payload["properties"],
    )  # fmt: skip


def holders(conn: sa.Connection) -> dict[int, str]:
    held = metadata.tables["identifiers"].c
    return {row[0]: row[1] for row in conn.execute(sa.select(held.key, held.person_id))}


@settings(max_examples=80, deadline=None)
@given(st.lists(SEEN, min_size=1, max_size=10), st.lists(DECIDED, min_size=1, max_size=4))
def test_a_decision_does_what_was_foreseen(seen: list[Any], decisions: list[Any]) -> None:
    state = State("sqlite://")
    state.create()
    permit = consent.permit("service", actor="nina")
    with state.begin() as conn:
        identity.absorb(conn, [happened(number, one) for number, one in enumerate(seen)])
    for number, (do, pair, rule) in enumerate(decisions, 100):
        a, b = (Identifier(*text.split(":")) for text in pair)
        with state.read() as conn:
            before = holders(conn)
            if not {a.key, b.key} <= before.keys():
                continue
            foreseen = foresight.foresee(conn, permit, a, b, do=do, rule=rule if do in ("retract", "restore") else "")
        told = decided(number, do, pair, rule)
        with state.begin() as conn:
            identity.absorb(conn, [told])
        with state.read() as conn:
            after, waiting = holders(conn), foresight.unsettled(conn, [told])
        expected = before | {key: part.person_id for part in foreseen.after for key in part.keys}
        assert after == expected and not waiting
        assert {key for part in foreseen.before for key in part.keys} == {
            key for part in foreseen.after for key in part.keys
        }
        assert bool(foreseen.after) == (before != after)
        assert bool(foreseen.regrouped().after) == ({*_groups(before)} != {*_groups(after)})
    state.close()


def _groups(held: dict[int, str]) -> list[frozenset[int]]:
    return [frozenset(key for key in held if held[key] == person) for person in set(held.values())]
