"""What a computation holds on the engine between its steps: rows that are many stay where they are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import ibis
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ariane.store.place import Place

Rows: TypeAlias = ibis.Table | pa.Table
Hold = Callable[[Rows], ibis.Table]
"""Computes rows now, keeps them on the engine and gives them as a table; Arrow rows are sent there."""

HELD = ".held"
_TYPES = {pa.int64(): "BIGINT", pa.string(): "STRING", pa.bool_(): "BOOLEAN", pa.int32(): "INT", pa.float64(): "DOUBLE"}


def hold_in_duckdb(backend: Any, name: str, rows: Rows) -> ibis.Table:
    """As a table in the engine's memory."""
    if isinstance(rows, pa.Table):
        backend.con.register(f"{name}_sent", rows)
        backend.con.execute(f'CREATE TABLE "{name}" AS FROM "{name}_sent"')
        backend.con.unregister(f"{name}_sent")
    else:
        backend.con.execute(f'CREATE TABLE "{name}" AS {backend.compile(rows)}')
    held: ibis.Table = backend.table(name, database=("memory", "main"))
    return held


def hold_on_spark(session: Any, backend: Any, place: Place, name: str, rows: Rows) -> ibis.Table:
    """As Parquet files beside the lake: what a cluster keeps in memory is its own affair, and may be computed twice."""
    address, files = place.address(name), place.system()
    if isinstance(rows, pa.Table):
        files.create_dir(name, recursive=True)
        with files.open_output_stream(f"{name}/part-0.parquet") as sink:
            pq.write_table(rows, sink)
    else:
        session.sql(backend.compile(rows)).write.mode("overwrite").parquet(address)
    schema = rows.schema if isinstance(rows, pa.Table) else rows.schema().to_pyarrow()
    written = files.get_file_info(pafs.FileSelector(name, recursive=True, allow_not_found=True))
    if any(one.path.endswith(".parquet") for one in written):
        frame = session.read.parquet(address)
    else:  # of no rows nothing need be written
        columns = ", ".join(f"CAST(NULL AS {_TYPES[field.type]}) AS `{field.name}`" for field in schema)
        frame = session.sql(f"SELECT {columns} WHERE false")
    frame.createOrReplaceTempView(name)
    held: ibis.Table = backend.table(name)
    return held
