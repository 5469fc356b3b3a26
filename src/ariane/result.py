"""What an analysis gives back: rows that say what they rest on, in whatever form the reader likes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from ariane.model import Identifier, Interval

if TYPE_CHECKING:
    import pyarrow as pa

Row = TypeVar("Row")
Told = TypeVar("Told", bound="Tabular")


class Noted:
    """An engine, or a connection of the state, that remembers what it was asked, and by which function.

    >>> class Engine:
    ...     name = "duckdb"
    ...     def run(self, expression): return [1]
    ...     def text(self, expression): return f"SELECT {expression}"
    >>> noted = Noted(Engine())
    >>> def wait(): return noted.run("median(wait_s) FROM waits")
    >>> wait(), list(noted.queries())
    ([1], ['wait'])
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._asked: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run(self, expression: Any) -> Any:
        self._asked.append((_asker(), expression))
        return self._engine.run(expression)

    def note(self, _conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Hears of what a connection executes (SQLAlchemy's `before_cursor_execute`)."""
        if statement.startswith(("SELECT", "WITH")):
            self._asked.append((_asker(), statement))

    def queries(self) -> dict[str, str]:
        """What was asked, in order, as SQL read from top to bottom, by the name of the function that asked."""
        named: dict[str, str] = {}
        for name, asked in self._asked:
            text = asked if self._engine is None else in_steps(self._engine.text(asked), self._engine.name)
            if text not in named.values():
                n = sum(one == name or one.startswith(f"{name} (") for one in named)
                named[name if not n else f"{name} ({n + 1})"] = text
        return named


class Tabular:
    """What can be read as rows, in whatever form the reader likes. A class that inherits says what its rows are; one
    of a struct's fields is a row by itself.

    >>> class Steps(Tabular):
    ...     def as_rows(self) -> list[dict[str, object]]:
    ...         return [{"step": "pays", "n_persons": 3}]
    >>> Steps().to_arrow().column_names
    ['step', 'n_persons']
    """

    __slots__ = ()

    def as_rows(self) -> list[dict[str, Any]]:
        """The rows, all with the same columns."""
        if not isinstance(self, msgspec.Struct):
            raise TypeError(f"{type(self).__name__} does not say what its rows are")
        return [flat(self)]

    @property
    def queries(self) -> dict[str, str]:
        """Every query that was run for it, in order, by name. Written when asked for: it costs a small analysis."""
        noted: Noted | None = getattr(self, "__dict__", {}).get("_noted")
        return noted.queries() if noted is not None else {}

    @property
    def sql(self) -> str:
        """The SQL that made the rows; where it took several queries, each below its name."""
        queries = self.queries
        if len(queries) < 2:
            return "".join(queries.values())
        return "\n\n".join(f"-- {name}\n{text};" for name, text in queries.items())

    def lend(self, other: Told) -> Told:
        """The other answer, which rests on the same queries."""
        return told(other, self.__dict__["_noted"])

    def to_arrow(self) -> pa.Table:
        """An Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.as_rows())

    def to_pandas(self) -> Any:
        """A pandas DataFrame. Needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A Polars DataFrame. Needs polars."""
        import polars

        return polars.from_arrow(self.to_arrow())

    def show(self, limit: int = 40) -> None:
        """Print the rows as a table."""
        _print(self.to_arrow(), limit, int(getattr(self, "n_held_back", 0)))


def told(answer: Told, noted: Noted) -> Told:
    """The answer, which knows what was run for it. What was asked is no part of the answer: equal answers stay equal.

    >>> told(Counted(buyers=3), Noted(None)).sql
    ''
    """
    answer.__dict__["_noted"] = noted
    return answer


class Result(Tabular):
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
    def queries(self) -> dict[str, str]:
        """Every query that was run for it, in order, by name."""
        noted = super().queries
        said = self._sql if isinstance(self._sql, str) or noted else self._sql()
        return noted or ({"rows": str(said)} if said else {})

    def to_arrow(self) -> pa.Table:
        return self._rows

    def to_dicts(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._rows.to_pylist()
        return rows

    as_rows = to_dicts

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __repr__(self) -> str:
        return f"<Result {self._rows.num_rows} rows: {', '.join(self._rows.column_names)}>"


class Listed(msgspec.Struct, Tabular, Generic[Row], frozen=True, dict=True):
    """Several of one thing, in order: read like a tuple, and a row each.

    >>> listed = Listed((Interval(0.5, 0.4, 0.6, 100),))
    >>> len(listed), listed[0].n, [one.value for one in listed]
    (1, 100, [0.5])
    """

    rows: tuple[Row, ...]
    n_held_back: int = 0

    def as_rows(self) -> list[dict[str, Any]]:
        return [flat(row) for row in self.rows]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Row:
        return self.rows[place]


class Counted(dict[str, int], Tabular):
    """Counts by name, a row each.

    >>> Counted(buyers=3).as_rows()
    [{'name': 'buyers', 'n': 3}]
    """

    def as_rows(self) -> list[dict[str, Any]]:
        return [{"name": name, "n": n} for name, n in self.items()]


def flat(thing: Any) -> dict[str, Any]:
    """A struct as one row: a measured number is its value and its bounds, an identifier is KIND:VALUE.

    >>> class Step(msgspec.Struct):
    ...     key: str
    ...     reach: Interval
    ...     by: Identifier
    >>> flat(Step("pays", Interval(0.5, 0.4, 0.6, 9), Identifier("email", "ana@example.org")))
    {'key': 'pays', 'reach': 0.5, 'reach_lo': 0.4, 'reach_hi': 0.6, 'by': 'email:ana@example.org'}
    """
    row: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(thing).items():
        if isinstance(value, Interval):
            row |= {name: value.value, f"{name}_lo": value.lo, f"{name}_hi": value.hi}
        elif isinstance(value, Identifier):
            row[name] = f"{value.kind}:{value.value}"
        elif isinstance(value, msgspec.Struct):
            row |= {f"{name}_{inner}": said for inner, said in flat(value).items()}
        elif isinstance(value, (dict, tuple, list)):
            row[name] = msgspec.json.encode(value, enc_hook=str).decode()
        else:
            row[name] = value
    return row


def in_steps(text: str, dialect: str = "duckdb") -> str:
    """The same query, what is nested in it named and put first, one step after the other.

    >>> print(in_steps("SELECT n FROM (SELECT count(*) AS n FROM events) AS counted"))
    WITH counted AS (
      SELECT
        COUNT(*) AS n
      FROM events
    )
    SELECT
      n
    FROM counted AS counted
    """
    import sqlglot
    from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries

    parsed: Any = sqlglot.parse_one(text, dialect=dialect)
    return str(eliminate_subqueries(parsed).sql(dialect, pretty=True))


def _asker() -> str:
    """The function of ours that asks, below the engine and the drivers."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if not module.startswith(("sqlalchemy", "ariane.store", "contextlib")) and not name.startswith("<"):
            return name.strip("_")
        frame = frame.f_back
    return "question"


def _print(rows: pa.Table, limit: int, n_held_back: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows.column_names:
        table.add_column(name)
    for row in rows.slice(0, limit).to_pylist():
        table.add_row(*(_shown(value) for value in row.values()))
    console = Console()
    # A pipe has no width of its own: wide enough that rows stay on a line.
    (console if console.is_terminal else Console(width=10_000)).print(table)
    if rows.num_rows > limit:
        Console().print(f"… {rows.num_rows - limit} more rows")
    if n_held_back:
        Console().print(f"{n_held_back} persons held back by consent")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
