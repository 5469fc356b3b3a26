"""Taking files of a Delta table over into a new one as they are: neither read nor written, only listed anew.

The new table begins its own history. What the old one's said of files that are not taken over, the least and greatest
of their values among it, is not in it; of the others it says the same. All of it: of a column about which one file says
nothing where others do, readers of Arrow data sets conclude that no value fits.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction, create_table_with_add_actions

from ariane.store.place import Place


def carry(table: DeltaTable, here: Place, there: Place, paths: Collection[str]) -> None:
    """Make the table `there` of the files `paths` (as the table names them) of the one `here`."""
    listed = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    chosen = [entry for entry in listed if entry["path"] in paths]
    for entry in chosen:
        _take(here, there, entry["path"])
    create_table_with_add_actions(
        there.root,
        table.schema(),
        [_added(entry) for entry in chosen],
        partition_by=list(table.metadata().partition_columns) or None,
    )


def _take(here: Place, there: Place, path: str) -> None:
    if here.folder is not None and there.folder is not None:
        (there.folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(here.folder / path, there.folder / path)
        return
    with here.system().open_input_stream(path) as source, there.system().open_output_stream(path) as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def _added(entry: dict[str, Any]) -> AddAction:
    """A file's entry in the new list."""
    folders = {name.removeprefix("partition."): value for name, value in entry.items() if name.startswith("partition.")}
    stats: dict[str, Any] = {"numRecords": entry["num_records"]}
    for key, prefix in (("minValues", "min."), ("maxValues", "max."), ("nullCount", "null_count.")):
        stats[key] = {
            name.removeprefix(prefix): value.isoformat() if isinstance(value, date) else value
            for name, value in entry.items()
            if name.startswith(prefix) and value is not None
        }
    return AddAction(
        path=entry["path"],
        size=entry["size_bytes"],
        partition_values={name: None if value is None else str(value) for name, value in folders.items()},
        modification_time=int(entry["modification_time"]),
        data_change=True,
        stats=json.dumps(stats),
    )
