"""The edge: what the rooms return as what programs are shown, and the type of it.

Inside, instants are microseconds (`occurred_us`); outside, ISO 8601 (`occurred_at`). What a Struct computes from its
fields (`delta`) is shown beside them. Keys that only join tables are not shown.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ariane.workspace import iso


def shown(value: Any) -> Any:
    """A value of the rooms as JSON can hold it.

    >>> from ariane.model import Interval
    >>> shown(Interval(float("nan"), None, None, 2)), shown(datetime(2026, 1, 2))
    ({'value': None, 'lo': None, 'hi': None, 'n': 2}, '2026-01-02T00:00:00Z')
    """
    if isinstance(value, msgspec.Struct):
        return dict(_shown_field(name, getattr(value, name)) for name in _names(type(value)))
    if isinstance(value, Mapping):  # its names are data, not ours
        return {str(name): shown(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _shown_field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_us"):
        return f"{name[:-3]}_at", None if value is None else iso(value)
    return name, shown(value)


@cache
def shape(kind: Any) -> Any:
    """The type of what `shown` makes of a value of type `kind`.

    >>> from ariane.model import Identifier
    >>> shape(tuple[Identifier, ...])
    tuple[ariane.api.edge.Identifier, ...]
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return kind
    if origin in (Union, types.UnionType):
        return reduce(or_, [shape(one) for one in inner])
    if kind is msgspec.Raw:
        return Any
    if origin is None or origin is Literal:
        return kind
    return origin[tuple(one if one is ... else shape(one) for one in inner)]


def _struct(kind: type[msgspec.Struct]) -> Any:
    hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
    hints |= {name: get_type_hints(getattr(kind, name).fget)["return"] for name in _names(kind) if name not in hints}
    fields: list[tuple[str, Any]] = []
    for name in _names(kind):
        is_instant = name.endswith("_us")
        edge_type = _instant(hints[name]) if is_instant else shape(hints[name])
        fields.append((f"{name[:-3]}_at" if is_instant else name, edge_type))
    return msgspec.defstruct(kind.__name__, fields, frozen=True, namespace={"__doc__": kind.__doc__}, module=__name__)


def _instant(kind: Any) -> Any:
    return datetime | None if type(None) in get_args(kind) else datetime


@cache
def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of a Struct that are shown, then what it computes from them. An identifier's computed `key` and a
    person's `keys` are not: whole numbers of 64 bits, for joins."""
    computed = [name for name, held in vars(kind).items() if isinstance(held, property) and name != "key"]
    return (*(name for name in kind.__struct_fields__ if name != "keys"), *computed)
