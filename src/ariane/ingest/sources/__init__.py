"""A source for every channel: what other tools send or export, each kind one mapping file with a sample beside it.

A kind is read from a file (`ariane import till receipts.csv`) or, where its tool can post, taken as it happens
(`/v1/hooks/till`), by the same mapping. A workspace changes a kind, or adds one, with a file in its folder `sources/`.

>>> from ariane.ingest.sources import kinds, mapping_of, sample_of, source_kind, webhook
>>> {"till", "shopify", "sendgrid"} <= set(kinds())
True
>>> source_kind("till").channels, source_kind("till").events
(('store',), ('Order Completed', 'Order Refunded'))
>>> mapping_of("till").basis, sample_of("till").splitlines()[0].split(";")[0]
('service', 'receipt')
>>> posted = b'{"at": "2026-03-01T10:00:00Z", "store": "Lyon", "card": "L-1"}'
>>> [event["event"] for event in webhook("visits")(posted, {})]
['Store Visited']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.ingest.sources.hooks import BadSignature, webhook
    from ariane.ingest.sources.registry import (
        SourceKind,
        free_texts,
        kinds,
        mapping_of,
        mapping_text_of,
        sample_of,
        source_kind,
    )

__all__ = [
    "BadSignature",
    "SourceKind",
    "free_texts",
    "kinds",
    "mapping_of",
    "mapping_text_of",
    "sample_of",
    "source_kind",
    "webhook",
]

__getattr__ = face(
    __name__,
    {
        "BadSignature": "hooks",
        "SourceKind": "registry",
        "free_texts": "registry",
        "kinds": "registry",
        "mapping_of": "registry",
        "mapping_text_of": "registry",
        "sample_of": "registry",
        "source_kind": "registry",
        "webhook": "hooks",
    },
)
