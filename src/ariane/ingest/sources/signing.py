"""Whether a body carries the signature that a source's secret makes."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from ariane.ingest.finding import look_up
from ariane.ingest.grammar import Signature
from ariane.ingest.sources.curve import is_signed_by

OURS = Signature(header="x-ariane-signature", prefix="sha256=")
"""How a body is signed for a kind whose tool has no way of its own."""


def is_signed(
    rule: Signature, secret: str, body: bytes, headers: Mapping[str, str], documents: Sequence[dict[str, Any]]
) -> bool:
    """Whether the signature is the secret's. A body sent again has the same message ids, so age is not looked at.

    >>> import hashlib
    >>> made = hmac.new(b"s", b"{}", hashlib.sha256).hexdigest()
    >>> is_signed(OURS, "s", b"{}", {"x-ariane-signature": f"sha256={made}"}, [])
    True
    """
    document = documents[0] if documents else {}
    given = headers.get(rule.header.lower(), "") if rule.header else _text(look_up(document, rule.column))
    parts = [_part(name, body, headers, document) for name in rule.signed]
    if not given.startswith(rule.prefix) or None in parts or (rule.column and len(documents) != 1):
        return False
    message = b"".join(part for part in parts if part is not None)
    if rule.algorithm == "p256":
        return is_signed_by(secret, given.removeprefix(rule.prefix).strip(), message)
    digest = hmac.new(secret.encode(), message, rule.algorithm).digest()
    made = digest.hex() if rule.encoding == "hex" else b64encode(digest).decode()
    return hmac.compare_digest(made.encode(), given.removeprefix(rule.prefix).strip().encode("utf-8", "replace"))


def _part(name: str, body: bytes, headers: Mapping[str, str], document: dict[str, Any]) -> bytes | None:
    if name == "body":
        return body
    if name.startswith("header:"):
        found = headers.get(name.removeprefix("header:").lower())
        return found.encode() if found is not None else None
    text = _text(look_up(document, name))
    return text.encode("utf-8", "replace") if text else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
