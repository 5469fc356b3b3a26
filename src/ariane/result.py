"""What an analysis gives back: rows that say what they rest on, in whatever form the reader likes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class Tabular:
    """What can be read as rows, in whatever form the reader likes. A class that inherits says what its rows are.

    >>> class Steps(Tabular):
    ...     def as_rows(self) -> list[dict[str, object]]:
    ...         return [{"step": "pays", "n_persons": 3}]
    >>> Steps().to_arrow().column_names
    ['step', 'n_persons']
    """

    __slots__ = ()

    def as_rows(self) -> list[dict[str, Any]]:
        """The rows, all with the same columns."""
        raise TypeError(f"{type(self).__name__} does not say what its rows are")

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pylist(self.as_rows())

    def to_pandas(self) -> Any:
        """A pandas DataFrame. Needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A Polars DataFrame. Needs polars."""
        return Result(self.to_arrow()).to_polars()

    def show(self) -> None:
        """Print the rows as a table."""
        Result(self.to_arrow()).show()


class Result:
    """Rows, the SQL that made them, and how many persons consent held back.

    >>> import pyarrow as pa
    >>> Result(pa.table({"step": ["pays"], "n_persons": [3]}), sql="SELECT 1", n_held_back=1).to_arrow().num_rows
    1
    """

    def __init__(
        self, rows: pa.Table, *, sql: str | Callable[[], str] = "", n_held_back: int = 0, value: Any = None
    ) -> None:
        self._rows, self._sql, self.n_held_back, self.value = rows, sql, n_held_back, value

    @property
    def sql(self) -> str:
        """The SQL that made the rows. Written when it is asked for: it costs as much as a small analysis."""
        return self._sql() if callable(self._sql) else self._sql

    def to_arrow(self) -> pa.Table:
        return self._rows

    def to_pandas(self) -> Any:
        """A pandas DataFrame. Needs pandas."""
        return self._rows.to_pandas()

    def to_polars(self) -> Any:
        """A Polars DataFrame. Needs polars."""
        import polars

        return polars.from_arrow(self._rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._rows.to_pylist()
        return rows

    def show(self, limit: int = 40) -> None:
        """Print the rows as a table."""
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in self._rows.column_names:
            table.add_column(name)
        for row in self._rows.slice(0, limit).to_pylist():
            table.add_row(*(_shown(value) for value in row.values()))
        console = Console()
        # A pipe has no width of its own: wide enough that rows stay on a line.
        (console if console.is_terminal else Console(width=160)).print(table)
        if self._rows.num_rows > limit:
            Console().print(f"… {self._rows.num_rows - limit} more rows")
        if self.n_held_back:
            Console().print(f"{self.n_held_back} persons held back by consent")

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __repr__(self) -> str:
        return f"<Result {self._rows.num_rows} rows: {', '.join(self._rows.column_names)}>"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
