"""Who an event says it is only because the address of a page said so.

Segment's browser library identifies a visitor as whoever `?ajs_uid=` in the page's address names, and takes `ajs_aid`
and `ajs_trait_…` the same way. Anybody can send anybody such a link, so what only the address says is kept as a claim
and identifies nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MARK = "ajs_"
_TRAIT = "ajs_trait_"


def claims_of(context: Mapping[str, Any]) -> dict[str, str]:
    """What the page's address claims: `user_id`, `anonymous_id`, and traits by their names.

    >>> claims_of({"page": {"search": "?ajs_uid=9&ajs_trait_email=a%40b.example&q=lamp"}})
    {'user_id': '9', 'email': 'a@b.example'}
    """
    page = context.get("page")
    if not isinstance(page, dict):
        return {}
    said = [page.get("search"), _query(page.get("url"))]
    claims: dict[str, str] = {}
    for query in said:
        if not isinstance(query, str) or MARK not in query:
            continue
        for name, value in parse_qsl(query.lstrip("?"), errors="replace")[:200]:
            if name == "ajs_uid":
                claims.setdefault("user_id", value)
            elif name == "ajs_aid":
                claims.setdefault("anonymous_id", value)
            elif name.startswith(_TRAIT) and len(name) > len(_TRAIT):
                claims.setdefault(name.removeprefix(_TRAIT), value)
    return claims


def unclaimed(value: str | None, claim: str | None) -> str | None:
    """The name, unless it is only what the address claims."""
    return None if claim is not None and value == claim else value


def without(properties: dict[str, Any], claims: Mapping[str, str]) -> dict[str, Any]:
    """The properties without those that only repeat a claim.

    >>> without({"email": "a@b.example", "plan": "pro"}, {"email": "a@b.example"})
    {'plan': 'pro'}
    """
    return {name: value for name, value in properties.items() if name not in claims or str(value) != claims[name]}


def _query(url: object) -> str:
    if not isinstance(url, str) or MARK not in url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.query or parts.fragment.partition("?")[2]
