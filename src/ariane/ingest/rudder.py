"""What RudderStack's clients say in their own way: their libraries' names, `merge`, the `AnonymousId` header."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64

import msgspec

from ariane.ingest.routes import RUDDER

MERGED = {
    "mobile": "phone", "phone_number": "phone", "userid": "user_id", "anonymousid": "cookie", "anonymous_id": "cookie",
    "deviceid": "device", "device_id": "device",
}  # fmt: skip
"""What a merge calls a kind of identifier, in lower case, and what it is called here; other names stand as they are."""

_LONGEST = 200


class _Library(msgspec.Struct):
    name: object = None


class _Context(msgspec.Struct):
    library: _Library | None = None


class _Property(msgspec.Struct):
    type: str
    value: str | int


_context = msgspec.json.Decoder(_Context).decode
_properties = msgspec.json.Decoder(list[_Property]).decode


def dialect_of(context: msgspec.Raw) -> str:
    """The dialect of the library a context names, "" for Segment's.

    >>> dialect_of(msgspec.Raw(b'{"library": {"name": "RudderLabs JavaScript SDK"}}'))
    'rudder'
    >>> dialect_of(msgspec.Raw(b'{"library": {"name": "analytics.js"}}')), dialect_of(msgspec.Raw(b"{}"))
    ('', '')
    """
    if b"udder" not in bytes(context):
        return ""
    try:
        library = _context(context).library
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if library is None or not isinstance(library.name, str):
        return ""
    return RUDDER if "rudder" in library.name.lower() else ""


def external_ids(merge: msgspec.Raw) -> list[dict[str, str]] | None:
    """The identifiers of a merge as Segment's `context.externalIds`; None when it names fewer than two.

    >>> external_ids(msgspec.Raw(b'[{"type": "email", "value": "a@b.example"}, {"type": "mobile", "value": "+331"}]'))
    [{'type': 'email', 'id': 'a@b.example'}, {'type': 'phone', 'id': '+331'}]
    """
    try:
        named = _properties(merge)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(named) < 2:
        return None
    return [{"type": MERGED.get(one.type.lower(), one.type), "id": str(one.value)} for one in named]


def anonymous_id(header: str | None) -> str | None:
    """The `AnonymousId` header opened: base64 of the id, or the id as it is.

    >>> anonymous_id("YW5vbi0x"), anonymous_id("anon-1"), anonymous_id(None)
    ('anon-1', 'anon-1', None)
    """
    if not header or len(header) > 2 * _LONGEST:
        return None
    try:
        opened = b64decode(header, validate=True).decode()
    except (NotBase64, UnicodeDecodeError, ValueError):
        opened = header
    return opened[:_LONGEST] if opened.isprintable() else None
