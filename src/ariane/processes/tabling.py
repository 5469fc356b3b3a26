"""Rows of events as Arrow, the way the lake keeps them."""

from __future__ import annotations

from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ariane.identity import Rules
from ariane.identity.copying import Named, named_in, reading_of, recognise
from ariane.ingest import RowReader, Rows
from ariane.model import DAY, Event
from ariane.store import schema_of

BASIS = "basis"
"""The name under which the lake's events say by which rules their subjects were found."""

MIXED = 0


@lru_cache(maxsize=1)
def basis_of(rules: Rules) -> int:
    """A number for what of these rules events are read by, never 0: other limits do not make rows others."""
    return int.from_bytes(blake2b(reading_of(rules), digest_size=7).digest(), "big") | 1


@lru_cache(maxsize=1)
def reader_of(rules: Rules, properties: tuple[tuple[str, str], ...], currency: str) -> RowReader:
    """The reader of records under these rules and registered properties; the same one as long as they stay."""

    def strongest(event: Event) -> Named | None:
        found = named_in(event, rules)
        return found[0] if found else None

    return RowReader(strongest, partial(recognise, rules), dict(properties), currency, rules.kinds)


def to_arrow(rows: Rows, properties: dict[str, str], partition: str) -> pa.Table:
    """Rows read from `partition` as the lake keeps them, sorted by day, subject and time, so that one person's rows lie
    together.

    What events share is built once for each different text and then dealt out.
    """
    schema = schema_of("events", properties)
    own = rows.columns
    occurred, subject = (np.array(own[name], np.int64) for name in ("occurred_us", "subject_key"))
    day = occurred // DAY
    order = np.lexsort((occurred, subject, day))
    of_properties, of_contexts = (np.array(own[name], np.int64)[order] for name in ("properties", "context"))
    known: dict[str, pa.Array] = {
        "occurred_us": pa.array(occurred[order]),
        "subject_key": pa.array(subject[order]),
        "event_on": pa.array(day[order].astype(np.int32)).cast(pa.date32()),
        "event_in": _months(day[order]),
        "log_partition": pa.repeat(pa.scalar(partition), len(order)),
        "properties": pa.array([part.text for part in rows.properties], pa.string()).take(pa.array(of_properties)),
        "context": pa.array([part.text for part in rows.contexts], pa.string()).take(pa.array(of_contexts)),
    }
    places = pa.array(order)
    for name in own.keys() - known.keys():
        known[name] = pa.array(own[name], schema.field(name).type).take(places)
    shared = [
        _dealt([part.columns for part in parts], at, schema)
        for parts, at in ((rows.properties, of_properties), (rows.contexts, of_contexts))
    ]
    for field in schema:
        if field.name not in known:
            found = [columns[field.name] for columns in shared if field.name in columns]
            if len(found) > 1:
                known[field.name] = pc.coalesce(*found)
            else:
                known[field.name] = found[0] if found else pa.nulls(len(order), field.type)
    return pa.Table.from_arrays([known[name] for name in schema.names], schema=schema)


def sort(rows: pa.Table) -> pa.Table:
    """Rows as `to_arrow` sorts them, where several such were joined."""
    occurred, subject = (rows.column(name).to_numpy() for name in ("occurred_us", "subject_key"))
    return rows.take(pa.array(np.lexsort((occurred, subject, occurred // DAY))))


def _dealt(parts: list[dict[str, object]], at: np.ndarray[Any, Any], schema: pa.Schema) -> dict[str, pa.Array]:
    """The columns that parts fill, a value for each place in `at`."""
    filled: dict[str, list[object]] = {}
    for place, columns in enumerate(parts):
        for name, value in columns.items():
            values = filled.get(name)
            if values is None:
                values = filled[name] = [None] * len(parts)
            values[place] = value
    places = pa.array(at)
    return {name: pa.array(values, schema.field(name).type).take(places) for name, values in filled.items()}


def _months(day: np.ndarray[Any, Any]) -> pa.Array:
    """The month of each day (days since 1970), as 2026-11."""
    months, at = np.unique(day.astype("datetime64[D]").astype("datetime64[M]"), return_inverse=True)
    return pa.array(np.datetime_as_string(months).tolist(), pa.string()).take(pa.array(at))
