"""Records as the model sees them: every distinct value once, every record a row of numbers, in an order of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ariane.errors import InputError
from ariane.identity.linking.columns import MEANINGS, NAMES, Column

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
Texts = NDArray[np.object_]


class Field(msgspec.Struct, frozen=True):
    """One compared column: `values` sorted, `codes` one a record (-1: nothing said), `share` of each value among the
    records that say one, and for each part of the meaning its text a value."""

    name: str
    meaning: str
    values: Texts
    codes: Codes
    share: Floats
    parts: dict[str, Texts]


class Words(msgspec.Struct, frozen=True):
    """The words of the names: those of record i are `words[at[starts[i]:starts[i + 1]]]`, known to comparisons by
    `codes`, ascending, alongside `at`; `numbers` is each word's code, `bits` what sharing the word of a code is worth,
    in hundredths of bits: −100·log2 of the share of records with a name that hold it."""

    words: list[str]
    starts: Codes
    at: Codes
    codes: Codes
    numbers: dict[str, int]
    bits: Codes


class Records(msgspec.Struct, frozen=True):
    """Records in canonical order: by what they say, so that the order they came in changes nothing. `rows[i]` is where
    record i stood in the input."""

    columns: tuple[Column, ...]
    fields: dict[str, Field]
    words: Words | None
    rows: Codes

    @property
    def n(self) -> int:
        """How many records."""
        return len(self.rows)


def read(
    records: Mapping[str, Sequence[object]], columns: Sequence[Column], ids: Sequence[str] | None = None
) -> Records:
    """Take in `records`, column name → values of equal length. `ids` break ties between records that say the same.

    A name without given and family columns gives its first and last word as those.

    >>> found = read({"who": ["Ana Lopez", "Lopez, Ana", None]}, [Column("who", "name")])
    >>> found.n, list(found.fields["given"].values), [int(row) for row in found.rows]
    (3, ['ana', 'lopez'], [2, 0, 1])
    """
    said = tidied(records, columns)
    n = len(next(iter(said.values()))[1])
    order = np.lexsort([*([np.asarray(ids, dtype=str)] if ids is not None else []), *_sortable(said)])
    rows = order.astype(np.int64)
    fields = {
        name: _field(name, meaning, [values[i] for i in rows])
        for name, (meaning, values) in said.items()
        if MEANINGS[meaning].levels
    }
    naming = [values for meaning, values in said.values() if meaning in NAMES]
    named = _words([" ".join(values[i] for values in naming) for i in rows]) if naming and n else None
    return Records(tuple(columns), fields, named, rows)


def tidied(records: Mapping[str, Sequence[object]], columns: Sequence[Column]) -> dict[str, tuple[str, list[str]]]:
    """Column → (meaning, tidy values); given and family names derived from a name where there are none."""
    _checked(records, columns)
    said = {c.name: (c.meaning, [MEANINGS[c.meaning].tidy(v) for v in records[c.name]]) for c in columns}
    meanings = {c.meaning for c in columns}
    if "name" in meanings and not meanings & {"given", "family"}:
        whole = next(values for meaning, values in said.values() if meaning == "name")
        split = [value.split() for value in whole]
        said["given"] = ("given", [s[0] if s else "" for s in split])
        said["family"] = ("family", [s[-1] if len(s) > 1 else "" for s in split])
    return said


def _checked(records: Mapping[str, Sequence[object]], columns: Sequence[Column]) -> None:
    absent = [c.name for c in columns if c.name not in records]
    if absent or not columns:
        raise InputError(
            f"No column {', '.join(absent) or 'named'}.",
            where="records",
            allowed=", ".join(records),
            next_step="Name columns that the records have.",
        )
    if len({len(records[c.name]) for c in columns}) > 1:
        raise InputError(
            "Columns differ in length.", where="records", next_step="Give one value a record, None for none."
        )


def _sortable(said: dict[str, tuple[str, list[str]]]) -> list[Any]:
    return [np.unique(np.asarray(said[name][1], dtype=str), return_inverse=True)[1] for name in sorted(said)]


def _field(name: str, meaning: str, values: list[str]) -> Field:
    distinct, codes = np.unique(np.asarray(values, dtype=object).astype(str), return_inverse=True)
    kept = [str(v) for v in distinct]
    shift = 1 if kept and not kept[0] else 0  # the empty text sorts first: it becomes -1
    codes = codes.astype(np.int64) - shift
    kept = kept[shift:]
    counts = np.bincount(codes[codes >= 0], minlength=len(kept))
    share = counts / max(int(counts.sum()), 1)
    return Field(name, meaning, np.array(kept, dtype=object), codes, share, _cut(meaning, kept))


def _cut(meaning: str, values: list[str]) -> dict[str, Texts]:
    return {part: np.array([cut(v) for v in values], dtype=object) for part, cut in MEANINGS[meaning].parts}


def _words(names: list[str]) -> Words:
    split = [sorted(set(name.split())) for name in names]
    flat = [word for ws in split for word in ws]
    starts = np.concatenate([[0], np.cumsum([len(ws) for ws in split])]).astype(np.int64)
    distinct, at = np.unique(np.asarray(flat, dtype=str), return_inverse=True)
    named = max(sum(bool(ws) for ws in split), 1)
    counts = np.bincount(at, minlength=len(distinct))
    bits = np.rint(-100 * np.log2(counts / named)).astype(np.int64)
    kept, at = [str(w) for w in distinct], at.astype(np.int64)
    return Words(kept, starts, at, at, {word: i for i, word in enumerate(kept)}, bits)


def read_one(record: Mapping[str, object], among: Records) -> Records:
    """One record, read as `among` was, its words numbered as there (words unknown there below 0, each its own)."""
    said = tidied({c.name: [record.get(c.name)] for c in among.columns}, among.columns)
    fields = {
        name: _one_field(name, meaning, values[0])
        for name, (meaning, values) in said.items()
        if MEANINGS[meaning].levels
    }
    named = None
    if among.words is not None:
        naming = " ".join(values[0] for meaning, values in said.values() if meaning in NAMES).split()
        codes = sorted((among.words.numbers.get(word, -i), word) for i, word in enumerate(sorted(set(naming)), 1))
        ends = np.array([0, len(codes)])
        own = np.array([code for code, _ in codes], np.int64)
        named = Words([word for _, word in codes], ends, np.arange(len(codes)), own, {}, np.zeros(0, np.int64))
    return Records(among.columns, fields, named, np.zeros(1, np.int64))


def _one_field(name: str, meaning: str, value: str) -> Field:
    values = [value] if value else []
    share = np.ones(len(values))
    return Field(
        name, meaning, np.array(values, dtype=object), np.array([0]) - (not value), share, _cut(meaning, values)
    )
