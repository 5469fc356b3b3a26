"""Every identifier an event names, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator

from ariane.identity import Rules, identify
from ariane.identity.copying import linked
from ariane.ingest import RESERVED_SOURCE
from ariane.model import Event, Identifier


def carried_keys(event: Event, rules: Rules) -> Iterator[int]:
    """The keys of all identifiers an event carries, if only in a page's address; of a decision about identity, those it
    names."""
    if event.source == RESERVED_SOURCE:
        yield from _named(event)
    for identifier in identify(event, rules):
        yield identifier.key
    for named in linked(event, rules):
        yield named.key


def _named(event: Event) -> Iterator[int]:
    """The keys of the identifiers that a decision about identity names, as `kind:value`."""
    for end in ("a", "b"):
        kind, separator, value = str(event.properties.get(end, "")).partition(":")
        if separator:
            yield Identifier(kind, value).key
