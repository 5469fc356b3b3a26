"""What a request to `/v1/*` is answered, and which records it leaves: pure, apart from any server."""

from __future__ import annotations

import zlib
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Protocol

import msgspec

from ariane.errors import ArianeError, InputError, Transient
from ariane.ingest.keys import Keys
from ariane.ingest.wire import Stamped, TooLarge, mend, parse, payloads_of

KINDS = {
    f"/v1/{path}": kind
    for kind in ("track", "identify", "page", "screen", "group", "alias", "batch")
    for path in {kind, kind[0]} - {"s"}
}
"""Path → what it takes. The one-letter paths are those of Segment's browser library."""

INFLATED = 2
"""A compressed body may hold this many times `max_body_bytes`."""

_JSON = ("content-type", "application/json")
_OPEN = (("access-control-allow-origin", "*"), ("access-control-expose-headers", "Retry-After"))
_PREFLIGHT = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "POST, OPTIONS"),
    ("access-control-allow-headers", "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId"),
    ("access-control-max-age", "86400"),
)


class UnknownKey(InputError):
    """No source has the write key that was sent, or none was."""

    code, status = "unknown_write_key", 401


class Headers(Protocol):
    """Request headers by lower-case name."""

    def get(self, key: str, /) -> str | None: ...


class Reply(msgspec.Struct, frozen=True):
    """What goes back: status, headers, body."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (_JSON, *_OPEN)


class Received(msgspec.Struct, frozen=True):
    """The reply to give once `payloads` are on disk; there are none when the request was refused."""

    reply: Reply
    payloads: list[bytes] = []
    n_invalid: int = 0


SUCCESS = Reply(200, b'{"success": true}')
_ALLOWED = Reply(204, b"", _PREFLIGHT)


def receive(kind: str, headers: Headers, body: bytes, keys: Keys, now_us: int) -> Received:
    """Answer ``POST /v1/<kind>``. Never raises.

    200 for whatever holds events, though some may be kept with a reason why they are not valid; 400 when the body is
    no JSON, 401 for an unknown write key, 413 for more than the settings allow.

    >>> keys = Keys({"wk_1": ("web", "web")})
    >>> received = receive("track", {}, b'{"writeKey": "wk_1", "event": "Product Viewed", "messageId": "m-1"}', keys, 7)
    >>> received.reply.status, received.payloads[0][:31]
    (200, b'{"source":"web","receivedUs":7,')
    >>> receive("track", {}, b'{"writeKey": "other"}', keys, 7).reply.status
    401
    """
    try:
        text = _inflated(body, keys.max_body_bytes)
        try:
            return _received(kind, headers, text, keys, now_us, slow=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # found only when a part was opened
            return _received(kind, headers, text, keys, now_us, slow=True)
    except ArianeError as error:
        return Received(refusal(error))


def refusal(error: ArianeError) -> Reply:
    """The error as clients expect it: always a `code` and a `message`, and when to come back if that may help."""
    body = msgspec.json.encode({"code": error.code, "message": str(error)})
    if isinstance(error, Transient):
        return Reply(error.status, body, (_JSON, *_OPEN, ("retry-after", str(max(1, error.retry_after_s)))))
    return Reply(error.status, body)


def other_method(method: str) -> Reply:
    """The answer to anything but POST on an ingest path."""
    if method == "OPTIONS":
        return _ALLOWED
    body = b'{"code":"method_not_allowed","message":"Events are sent with POST."}'
    return Reply(405, body, (_JSON, *_OPEN, ("allow", "POST, OPTIONS")))


def unknown_path(path: str) -> Reply:
    """The answer to a path under `/v1/` that takes no events."""
    paths = ", ".join(sorted(path for path in KINDS if len(path) > 5))
    return Reply(
        404, msgspec.json.encode({"code": "not_found", "message": f"No events are taken at {path}. Allowed: {paths}."})
    )


def _received(kind: str, headers: Headers, body: bytes, keys: Keys, now_us: int, *, slow: bool) -> Received:
    parsed = (mend if slow else parse)(kind, body)
    source, channel = _source(headers.get("authorization"), parsed.write_key, keys)
    payloads, n_invalid = payloads_of(kind, parsed, Stamped(source, channel, now_us, keys.max_event_bytes))
    return Received(SUCCESS, payloads, n_invalid)


def _source(authorization: str | None, written: str | None, keys: Keys) -> tuple[str, str]:
    """The source a request speaks for: the key in its header, else the one in its body."""
    scheme, _, value = (authorization or "").partition(" ")
    given: list[str] = []
    if scheme.lower() == "basic":
        try:
            given.append(b64decode(value.strip(), validate=True).decode().partition(":")[0])
        except (NotBase64, UnicodeDecodeError, ValueError):
            pass
    elif scheme.lower() == "bearer":
        given.append(value.strip())
    if written:
        given.append(written)
    for key in given:
        if key in keys.sources:
            return keys.sources[key]
    raise UnknownKey(
        "No source has this write key." if given else "The request carries no write key.",
        allowed="HTTP Basic with the key as user name, or writeKey in the body",
        next_step="List the keys with 'ariane keys'.",
    )


def _inflated(body: bytes, max_body_bytes: int) -> bytes:
    """The body as text, whether or not it was compressed: some clients compress without saying so."""
    if len(body) > max_body_bytes:
        raise too_large(max_body_bytes)
    if body[:2] != b"\x1f\x8b":
        return body
    most = max_body_bytes * INFLATED
    pieces: list[bytes] = []
    size = 0
    while body[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(31)
        try:
            pieces.append(stream.decompress(body, most - size + 1))
        except zlib.error as error:
            raise InputError(f"The body is not gzip: {error}.", next_step="Send it whole, or uncompressed.") from error
        size += len(pieces[-1])
        if size > most:
            raise too_large(most)
        if not stream.eof:
            raise InputError("The compressed body ends early.", next_step="Send it whole.")
        body = stream.unused_data
    return b"".join(pieces)


def too_large(allowed: int) -> TooLarge:
    return TooLarge(
        "The body is too large.", allowed=f"at most {allowed} bytes", next_step="Send several smaller batches."
    )
