"""The lake: columnar history as Delta tables, one folder a table.

A batch and the progress of whoever wrote it are one Delta commit, so a consumer that dies between two batches neither
loses nor repeats one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import TableNotFoundError

from ariane.errors import NotFound, Transient

WRITER = WriterProperties(compression="ZSTD", compression_level=1)
QUIET = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


class Lake:
    """Delta tables under one root.

    >>> import tempfile
    >>> lake = Lake(Path(tempfile.mkdtemp()))
    >>> lake.append("colours", pa.table({"name": ["red"]}), progress={"web-0": 10})
    >>> lake.progress("colours", "web-0"), lake.read("colours").to_pylist()
    (10, [{'name': 'red'}])
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, DeltaTable] = {}
        self._needless: dict[str, dict[str, float]] = {}

    def names(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("*") if (path / "_delta_log").is_dir())

    def exists(self, name: str) -> bool:
        return (self.root / name / "_delta_log").is_dir()

    def append(
        self,
        name: str,
        rows: pa.Table,
        *,
        partition_by: Sequence[str] = (),
        progress: Mapping[str, int] | None = None,
    ) -> None:
        """Add rows, and with the same commit how far each consumer has come. Transient when the disk refuses."""
        self._write(name, rows, "append", partition_by, progress)

    def replace(self, name: str, rows: pa.Table, *, progress: Mapping[str, int] | None = None) -> None:
        """Put rows in the place of everything the table held, in one commit."""
        self._write(name, rows, "overwrite", (), progress)

    def _write(
        self,
        name: str,
        rows: pa.Table,
        mode: Literal["append", "overwrite"],
        partition_by: Sequence[str],
        progress: Mapping[str, int] | None,
    ) -> None:
        transactions = [Transaction(consumer, offset) for consumer, offset in (progress or {}).items()]
        options: dict[str, Any] = {
            "schema_mode": "merge" if mode == "append" else "overwrite",
            "partition_by": list(partition_by) or None,
            "commit_properties": CommitProperties(app_transactions=transactions) if transactions else None,
            "post_commithook_properties": QUIET,
            "writer_properties": WRITER,
        }
        try:
            write_deltalake(str(self.root / name), rows, mode=mode, **options)
        except OSError as error:
            raise Transient(f"The lake could not be written: {error}.", where=str(self.root / name)) from error

    def table(self, name: str) -> DeltaTable:
        """The table at its newest version. NotFound when nothing was ever written to it."""
        try:
            held = self._open.get(name)
            if held is None:
                held = self._open[name] = DeltaTable(str(self.root / name))
            else:
                held.update_incremental()
            return held
        except (TableNotFoundError, FileNotFoundError) as error:
            self._open.pop(name, None)
            raise NotFound(f"The lake has no table '{name}'.", where=str(self.root)) from error

    def version(self, name: str) -> int:
        """The number of the newest commit, −1 when the table does not exist."""
        return self.table(name).version() if self.exists(name) else -1

    def files(self, name: str) -> list[str]:
        """The Parquet files that together are the table now."""
        return sorted(self.table(name).file_uris()) if self.exists(name) else []

    def schema(self, name: str) -> pa.Schema:
        return pa.schema(self.table(name).schema().to_arrow())

    def progress(self, name: str, consumer: str) -> int:
        """How far `consumer` has come, as its last commit said. 0 when it never wrote."""
        if not self.exists(name):
            return 0
        return self.table(name).transaction_version(consumer) or 0

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A small table, whole."""
        return self.table(name).to_pyarrow_table(columns=list(columns) if columns else None)

    def compact(self, name: str, *, target_bytes: int = 128 << 20) -> int:
        """Join small files into larger ones; how many were replaced."""
        return int(self.table(name).optimize.compact(target_size=target_bytes)["numFilesRemoved"])

    def sweep(self, name: str, *, grace_s: float = 300.0) -> int:
        """Remove files no version needs since `grace_s`; how many. A question asked before goes on reading until then.

        How long a file has been needless counts from when this process first saw it so.
        """
        needless = self.table(name).vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
        known, now = self._needless.get(name, {}), time.monotonic()
        self._needless[name] = {file: known.get(file, now) for file in needless}
        due = [file for file, since in self._needless[name].items() if now - since >= grace_s]
        for file in due:
            (self.root / name / file).unlink(missing_ok=True)
            del self._needless[name][file]
        return len(due)

    def delete(self, name: str, predicate: str) -> int:
        """Delete the rows for which the SQL `predicate` holds; how many."""
        return int(self.table(name).delete(predicate)["num_deleted_rows"])

    def rewrite(
        self,
        name: str,
        kept: Callable[[pa.Table], pa.Table],
        *,
        partition_by: Sequence[str] = (),
        consumers: Sequence[str] = (),
    ) -> None:
        """Write the table anew with the rows of each file passed through `kept`, and put it in the old one's place:
        no file, no statistic and no earlier version of it is left. The consumers' progress is kept."""
        progress = {consumer: self.progress(name, consumer) for consumer in consumers}
        beside = Lake(self.root / ".rewriting")
        beside.drop(name)
        schema = self.schema(name)
        for file in self.files(name):
            rows = kept(self._rows_of(name, file, schema))
            if rows.num_rows:
                beside.append(name, rows, partition_by=partition_by)
        beside.append(name, schema.empty_table(), partition_by=partition_by, progress=progress)
        self.drop(name)
        (beside.root / name).rename(self.root / name)
        shutil.rmtree(beside.root)

    def _rows_of(self, name: str, file: str, schema: pa.Schema) -> pa.Table:
        """One file's rows, with the columns that its folder's name holds."""
        rows = pq.ParquetFile(file.removeprefix("file://")).read()
        columns = []
        for field in schema:
            if field.name in rows.column_names:
                columns.append(rows.column(field.name).cast(field.type))
                continue
            marked = [part for part in Path(file).parts if part.startswith(f"{field.name}=")]
            value = pa.scalar(marked[0].split("=", 1)[1]).cast(field.type) if marked else pa.scalar(None, field.type)
            columns.append(pa.repeat(value, rows.num_rows))
        return pa.Table.from_arrays(columns, schema=schema)

    def drop(self, name: str) -> None:
        self._open.pop(name, None)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def size_bytes(self, name: str) -> int:
        return sum(Path(file).stat().st_size for file in self.files(name))

    def n_rows(self, name: str) -> int:
        """How many rows the table holds, from its log; no file is opened."""
        if not self.exists(name):
            return 0
        counts = pa.table(self.table(name).get_add_actions(flatten=True)).column("num_records").to_pylist()
        return sum(n or 0 for n in counts)
