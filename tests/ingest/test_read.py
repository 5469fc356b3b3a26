"""From a log record to an event: clocks, channels, machines, columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.ingest import Record, columns_of, encode, instant_us, read
from ariane.ingest.clock import occurred_us
from ariane.model import DAY, Event
from ariane.settings import Source
from ariane.store import COLUMNS

NOW_US = 1_795_338_000_000_000


def at(text: str) -> int:
    found = instant_us(text)
    assert found is not None
    return found


def event(**parts: Any) -> Event:
    sources = parts.pop("sources", {})
    defaults = {"source": "web", "message_id": "m", "type": "track", "event": "A", "received_us": NOW_US}
    return read(encode(Record(**(defaults | parts))), sources)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00+00:00"),
        ("2026-11-22T10:00:00.5+01:00", "2026-11-22T09:00:00.500000+00:00"),
        ("2026-11-22T09:00:00.123456789Z", "2026-11-22T09:00:00.123456+00:00"),
        ("2026-11-22T09:00:00", "2026-11-22T09:00:00+00:00"),
        ("2026-11-22 09:00:00+0530", "2026-11-22T03:30:00+00:00"),
        ("2026-11-22", "2026-11-22T00:00:00+00:00"),
        (1_795_338_000, "2026-11-22T09:00:00+00:00"),
        (1_795_338_000.25, "2026-11-22T09:00:00.250000+00:00"),
        (1_795_338_000_250, "2026-11-22T09:00:00.250000+00:00"),
        (1_795_338_000_250_001, "2026-11-22T09:00:00.250001+00:00"),
        ("1795338000", "2026-11-22T09:00:00+00:00"),
        (None, None), ("", None), ("yesterday", None), ("2026-13-45T00:00:00Z", None), (0, None), (7, None),
        ("NaN", None), (float("inf"), None), (10**30, None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_instants(stamp: Any, expected: str | None) -> None:
    found = instant_us(stamp)
    assert (None if found is None else datetime.fromtimestamp(found / 1e6, UTC).isoformat()) == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2105, 1, 1)))
def test_instants_are_exact_to_the_microsecond(moment: datetime) -> None:
    exact = (moment - datetime(1970, 1, 1)) // (datetime(1970, 1, 1, 0, 0, 0, 1) - datetime(1970, 1, 1))
    assert instant_us(moment.isoformat() + "Z") == exact


D = "2026-11-22T"


@pytest.mark.parametrize(
    ("stamp", "sent", "received", "occurred"),
    [
        (D + "03:02:00Z", D + "03:12:00Z", D + "01:44:00Z", D + "01:34:00Z"),  # fast by 88 min, ten min in the queue
        (D + "03:02:00Z", D + "03:02:00Z", D + "03:02:01.500Z", D + "03:02:00Z"),  # latency is not skew
        (D + "03:02:00Z", D + "03:12:00Z", D + "03:12:01Z", D + "03:02:00Z"),
        (D + "03:02:00Z", None, D + "09:00:00Z", D + "03:02:00Z"),
        (None, D + "03:02:00Z", D + "03:02:01Z", D + "03:02:00Z"),
        (None, D + "03:02:00Z", D + "05:00:00Z", D + "05:00:00Z"),
        (None, None, D + "05:00:00Z", D + "05:00:00Z"),
        ("rubbish", "rubbish", D + "05:00:00Z", D + "05:00:00Z"),
        (D + "03:02:00Z", "rubbish", D + "05:00:00Z", D + "03:02:00Z"),
        ("1970-01-01T00:10:00Z", "1970-01-01T00:12:00Z", D + "05:00:00Z", D + "04:58:00Z"),  # a clock never set
        ("1970-01-01T00:10:00Z", None, D + "05:00:00Z", D + "05:00:00Z"),
        ("9999-01-01T00:00:00Z", "9999-01-01T00:05:00Z", D + "05:00:00Z", D + "04:55:00Z"),
        ("9999-01-01T00:00:00Z", None, D + "05:00:00Z", D + "05:00:00Z"),
        (D + "03:02:00Z", "1970-01-01T00:00:00Z", D + "05:00:00Z", D + "03:02:00Z"),  # only the sender's clock is wrong
        (D + "03:02:00Z", "9999-01-01T00:00:00Z", D + "05:00:00Z", D + "03:02:00Z"),
        ("1999-02-03T10:00:00Z", None, D + "05:00:00Z", "1999-02-03T10:00:00Z"),
    ],
)
def test_the_clock_is_corrected(stamp: str | None, sent: str | None, received: str, occurred: str) -> None:
    assert occurred_us(stamp, sent, at(received)) == at(occurred)


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats()), st.one_of(st.none(), st.text(), st.floats()))
def test_no_clock_leads_out_of_range(stamp: Any, sent: Any) -> None:
    assert at("1990-01-01") <= occurred_us(stamp, sent, NOW_US) <= NOW_US + DAY


def test_the_same_event_sent_twice_occurred_once() -> None:
    first = event(timestamp="2026-11-22T08:59:59Z", sent_at="2026-11-22T08:59:59.5Z")
    again = event(timestamp="2026-11-22T08:59:59Z", sent_at="2026-11-22T09:00:30Z", received_us=NOW_US + 30_500_000)
    assert (first.event_id, first.occurred_us) == (again.event_id, again.occurred_us)


def test_rudder_sends_the_original_timestamp_apart() -> None:
    found = event(timestamp=None, original_timestamp="2026-11-22T08:50:00Z", sent_at="2026-11-22T08:59:59Z")
    assert found.occurred_us == at("2026-11-22T08:50:00Z")


@pytest.mark.parametrize(
    ("parts", "channel"),
    [
        ({"context": {"channel": "store"}, "properties": {"channel": "email"}}, "store"),
        ({"properties": {"channel": "email"}, "context": {"library": {"name": "analytics.js"}}}, "email"),
        ({"context": {"channel": "Call Centre"}}, "call_centre"),
        ({"context": {"channel": 5, "library": {"name": "analytics.js"}}}, "web"),
        ({"context": {"library": {"name": "analytics.js"}}, "channel": "store"}, "web"),
        ({"context": {"library": {"name": "analytics-ios"}}}, "app"),
        ({"context": {"library": {"name": "analytics-kotlin"}}}, "app"),
        ({"context": {"library": {"name": "RudderLabs JavaScript SDK"}}}, "web"),
        ({"context": {"library": {"name": "analytics-python"}}, "channel": "call_centre"}, "call_centre"),
        ({"context": {"os": {"name": "iOS"}}}, "app"),
        ({"context": {"os": {"name": "Windows"}, "userAgent": "Mozilla/5.0 (Windows)"}, "channel": "store"}, "web"),
        ({"channel": "object"}, "object"),
        ({"source": "till"}, "store"),
        ({}, "web"),
        ({"context": {"library": "x", "os": 5, "userAgent": []}}, "web"),
    ],
)
def test_the_channel_is_said_or_derived(parts: dict[str, Any], channel: str) -> None:
    assert event(**parts, sources={"till": Source("wk", "store")}).channel == channel


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("facebookexternalhit/1.1", True),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0", True),
        ("python-requests/2.32", True),
        ("Mozilla/5.0 (Linux; Android 14; CUBOT KINGKONG) Chrome/140.0 Mobile", False),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Version/18.0 Safari/605.1", False),
        ("", False),
    ],
)
def test_machines_are_flagged(agent: str, bot: bool) -> None:
    assert event(context={"userAgent": agent}).is_bot is bot


def test_a_payload_that_is_no_record_is_refused() -> None:
    for payload in (b"", b"{}", b"[]", b"nonsense", b'{"source":"web"}'):
        with pytest.raises(InputError, match="no log record"):
            read(payload)


def test_every_column_is_there_and_empty_when_nothing_is_said() -> None:
    row = columns_of(event())
    assert set(row) == set(COLUMNS) and set(row.values()) == {None}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"revenue": 12.5, "currency": "EUR"}, {"prop_revenue_minor": 1250, "prop_currency": "EUR"}),
        ({"revenue": "19.99"}, {"prop_revenue_minor": 1999}),
        ({"revenue": 0.145}, {"prop_revenue_minor": 15}),
        ({"total": 1200, "currency": "jpy"}, {"prop_revenue_minor": 1200, "prop_currency": "jpy"}),
        ({"value": 1.2345, "currency": "KWD"}, {"prop_revenue_minor": 1235, "prop_currency": "KWD"}),
        ({"revenue": None, "total": 3}, {"prop_revenue_minor": 300}),
        ({"revenue": "free", "total": True}, {}),
        ({"revenue": 1e30}, {}),
        ({"order_id": 7, "store": 3.0, "code": True}, {"prop_order_id": "7", "prop_store": "3", "prop_code": "true"}),
        ({"channels": ["web", "email"]}, {"prop_channels": "email,web"}),
        ({"wait_s": "12.5", "score": 9, "late_days": -2},
         {"prop_wait_s": 12.5, "prop_score": 9.0, "prop_late_days": -2.0}),
        ({"wait_s": "long", "score": {"n": 1}, "reason": {"a": 1}}, {}),
        ({"resolved": "yes"}, {"prop_resolved": True}),
        ({"resolved": 0}, {"prop_resolved": False}),
        ({"resolved": "perhaps"}, {}),
        ({"size": "XL", "weight": 2, "paid": "4.2", "n": "12"},
         {"prop_size": "XL", "prop_weight": 2.0, "prop_paid": 420, "prop_n": 12}),
    ],
)  # fmt: skip
def test_properties_become_typed_columns(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    own = {"size": "string", "weight": "double", "paid": "minor", "n": "int64"}
    row = columns_of(event(properties=properties), own)
    assert {name: value for name, value in row.items() if value is not None} == expected


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
TABLET = "Mozilla/5.0 (Linux; Android 14; SM-X710) Chrome/140.0 Safari/537.36"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"userAgent": IPHONE}, {"ctx_device_type": "mobile", "ctx_os": "iOS"}),
        ({"userAgent": TABLET}, {"ctx_device_type": "tablet", "ctx_os": "Android"}),
        ({"userAgent": DESKTOP}, {"ctx_device_type": "desktop", "ctx_os": "Windows"}),
        ({"userAgent": "curl/8"}, {}),
        ({"device": {"type": "ios", "model": "iPad14,1"}}, {"ctx_device_type": "tablet"}),
        ({"device": {"type": "android"}, "os": {"name": "Android"}},
         {"ctx_device_type": "mobile", "ctx_os": "Android"}),
        ({"device": {"type": "Kiosk"}, "userAgent": DESKTOP}, {"ctx_device_type": "kiosk", "ctx_os": "Windows"}),
        ({"app": {"version": "3.2.1"}}, {"ctx_app_version": "3.2.1"}),
        ({"campaign": {"source": "news", "medium": "email", "name": "Spring"}},
         {"ctx_campaign_source": "news", "ctx_campaign_medium": "email", "ctx_campaign_name": "Spring"}),
        ({"page": {"path": "/p", "referrer": "https://g.example/"}},
         {"prop_path": "/p", "ctx_referrer": "https://g.example/"}),
        ({"device": 5, "os": [], "app": "x", "campaign": None, "page": "p", "referrer": 7, "userAgent": {}}, {}),
    ],
)  # fmt: skip
def test_the_context_becomes_columns(context: dict[str, Any], expected: dict[str, Any]) -> None:
    row = columns_of(event(context=context))
    assert {name: value for name, value in row.items() if value is not None} == expected
