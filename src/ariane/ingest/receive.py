"""What a request that brings events is answered, and which records it leaves: pure, apart from any server."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import msgspec

from ariane.errors import ArianeError, InputError, NotFound
from ariane.ingest.answers import SUCCESS, Detailed, Reply, pixel, refusal
from ariane.ingest.headers import Headers, key_in
from ariane.ingest.keys import Keys
from ariane.ingest.pixel import asked, event_of
from ariane.ingest.routes import HOOKS, PIXELS, RUDDER, Route
from ariane.ingest.rudder import anonymous_id
from ariane.ingest.wire import Stamped, TooLarge, mend, parse, payloads_of

INFLATED = 2
"""A compressed body may hold this many times `max_body_bytes`."""

MEMBERS = 100
"""Pieces a compressed body may be put together of; libraries send one."""

_PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,62}")
Hook = Callable[[bytes, Mapping[str, str]], list[dict[str, object]]]


class UnknownKey(InputError):
    """No source has the write key that was sent, or none was."""

    code, status = "unknown_write_key", 401


class Received(msgspec.Struct, frozen=True):
    """The reply to give once `payloads` are on disk; there are none when the request was refused. `kept` is why it was,
    where the reply shows a value that was sent."""

    reply: Reply
    payloads: list[bytes] = []
    n_invalid: int = 0
    kept: str = ""


def receive(kind: str | Route, headers: Headers, body: bytes, keys: Keys, now_us: int, query: str = "") -> Received:
    """Answer a POST to the path of this route, by name that of ``/v1/<kind>``. Never raises.

    200 for whatever holds events, though some may be kept with a reason why they are not valid; 400 when the body is
    no JSON, 401 for an unknown write key, 413 for more than the settings allow.

    >>> keys = Keys({"wk_1": ("web", "web")})
    >>> received = receive("track", {}, b'{"writeKey": "wk_1", "event": "Product Viewed", "messageId": "m-1"}', keys, 7)
    >>> received.reply.status, received.payloads[0][:31]
    (200, b'{"source":"web","receivedUs":7,')
    >>> receive("track", {}, b'{"writeKey": "other"}', keys, 7).reply.status
    401
    """
    route = Route(kind) if isinstance(kind, str) else kind
    try:
        text = _inflated(body, keys.max_body_bytes)
        try:
            return _received(route, headers, text, keys, now_us, query, slow=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # found only when a part was opened
            return _received(route, headers, text, keys, now_us, query, slow=True)
    except ArianeError as error:
        return Received(refusal(error))


def receive_hook(path: str, headers: Headers, body: bytes, keys: Keys, now_us: int, query: str = "") -> Received:
    """Answer what a provider sends to ``/v1/hooks/<provider>``: its events as a batch. Never raises.

    A provider can be told an address and nothing else, so the write key may be in the query.
    """
    try:
        source, _ = _source(headers, None, query, keys)
        told = {name.lower(): value for name, value in headers.items()}
        provider = path.removeprefix(HOOKS).strip("/")
        hook = _hook(provider, keys.secrets.get(source, ""), keys.folder, _stamp(provider, keys.folder))
        text = _told(hook, provider, _inflated(body, keys.max_body_bytes), told)
    except Detailed as error:
        return Received(refusal(error), kept=error.kept)
    except ArianeError as error:
        return Received(refusal(error))
    return receive(Route("batch", by_content=True), headers, text, keys, now_us, query)


def receive_pixel(path: str, headers: Headers, keys: Keys, now_us: int, query: str) -> Received:
    """Answer an image's address: an image whatever happens, its status as for any other request. Never raises."""
    try:
        body = event_of(query, headers.get("user-agent"))
    except ArianeError as error:
        return Received(pixel(refusal(error)))
    received = receive(PIXELS[path], headers, body, keys, now_us, query)
    return Received(pixel(received.reply), received.payloads, received.n_invalid)


def _received(
    route: Route, headers: Headers, body: bytes, keys: Keys, now_us: int, query: str, *, slow: bool
) -> Received:
    kind = route.kind
    parsed = (mend if slow else parse)(kind, body)
    source, channel = _source(headers, parsed.write_key, query, keys)
    sender = headers.get("anonymousid")
    stamp = Stamped(
        source,
        channel,
        now_us,
        keys.max_event_bytes,
        keys.max_body_bytes,
        route.dialect or (RUDDER if sender else ""),
        anonymous_id(sender) if sender else None,
        route.by_content,
    )
    payloads, n_invalid = payloads_of(kind, parsed, stamp)
    return Received(SUCCESS, payloads, n_invalid)


def _source(headers: Headers, written: str | None, query: str, keys: Keys) -> tuple[str, str]:
    """The source a request speaks for: the key in its header, else the one in its body, else the one in its address."""
    authorization = headers.get("authorization")
    if authorization:
        found = keys.heard.get(authorization)
        if found is not None:
            return found
        key = key_in(authorization)
        if key in keys.sources:
            return keys.hear(authorization, keys.sources[key])
    if written in keys.sources:
        return keys.sources[written]
    if "rite" in query:
        said = asked(query)
        key = said.get("writeKey") or said.get("write_key")
        if key in keys.sources:
            return keys.sources[key]
    raise UnknownKey(
        "No source has this write key." if authorization or written or query else "The request carries no write key.",
        allowed="HTTP Basic with the key as user name, or writeKey in the body or the query",
        next_step="List the keys with 'ariane keys'.",
    )


def _told(hook: Hook, provider: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """What a provider's webhook tells, as a batch."""
    try:
        return msgspec.json.encode({"batch": hook(body, headers)})
    except ArianeError:
        raise
    except Exception as error:  # bodies of others change without notice; whatever they are, the answer is not a crash
        raise Detailed(
            f"This is not what {provider} sends: {error!r:.200}",
            kept=f"This is not what {provider} sends: {type(error).__name__}.",
            next_step="See docs/sources.md for what is read.",
        ) from error


def _stamp(provider: str, folder: Path | None) -> int:
    """Changes when the workspace's own mapping of this provider does."""
    if folder is None or not _PROVIDER.fullmatch(provider):
        return 0
    try:
        return (folder / f"{provider}.toml").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(64)
def _hook(provider: str, secret: str, folder: Path | None, stamp: int) -> Hook:
    """What reads this provider's webhook; loaded when the first one comes."""
    try:
        webhook = import_module("ariane.ingest.sources").webhook
    except (ImportError, AttributeError):
        raise NotFound(f"No webhook named '{provider[:100]}'.") from None
    reader: Hook = webhook(provider, secret=secret, folder=folder)
    return reader


def _inflated(body: bytes, max_body_bytes: int) -> bytes:
    """The body as text, whether or not it was compressed: some clients compress without saying so."""
    if len(body) > max_body_bytes:
        raise too_large(max_body_bytes)
    if body[:2] != b"\x1f\x8b":
        return body
    most = max_body_bytes * INFLATED
    pieces: list[bytes] = []
    size = 0
    for _ in range(MEMBERS + 1):  # each costs a copy of all that follows
        if body[:2] != b"\x1f\x8b":
            break
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
    else:
        raise too_large(most)
    return b"".join(pieces)


def too_large(allowed: int) -> TooLarge:
    return TooLarge(
        "The body is too large.", allowed=f"at most {allowed} bytes", next_step="Send several smaller batches."
    )
