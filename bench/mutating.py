"""Bodies and requests that no client should send, made from those that clients do; the same for the same number."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from random import Random
from typing import Any

KEY = "k"

_EVENT: dict[str, Any] = {
    "type": "track", "event": "Order Completed", "messageId": "m-1", "userId": "u-1", "anonymousId": "a-1",
    "timestamp": "2026-11-22T09:00:00.000Z", "sentAt": "2026-11-22T09:00:01Z",
    "properties": {"order_id": "o-1", "revenue": 12.5, "products": [{"product_id": "p", "price": 1}]},
    "context": {
        "channel": "web", "library": {"name": "analytics.js", "version": "2.1"}, "ip": "192.0.2.1",
        "page": {"search": "?q=lamp&ajs_uid=9", "url": "https://shop.example/?ajs_uid=9"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        "consent": {"categoryPreferences": {"measurement": True, "marketing": False}},
        "externalIds": [{"id": "ana@example.org", "type": "email"}],
    },
    "integrations": {"All": True},
}  # fmt: skip
_RUDDER: dict[str, Any] = {
    "type": "identify", "messageId": "m-2", "userId": "u", "originalTimestamp": "2026-11-22T09:00:00Z",
    "traits": {"email": "ana@example.org", "phone": "+33612345678"}, "channel": "web",
    "context": {
        "library": {"name": "RudderLabs JavaScript SDK"}, "traits": {"loyalty_card": "L-1"},
        "consentManagement": {"deniedConsentIds": ["C0004"], "allowedConsentIds": {"C0002": "x"}},
    },
}  # fmt: skip
_MERGE = {"type": "merge", "messageId": "m-3", "mergeProperties": [{"type": "email", "value": "a@b.example"}] * 2}
SEEDS: tuple[Any, ...] = (
    {"batch": [_EVENT, _RUDDER], "sentAt": "2026-11-22T09:00:01Z", "context": {"ip": "::1"}, "writeKey": KEY},
    {"batch": [_MERGE, _EVENT, {"type": "page", "name": "Home", "messageId": "m-4"}]},
    _EVENT, _RUDDER, _MERGE,
    {"type": "group", "groupId": "g", "traits": {"plan": "pro"}, "messageId": 7},
    {"type": "alias", "previousId": "a-0", "userId": "u", "messageId": "é\U0001f600"},
    {"series": [{"type": "Counter", "metric": "analytics_js.invoke", "value": 1, "tags": {"a": "b"}}]},
)  # fmt: skip

_DEEP = [b"[" * 120 + b"]" * 120, b'{"a":' * 101 + b"1" + b"}" * 101, b"[" * 5_000, b'[{"a":' * 900 + b"0"]
_RAW: tuple[bytes, ...] = (
    b"NaN", b"-Infinity", b"1e999", b"-1e-999", b"9" * 40, b"9" * 5_000, b"-0", b"0.1e+1", b"01", b"true", b"null",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xff\xfe"', b'"\\uZZZZ"', b'"%b"' % (b"x" * 70_000),
    b'"1970-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999Z"', b'"0000-00-00"', b"253402300799999", b"-62135596800",
    b"1e18", b'""', b"[]", b"{}", b"[[],{}]", b'{"a":1,"a":2}', b'{"":{"":{"":0}}}', b"\xef\xbb\xbf1", b"'x'", b"//",
    b'"track"', b'"_ariane"', b'"merge"', b'{"type":{}}', b"[1,,2]", b'"\\', b"\n\r\n", b"\xed\xa0\x80", *_DEEP,
)  # fmt: skip
_SPLICED = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0", b"\xf0\x9f", b"\n", b'"batch":', b'"type":"batch",')
PATHS = (
    "/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/batch", "/v1/t", "/v1/b",
    "/v1/m", "/v1/import", "/v1/merge", "/beacon/v1/batch", "/v1/hooks/sendgrid", "/v1/hooks/shopify", "/v1/hooks/x",
    "/pixel/v1/track", "/pixel/v1/page", "/v1/pixel/track", "/v1/projects/k/settings", "/v1/projects//settings",
    "/sourceConfig/", "/sourceConfig", "/healthz", "/health", "/readyz", "/metrics", "/v1/", "/v1/hooks/",
)  # fmt: skip


def body(number: int) -> bytes:
    """The body of this number: usually nearly right, which is where mistakes hide.

    >>> body(7) == body(7) != body(8)
    True
    """
    chance = Random(number)
    text = json.dumps(chance.choice(SEEDS), ensure_ascii=chance.random() < 0.5).encode()
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        text = _changed(text, chance)
    squeeze = chance.random()
    if squeeze < 0.05:
        text = gzip.compress(text, 1, mtime=0)
        if squeeze < 0.02:
            text = _bytes_changed(text, chance)
    return text


def _changed(text: bytes, chance: Random) -> bytes:
    """A value replaced where one stands, or bytes changed anywhere."""
    if chance.random() < 0.55:
        starts = [place + 1 for place, letter in enumerate(text[:4_000]) if letter in b":[,"]
        if starts:
            start = chance.choice(starts)
            ends = [end for mark in (b",", b"}", b"]") if (end := text.find(mark, start)) >= 0]
            return text[:start] + chance.choice(_RAW) + text[min(ends, default=len(text)) :]
    return _bytes_changed(text, chance)


def _bytes_changed(text: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((1, 1, 2, 8, 60)))
    kind = chance.randrange(6)
    if kind == 0 and start < len(text):
        return text[:start] + bytes([text[start] ^ (1 << chance.randrange(8))]) + text[start + 1 :]
    if kind == 1:
        return text[:start] + text[end:]
    if kind == 2:
        return text[:start] + chance.choice(_SPLICED) + text[start:]
    if kind == 3:
        return text[:end] + text[start:end] * chance.choice((1, 2, 50)) + text[end:]
    if kind == 4:
        return text[:start]
    return text[:start] + chance.randbytes(chance.choice((1, 4, 16))) + text[end:]


def request(number: int) -> tuple[bytes, bool]:
    """A whole HTTP request, and whether its framing is sound, so that the connection may go on after it."""
    chance = Random(number)
    path = chance.choice(PATHS)
    getting = path.startswith(("/pixel", "/v1/pixel", "/v1/projects", "/source", "/health", "/ready", "/metrics"))
    method = chance.choice(("GET",) if getting else ("POST",)) if chance.random() < 0.9 else _method(chance)
    query = _query(chance, always=getting) if getting or chance.random() < 0.1 else ""
    content = b"" if method in ("GET", "HEAD") and chance.random() < 0.9 else body(number)
    head = [f"host: {chance.choice(('x', 'shop.example:8600', '', '[::1]'))}".encode(), *_headers(chance)]
    sound = True
    framing = chance.random()
    if framing < 0.85:
        head.append(b"content-length: %d" % len(content))
    elif framing < 0.95:
        head.append(b"transfer-encoding: chunked")
        content = _chunks(content, chance)
    else:
        head.append(b"content-length: " + chance.choice((b"-1", b"5", b"99999999999999999999", b"x", b"", b"1, 2")))
        sound = False
    line = f"{method} {path}{'?' if query else ''}{query} HTTP/1.1".encode("latin-1", "replace")
    whole = b"\r\n".join([line, *head, b"", content])
    if chance.random() < 0.03:
        return _bytes_changed(whole, chance), False
    return whole, sound and method != "CONNECT"


def _method(chance: Random) -> str:
    return chance.choice(("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"))


def _query(chance: Random, *, always: bool) -> str:
    parts = ["writeKey=" + chance.choice((KEY, "nobody", "%00", ""))] if always or chance.random() < 0.7 else []
    parts += chance.sample(
        (
            "event=A", "name=%C3%A9", "properties.a.b.c=1", "properties=%7B%22a%22%3A1%7D", "context=5", "context.a=1",
            "data=" + b64encode(json.dumps(_EVENT).encode()).decode().rstrip("="), "data=%%", "anonymousId=%22x%22",
            "a=" + "x" * 3_000, "%ud800=%ff%fe", "=&&=", "timestamp=9999-12-31", "." * 50 + "=1", "userId=%00",
            "event.a=1", "properties..=2", "messageId=" + "m" * 300,
        ),
        k=chance.randrange(4),
    )  # fmt: skip
    return "&".join(parts)


def _headers(chance: Random) -> list[bytes]:
    known = b64encode(f"{KEY}:".encode())
    listed = [b"authorization: Basic " + known] if chance.random() < 0.9 else []
    listed += chance.sample(
        (
            b"content-type: application/x-www-form-urlencoded", b"content-type: \xff", b"content-encoding: gzip",
            b"anonymousid: YW5vbi0x", b"anonymousid: %%%", b"anonymousid: " + b"A" * 5_000, b"accept-encoding: gzip",
            b"x-forwarded-proto: gopher", b"x-forwarded-host: <script>", b"authorization: Bearer \xe9",
            b"authorization: Basic \xff", b"authorization: Basic", b"expect: 100-continue", b"x-retry-count: 9",
            b"user-agent: " + b"Mozilla/5.0 " * 100, b"origin: null", b"access-control-request-method: POST",
        ),
        k=chance.choice((0, 0, 1, 2)),
    )  # fmt: skip
    return listed


def _chunks(content: bytes, chance: Random) -> bytes:
    step = chance.choice((7, 100, 10_000))
    if len(content) > 100 * step:
        step = len(content)
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    return b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]) + b"0\r\n\r\n"
