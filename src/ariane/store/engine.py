"""Who computes: one Ibis expression, run by DuckDB in memory over the lake's files or by any Spark Connect server.

An analysis is written once. `engine.table(name)` gives a table of the lake as an expression, `engine.run(expression)`
its rows. DuckDB reads an immutable list of files, so any number of engines may read while the lake is written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from uuid import uuid4

import duckdb
import ibis
import pyarrow as pa

from ariane.store.columns import DERIVED, schema_of
from ariane.store.holding import HELD, Hold, Rows, hold_in_duckdb, hold_on_spark
from ariane.store.lake import Lake
from ariane.store.layers import latest, layered

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
}


class Engine(Protocol):
    """The Query port."""

    name: str

    def table(self, name: str) -> ibis.Table: ...

    def run(self, expression: ibis.Expr) -> pa.Table: ...

    def text(self, expression: ibis.Expr) -> str: ...

    def refresh(self) -> bool: ...

    def holding(self) -> AbstractContextManager[Hold]: ...

    def close(self) -> None: ...


class DuckEngine:
    """DuckDB in memory over the lake.

    Tables of up to `resident_rows` rows are held in memory, and only files that are new are read again: a console that
    asks often answers in milliseconds. Larger ones, and all when it is 0, are read from their files at each question.

    >>> import tempfile, pathlib
    >>> engine = DuckEngine(Lake(pathlib.Path(tempfile.mkdtemp())))
    >>> events = engine.table("events")
    >>> engine.run(events.aggregate(n=events.count())).to_pylist()
    [{'n': 0}]
    """

    name = "duckdb"

    def __init__(self, lake: Lake, *, threads: int | None = None, resident_rows: int = 0) -> None:
        self.lake, self.resident_rows = lake, resident_rows
        self.backend = ibis.duckdb.connect(":memory:", **({"threads": threads} if threads else {}))
        self._seen: dict[str, tuple[int, str]] = {}
        self._held: dict[str, frozenset[str]] = {}
        self._away: dict[str, Any] = {}
        self._lock = threading.RLock()
        self.refresh()

    def refresh(self) -> bool:
        """Move to the lake's newest versions; whether anything changed."""
        changed = False
        with self._lock:
            for name in {"events", *DERIVED, *self.lake.names()}:
                seen = self.lake.version(name), self.lake.identity(name)
                if self._seen.get(name) != seen:
                    self._show(name)
                    self._seen[name] = seen
                    changed = True
        return changed

    def versions(self) -> tuple[tuple[str, int], ...]:
        """What is being read: (table, version), sorted. A table made anew counts from 0 again: see `seen`."""
        return tuple(sorted((name, version) for name, (version, _) in self._seen.items()))

    def seen(self) -> tuple[tuple[str, tuple[int, str]], ...]:
        """What is being read: each table's version, and which table it is. Answers computed on the same are equal."""
        return tuple(sorted(self._seen.items()))

    def _show(self, name: str) -> None:
        """Name the table's rows; an absent table is an empty one of the right shape. Of one kept in layers, the rows
        that hold now."""
        files = frozenset(self.lake.files(name))
        if not files:
            columns = ", ".join(
                f'CAST(NULL AS {_SQL_TYPES[field.type]}) AS "{field.name}"' for field in schema_of(name)
            )
            self._name(name, f"SELECT {columns} WHERE false")
        elif layered(name, there := self.lake.schema(name).names):
            self._name_files(name, f"layers_of_{name}", files)
            self._execute(f'CREATE OR REPLACE VIEW "{name}" AS {latest(name, f"layers_of_{name}", there)}')
        else:
            self._name_files(name, name, files)

    def _name_files(self, name: str, shown: str, files: frozenset[str]) -> None:
        """Name the rows of a table's files `shown`, held in memory or read at each question."""
        if self.lake.n_rows(name) > self.resident_rows:
            self._name(shown, f"SELECT * FROM {self._reading(name, files)}")
        elif shown in self._held and files > self._held[shown]:
            new = self._reading(name, files - self._held[shown])
            self._execute(f'INSERT INTO "{_resident(shown)}" BY NAME FROM {new}')
            self._held[shown] = files
        elif files != self._held.get(shown):
            self._execute(f'CREATE OR REPLACE TABLE "{_resident(shown)}" AS FROM {self._reading(name, files)}')
            self._name(shown, f'SELECT * FROM "{_resident(shown)}"', files)

    def _reading(self, name: str, files: frozenset[str]) -> str:
        """What reads these files. DuckDB opens those of this machine; others come through Arrow, filters and all."""
        if self.lake.is_local:
            listed = ", ".join("'" + file.replace("'", "''") + "'" for file in sorted(files))
            return f"read_parquet([{listed}], hive_partitioning = true, union_by_name = true)"
        self._away[f"away_{name}"] = self.lake.dataset(name, files)
        self.backend.con.register(f"away_{name}", self._away[f"away_{name}"])
        return f'"away_{name}"'

    def _name(self, name: str, rows: str, files: frozenset[str] | None = None) -> None:
        self._execute(f'CREATE OR REPLACE VIEW "{name}" AS {rows}')
        if files is not None:
            self._held[name] = files
        elif self._held.pop(name, None) is not None:
            self._execute(f'DROP TABLE "{_resident(name)}"')

    def _execute(self, text: str) -> None:
        self.backend.con.execute(text)

    def table(self, name: str) -> ibis.Table:
        with self._lock:  # asks the connection for the columns, and a busy connection refuses
            return self.backend.table(name, database=("memory", "main"))

    def run(self, expression: ibis.Expr) -> pa.Table:
        """The expression's rows as Arrow. Safe from several threads: each runs on a cursor of its own."""
        rows = self.sql(self.backend.compile(expression))
        wanted = expression.as_table().schema().to_pyarrow()
        # DuckDB sums integers into 128 bits, which Arrow hands over as decimals: the types asked for are kept.
        return rows if rows.schema.types == wanted.types else rows.cast(wanted)

    def sql(self, text: str) -> pa.Table:
        """Run SQL the way DuckDB speaks it. A file that was joined into another meanwhile is looked for again, once."""
        try:
            return self._sql(text)
        except (duckdb.IOException, FileNotFoundError):
            self.refresh()
            return self._sql(text)

    def _sql(self, text: str) -> pa.Table:
        with self._lock:
            cursor = self.backend.con.cursor()
            for name, rows in self._away.items():  # what is registered belongs to one connection
                cursor.register(name, rows)
        try:
            return cursor.sql(text).to_arrow_table()
        finally:
            cursor.close()

    @contextmanager
    def holding(self) -> Iterator[Hold]:
        """Gives a function that keeps rows on the engine until this ends: see `holding.Hold`."""
        names: list[str] = []

        def hold(rows: Rows) -> ibis.Table:
            names.append(f"held_{uuid4().hex}")
            with self._lock:
                return hold_in_duckdb(self.backend, names[-1], rows)

        try:
            yield hold
        finally:
            with self._lock:
                for name in names:
                    self._execute(f'DROP TABLE IF EXISTS "{name}"')

    def text(self, expression: ibis.Expr) -> str:
        """The SQL an expression becomes."""
        return str(ibis.to_sql(expression, dialect="duckdb"))

    def close(self) -> None:
        self.backend.disconnect()


