"""How events come in: over HTTP in Segment's wire format, or from files. What is received is validated, appended to the
log and only then acknowledged; `read` turns a log record into the event that every later room works on.

>>> from ariane.ingest import Record, encode, read
>>> record = Record(source="web", message_id="m-1", type="track", event="Product Viewed", received_us=1)
>>> read(encode(record)).name
'Product Viewed'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ariane.ingest.clock import instant_us
    from ariane.ingest.context import columns_of
    from ariane.ingest.names import INTERNAL_EVENTS, KNOWN_EVENTS, RESERVED_SOURCE
    from ariane.ingest.reading import read
    from ariane.ingest.record import Record, encode
    from ariane.ingest.rows import RowReader, Rows

_HOMES = {
    "INTERNAL_EVENTS": "names",
    "KNOWN_EVENTS": "names",
    "RESERVED_SOURCE": "names",
    "Record": "record",
    "RowReader": "rows",
    "Rows": "rows",
    "columns_of": "context",
    "encode": "record",
    "instant_us": "clock",
    "read": "reading",
}

__all__ = [
    "INTERNAL_EVENTS",
    "KNOWN_EVENTS",
    "RESERVED_SOURCE",
    "Record",
    "RowReader",
    "Rows",
    "columns_of",
    "encode",
    "instant_us",
    "read",
]


def __getattr__(name: str) -> object:
    """Load a name's module when it is first asked for: the collector never loads Arrow."""
    if name in _HOMES:
        from importlib import import_module

        found: object = getattr(import_module(f"ariane.ingest.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'ariane.ingest' has no attribute '{name}'")
