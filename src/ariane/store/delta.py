"""Delta tables under one root: read, appended to, replaced.

A batch and the progress of whoever wrote it are one Delta commit, so a consumer that dies between two batches neither
loses nor repeats one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.dataset as pads
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
from ariane.store.layers import LAYER, layered, news_rows, now, settled_rows
from ariane.store.place import Place

_DIFFERENT = ColumnProperties(dictionary_enabled=False)
WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    max_row_group_size=250_000,  # what a writer holds at a time, and the least an engine reads
    # Values that differ from row to row fill a dictionary only to give it up.
    column_properties=dict.fromkeys(
        ("event_id", "message_id", "log_offset", "occurred_us", "received_us", "subject_key", "key", "value"),
        _DIFFERENT,
    ),
)
QUIET = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
SECURED = ".secured"


class DeltaTables:
    """The tables of a place, each held open at its newest version."""

    def __init__(self, root: Path | str) -> None:
        self.place = Place(root)
        self._open: dict[str, DeltaTable] = {}
        self._born: dict[str, tuple[int, ...]] = {}

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
        what is given, not what the table holds. `version` must grow from call to call."""
        self._write(name, news_rows(name, rows, gone, version), "append", (LAYER,), progress)

    def fill(self, name: str, rows: Iterable[pa.Table], *, progress: Mapping[str, int] | None = None) -> None:
        """Write a table that is kept in layers anew, a part after the other; `progress` with the last one. Until then
        readers see it grow."""
        self.drop(name)
        for part in rows:
            self._write(name, settled_rows(part), "append", (LAYER,), None)
        self._write(name, settled_rows(schema_of(name).empty_table()), "append", (LAYER,), progress)

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
            held, born = self._open.get(name), self.place.born(name)
            if held is None or born != self._born.get(name):  # dropped and made again: another history
                self._born[name] = born
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

    def identity(self, name: str) -> str:
        """A name that no other table has, not even one made in this one's place; empty when it does not exist."""
        known = self._known(name)
        return str(known.metadata().id) if known is not None else ""

    def files(self, name: str) -> list[str]:
        """The Parquet files that together are the table now, by path or address."""
        known = self._known(name)
        return sorted(known.file_uris()) if known is not None else []

    def missing(self, name: str) -> list[str]:
        """Files of the table that are not where they should be."""
        root = self.place.below(name)
        paths = [inside(file, root) for file in self.files(name)]
        found = root.system().get_file_info(paths)
        return [path for path, info in zip(paths, found, strict=True) if not info.is_file]

    def dataset(self, name: str, files: Collection[str]) -> pads.Dataset:
        """Some of the table's files as an Arrow data set, wherever they are: for engines that cannot reach them."""
        root = self.place.below(name)
        whole = self.table(name).to_pyarrow_dataset(filesystem=root.system())
        wanted = {inside(file, root) for file in files}
        chosen = [fragment for fragment in whole.get_fragments() if fragment.path in wanted]
        return pads.FileSystemDataset(chosen, whole.schema, whole.format, whole.filesystem)

    def schema(self, name: str) -> pa.Schema:
        return pa.schema(self.table(name).schema().to_arrow())

    def progress(self, name: str, consumer: str) -> int:
        """How far `consumer` has come, as its last commit said. 0 when it never wrote."""
        while (known := self._known(name)) is not None:
            try:
                return known.transaction_version(consumer) or 0
            except DeltaError as error:
                # Dropped or made again since we opened it, the answer is that of what is there now.
                if self.place.born(name) == self._born.get(name):
                    raise Transient(
                        f"The lake could not be read: {_plain(error)}.", where=self.place.address(name)
                    ) from error
        return 0

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A small table, whole."""
        if layered(name, columns_of(self.table(name))):
            return now(name, self._dataset(name)).to_arrow_table().select(list(columns or schema_of(name).names))
        table, wanted = self.table(name), list(columns) if columns else None
        if self.is_local:
            return table.to_pyarrow_table(columns=wanted)
        return table.to_pyarrow_dataset(filesystem=self.place.system(name)).to_table(columns=wanted)

    def delete(self, name: str, predicate: str) -> int:
        """Delete the rows for which the SQL `predicate` holds; how many."""
        with self._writing(name):
            return int(self.table(name).delete(predicate)["num_deleted_rows"])

    def _note(self, name: str) -> Path:
        assert self.place.folder is not None
        return self.place.folder / SECURED / name

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


def columns_of(table: DeltaTable) -> list[str]:
    return [field.name for field in table.schema().fields]


def inside(file: str, root: Place) -> str:
    """A file's path inside its table."""
    return file.removeprefix("file://").removeprefix(root.root).lstrip("/")


def _plain(error: Exception) -> str:
    """The writer's error in one line, without its colours; what the disk said is at its end."""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error)).split()).rstrip(".")
    said = re.search(r'([A-Z][^:"]*)(?: \(os error|" })', text)
    return said[1].lower() if said else text[:300]
