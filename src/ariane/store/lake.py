"""The lake: columnar history as Delta tables, in a folder or in an object store, and what keeps it small and whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from ariane.store.carrying import carry
from ariane.store.delta import WRITER, DeltaTables, columns_of, inside
from ariane.store.layers import LAYER, NEWS, layered, now
from ariane.store.marking import mark, marked, unmark
from ariane.store.securing import mend, secure

SIZES, FAN_IN = (256 << 10, 2 << 20, 16 << 20, 128 << 20), 12
ONE_BY_ONE: dict[str, Any] = {"max_concurrent_tasks": 1, "writer_properties": WRITER}
"""Files are joined one after the other: two at a time hold twice as much in memory."""
REWRITING, READY = ".rewriting", "ready"


class Lake(DeltaTables):
    """Delta tables under one root: a folder, or an address such as ``s3://bucket/prefix`` (see Place).

    >>> import tempfile
    >>> lake = Lake(Path(tempfile.mkdtemp()))
    >>> lake.append("colours", pa.table({"name": ["red"]}), progress={"web-0": 10})
    >>> lake.progress("colours", "web-0"), lake.read("colours").to_pylist()
    (10, [{'name': 'red'}])
    """

    def __init__(self, root: Path | str) -> None:
        super().__init__(root)
        self._needless: dict[str, dict[str, float]] = {}
        self._looked: dict[str, int] = {}

    def settle(self, name: str, *, share: float = 0.25, least: int = 50_000, files: int = 32) -> None:
        """Put the news of a table among the rest when they are more than `share` of it and `least` rows; join their
        files when they are more than `files`. A row is so written about 1 / `share` times as often as it changes."""
        known = self._known(name)
        if known is None or not layered(name, columns_of(known)):
            return
        actions = pa.table(known.get_add_actions(flatten=True))
        marks, counts = (actions.column(column).to_pylist() for column in (f"partition.{LAYER}", "num_records"))
        news = [n or 0 for mark, n in zip(marks, counts, strict=True) if mark == NEWS]
        if sum(news) >= max(least, share * (sum(n or 0 for n in counts) - sum(news))):
            rows = now(name, self._dataset(name)).to_arrow_reader(100_000)
            self._write(name, rows, "overwrite", (LAYER,), None)
        elif len(news) > files:
            with self._writing(name):
                known.optimize.compact(partition_filters=[(LAYER, "=", NEWS)], **ONE_BY_ONE)

    def compact(self, name: str, *, target_bytes: int = 128 << 20) -> int:
        """Join small files into larger ones; how many were replaced."""
        with self._writing(name):
            return int(self.table(name).optimize.compact(target_size=target_bytes, **ONE_BY_ONE)["numFilesRemoved"])

    def join(self, name: str, *, sizes: Sequence[int] = SIZES, most: int = FAN_IN) -> int:
        """Join the files of each folder that has more than `most` much smaller (an eighth) than one of the `sizes`, in
        bytes, to files of that size, the least there is; how many were joined.

        What was joined waits for others of its size, so a row is rewritten a few times a size and not each time a small
        file comes. Looks only once some files have come since it last did.
        """
        table, joined = self._known(name), 0
        if table is None or len(table.file_uris()) < self._looked.get(name, 0) + most // 2:
            return 0
        actions = pa.table(table.get_add_actions(flatten=True))
        keys = [column for column in actions.column_names if column.startswith("partition.")]
        folders: dict[tuple[Any, ...], list[int]] = {}
        for row in actions.select(["size_bytes", *keys]).to_pylist():
            folders.setdefault(tuple(row[key] for key in keys), []).append(row["size_bytes"])
        for folder, held in folders.items():
            wanted = [size for size in sizes if sum(8 * one < size for one in held) > most]
            if wanted:
                here = [
                    (key.removeprefix("partition."), "=", str(mark)) for key, mark in zip(keys, folder, strict=True)
                ]
                with self._writing(name):
                    found = table.optimize.compact(partition_filters=here or None, target_size=wanted[0], **ONE_BY_ONE)
                joined += int(found["numFilesRemoved"])
        self._looked[name] = len(table.file_uris())
        return joined

    def sweep(self, name: str, *, grace_s: float = 300.0) -> int:
        """Remove files no version needs since `grace_s`; how many. A question asked before goes on reading until then.

        How long a file has been needless counts from when this process first saw it so.
        """
        with self._writing(name):
            needless = self.table(name).vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
        known, now = self._needless.get(name, {}), time.monotonic()
        self._needless[name] = {file: known.get(file, now) for file in needless}
        due = [file for file, since in self._needless[name].items() if now - since >= grace_s]
        files = self.place.system(name)
        for file in due:
            try:
                files.delete_file(file)
            except FileNotFoundError:
                pass
            del self._needless[name][file]
        return len(due)

    def rewrite(
        self,
        name: str,
        kept: Callable[[pa.Table], pa.Table],
        *,
        partition_by: Sequence[str] = (),
        consumers: Sequence[str] = (),
        touched: Callable[[pa.Table], bool] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        """Write the table anew with the rows of each file passed through `kept`, and put it in the old one's place:
        nothing that `kept` left out is in a file, a statistic or an earlier version of it. The consumers' progress is
        kept.

        A file of whose `columns` `touched` says no is taken over as it is. Where it says no of every file, nothing is
        done at all. Killed half way, the old table stands, or `recover` finishes.
        """
        table, schema = self.table(name), self.schema(name)
        looked_at = pa.schema([schema.field(column) for column in columns])
        by_path = dict(zip(_paths(table), table.file_uris(), strict=True))
        anew = [
            path for path, file in by_path.items() if touched is None or touched(self._rows_of(name, file, looked_at))
        ]
        if touched is not None and not anew:
            return
        progress = {consumer: self.progress(name, consumer) for consumer in consumers}
        beside = Lake(self.place.address(REWRITING))
        beside.place.remove("")
        if len(anew) < len(by_path):
            with self._writing(name):
                carry(table, self.place.below(name), beside.place.below(name), by_path.keys() - set(anew))
        folders = tuple(table.metadata().partition_columns) or partition_by
        for path in anew:
            rows = kept(self._rows_of(name, by_path[path], schema))
            if rows.num_rows:
                beside.append(name, rows, partition_by=folders)
        beside.append(name, schema.empty_table(), partition_by=folders, progress=progress)
        beside.secure()
        with self._writing(name), beside.place.system().open_output_stream(READY) as ready:
            ready.write(name.encode())
        self._finish_rewriting()

    def _rows_of(self, name: str, file: str, schema: pa.Schema) -> pa.Table:
        """One file's rows, with the columns that its folder's name holds."""
        path = inside(file, root := self.place.below(name))
        with root.system().open_input_file(path) as opened:
            file_of = pq.ParquetFile(opened)
            there = set(file_of.schema_arrow.names)
            rows = file_of.read([field.name for field in schema if field.name in there])
        columns = []
        for field in schema:
            if field.name in rows.column_names:
                columns.append(rows.column(field.name).cast(field.type))
                continue
            marked = [part for part in Path(path).parts if part.startswith(f"{field.name}=")]
            value = pa.scalar(marked[0].split("=", 1)[1]).cast(field.type) if marked else pa.scalar(None, field.type)
            columns.append(pa.repeat(value, rows.num_rows))
        return pa.Table.from_arrays(columns, schema=schema)

    def _finish_rewriting(self) -> None:
        """Put a table that was written anew, whole, in the old one's place."""
        beside = self.place.below(REWRITING)
        with self._writing(REWRITING):
            if not beside.system().get_file_info([READY])[0].is_file:
                return
            with beside.system().open_input_stream(READY) as ready:
                name = ready.read().decode()
            if beside.holds(name):  # else it was moved already, and only the tidying is left
                self.drop(name)
                self.place.take(beside, name)
            beside.remove("")

    def recover(self) -> list[str]:
        """Finish what a killed process or a power cut left half done; says what was. For the one writer, at its start.

        A table that was being rewritten takes its place; commits that lost a part of a file are taken back with their
        progress, so that their events are read from the log again (see securing).
        """
        self._finish_rewriting()
        self.place.sweep()
        told = []
        if self.place.folder is not None:
            for name in self.names():
                if lost := mend(self.place.folder / name, self._note(name)):
                    told.append(f"{name}: {lost} commits had not reached the disk and were taken back")
        return told

    def unfinished(self) -> bytes | None:
        """What `begin` noted, until `end` was called: what is derived is not to be read or written on till then."""
        return marked(self.place)

    def begin(self, note: bytes) -> None:
        """Note, durably and for everybody who shares the lake, what is about to be taken apart and made again."""
        mark(self.place, note)

    def end(self) -> None:
        unmark(self.place)

    def secure(self) -> None:
        """Return when everything committed is on disk. An object store promises that with each commit."""
        if self.place.folder is not None:
            for name in self.names():
                with self._writing(name):
                    secure(self.place.folder / name, self._note(name), self.version(name))


def _paths(table: DeltaTable) -> list[str]:
    """The table's files as it names them, in the order of its addresses of them."""
    return [str(path) for path in pa.table(table.get_add_actions()).column("path").to_pylist()]
