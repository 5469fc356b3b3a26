"""What an import did: counts, what was left out and why, the first bad rows, and the figures that check it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import msgspec

from ariane.model import Event

OnProgress = Callable[[str, int, int], None]
"""Called now and then with (label, bytes read, bytes in all)."""

N_BAD_ROWS = 5
MOST_MANGLED = 100_000
RECENT_ROWS = 1_000_000


_MANGLED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


def is_mangled(value: str) -> bool:
    """Whether an identifier went through a spreadsheet, which writes a long number as a power of ten.

    >>> is_mangled("9.44E+18"), is_mangled("944"), is_mangled("4e12")
    (True, False, False)
    """
    return len(value) < 32 and value[:1].isdigit() and _MANGLED.fullmatch(value) is not None


class BadRow(msgspec.Struct, frozen=True):
    """One row that could not be read: where, and what is wrong. `line` counts from 1; in Parquet it is the row's."""

    file: str
    line: int
    field: str
    problem: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one import read and wrote.

    `n_events` is how many events the files hold, `n_added` how many this run appended to the log: none when the same
    files were imported before. Those whose id came before in other files are appended and left out downstream, as
    duplicates: what is new to the workspace is known once it has caught up. `n_skipped` gives rows left out by reason,
    `n_duplicates` rows equal to one before them. `resumed_from` is how many events an interrupted run had left.
    `figures` are the importer's own checks, shares between 0 and 1. `basis` is the purpose the rows came under.
    `warnings` say what in the files is not what it seems, and what was done about it. `samples` holds the first events
    of a dry run.
    """

    kind: str
    source: str
    n_rows: int = 0
    n_events: int = 0
    n_added: int = 0
    n_skipped: dict[str, int] = {}
    n_duplicates: int = 0
    seconds: float = 0.0
    resumed_from: int = 0
    already: bool = False
    figures: dict[str, float] = {}
    bad_rows: tuple[BadRow, ...] = ()
    samples: tuple[Event, ...] = ()
    basis: str = ""
    warnings: tuple[str, ...] = ()


class Tally:
    """The running counts of one import, filled by the readers and the importer."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.n_duplicates = 0
        self.skipped: Counter[str] = Counter()
        self.bad_rows: list[BadRow] = []
        self.figures: dict[str, float] = {}
        self._warnings: dict[str, None] = {}
        self._mangled: dict[str, tuple[int, set[str]]] = {}
        self._positions: dict[Path, int] = {}
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    def skip(self, reason: str) -> None:
        """Count a row that is left out."""
        self.skipped[reason] += 1

    def bad(self, path: Path, line: int, field: str, problem: str) -> None:
        """Count a row that cannot be read, and keep the first five to show."""
        self.skipped["bad row"] += 1
        if len(self.bad_rows) < N_BAD_ROWS:
            self.bad_rows.append(BadRow(path.name, line, field, problem))

    def seen(self, content: bytes) -> bool:
        """Whether this content came before, among the last one to two million rows: memory stays bounded."""
        key = blake2b(content, digest_size=16).digest()
        if key in self._recent or key in self._older:
            self.n_duplicates += 1
            return True
        if len(self._recent) >= RECENT_ROWS:
            self._older, self._recent = self._recent, set()
        self._recent.add(key)
        return False

    def warn(self, text: str) -> None:
        """Say once that something in the files is not what it seems."""
        self._warnings[text] = None

    def identity(self, column: str, value: str) -> str | None:
        """The value of a column that says who it was; None, counted and warned of, when a spreadsheet mangled it."""
        if not is_mangled(value):
            return value
        n, kept = self._mangled.get(column, (0, set()))
        if len(kept) < MOST_MANGLED:
            kept.add(value)
        self._mangled[column] = (n + 1, kept)
        return None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of, and the identifiers refused."""
        refused = (
            f"{column}: {n:,} rows hold {len(kept):,} values such as {min(kept)}, which a spreadsheet shortened. Their "
            "last digits are gone, so one stands for many: none was taken as identity, nobody was merged on it."
            for column, (n, kept) in self._mangled.items()
        )
        return (*self._warnings, *refused)

    def reached(self, path: Path, position: int) -> None:
        """Note how far into a file reading has come."""
        self._positions[path] = max(position, self._positions.get(path, 0))

    @property
    def bytes_read(self) -> int:
        return sum(self._positions.values())
