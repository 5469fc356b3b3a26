"""What arrives, summed up the same whatever the order, and the schema proposed from it."""

from __future__ import annotations

from functools import reduce
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.ingest.plan.judging import compiled
from ariane.ingest.plan.profile import Profile, merged, profiles
from ariane.ingest.plan.proposing import proposed
from ariane.ingest.plan.suspecting import added, looked_at, suspicions
from ariane.model import Event

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["2026-10-01", "2026-10-01T10:00:00Z", "ana@example.org", "https://a.example/", "+33612345678"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
PROPERTIES = st.dictionaries(st.sampled_from(["size", "price", "at", "email", "note"]), VALUES, max_size=5)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    made = []
    for number in range(draw(st.integers(1, 12))):
        made.append(
            Event(
                event_id=str(number), message_id="", source=draw(st.sampled_from(["web", "till"])), name="A",
                type="track", channel="web", occurred_us=0, received_us=draw(st.integers(0, 99)),
                properties=draw(PROPERTIES), context=draw(PROPERTIES),
            )
        )  # fmt: skip
    return made


def plain(found: dict[Any, Profile]) -> Any:
    return {
        key: (one.n, one.first_us, one.last_us, msgspec.to_builtins(sorted(one.fields.items())))
        for key, one in found.items()
    }


@settings(max_examples=60, deadline=None)
@given(events(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_profile_is_the_same_whatever_the_order_and_the_grouping(made: list[Event], rng: Any, parts: int) -> None:
    whole, seen = profiles(made), looked_at(made)
    shuffled = list(made)
    rng.shuffle(shuffled)
    each = [profiles(shuffled[at::parts]) for at in range(parts)]
    rng.shuffle(each)
    joined: dict[Any, Profile] = {}
    for part in each:
        for key, one in part.items():
            joined[key] = merged(joined[key], one) if key in joined else one
    assert plain(joined) == plain(whole)
    again = reduce(added, [looked_at(shuffled[at::parts]) for at in range(parts)])
    assert {key: msgspec.to_builtins(one) for key, one in again.items()} == {
        key: msgspec.to_builtins(one) for key, one in seen.items()
    }
    assert suspicions(again) == suspicions(seen)


@settings(max_examples=60, deadline=None)
@given(events())
def test_events_keep_to_the_schema_proposed_from_them(made: list[Event]) -> None:
    found = profiles(made * 10)
    rules = compiled(proposed(*found.values()))
    for event in made:
        assert rules.reasons(event) == ()


def test_too_many_fields_and_values_are_bounded_in_any_order() -> None:
    def sent(at: int) -> Event:
        return Event(
            event_id="", message_id="", source="s", type="track", name="A", channel="", occurred_us=0, received_us=0,
            properties={f"k{at:04d}": f"v{at}", "kind": f"v{at % 50}", "few": f"v{at % 3}"},
        )  # fmt: skip

    up, down = profiles(map(sent, range(900))), profiles(map(sent, reversed(range(900))))
    assert plain(up) == plain(down)
    [one] = up.values()
    assert len(one.fields) == 400
    halves = [profiles(map(sent, range(0, 900, 2))), profiles(map(sent, range(1, 900, 2)))]
    assert plain({key: merged(halves[0][key], halves[1][key]) for key in up}) == plain(up)


def test_what_is_always_there_is_required_and_few_values_are_listed() -> None:
    made = [
        Event(
            event_id=str(n), message_id="", source="till", type="track", name="Order Completed", channel="store",
            occurred_us=n, received_us=n, context={"library": {"name": "x"}},
            properties={"order_id": f"o-{n}", "store": ("Lyon", "Paris")[n % 2], "late": n % 5 == 0 or None,
                        "at": f"2026-10-{n % 28 + 1:02d}", "items": [{"price": n * 1.5 + 0.1}]},
        )
        for n in range(40)
    ]  # fmt: skip
    schema = proposed(*profiles(made).values())
    inner = schema["properties"]["properties"]
    assert inner["required"] == ["at", "items", "late", "order_id", "store"]
    assert inner["properties"]["store"] == {"type": "string", "enum": ["Lyon", "Paris"]}
    assert inner["properties"]["order_id"] == {"type": "string"}
    assert inner["properties"]["at"] == {"type": "string", "format": "date"}
    assert inner["properties"]["late"] == {"type": ["boolean", "null"]}
    assert inner["properties"]["items"]["items"]["properties"]["price"] == {"type": "number"}
    assert "required" not in schema["properties"]["context"]
