"""What other tools post: the same events as from a file, signed or not, and whatever else arrives."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane.errors import InputError, NotFound
from ariane.ingest import read
from ariane.ingest.keys import keys_of
from ariane.ingest.receive import Received, receive_hook
from ariane.ingest.sources import BadSignature, kinds, source_kind, webhook
from ariane.settings import Settings, Source
from tests.ingest.sources.golden import imported, rows_of

POSTED = [kind for kind in kinds() if source_kind(kind).hook]
JSON = [kind for kind in POSTED if rows_of(kind).suffix == ".ndjson"]
SECRET = "spring"


def documents(kind: str) -> list[bytes]:
    return rows_of(kind).read_bytes().splitlines()


@pytest.mark.parametrize("kind", JSON)
def test_what_is_posted_is_what_a_file_of_it_holds(kind: str, tmp_path: Path) -> None:
    take = webhook(kind)
    whole = take(b"[" + b",".join(documents(kind)) + b"]", {})
    _, events = imported(kind, rows_of(kind), tmp_path)
    given = {str(event["messageId"]): event for event in whole if event.get("event") != "Row Refused"}
    stated = [event for event in events if event.message_id.startswith(f"{kind}:") and event.message_id in given]
    hashed = len(events) - len(
        stated
    )  # rows without an id of their own are known by their text, which JSON may respell
    assert len(given) == len(events) and hashed <= 2
    for event in stated:
        posted = given[event.message_id]
        assert (posted["type"], posted.get("event") or "") == (event.type, event.name)
        assert posted.get("properties", {}) == event.properties and posted["context"] == event.context


@pytest.mark.parametrize("kind", POSTED)
def test_a_body_posted_twice_has_the_same_ids(kind: str) -> None:
    body = documents(kind)[1 if kind == "twilio" else 0] if kind in JSON else msgspec.json.encode(first_row(kind))
    again = msgspec.json.encode(msgspec.json.decode(body))
    first, second = webhook(kind)(body, {}), webhook(kind)(again, {})
    assert first and first == second


def first_row(kind: str) -> dict[str, str]:
    """The first row of a table as what a tool would post."""
    import csv

    text = rows_of(kind).read_text(encoding="utf-8")
    row = next(csv.DictReader(text.splitlines(), delimiter=";" if ";" in text.splitlines()[0] else ","))
    return {**row, "rows": [row]} if kind == "till" else row  # type: ignore[dict-item]


def test_a_form_is_read_as_twilio_posts_it() -> None:
    form = {"MessageSid": "SM1", "SmsStatus": "received", "Body": "où ? 1+1=2", "From": "+33612345678", "To": "+337"}
    kind = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    [event] = webhook("twilio")(urlencode(form).encode(), kind)
    assert event["properties"] == {"comment": "où ? 1+1=2"} and "timestamp" not in event
    assert event["context"] == {"channel": "sms", "externalIds": [{"id": "+33612345678", "type": "phone"}]}


def test_one_row_that_cannot_be_read_costs_only_itself_and_is_told() -> None:
    good = {"email": "ana@example.org", "event": "click", "timestamp": 1767225600, "sg_event_id": "e-1"}
    events = webhook("sendgrid")(msgspec.json.encode([good, good | {"timestamp": "soon", "sg_event_id": "e-2"}]), {})
    assert [event["event"] for event in events] == ["Email Clicked", "Row Refused"]
    assert re.fullmatch("sendgrid:[0-9a-f]{24}/refused", str(events[1]["messageId"]))
    assert events[1]["properties"] == {
        "kind": "sendgrid", "field": "timestamp", "reason": "not an instant (epoch_s)",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"hook sendgrid: timestamp: 'soon' is not an instant") as caught:
        webhook("sendgrid")(msgspec.json.encode(good | {"timestamp": "soon"}), {})
    assert caught.value.next_step == "See 'ariane sources sendgrid --sample'." and caught.value.allowed


def test_a_row_refused_holds_nothing_the_row_said() -> None:
    bad = {"email": "bo@example.org", "event": "click", "timestamp": "bo@example.org", "sg_event_id": "bo@example.org"}
    good = bad | {"timestamp": 1767225600, "sg_event_id": "e-1", "email": "ana@example.org"}
    [_, refused] = webhook("sendgrid")(msgspec.json.encode([good, bad]), {})
    assert refused["event"] == "Row Refused" and b"bo@" not in msgspec.json.encode(refused)


def test_what_the_mapping_has_no_event_for_is_taken_and_left_out() -> None:
    body = b'{"email": "a@b.org", "event": "processed", "timestamp": 1, "sg_event_id": "x"}'
    assert webhook("sendgrid")(body, {}) == [] == webhook("sendgrid")(b"[]", {})


@pytest.mark.parametrize("body", [b"", b"  ", b"nonsense", b"7", b"[1]", b'[{"a":1}, 2]', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused_with_what_is_allowed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        webhook("shopify")(body, {"content-type": "application/json"})
    assert caught.value.where == "hook shopify" and caught.value.allowed and caught.value.status == 400


def test_kinds_that_are_not_posted_and_kinds_there_are_not() -> None:
    with pytest.raises(InputError, match="read from files, not posted"):
        webhook("competitor-prices")
    with pytest.raises(NotFound, match="did you mean 'mailgun'"):
        webhook("mailgum")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(JSON), st.data())
def test_odd_values_anywhere_are_an_input_error_at_worst(kind: str, data: st.DataObject) -> None:
    document = msgspec.json.decode(data.draw(st.sampled_from(documents(kind))))
    at = document
    while isinstance(at, dict) and at:
        key = data.draw(st.sampled_from(sorted(at)))
        if isinstance(at[key], dict | list) and data.draw(st.booleans()):
            at = at[key] if isinstance(at[key], dict) else next((one for one in at[key] if isinstance(one, dict)), {})
        else:
            at[key] = data.draw(values)
            break
    try:
        events = webhook(kind)(msgspec.json.encode(document), {})
    except InputError:
        return
    assert all(isinstance(event["messageId"], str) and event["type"] for event in events)
    msgspec.json.encode(events)


# ── signatures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def mac(*parts: bytes) -> bytes:
    return hmac.new(SECRET.encode(), b"".join(parts), hashlib.sha256).digest()


def signed(kind: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    if kind == "shopify":
        return body, {"x-shopify-hmac-sha256": b64encode(mac(body)).decode()}
    if kind == "zendesk":
        at = "2026-01-06T08:00:01Z"
        made = b64encode(mac(at.encode(), body)).decode()
        return body, {"x-zendesk-webhook-signature": made, "x-zendesk-webhook-signature-timestamp": at}
    if kind == "mailgun":
        document = msgspec.json.decode(body)
        document["signature"] = {"timestamp": "1767254400", "token": "t0", "signature": mac(b"1767254400t0").hex()}
        return msgspec.json.encode(document), {}
    return body, {"x-ariane-signature": f"sha256={mac(body).hex()}"}


@pytest.mark.parametrize("kind", ["shopify", "zendesk", "mailgun", "objects"])
def test_only_what_is_signed_with_the_secret_is_taken(kind: str) -> None:
    body, headers = signed(kind, documents(kind)[0])
    assert webhook(kind, secret=SECRET)(body, headers)
    for tried, told in (
        (body, {name: value[:-3] + "A==" for name, value in headers.items()} if headers else {}),
        (body.replace(b"t0", b"t1") if kind == "mailgun" else body + b" ", headers),
        (b"[" + body + b"," + body + b"]", headers),
        (documents(kind)[0], {}),
    ):
        if (tried, told) != (body, headers):
            with pytest.raises(BadSignature) as caught:
                webhook(kind, secret=SECRET)(tried, told)
            assert caught.value.status == 401 and SECRET not in str(caught.value)
    with pytest.raises(BadSignature):
        webhook(kind, secret="summer")(body, headers)


KEY = (
    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
SAMPLE = (
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)


def test_a_signature_on_p256_is_checked_with_the_public_key() -> None:
    """The vectors of RFC 6979, A.2.5: the message "sample", SHA-256."""
    from ariane.ingest.sources.curve import is_signed_by

    key, made = (b64encode(bytes.fromhex(text)).decode() for text in (KEY, SAMPLE))
    assert is_signed_by(key, made, b"sample")
    for place in range(0, len(SAMPLE), 8):
        changed = SAMPLE[:place] + ("0" if SAMPLE[place] != "0" else "1") + SAMPLE[place + 1 :]
        assert not is_signed_by(key, b64encode(bytes.fromhex(changed)).decode(), b"sample"), place
    elsewhere = b64encode(bytes.fromhex(KEY[:-1] + "8")).decode()
    for tried in ((key, made, b"Sample"), (elsewhere, made, b"sample"), (key, "!", b"sample"), (made, key, b"sample")):
        assert not is_signed_by(*tried)


def test_sendgrid_is_taken_with_its_public_key_only() -> None:
    key, made = (b64encode(bytes.fromhex(text)).decode() for text in (KEY, SAMPLE))
    names = ("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp")
    with pytest.raises(InputError, match="not JSON"):  # signed "sample": the signature holds, the body is none
        webhook("sendgrid", secret=key)(b"ple", dict(zip(names, (made, "sam"), strict=True)))
    with pytest.raises(BadSignature):
        webhook("sendgrid", secret=key)(b"[]", dict(zip(names, (made, "sam"), strict=True)))
    with pytest.raises(BadSignature):
        webhook("sendgrid", secret=key)(documents("sendgrid")[0], {})


# ── through the front door ────────────────────────────────────────────────────────────────────────────────────────────


def posted(kind: str, body: bytes, source: Source, folder: Path | None = None, **headers: str) -> Received:
    keys = keys_of(Settings(sources={"shop": source}), folder)
    return receive_hook(f"/v1/hooks/{kind}", headers, body, keys, 1_767_300_000_000_000, "writeKey=wk_1")


def test_the_collector_takes_a_hook_and_logs_its_events() -> None:
    received = posted("shopify", documents("shopify")[0], Source("wk_1", "web"))
    assert received.reply.status == 200 and received.n_invalid == 0
    completed, cancelled = (read(payload) for payload in received.payloads)
    assert (completed.name, completed.channel, completed.source) == ("Order Completed", "store", "shop")
    assert completed.properties["revenue"] == 59.99 and cancelled.name == "Order Cancelled"


def test_the_secret_of_a_source_is_asked_of_its_hooks() -> None:
    body, headers = signed("shopify", documents("shopify")[0])
    assert posted("shopify", body, Source("wk_1", secret=SECRET), **headers).reply.status == 200
    refused = posted("shopify", body, Source("wk_1", secret=SECRET))
    assert refused.reply.status == 401 and b"bad_signature" in refused.reply.body and refused.payloads == []


def test_a_workspace_mapping_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    text = 'channel = "store"\n[[events]]\nname = "{name}"\ntimestamp = "received"\n'
    for name in ("Kiosk Touched", "Kiosk Left"):
        file = tmp_path / "kiosk.toml"
        file.write_text(text.format(name=name))
        import os

        os.utime(file, ns=(len(name), len(name)))
        [payload] = posted("kiosk", b'{"n": 1}', Source("wk_1"), tmp_path).payloads
        assert read(payload).name == name and read(payload).occurred_us == read(payload).received_us
