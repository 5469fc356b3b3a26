"""Reads who the address of a page says somebody is: `?email=`, `?uid=` and the like, as newsletters' links carry them.

Links are forwarded, shared and forged, so what only an address says is never an event's subject: it ties the subject
under the rule `carried`, the least trusted that ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl

from ariane.identity.commands import INTERNAL_SOURCE, SPOKEN
from ariane.identity.identifying import Carried, Named, named_of
from ariane.identity.rules import Rules
from ariane.model import Event

_LONGEST, _MOST_PARAMETERS = 8192, 200


def addressed(event: Event, rules: Rules) -> Carried:
    """The (kind, raw value) pairs that the page's address carries: `context.page` and, of page events, the properties;
    `url` and `search` of each.

    >>> event = Event(event_id="e", message_id="m", source="web", type="page", name="", channel="web", occurred_us=0,
    ...               received_us=0, anonymous_id="c-1",
    ...               context={"page": {"url": "https://shop.example/?utm_source=news&email=ana%40example.org"}})
    >>> addressed(event, Rules.default())
    (('email', 'ana@example.org'),)
    """
    links = in_page(event.context.get("page"), rules)
    return links + in_page(event.properties, rules) if event.type == "page" else links


def in_page(said: object, rules: Rules) -> Carried:
    """The pairs that a page's `url` and `search` carry, where `said` is what is known of a page."""
    found: Carried = ()
    if type(said) is dict and parameters_of(rules):
        for name in ("url", "search"):
            text = said.get(name)
            if type(text) is str and "=" in text:
                found += _said(rules, name, text)
    return found


def linked(event: Event, rules: Rules) -> list[Named]:
    """The identifiers that only the address of the page names, strongest first."""
    if event.source == INTERNAL_SOURCE and event.name in SPOKEN:
        return []
    carried = addressed(event, rules)
    return named_of(carried, rules) if carried else []


@lru_cache(8)
def parameters_of(rules: Rules) -> Mapping[str, str]:
    """The kind that each parameter names, by the parameter in lower case."""
    return {name.lower(): kind for name, kind in rules.carried.parameters.items() if kind}


@lru_cache(1 << 14)
def _said(rules: Rules, name: str, text: str) -> Carried:
    names = parameters_of(rules)
    query = text if name == "search" else _query(text)
    pairs = parse_qsl(query[:_LONGEST].lstrip("?"), errors="replace")[:_MOST_PARAMETERS]
    return tuple((names[one.lower()], value) for one, value in pairs if one.lower() in names)


def _query(url: str) -> str:
    """What follows the question mark; of an address within a page (`#/shop?…`) too."""
    before, _, fragment = url.partition("#")
    return before.partition("?")[2] or fragment.partition("?")[2]
