"""Every path, and what each dialect's clients send there."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from typing import Any

import pytest

from ariane.consent.receipts import receipts_of
from ariane.identity import identify
from ariane.ingest import instant_us, read
from ariane.ingest.keys import Keys
from ariane.ingest.receive import Received, receive, receive_hook, receive_pixel
from ariane.ingest.routes import PIXELS, POSTED, STATUS, Route, owns, posted
from ariane.model import Event
from tests.machine import REPOSITORY

KEYS = Keys({"wk_web": ("web", "web"), "wk_till": ("till", "store")})
NOW = "2026-11-22T01:44:00Z"
NOW_US = instant_us(NOW) or 0
AUTH = {"authorization": "Basic " + b64encode(b"wk_web:").decode()}


def send(path: str, body: Any, headers: dict[str, str] | None = None, query: str = "") -> Received:
    route = posted(path)
    assert route is not None, path
    return receive(route, AUTH if headers is None else headers, json.dumps(body).encode(), KEYS, NOW_US, query)


def events(received: Received) -> list[Event]:
    assert received.reply.status == 200, received.reply.body
    return [read(payload) for payload in received.payloads]


def test_every_path_of_both_is_known() -> None:
    kinds = ("track", "identify", "page", "screen", "group", "alias", "batch")
    for kind in kinds:
        assert posted(f"/v1/{kind}") == posted(f"/v1/{kind[0]}") == posted(f"/v1/{kind}/") == Route(kind)
    for path in ("/v1/import", "/v1/merge", "/beacon/v1/batch", "/v1/m", "/v1/hooks/brevo"):
        assert posted(path) is not None and owns(path)
    for path in (
        "/v1/projects/k/settings",
        "/sourceConfig/",
        "/sourceConfig",
        "/pixel/v1/track",
        "/health",
        "/metrics",
    ):
        assert posted(path) is None and owns(path)
    for path in ("/", "/people", "/v1x", "/pixel", "/healthy", "/api/v1/track"):
        assert posted(path) is None and not owns(path)


@pytest.mark.parametrize("path", sorted(POSTED))
def test_the_key_may_be_in_the_query(path: str) -> None:
    body = {"event": "A", "batch": [{"type": "track", "event": "A"}], "series": []}
    if POSTED[path].kind == "metrics":
        return
    received = send(path, body, {}, "x=1&writeKey=wk_till")
    assert events(received)[0].source == "till"
    assert send(path, body, {}, "writeKey=nobody").reply.status == 401


def test_a_beacon_carries_its_key_in_its_address() -> None:
    batch = {"batch": [{"type": "track", "event": "A", "originalTimestamp": NOW}], "sentAt": NOW}
    (event,) = events(send("/beacon/v1/batch", batch, {"content-type": "text/plain"}, "writeKey=wk_web"))
    assert (event.name, event.source) == ("A", "web")


SKEWED = "2026-11-22T03:02:00Z"
SENT = "2026-11-22T03:12:00Z"
CORRECTED = "2026-11-22T01:34:00Z"
RUDDER = {"library": {"name": "RudderLabs JavaScript SDK"}}
SEGMENT = {"library": {"name": "analytics.js"}}


@pytest.mark.parametrize(
    ("fields", "occurred"),
    [
        ({"context": SEGMENT, "timestamp": SKEWED}, CORRECTED),
        ({"context": SEGMENT, "originalTimestamp": SKEWED}, CORRECTED),
        ({"context": RUDDER, "originalTimestamp": SKEWED}, CORRECTED),
        ({"context": RUDDER, "originalTimestamp": SKEWED, "timestamp": "2026-11-20T10:00:00Z"}, "2026-11-20T10:00:00Z"),
        ({"context": RUDDER, "timestamp": "2026-11-20T10:00:00Z"}, "2026-11-20T10:00:00Z"),
        # what cannot be true is not kept: then the other stamp is corrected as ever
        ({"context": RUDDER, "originalTimestamp": SKEWED, "timestamp": "soon"}, CORRECTED),
        ({"context": RUDDER, "originalTimestamp": SKEWED, "timestamp": "9999-12-31T23:59:59Z"}, CORRECTED),
        ({"context": RUDDER, "originalTimestamp": SKEWED, "timestamp": "1970-01-01T00:00:00Z"}, CORRECTED),
        # a bad sentAt corrects nothing
        ({"context": SEGMENT, "timestamp": "2026-11-21T10:00:00Z", "sentAt": "yesterday"}, "2026-11-21T10:00:00Z"),
        ({"context": SEGMENT, "timestamp": "2026-11-21T10:00:00Z", "sentAt": "0001-01-01"}, "2026-11-21T10:00:00Z"),
        ({"context": RUDDER, "originalTimestamp": "2026-11-21T10:00:00Z", "sentAt": {}}, "2026-11-21T10:00:00Z"),
    ],
)  # fmt: skip
def test_each_dialect_corrects_clocks_in_its_own_way(fields: dict[str, Any], occurred: str) -> None:
    event = {"type": "track", "event": "A", "messageId": "m", "sentAt": SENT} | fields
    for received in (send("/v1/batch", {"batch": [event]}), send("/v1/track", event)):
        (found,) = events(received)
        assert found.occurred_us == instant_us(occurred)
        assert (b'"dialect":"rudder"' in received.payloads[0]) == (fields["context"] is RUDDER)


def test_the_path_or_the_header_tells_the_dialect_where_no_library_does() -> None:
    event = {"type": "track", "event": "A", "messageId": "m", "timestamp": SKEWED, "sentAt": SENT}
    kept = "2026-11-22T03:02:00Z"
    for path, headers, occurred in (
        ("/v1/batch", AUTH, CORRECTED),
        ("/v1/import", AUTH, kept),
        ("/beacon/v1/batch", AUTH, kept),
        ("/v1/batch", AUTH | {"anonymousid": "YQ=="}, kept),
    ):
        assert events(send(path, {"batch": [event]}, headers))[0].occurred_us == instant_us(occurred)


def test_the_header_names_whoever_the_events_do_not() -> None:
    headers = AUTH | {"anonymousid": b64encode(b"anon-1").decode()}
    batch = [{"event": "A"}, {"event": "B", "userId": "u"}, {"event": "C", "anonymousId": "c"}]
    found = events(send("/v1/batch", {"batch": [{"type": "track", "messageId": "m", **one} for one in batch]}, headers))
    assert [(event.anonymous_id, event.user_id) for event in found] == [("anon-1", None), (None, "u"), ("c", None)]


def test_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    large = {"type": "track", "event": "A", "messageId": "m", "userId": "u", "properties": {"x": "y" * 100_000}}
    assert send("/v1/track", large).reply.status == 413
    assert send("/v1/track", large | {"context": RUDDER}).reply.status == 200
    (cut,) = events(received := send("/v1/batch", {"batch": [large]}))
    assert received.n_invalid == 1 and cut.user_id == "u" and "x" not in cut.properties
    (whole,) = events(received := send("/v1/batch", {"batch": [large | {"context": RUDDER}]}))
    assert received.n_invalid == 0 and len(whole.properties["x"]) == 100_000
    batch = {"batch": [large | {"context": RUDDER, "messageId": str(n)} for n in range(38)]}
    assert 3_800_000 < len(json.dumps(batch)) < 4_194_304 and len(events(send("/v1/batch", batch))) == 38
    assert send("/v1/batch", {"batch": batch["batch"] * 2}).reply.status == 413


def test_a_merge_names_two_identifiers_of_one_person() -> None:
    body = {
        "messageId": "m",
        "mergeProperties": [{"type": "email", "value": "Ana@example.org"}, {"type": "mobile", "value": "+33612345678"}],
    }
    for received in (send("/v1/merge", body), send("/v1/batch", {"batch": [body | {"type": "merge"}]})):
        (event,) = events(received)
        assert event.type == "identify" and received.n_invalid == 0
        assert {str(one) for one in identify(event)} == {"email:ana@example.org", "phone:+33612345678"}
    for odd in ({}, {"mergeProperties": 5}, {"mergeProperties": [{"type": "email", "value": "a@b.example"}]}):
        assert send("/v1/merge", {"messageId": "m"} | odd).n_invalid == 1


def test_an_import_sent_again_adds_nothing() -> None:
    rows = [{"type": "track", "event": "A", "userId": "u", "timestamp": "2026-11-01"}] * 2
    rows += [{"type": "track", "event": "B", "userId": "u", "messageId": "own"}]
    first, again = (events(send("/v1/import", {"batch": rows, "sentAt": sent})) for sent in (NOW, SENT))
    assert [event.event_id for event in first] == [event.event_id for event in again]
    assert len({event.event_id for event in first}) == 3 and first[2].message_id == "own"


def pixel(path: str, query: str, headers: dict[str, str] | None = None) -> Received:
    received = receive_pixel(path, headers or {}, KEYS, NOW_US, query)
    assert received.reply.body[:6] == b"GIF89a" and dict(received.reply.headers)["content-type"] == "image/gif"
    return received


def test_an_image_tells_an_event_by_its_address() -> None:
    query = "writeKey=wk_web&event=Email%20Opened&anonymousId=%22a-1%22"
    query += "&properties.campaign=spring&context.page.url=x&lang=fr"
    (event,) = events(pixel("/pixel/v1/track", query, {"user-agent": "Mozilla/5.0"}))
    assert (event.name, event.anonymous_id, event.source) == ("Email Opened", "a-1", "web")
    assert event.properties == {"campaign": "spring", "lang": "fr"}
    assert event.context["page"] == {"url": "x"} and event.context["userAgent"] == "Mozilla/5.0"
    (event,) = events(pixel("/pixel/v1/page", "writeKey=wk_web&name=Home&userId=u"))
    assert (event.type, event.name, event.user_id) == ("page", "Home", "u")
    data = b64encode(json.dumps({"writeKey": "wk_till", "event": "Opened", "userId": "u"}).encode()).decode()
    (event,) = events(pixel("/v1/pixel/track", f"data={data}"))
    assert (event.name, event.source, event.occurred_us) == ("Opened", "till", NOW_US)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("event=A", 401),
        ("writeKey=nobody&event=A", 401),
        ("data=%%%", 400),
        ("data=NQ", 400),
        ("a=1&" * 500, 400),
        ("", 401),
    ],
)
def test_an_image_is_an_image_whatever_is_wrong(query: str, status: int) -> None:
    received = pixel("/pixel/v1/track", query)
    assert received.reply.status == status and not received.payloads


def test_consent_told_in_rudderstacks_way_is_understood() -> None:
    consent = {"provider": "oneTrust", "allowedConsentIds": {"C0002": "Analytics"}, "deniedConsentIds": ["C0004"]}
    body = {"event": "A", "messageId": "m", "anonymousId": "a", "context": RUDDER | {"consentManagement": consent}}
    (event,) = events(send("/v1/track", body))
    assert event.context["consentManagement"] == consent
    assert {(one.purpose, one.granted) for one in receipts_of(event, 1, False)} == {
        ("measurement", True),
        ("marketing", False),
    }


@pytest.mark.parametrize(("strategy", "granted"), [("and", False), (None, False), ("or", True)])
def test_several_categories_of_one_purpose(strategy: str | None, granted: bool) -> None:
    consent = {"allowedConsentIds": ["ads"], "deniedConsentIds": ["social"], "resolutionStrategy": strategy}
    body = {"event": "A", "messageId": "m", "context": {"consentManagement": consent}}
    (event,) = events(send("/v1/track", body))
    assert [(one.purpose, one.granted) for one in receipts_of(event, 1, False)] == [("marketing", granted)]


@pytest.mark.parametrize("odd", [5, "x", [], {}, {"deniedConsentIds": 5}, {"allowedConsentIds": [1, None, {}]}])
def test_consent_that_says_nothing_grants_nothing(odd: object) -> None:
    (event,) = events(send("/v1/track", {"event": "A", "messageId": "m", "context": {"consentManagement": odd}}))
    assert not list(receipts_of(event, 1, False))


@pytest.mark.parametrize(
    "page",
    [
        {"search": "?ajs_uid=9&ajs_trait_email=victim%40example.org&ajs_aid=stolen"},
        {"url": "https://shop.example/?ajs_uid=9&ajs_aid=stolen&ajs_trait_email=victim%40example.org#top"},
        {"url": "https://shop.example/#/cart?ajs_uid=9&ajs_aid=stolen&ajs_trait_email=victim%40example.org"},
    ],
)
def test_who_a_link_says_one_is_identifies_nobody(page: dict[str, str]) -> None:
    body = {
        "messageId": "m", "userId": "9", "anonymousId": "a-1", "traits": {"email": "victim@example.org", "plan": "pro"},
        "context": SEGMENT | {"page": page},
    }  # fmt: skip
    (event,) = events(send("/v1/i", body))
    assert {str(one) for one in identify(event)} == {"cookie:a-1"} and event.properties == {"plan": "pro"}
    claimed = {"user_id": "9", "email": "victim@example.org", "anonymous_id": "stolen"}
    assert event.context["ariane"]["claimed"] == claimed
    (event,) = events(send("/v1/i", body | {"anonymousId": "stolen"}))
    assert not identify(event)
    (known,) = events(send("/v1/t", body | {"event": "A", "userId": "ana"}))
    assert known.user_id == "ana"


def test_what_a_provider_posts_becomes_events() -> None:
    body = b'{"email": "Ana@example.org", "event": "click", "timestamp": 1767225600, "sg_event_id": "e-1"}'
    first, again = (receive_hook("/v1/hooks/sendgrid", {}, body, KEYS, NOW_US, "writeKey=wk_web") for _ in "12")
    (event,) = events(first)
    assert (event.name, event.source) == ("Email Clicked", "web") and event.event_id == events(again)[0].event_id
    for odd in (b"", b"{", b"[5]", b'"x"', b"{}" * 3, b"\xff", b"[" * 100_000, b'{"event": {"a": NaN}}'):
        received = receive_hook("/v1/hooks/sendgrid", AUTH, odd, KEYS, NOW_US)
        assert received.reply.status == 400 and set(json.loads(received.reply.body)) == {"code", "message"}
    assert receive_hook("/v1/hooks/sendgrid", AUTH, b" " * 5_000_000, KEYS, NOW_US).reply.status == 413


def test_a_source_with_a_secret_takes_what_is_signed() -> None:
    body = b'{"at": "2026-03-01T10:00:00Z", "store": "Lyon", "card": "L-1"}'
    keys = Keys(KEYS.sources, secrets={"web": "s"})
    made = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    for signature, status in ((f"sha256={made}", 200), ("sha256=00", 401), ("", 401)):
        headers = AUTH | {"X-Ariane-Signature": signature}
        assert receive_hook("/v1/hooks/visits", headers, body, keys, NOW_US).reply.status == status


def test_a_hook_nobody_knows_is_404_and_one_without_a_key_401() -> None:
    for headers, query, status in ((AUTH, "", 404), ({}, "writeKey=wk_web", 404), ({}, "", 401)):
        received = receive_hook("/v1/hooks/no-such-provider", headers, b"{}", KEYS, NOW_US, query)
        assert received.reply.status == status and set(json.loads(received.reply.body)) == {"code", "message"}


def test_every_path_is_documented() -> None:
    page = (REPOSITORY / "docs" / "ingest.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(?:GET|POST) (/[^`]*)`", page, re.MULTILINE))
    assert all(owns(path) for path in documented)
    full = {path for path in POSTED if len(path.rsplit("/", 1)[1]) > 1}
    assert full | {"/v1/m", "/v1/hooks/<provider>"} | STATUS - {"/health"} <= documented
    assert {path for path in PIXELS if path.endswith("/track")} <= documented
