"""What a request is answered and what it leaves in the log: Segment's wire format, in good shape and in bad."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from typing import Any

import pytest

from ariane.ingest import read
from ariane.ingest.keys import Keys
from ariane.ingest.receive import Received, receive
from ariane.ingest.routes import posted
from ariane.model import Event

KEYS = Keys({"wk_web": ("web", "web"), "wk_till": ("till", "store")})
NOW_US = 1_795_338_000_000_000


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}


def send(kind: str, body: Any, headers: dict[str, str] | None = None, keys: Keys = KEYS) -> Received:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    received = receive(kind, basic("wk_web") if headers is None else headers, raw, keys, NOW_US)
    answer = json.loads(received.reply.body)
    if received.reply.status == 200:
        assert answer == {"success": True}
    else:
        assert set(answer) == {"code", "message"} and not received.payloads
    return received


def events(received: Received) -> list[Event]:
    assert received.reply.status == 200, received.reply.body
    assert not any(b"\n" in payload for payload in received.payloads)
    return [read(payload) for payload in received.payloads]


def invalid(event: Event) -> str | None:
    return event.context.get("ariane", {}).get("invalid")


def test_every_call_becomes_an_event_of_its_type() -> None:
    common = {"messageId": "m-1", "userId": "u-1", "anonymousId": "a-1"}
    for kind, body, name in (
        ("track", {"event": "Order Completed", "properties": {"order_id": "o-1"}}, "Order Completed"),
        ("identify", {"traits": {"email": "ana@example.org"}}, ""),
        ("page", {"name": "Home", "properties": {"path": "/"}}, "Home"),
        ("screen", {"properties": {"name": "Basket"}}, "Basket"),
        ("group", {"groupId": "g-1", "traits": {"plan": "pro"}}, ""),
        ("alias", {"previousId": "a-0"}, ""),
    ):
        (event,) = events(send(kind, common | body))
        assert (event.type, event.name, event.source, event.channel) == (kind, name, "web", "web")
        assert (event.message_id, event.user_id, event.anonymous_id) == ("m-1", "u-1", "a-1")
        assert event.received_us == event.occurred_us == NOW_US and invalid(event) is None
        for key, value in (body.get("traits") or body.get("properties") or {}).items():
            assert event.properties[key] == value
    assert events(send("group", {"groupId": 7}))[0].properties == {"groupId": "7"}
    assert events(send("alias", {"previousId": "a-0"}))[0].properties == {"previousId": "a-0"}


def test_the_paths_of_the_libraries_are_known() -> None:
    kinds = {short: posted(f"/v1/{short}") for short in "tipsgab"}
    assert all(route is not None and route.kind[0] == short for short, route in kinds.items())


@pytest.mark.parametrize(
    ("headers", "body_key", "source"),
    [
        (basic("wk_web"), None, "web"),
        (basic("wk_till"), "wk_web", "till"),
        ({}, "wk_till", "till"),
        ({"authorization": "Bearer whatever"}, "wk_till", "till"),
        ({"authorization": "Bearer wk_till"}, None, "till"),
        (basic("unknown"), "wk_web", "web"),
        ({"authorization": "Basic %%%"}, "wk_web", "web"),
        ({"authorization": "basic " + b64encode(b"wk_web").decode()}, None, "web"),
    ],
)
def test_the_write_key_is_found_wherever_it_is(headers: dict[str, str], body_key: str | None, source: str) -> None:
    body = {"event": "A"} | ({"writeKey": body_key} if body_key else {})
    (event,) = events(send("track", body, headers))
    assert event.source == source and "writeKey" not in event.properties
    (event,) = events(send("batch", {"batch": [{"type": "track", "event": "A"}], "writeKey": body_key}, headers))
    assert event.source == source


@pytest.mark.parametrize(
    "headers", [{}, basic("nobody"), basic(""), {"authorization": "Digest x"}, {"authorization": ""}]
)
def test_an_unknown_key_is_401(headers: dict[str, str]) -> None:
    received = send("track", {"event": "A"}, headers)
    assert received.reply.status == 401
    assert json.loads(received.reply.body)["code"] == "unknown_write_key"


def test_compressed_bodies_are_recognised_by_their_bytes() -> None:
    body = json.dumps({"batch": [{"type": "track", "event": "A"}] * 3}).encode()
    assert len(events(send("batch", gzip.compress(body)))) == 3
    assert len(events(send("batch", gzip.compress(body[:20]) + gzip.compress(body[20:])))) == 3
    assert send("batch", gzip.compress(body)[:-9]).reply.status == 400
    assert send("batch", b"\x1f\x8bnot gzip at all").reply.status == 400


def test_a_bomb_is_refused_without_being_inflated() -> None:
    bomb = gzip.compress(b" " * 60_000_000)
    assert len(bomb) < 100_000
    assert send("batch", bomb).reply.status == 413
    assert send("batch", bomb * 4).reply.status == 413
    begun = time.process_time()
    assert send("batch", gzip.compress(b"") * 100_000).reply.status == 413, "pieces of nothing"
    assert time.process_time() - begun < 1


def test_limits_of_size() -> None:
    keys = Keys(KEYS.sources, max_event_bytes=2_000, max_body_bytes=20_000)
    large = {"type": "track", "event": "A", "messageId": "big", "userId": "u-1", "properties": {"x": "y" * 4_000}}
    assert send("track", large, keys=keys).reply.status == 413
    assert send("batch", {"batch": [large] * 6}, keys=keys).reply.status == 413
    kept = events(received := send("batch", {"batch": [large, {"type": "track", "event": "B"}]}, keys=keys))
    assert [event.name for event in kept] == ["A", "B"] and received.n_invalid == 1
    assert kept[0].user_id == "u-1" and kept[0].properties == {} and "more than 2000" in (invalid(kept[0]) or "")
    monster = {"type": "track", "event": "A", "userId": "u" * 9_000}
    (event,) = events(send("batch", {"batch": [monster]}, keys=keys))
    assert event.user_id == "u" * 256 and invalid(event)
    assert send("batch", b'{"batch":[' + b"{}," * 30_000 + b"{}]}").reply.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'"text"',
        b"null",
        b"not json",
        b'{"a":1}}',
        b"\xff\xfe\x00",
        b'{"batch": 5}',
        b"{}",
        b'{"batch":null}',
    ],
)
def test_a_body_that_is_no_batch_is_400(body: bytes) -> None:
    assert send("batch", body).reply.status == 400


def test_what_the_batch_says_holds_for_each_event() -> None:
    body = {
        "sentAt": "2026-11-22T09:00:00Z",
        "context": {"channel": "app", "library": {"name": "x"}},
        "integrations": {"All": False},
        "batch": [
            {"type": "track", "event": "A"},
            {"type": "track", "event": "B", "context": {"channel": "store", "ip": "1.2.3.4"}},
            {"type": "track", "event": "C", "context": None},
        ],
    }
    received = send("batch", body)
    a, b, c = events(received)
    assert (a.channel, b.channel, c.channel) == ("app", "store", "app")
    assert b.context == {"channel": "store", "library": {"name": "x"}, "ip": "1.2.3.4"}
    assert all(json.loads(payload)["integrations"] == {"All": False} for payload in received.payloads)
    assert all(json.loads(payload)["sentAt"] == body["sentAt"] for payload in received.payloads)


def test_a_missing_message_id_is_minted_and_each_is_its_own() -> None:
    minted = events(
        send("batch", {"batch": [{"type": "track", "event": "A", "messageId": given} for given in (None, "", 0, 7)]})
    )
    assert len({event.event_id for event in minted}) == 4
    assert minted[2].message_id == "0" and minted[3].message_id == "7" and len(minted[0].message_id) == 36
    (a,), (b,) = (events(send("track", {"event": "A", "messageId": "m"})) for _ in range(2))
    assert a.event_id == b.event_id
    (till,) = events(send("track", {"event": "A", "messageId": "m"}, basic("wk_till")))
    assert till.event_id != a.event_id and till.channel == "store"


def test_null_and_numeric_names_are_taken() -> None:
    (event,) = events(
        send("track", {"event": "A", "anonymousId": None, "userId": 1234, "context": {}, "properties": None})
    )
    assert event.anonymous_id is None and event.user_id == "1234" and invalid(event) is None
    assert events(send("track", {"event": "A", "userId": 5.0}))[0].user_id == "5"


ODD: list[tuple[Any, str]] = [
    (5, "not an object"),
    (None, "not an object"),
    (["type", "track"], "not an object"),
    ({"type": "track"}, "without a name"),
    ({"event": "A"}, "type is missing"),
    ({"type": "purchase", "event": "A"}, "type is 'purchase'"),
    ({"type": 5, "event": "A"}, "type is '5'"),
    ({"type": "track", "event": "A", "properties": [1, 2]}, "properties not an object"),
    ({"type": "track", "event": "A", "properties": "text"}, "properties not an object"),
    ({"type": "identify", "traits": 7}, "traits not an object"),
    ({"type": "track", "event": "A", "context": "c"}, "context not an object"),
    ({"type": "track", "event": "A", "userId": {"id": 1}}, "userId is neither text nor number"),
    ({"type": "track", "event": {"n": 1}}, "event is neither text nor number"),
    ({"type": "track", "event": "A", "timestamp": []}, "timestamp is neither text nor number"),
    ({"type": "track", "event": "A", "userId": True}, "userId is neither text nor number"),
]


@pytest.mark.parametrize(("odd", "reason"), ODD)
def test_an_odd_event_is_kept_with_its_reason_and_costs_the_others_nothing(odd: Any, reason: str) -> None:
    good = {"type": "track", "event": "Good", "messageId": "g", "properties": {"price": 12.5}}
    received = send("batch", {"batch": [good, odd, good | {"messageId": "h"}]})
    first, kept, last = events(received)
    assert received.n_invalid == 1 and reason in (invalid(kept) or "")
    assert [first.name, last.name] == ["Good", "Good"] and first.properties == last.properties == {"price": 12.5}
    assert invalid(first) is invalid(last) is None


RAW = [
    (b'"\\ud800"', "\ufffd"),
    (b'"\\udc00 x"', "\ufffd x"),
    (b'"a \\ud83d\\ude00 b"', "a \U0001f600 b"),
    (b'"\\\\ud800"', "\\ud800"),
    (b'"\xff\xfe"', "\ufffd\ufffd"),
    (b'"nul \\u0000"', "nul \ufffd"),
    (b'"tab\t"', "tab\t"),
    (b"NaN", None),
    (b"Infinity", None),
    (b"1e999", None),
    (b"9" * 30, int("9" * 30)),
    (b"9" * 5_000, None),
    (b"-0", 0),
    (b'{"a": 1, "a": 2}', {"a": 2}),
    (b'{ "a" :\r\n\t[ 1 ,\n2 ] }', {"a": [1, 2]}),
]


@pytest.mark.parametrize(("raw", "value"), RAW)
def test_values_no_strict_parser_takes_do_not_cost_the_event(raw: bytes, value: Any) -> None:
    for kind, body in (
        ("track", b'{"event":"A","messageId":"m","properties":{"x":' + raw + b"}}"),
        ("batch", b'{"batch":[{"type":"track","event":"A","properties":{"x":' + raw + b"}}]}"),
    ):
        (event,) = events(send(kind, body))
        assert event.name == "A" and event.properties["x"] == value


def test_duplicate_keys_the_last_one_counts() -> None:
    (event,) = events(send("track", b'{"event":"A","event":"B","userId":"1","userId":"2"}'))
    assert (event.name, event.user_id) == ("B", "2")
    assert send("batch", b'{"batch":[{"type":"track","event":"A"}],"batch":5}').reply.status == 400


@pytest.mark.parametrize("depth", [99, 150, 3_000, 90_000])
def test_deep_json_is_cut_and_the_rest_kept(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    body = (
        b'{"batch":[{"type":"track","event":"A","userId":"u","properties":{"x":'
        + deep
        + b',"y":2}},{"type":"track","event":"B"}]}'
    )
    keys = Keys(KEYS.sources, max_event_bytes=1 << 20)
    first, second = events(received := send("batch", body, keys=keys))
    assert (first.name, first.user_id, second.name) == ("A", "u", "B")
    assert first.properties["y"] == 2
    assert (invalid(first) is not None) == (depth >= 100) == bool(received.n_invalid) and invalid(second) is None
    (single,) = events(send("track", b'{"event":"A","context":{"x":' + deep + b"}}", keys=keys))
    assert single.name == "A"


def test_a_body_nested_beyond_all_reason_is_400() -> None:
    assert send("batch", b"[" * 2_000_000).reply.status == 400


def test_text_that_never_ends_is_answered_quickly() -> None:
    assert send("batch", b'{"batch":"' + b'\\"' * 1_000_000 + b"[" * 200).reply.status == 400


def test_what_the_client_cannot_set() -> None:
    body = {"event": "A", "messageId": "m", "source": "_ariane", "receivedUs": 5, "invalid": "x", "channel": "store"}
    (event,) = events(send("track", body))
    assert (event.source, event.received_us, event.channel, invalid(event)) == ("web", NOW_US, "web", None)


def test_the_two_shapes_of_retry() -> None:
    from ariane.errors import Transient
    from ariane.ingest.answers import refusal

    reply = refusal(Transient("The disk is full.", retry_after_s=5))
    assert reply.status == 503 and dict(reply.headers)["retry-after"] == "5"
    assert set(json.loads(reply.body)) == {"code", "message"}
