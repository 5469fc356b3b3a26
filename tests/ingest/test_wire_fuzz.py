"""Whatever arrives, the answer is one of the documented ones, and what is acknowledged can be read back."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.ingest.routes import KINDS, Route
from bench import fuzz
from bench.mutating import body as mutated

N_BODIES, N_REQUESTS = 4_000, 1_500
"""What every run of the tests tries; `python -m bench.fuzz` tries as many as asked."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        ["2026-11-22T10:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01", "0", "track", "k", "\ud800", "\x00", "null"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "type",
        "messageId",
        "event",
        "name",
        "userId",
        "anonymousId",
        "groupId",
        "previousId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "properties",
        "traits",
        "context",
        "integrations",
        "writeKey",
    ]
)
event = st.one_of(st.dictionaries(names, values, max_size=8), values)
plausible = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, "", None]), "messageId": values, "event": values},
    optional={
        "properties": st.dictionaries(
            st.sampled_from(["revenue", "channel", "order_id", "wait_s", "resolved", "currency"]), values
        ),
        "context": st.dictionaries(
            st.sampled_from(["channel", "library", "os", "device", "campaign", "page", "userAgent"]), values
        ),
        "timestamp": values,
    },
)
body = st.one_of(
    st.fixed_dictionaries(
        {"batch": st.lists(event | plausible, max_size=4)},
        optional={"sentAt": values, "context": values, "writeKey": values},
    ),
    event,
    plausible,
)


@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from(KINDS), content=body)
def test_any_json(kind: str, content: object) -> None:
    raw = json.dumps(content).encode()
    status = fuzz.check(Route(kind), raw)
    if kind == "batch" and isinstance(content, dict) and isinstance(content.get("batch"), list):
        assert status == 200, "a batch was lost"


GOOD = json.dumps(
    {
        "batch": [
            {
                "type": "track",
                "event": "Order Completed",
                "messageId": f"m-{n}",
                "userId": "u",
                "timestamp": "2026-11-22T09:00:00Z",
                "properties": {"order_id": "o", "revenue": 12.5, "text": "é\u0000\ud83d\ude00"},
                "context": {"a": [1, {"b": None}]},
            }
            for n in range(2)
        ],
        "sentAt": "2026-11-22T09:00:01Z",
    }
).encode()


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_any_mutation_of_a_good_body(data: st.DataObject) -> None:
    raw = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"]))
        if change == "flip" and at < len(raw):
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
        elif change == "cut":
            del raw[at : at + data.draw(st.integers(1, 40))]
        elif change == "insert":
            raw[at:at] = data.draw(
                st.sampled_from([b"\\ud800", b"NaN", b"\xff", b"\0", b"[" * 200, b"{", b'"', b"\n", b"1e999", b","])
            )
        else:
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 200))]
    fuzz.check(Route(data.draw(st.sampled_from(KINDS))), bytes(raw))


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=200), kind=st.sampled_from(KINDS))
def test_any_bytes(raw: bytes, kind: str) -> None:
    fuzz.check(Route(kind), raw)
    fuzz.check(Route(kind), b"\x1f\x8b" + raw)


def test_mutated_bodies() -> None:
    statuses = fuzz.bodies(0, N_BODIES)
    assert statuses[200] > N_BODIES / 10 and statuses[400] > N_BODIES / 10


def test_mutated_requests_through_the_whole_collector() -> None:
    statuses, peak_kb = fuzz.over_http(0, N_REQUESTS)
    assert statuses.total() == N_REQUESTS and statuses[200] > N_REQUESTS / 10 and max(statuses) < 500
    assert peak_kb < 200_000


def test_a_number_means_the_same_body_for_ever() -> None:
    assert [mutated(number) for number in range(50)] == [mutated(number) for number in range(50)]
