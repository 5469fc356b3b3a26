"""The lake: columnar history as Delta tables, in a folder or in an object store.

A batch and the progress of whoever wrote it are one Delta commit, so a consumer that dies between two batches neither
loses nor repeats one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import DeltaError, SchemaMismatchError, TableNotFoundError

from ariane.errors import NotFound, Transient
from ariane.store.columns import schema_of
from ariane.store.layers import LAYER, NEWS, layered, news_rows, now, settled_rows
from ariane.store.place import Place
from ariane.store.securing import mend, secure

_DIFFERENT = ColumnProperties(dictionary_enabled=False)
WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    # Values that differ from row to row fill a dictionary only to give it up.
    column_properties=dict.fromkeys(
        ("event_id", "message_id", "log_offset", "occurred_us", "received_us", "subject_key", "key", "value"),
        _DIFFERENT,
    ),
)
TIERS, FAN_IN = (1 << 20, 16 << 20, 128 << 20), 12
QUIET = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
REWRITING, READY, SECURED = ".rewriting", "ready", ".secured"


class Lake:
    """Delta tables under one root: a folder, or an address such as ``s3://bucket/prefix`` (see Place).

    >>> import tempfile
    >>> lake = Lake(Path(tempfile.mkdtemp()))
    >>> lake.append("colours", pa.table({"name": ["red"]}), progress={"web-0": 10})
    >>> lake.progress("colours", "web-0"), lake.read("colours").to_pylist()
    (10, [{'name': 'red'}])
    """

    def __init__(self, root: Path | str) -> None:
        self.place = Place(root)
        self._open: dict[str, DeltaTable] = {}
        self._needless: dict[str, dict[str, float]] = {}

    @property
    def is_local(self) -> bool:
        """Whether the files are on this machine's disks, where any engine opens them by path."""
        return self.place.folder is not None

    def names(self) -> list[str]:
        return self.place.tables()

    def exists(self, name: str) -> bool:
        return self._known(name) is not None

    def append(
        self,
        name: str,
        rows: pa.Table,
        *,
        partition_by: Sequence[str] = (),
        progress: Mapping[str, int] | None = None,
    ) -> None:
        """Add rows, and with the same commit how far each consumer has come. Transient when the disk refuses, and then
        nothing of it is there."""
        self._write(name, rows, "append", partition_by, progress)

    def replace(self, name: str, rows: pa.Table, *, progress: Mapping[str, int] | None = None) -> None:
        """Put rows in the place of everything the table held, in one commit."""
        self._write(name, rows, "overwrite", (), progress)

    def put(
        self, name: str, rows: pa.Table, gone: pa.Table, *, version: int, progress: Mapping[str, int] | None = None
    ) -> None:
        """Put rows in the place of those of the same key (see layers), and take away those of the keys in `gone`; costs
        what is given, not what the table holds. `version` must grow from call to call. A table that was not kept so is
        replaced."""
        known = self._known(name)
        if known is not None and layered(name, _columns(known)):
            self._write(name, news_rows(name, rows, gone, version), "append", (LAYER,), progress)
        else:
            self.drop(name)
            self._write(name, settled_rows(rows, version), "append", (LAYER,), progress)

    def settle(self, name: str, *, share: float = 0.25, least: int = 50_000, files: int = 32) -> None:
        """Put the news of a table among the rest when they are more than `share` of it and `least` rows; join their
        files when they are more than `files`. A row is so written about 1 / `share` times as often as it changes."""
        known = self._known(name)
        if known is None or not layered(name, _columns(known)):
            return
        actions = pa.table(known.get_add_actions(flatten=True))
        marks, counts = (actions.column(column).to_pylist() for column in (f"partition.{LAYER}", "num_records"))
        news = [n or 0 for mark, n in zip(marks, counts, strict=True) if mark == NEWS]
        if sum(news) >= max(least, share * (sum(n or 0 for n in counts) - sum(news))):
            rows = now(name, self._dataset(name)).to_arrow_reader(100_000)
            self._write(name, rows, "overwrite", (LAYER,), None)
        elif len(news) > files:
            with self._writing(name):
                known.optimize.compact(partition_filters=[(LAYER, "=", NEWS)], writer_properties=WRITER)

    def _dataset(self, name: str) -> pads.Dataset:
        table = self.table(name)
        return (
            table.to_pyarrow_dataset()
            if self.is_local
            else table.to_pyarrow_dataset(filesystem=self.place.system(name))
        )

    def _write(
        self,
        name: str,
        rows: pa.Table | pa.RecordBatchReader,
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
        with self._writing(name):
            # The table as it is held is not read again from its beginning.
            write_deltalake(self._known(name) or self.place.address(name), rows, mode=mode, **options)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """What the disk or the store refuses is a matter of waiting; the writer says so in words of its own kind."""
        try:
            yield
        except SchemaMismatchError:
            raise
        except (OSError, DeltaError) as error:
            raise Transient(
                f"The lake could not be written: {_plain(error)}.",
                where=self.place.address(name),
                next_step="Make room or mend the disk: it goes on by itself.",
                retry_after_s=2,
            ) from error

    def _known(self, name: str) -> DeltaTable | None:
        """The table at its newest version, None when nothing was ever written to it."""
        if self.is_local and not self.place.holds(name):
            return None
        try:
            held = self._open.get(name)
            if held is None:
                held = self._open[name] = DeltaTable(self.place.address(name))
            else:
                held.update_incremental()
            return held
        except (TableNotFoundError, FileNotFoundError):
            self._open.pop(name, None)
            return None
        except (OSError, DeltaError) as error:
            self._open.pop(name, None)
            raise Transient(f"The lake could not be read: {_plain(error)}.", where=self.place.address(name)) from error

    def table(self, name: str) -> DeltaTable:
        """The table at its newest version. NotFound when nothing was ever written to it."""
        known = self._known(name)
        if known is None:
            raise NotFound(f"The lake has no table '{name}'.", where=str(self.place))
        return known

    def version(self, name: str) -> int:
        """The number of the newest commit, −1 when the table does not exist."""
        known = self._known(name)
        return known.version() if known is not None else -1

    def files(self, name: str) -> list[str]:
        """The Parquet files that together are the table now, by path or address."""
        known = self._known(name)
        return sorted(known.file_uris()) if known is not None else []

    def missing(self, name: str) -> list[str]:
        """Files of the table that are not where they should be."""
        root = self.place.below(name)
        inside = [_inside(file, root) for file in self.files(name)]
        found = root.system().get_file_info(inside)
        return [path for path, info in zip(inside, found, strict=True) if not info.is_file]

    def dataset(self, name: str, files: Collection[str]) -> pads.Dataset:
        """Some of the table's files as an Arrow data set, wherever they are: for engines that cannot reach them."""
        root = self.place.below(name)
        whole = self.table(name).to_pyarrow_dataset(filesystem=root.system())
        wanted = {_inside(file, root) for file in files}
        chosen = [fragment for fragment in whole.get_fragments() if fragment.path in wanted]
        return pads.FileSystemDataset(chosen, whole.schema, whole.format, whole.filesystem)

    def schema(self, name: str) -> pa.Schema:
        return pa.schema(self.table(name).schema().to_arrow())

    def progress(self, name: str, consumer: str) -> int:
        """How far `consumer` has come, as its last commit said. 0 when it never wrote."""
        known = self._known(name)
        return (known.transaction_version(consumer) or 0) if known is not None else 0

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A small table, whole."""
        if layered(name, _columns(self.table(name))):
            return now(name, self._dataset(name)).to_arrow_table().select(list(columns or schema_of(name).names))
        table, wanted = self.table(name), list(columns) if columns else None
        if self.is_local:
            return table.to_pyarrow_table(columns=wanted)
        return table.to_pyarrow_dataset(filesystem=self.place.system(name)).to_table(columns=wanted)

    def compact(self, name: str, *, target_bytes: int = 128 << 20) -> int:
        """Join small files into larger ones; how many were replaced."""
        with self._writing(name):
            return int(self.table(name).optimize.compact(target_size=target_bytes)["numFilesRemoved"])

    def join(self, name: str, *, tiers: Sequence[int] = TIERS, most: int = FAN_IN) -> int:
        """Join the files of each folder that has more than `most` below a size, for the smallest such size among
        `tiers` (bytes); how many were joined.

        Files that were joined are of the next size and wait for others of theirs, so a row is rewritten about once a
        size and not each time a small file comes.
        """
        table, joined = self._known(name), 0
        if table is None:
            return 0
        actions = pa.table(table.get_add_actions(flatten=True))
        keys = [column for column in actions.column_names if column.startswith("partition.")]
        folders: dict[tuple[Any, ...], list[int]] = {}
        for row in actions.select(["size_bytes", *keys]).to_pylist():
            folders.setdefault(tuple(row[key] for key in keys), []).append(row["size_bytes"])
        for folder, sizes in folders.items():
            small = [tier for tier in tiers if sum(size < tier for size in sizes) > most]
            if small:
                here = [
                    (key.removeprefix("partition."), "=", str(mark)) for key, mark in zip(keys, folder, strict=True)
                ]
                with self._writing(name):
                    found = table.optimize.compact(
                        partition_filters=here or None, target_size=small[0], writer_properties=WRITER
                    )
                joined += int(found["numFilesRemoved"])
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

    def delete(self, name: str, predicate: str) -> int:
        """Delete the rows for which the SQL `predicate` holds; how many."""
        with self._writing(name):
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
        no file, no statistic and no earlier version of it is left. The consumers' progress is kept.

        Killed half way, the old table stands, or `recover` finishes.
        """
        progress = {consumer: self.progress(name, consumer) for consumer in consumers}
        beside = Lake(self.place.address(REWRITING))
        beside.place.remove("")
        schema = self.schema(name)
        for file in self.files(name):
            rows = kept(self._rows_of(name, file, schema))
            if rows.num_rows:
                beside.append(name, rows, partition_by=partition_by)
        beside.append(name, schema.empty_table(), partition_by=partition_by, progress=progress)
        beside.secure()
        with self._writing(name), beside.place.system().open_output_stream(READY) as ready:
            ready.write(name.encode())
        self._finish_rewriting()

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
        told = []
        if self.place.folder is not None:
            for name in self.names():
                if lost := mend(self.place.folder / name, self._note(name)):
                    told.append(f"{name}: {lost} commits had not reached the disk and were taken back")
        return told

    def secure(self) -> None:
        """Return when everything committed is on disk. An object store promises that with each commit."""
        if self.place.folder is not None:
            for name in self.names():
                with self._writing(name):
                    secure(self.place.folder / name, self._note(name), self.version(name))

    def _note(self, name: str) -> Path:
        assert self.place.folder is not None
        return self.place.folder / SECURED / name

    def _rows_of(self, name: str, file: str, schema: pa.Schema) -> pa.Table:
        """One file's rows, with the columns that its folder's name holds."""
        path = _inside(file, root := self.place.below(name))
        with root.system().open_input_file(path) as opened:
            rows = pq.ParquetFile(opened).read()
        columns = []
        for field in schema:
            if field.name in rows.column_names:
                columns.append(rows.column(field.name).cast(field.type))
                continue
            marked = [part for part in Path(path).parts if part.startswith(f"{field.name}=")]
            value = pa.scalar(marked[0].split("=", 1)[1]).cast(field.type) if marked else pa.scalar(None, field.type)
            columns.append(pa.repeat(value, rows.num_rows))
        return pa.Table.from_arrays(columns, schema=schema)

    def drop(self, name: str) -> None:
        self._open.pop(name, None)
        if self.is_local:
            self._note(name).unlink(missing_ok=True)
        self.place.remove(name)

    def size_bytes(self, name: str) -> int:
        return self._sum(name, "size_bytes")

    def n_rows(self, name: str) -> int:
        """How many rows the table holds, from its log; no file is opened."""
        return self._sum(name, "num_records")

    def _sum(self, name: str, column: str) -> int:
        known = self._known(name)
        if known is None:
            return 0
        return sum(n or 0 for n in pa.table(known.get_add_actions(flatten=True)).column(column).to_pylist())


def _columns(table: DeltaTable) -> list[str]:
    return [field.name for field in table.schema().fields]


def _inside(file: str, root: Place) -> str:
    """A file's path inside its table."""
    return file.removeprefix("file://").removeprefix(root.root).lstrip("/")


def _plain(error: Exception) -> str:
    """The writer's error in one line, without its colours; what the disk said is at its end."""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error)).split()).rstrip(".")
    said = re.search(r'([A-Z][^:"]*)(?: \(os error|" })', text)
    return said[1].lower() if said else text[:300]