def _resident(name: str) -> str:
    return f"resident_{name}"


class SparkEngine:
    """A Spark Connect server over the same lake: Spark 4, or Sail, which starts from a wheel.

    `remote` is a Spark Connect address, such as ``sc://127.0.0.1:50051``. The server must see the lake's path.
    """

    name = "spark"

    def __init__(self, lake: Lake, remote: str) -> None:
        from pyspark.sql import SparkSession  # the spark extra; not loaded unless it is asked for

        self.lake = lake
        session: Any = SparkSession.builder
        self.session = session.remote(remote).create()
        self.session.conf.set("spark.sql.session.timeZone", "UTC")
        self.backend = ibis.pyspark.connect(self.session)
        self.refresh()

    def refresh(self) -> bool:
        for name in {"events", *DERIVED, *self.lake.names()}:
            if self.lake.files(name):
                frame = self.session.read.format("delta").load(self.lake.place.address(name))
                if layered(name, frame.columns):
                    frame.createOrReplaceTempView(f"layers_of_{name}")
                    frame = self.session.sql(latest(name, f"layers_of_{name}", frame.columns))
            else:
                frame = self.session.sql(_nothing(name))  # a data frame without rows cannot be sent
            frame.createOrReplaceTempView(name)
        return True

    def table(self, name: str) -> ibis.Table:
        return self.backend.table(name)

    def run(self, expression: ibis.Expr) -> pa.Table:
        return self.backend.to_pyarrow(expression)

    @contextmanager
    def holding(self) -> Iterator[Hold]:
        """As DuckDB's; the rows lie beside the lake, where every worker of the cluster finds them."""
        names: list[str] = []
        place = self.lake.place.below(f"{HELD}/{uuid4().hex}")

        def hold(rows: Rows) -> ibis.Table:
            table = hold_on_spark(self.session, self.backend, place, name := f"held_{uuid4().hex}", rows)
            names.append(name)
            return table

        try:
            yield hold
        finally:
            for name in names:
                self.session.catalog.dropTempView(name)
            place.remove("")

    def text(self, expression: ibis.Expr) -> str:
        """The SQL an expression becomes."""
        return str(ibis.to_sql(expression, dialect="pyspark"))

    def close(self) -> None:
        self.session.stop()


def _nothing(name: str) -> str:
    """Spark's SQL for a table of the lake that is not written yet: its columns, no row."""
    types = {**_SQL_TYPES, pa.string(): "STRING"}
    columns = ", ".join(f"CAST(NULL AS {types[field.type]}) AS `{field.name}`" for field in schema_of(name))
    return f"SELECT {columns} WHERE false"
