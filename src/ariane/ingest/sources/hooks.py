"""What another tool posts, as events: one body, read by the mapping of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ariane.errors import InputError
from ariane.ingest.answers import Detailed
from ariane.ingest.applying import Applied, Row, opened
from ariane.ingest.finding import Unreadable
from ariane.ingest.record import Record
from ariane.ingest.sources.registry import mapping_of, source_kind
from ariane.ingest.sources.signing import OURS, is_signed

Hook = Callable[[bytes, Mapping[str, str]], list[dict[str, object]]]
"""Takes a body as it came and its headers by lower-case name; gives events in Segment's shape."""

MOST_FIELDS = 2_000
_CAMEL = ("source", "receivedUs")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class BadSignature(InputError):
    """What was posted does not carry the signature its source's secret makes.

    >>> try:
    ...     webhook("visits", secret="s")(b"{}", {})
    ... except InputError as error:
    ...     error.code, error.status
    ('bad_signature', 401)
    """

    code, status = "bad_signature", 401


def webhook(kind: str, *, secret: str = "", folder: Path | None = None) -> Hook:
    """What turns a body posted to `/v1/hooks/<kind>` into events.

    Their `messageId` depends on the body alone (the sender's own id where it has one), so that a body sent again adds
    nothing. Without `timestamp` an event happened when it came in. With `secret` a body must be signed. A body that
    holds rows and one of them cannot be read gives the others, and a Row Refused that says why.

    Raises NotFound for a kind there is not, InputError for one that is not posted; the function returned raises
    InputError when nothing of the body can be read, and BadSignature.

    >>> body = b'{"email": "Ana@example.org", "event": "click", "timestamp": 1767225600, "sg_event_id": "e-1"}'
    >>> [event] = webhook("sendgrid")(body, {"content-type": "application/json"})
    >>> event["event"], event["messageId"], event["timestamp"]
    ('Email Clicked', 'sendgrid:e-1', '2026-01-01T00:00:00Z')
    """
    if not source_kind(kind, folder).hook:
        raise InputError(
            f"'{kind}' is read from files, not posted.", next_step=f"Import the file: ariane import {kind} <file>."
        )
    mapping = mapping_of(kind, folder)
    applied = Applied(mapping, prefix=f"{kind}:")
    where, signature = f"hook {kind}", mapping.signature or OURS
    # Else it is checked before anything of the body is read.
    within = signature.column != "" or any(part != "body" and part[:7] != "header:" for part in signature.signed)

    def take(body: bytes, headers: Mapping[str, str]) -> list[dict[str, object]]:
        if secret and not within:
            _check(is_signed(signature, secret, body, headers, []), where, signature.header)
        documents = _documents(body, headers, where)
        if secret and within:
            _check(is_signed(signature, secret, body, headers, documents), where, signature.column)
        return _events(applied, documents, kind, where)

    return take


def _check(signed: bool, where: str, stands_in: str) -> None:
    if not signed:
        raise BadSignature(
            "The body is not signed with this source's secret.",
            where=where,
            allowed=f"a signature in {stands_in}",
            next_step="Compare the secret in ariane.toml with the sender's.",
        )


def _documents(body: bytes, headers: Mapping[str, str], where: str) -> list[dict[str, Any]]:
    """The objects a body holds: JSON, alone or in a list, or the fields of a form."""
    text = body.strip()
    if text[:1] not in (b"{", b"[") and "form-urlencoded" in headers.get("content-type", "").lower():
        try:
            return [dict(parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))]
        except ValueError as error:
            raise InputError(f"The form cannot be read: {error}.", where=where, next_step="Send JSON.") from error
    try:
        decoded = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = "The body is empty." if not text else f"The body is not JSON: {error}."
        raise InputError(problem, where=where, allowed="JSON, or the fields of a form") from error
    documents = decoded if isinstance(decoded, list) else [decoded]
    if not all(isinstance(document, dict) for document in documents):
        raise InputError("The body holds no objects.", where=where, allowed="a JSON object, or a list of them")
    return documents


def _events(applied: Applied, documents: list[dict[str, Any]], kind: str, where: str) -> list[dict[str, object]]:
    events: dict[str, dict[str, object]] = {}
    refused: dict[str, Unreadable] = {}
    n_rows = 0
    for row in _rows(applied, documents):
        n_rows += 1
        if applied.left_out(row):
            continue
        identity = applied.identity(row)
        try:
            records = applied.records(row, kind, 0, identity).records
        except Unreadable as error:
            refused[identity] = error
            continue
        for record in records:
            events.setdefault(record.message_id, _sent(record))
    if refused and len(refused) == n_rows:
        first = next(iter(refused.values()))
        named = f"{first.field}: " if first.field else ""
        raise Detailed(
            f"{named}{first.problem}.",
            kept=f"{named}{first.wanted}.",
            where=where,
            allowed="what its sample shows",
            next_step=f"See 'ariane sources {kind} --sample'.",
        )
    for identity, why in refused.items():
        events.setdefault(f"{identity}/refused", _refusal(identity, kind, why))
    return list(events.values())


def _rows(applied: Applied, documents: list[dict[str, Any]]) -> Iterator[Row]:
    for place, document in enumerate(documents, start=1):
        row = Row(place, document, _encode(document))
        if applied.mapping.rows:
            yield from opened(row, applied.mapping.rows)
        else:
            yield row


def _sent(record: Record) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(record)
    return {key: value for key, value in found.items() if key not in _CAMEL}


def _refusal(identity: str, kind: str, error: Unreadable) -> dict[str, object]:
    """It names nobody, so no erasure would find it: it holds nothing the row said, and of its identity a digest."""
    return {
        "type": "track",
        "event": "Row Refused",
        "messageId": f"{kind}:{blake2b(identity.encode('utf-8', 'replace'), digest_size=12).hexdigest()}/refused",
        "properties": {"kind": kind, "field": error.field, "reason": error.wanted},
    }
