"""Tables of the lake that follow something that changes: what stood when they were last settled, and the news since.

A row that changed is appended with its version as news; whoever reads takes, for each key, the rows of its newest
version and else the settled ones. So a commit costs what changed, whatever the table's size. Now and then the news are
settled into the rest. Both layers are one Delta table, so whoever reads it sees one moment of it.

The key names what is replaced together: all rows of that key. A key none of whose rows are left has one that is `gone`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as pads

from ariane.store.columns import DERIVED

if TYPE_CHECKING:  # who writes needs it only for what is in layers
    import duckdb

LAYER, VERSION, GONE = "layer", "version", "gone"
SETTLED, NEWS = "settled", "news"
HIDDEN = (LAYER, VERSION, GONE)

KEYS: dict[str, tuple[str, ...]] = {
    "identifiers": ("key",),
    "persons": ("person_id",),
    "consents": ("person_id",),
    "edges": ("a_key", "b_key", "rule"),
    "person_changes": ("n",),
    "person_moves": ("n", "key"),
    "aliases": ("alias",),
}


def layered(name: str, columns: Sequence[str]) -> bool:
    """Whether a table with these columns is kept in layers: one written whole, by other means, is not."""
    return name in KEYS and LAYER in columns


def settled_rows(rows: pa.Table) -> pa.Table:
    """Rows as they are kept once settled."""
    return _marked(rows, SETTLED, 0, pa.repeat(pa.scalar(False), rows.num_rows))


def news_rows(name: str, rows: pa.Table, gone: pa.Table, version: int) -> pa.Table:
    """Rows that are new, and the keys none of whose rows are left, as they are kept until they are settled."""
    schema = DERIVED[name]
    if not gone.num_rows:
        return _marked(rows, NEWS, version, pa.repeat(pa.scalar(False), rows.num_rows))
    absent = [
        gone.column(field.name).cast(field.type) if field.name in KEYS[name] else pa.nulls(gone.num_rows, field.type)
        for field in schema
    ]
    both = pa.concat_tables([rows, pa.Table.from_arrays(absent, schema=schema)])
    flags = pa.array([False] * rows.num_rows + [True] * gone.num_rows, pa.bool_())
    return _marked(both, NEWS, version, flags)


def _marked(rows: pa.Table, layer: str, version: int, gone: pa.Array) -> pa.Table:
    n = rows.num_rows
    marks = {LAYER: pa.repeat(pa.scalar(layer), n), VERSION: pa.repeat(pa.scalar(version, pa.int64()), n), GONE: gone}
    for column, values in marks.items():
        rows = rows.append_column(column, values)
    return rows


def latest(name: str, layers: str, there: Collection[str] | None = None) -> str:
    """SQL for the rows that hold now, from `layers`, which names both layers' rows. DuckDB and Spark both read it.
    Columns that are not `there`, in a table written before it had them, are null.

    >>> latest("persons", "layers")[:67]
    'WITH news AS (SELECT * FROM (SELECT *, max(version) OVER (PARTITION'
    """
    keys, columns = KEYS[name], ", ".join(_column(field, there) for field in DERIVED[name])
    same = " AND ".join(f"news.{key} = kept.{key}" for key in keys)
    newest = f"SELECT *, max({VERSION}) OVER (PARTITION BY {', '.join(keys)}) AS newest FROM {layers}"
    return (
        f"WITH news AS (SELECT * FROM ({newest} WHERE {LAYER} = '{NEWS}') AS every WHERE {VERSION} = newest) "
        f"SELECT {columns} FROM {layers} AS kept WHERE {LAYER} = '{SETTLED}' "
        f"AND NOT EXISTS (SELECT 1 FROM news WHERE {same}) "
        f"UNION ALL SELECT {columns} FROM news WHERE NOT {GONE}"
    )


def _column(field: pa.Field, there: Collection[str] | None) -> str:
    absent = there is not None and field.name not in there
    return (
        f"CAST(NULL AS {'BIGINT' if pa.types.is_int64(field.type) else 'STRING'}) AS {field.name}"
        if absent
        else str(field.name)
    )


def now(name: str, layers: pads.Dataset) -> duckdb.DuckDBPyRelation:
    """The rows that hold now, as they are kept once settled; nothing is read before they are asked for."""
    import duckdb

    held = f"SELECT *, '{SETTLED}' AS {LAYER}, CAST(0 AS BIGINT) AS {VERSION}, false AS {GONE}"
    one = duckdb.connect(config={"threads": 1})  # what is in flight is in memory once, and nobody waits for it
    rows = latest(name, "layers", layers.schema.names)
    found = one.from_arrow(layers).query("layers", f"{held} FROM ({rows}) AS rows_now")
    assert found is not None
    return found
