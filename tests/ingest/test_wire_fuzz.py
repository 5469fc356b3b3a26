"""Whatever arrives, the answer is one of the documented ones, and what is acknowledged can be read back."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.ingest import columns_of, read
from ariane.ingest.keys import Keys
from ariane.ingest.receive import receive
from ariane.store.segment import frame, parse

KEYS = Keys({"k": ("web", "web")}, max_event_bytes=4_000, max_body_bytes=100_000)
KINDS = ("track", "identify", "page", "screen", "group", "alias", "batch")
NOW_US = 1_795_338_000_000_000

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


def check(kind: str, raw: bytes) -> int:
    received = receive(kind, {"authorization": "Bearer k"}, raw, KEYS, NOW_US)
    status = received.reply.status
    assert status in (200, 400, 413)
    answer = json.loads(received.reply.body)
    assert answer == {"success": True} if status == 200 else set(answer) == {"code", "message"}
    assert received.n_invalid <= len(received.payloads)
    stored, damaged = parse(frame(received.payloads), 0)
    assert [record.payload for record in stored] == received.payloads and not damaged
    for payload in received.payloads:
        assert len(payload) <= 4_000 + 1_024 + 600
        found = read(payload)
        assert found == read(payload), "reading is not pure"
        assert found.source == "web" and found.received_us == NOW_US and found.message_id and found.channel
        assert 631_152_000_000_000 <= found.occurred_us <= NOW_US + 86_400_000_000
        columns = columns_of(found)
        json.dumps([found.properties, found.context]).encode()
        for value in (found.name, found.channel, found.user_id, found.anonymous_id, *columns.values()):
            if isinstance(value, str):
                value.encode()
                assert "\0" not in value
            elif isinstance(value, int):
                assert -(2**63) <= value < 2**63
    return status


@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from(KINDS), content=body)
def test_any_json(kind: str, content: object) -> None:
    raw = json.dumps(content).encode()
    status = check(kind, raw)
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
    check(data.draw(st.sampled_from(KINDS)), bytes(raw))


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=200), kind=st.sampled_from(KINDS))
def test_any_bytes(raw: bytes, kind: str) -> None:
    check(kind, raw)
    check(kind, b"\x1f\x8b" + raw)
