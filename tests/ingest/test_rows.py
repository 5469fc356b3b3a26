"""The lake's short way from a record to columns says what the long way says, of every record there can be."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.identity import Rules, identify
from ariane.identity.copying import Named, named_in, recognise
from ariane.ingest import RowReader, Rows, columns_of, read
from ariane.model import Event, key_of

RULES = Rules.default()
OWN = {"size": "string", "weight": "double", "paid": "minor", "n": "int64", "path": "string"}

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "EUR", "jpy", "yes", "12.5", "1e999", "\\u0000", "é", "a\u2028b", "null", "ana@example.org", "06 12 34 56 78"]
)
NUMBERS = st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, 1.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PROPERTY_NAMES = st.sampled_from(
    ["order_id", "revenue", "total", "value", "currency", "wait_s", "resolved", "channels", "path", "channel", "name",
     "email", "phone", "caller_number", "loyalty_card", "previous_id", "groupId", "url", "size", "weight", "paid", "n",
     "o"]
)  # fmt: skip
ADDRESSES = st.sampled_from(
    [
        "https://x.org/?email=ana@example.org&uid=7",
        "https://x.org/?ajs_uid=7&ajs_aid=c-1",
        "https://x.org/#/?mail=a@b.fr",
    ]
)
PROPERTIES = st.dictionaries(PROPERTY_NAMES, VALUES | ADDRESSES, max_size=5)
AGENTS = st.sampled_from(["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile", "Googlebot/2.1", "curl/8", ""])
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "channel": VALUES | st.sampled_from(["store", "Call Centre"]),
        "userAgent": AGENTS | VALUES,
        "bot": st.booleans(),
        "device": st.dictionaries(st.sampled_from(["id", "type", "model"]), VALUES, max_size=3) | VALUES,
        "os": st.fixed_dictionaries({"name": st.sampled_from(["iOS", "Linux"])}) | VALUES,
        "app": st.fixed_dictionaries({"version": VALUES}) | VALUES,
        "campaign": st.dictionaries(st.sampled_from(["source", "medium", "name"]), VALUES) | VALUES,
        "page": st.dictionaries(st.sampled_from(["path", "referrer", "url"]), VALUES | ADDRESSES) | VALUES,
        "library": st.fixed_dictionaries({"name": st.sampled_from(["analytics.js", "analytics-ios", "x"])}) | VALUES,
        "traits": PROPERTIES | VALUES,
        "externalIds": st.lists(st.fixed_dictionaries({"id": VALUES, "type": st.sampled_from(["email", "wallet"])})),
    },
)
STAMPS = st.none() | NUMBERS | st.sampled_from(
    ["2026-11-22T08:50:00Z", "2026-11-22T08:50:00.1234567+01:00", "never", "1969-01-01", "9999-12-31T23:59:59Z",
     "2026-11-22T08:50:00.123Z", "2026-11-22T08:50:01.999Z", "2026-11-22T08:50:60.000Z", "2033-05-18T03:33:20.001Z",
     "0000-11-22T08:50:00.123Z", "1971-11-22T08:50:00.123Z", "9999-12-31T23:59:59.999Z", "2026-W47-1T08:50:00.123Z"]
)  # fmt: skip
RECORDS = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["web", "till", "_ariane"]),
        "messageId": st.text(min_size=1, max_size=4),
        "type": st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]),
        "receivedUs": st.integers(10**15, 2 * 10**15),
    },
    optional={
        "event": st.none() | st.sampled_from(["Product Viewed", "Persons Merged", ""]),
        "name": st.none() | TEXTS,
        "timestamp": STAMPS,
        "originalTimestamp": STAMPS,
        "sentAt": STAMPS,
        "anonymousId": st.none() | TEXTS,
        "userId": st.none() | TEXTS,
        "groupId": st.none() | TEXTS,
        "previousId": st.none() | TEXTS,
        "channel": st.sampled_from(["", "store"]),
        "invalid": st.none() | st.just("odd"),
        "properties": PROPERTIES,
        "traits": PROPERTIES,
        "context": CONTEXTS,
    },
)


def reader() -> RowReader:
    def strongest(event: Event) -> Named | None:
        found = named_in(event, RULES)
        return found[0] if found else None

    return RowReader(strongest, partial(recognise, RULES), OWN, "EUR", RULES.kinds)


READER = reader()


def told(rows: Rows) -> list[dict[str, Any]]:
    """Each event's row, by its place in the log."""
    found = []
    for at in range(len(rows.columns["log_offset"])):
        row = {name: values[at] for name, values in rows.columns.items()}
        properties, context = rows.properties[row["properties"]], rows.contexts[row["context"]]
        row |= context.columns | properties.columns | {"properties": properties.text, "context": context.text}
        found.append(row)
    return sorted(found, key=lambda row: row["log_offset"])


def expected(payload: bytes, offset: int) -> dict[str, Any]:
    event = read(payload)
    found = identify(event, RULES)
    row = {name: getattr(event, name) for name in event.__struct_fields__ if name != "name"}
    columns = {name: value for name, value in columns_of(event, OWN).items() if value is not None}
    return row | columns | {
        "event": event.name,
        "subject_key": found[0].key if found else key_of("event", event.event_id),
        "log_offset": offset,
        "properties": text(event.properties),
        "context": text(event.context),
    }  # fmt: skip


def text(value: object) -> str:
    return msgspec.json.encode(value).decode()


@settings(max_examples=300, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=6), st.booleans())
def test_the_short_way_says_what_the_long_way_says(records: list[dict[str, Any]], spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    payloads = [json.dumps(record, separators=separators, ensure_ascii=spaced).encode() for record in records]
    rows = READER.rows(list(enumerate(payloads)))
    assert told(rows) == [expected(payload, offset) for offset, payload in enumerate(payloads)]
    assert rows.events() == [(offset, read(payload)) for offset, payload in enumerate(payloads)]


ODD = (
    b'{"source":"web","messageId":"1","type":"track","receivedUs":1,"properties":{"a":1,"a":2,"size":"S","size":"XL"}}',
    b'{"source":"web","messageId":"2","type":"track","receivedUs":1,"properties":{"a":1e999,"size":"M"}}',
    b'{"source":"web","messageId":"3","type":"track","receivedUs":1,"properties":{"a":"\\ud83d"}}',
    b'{"source":"web","messageId":"4","type":"track","receivedUs":1,"context":{"channel":"a\\u0000b"}}',
    b'{"source":"web","messageId":"5","type":"track","receivedUs":1,"userId":"\\u0000ana"}',
    b'{"source":"web","messageId":"6","type":"identify","receivedUs":1,"traits":{ },"properties":{"email":"a@b.fr"}}',
    b'{"source":"web","messageId":"7","type":"track","receivedUs":1,"event":"\xff"}',
    b'{"source":"web","messageId":"8","type":"track","receivedUs":1,"properties":{"a":' + b"[" * 90 + b"]" * 90 + b"}}",
    b'{"source":"web","messageId":"9","type":"track","receivedUs":1},{"source":"web","messageId":"9"}'[:62],
)


def test_odd_records_too() -> None:
    rows = READER.rows(list(enumerate(ODD)))
    assert told(rows) == [expected(payload, offset) for offset, payload in enumerate(ODD)]
    assert rows.events() == [(offset, read(payload)) for offset, payload in enumerate(ODD)]


def test_a_part_remembered_is_the_part_again() -> None:
    records = list(enumerate(ODD))
    fresh = reader()
    assert told(fresh.rows(records)) == told(fresh.rows(records))
    assert told(fresh.rows([])) == []
