"""How far two records agree, column by column: compiled comparisons over distinct pairs of values, and the same levels
as SQL conditions for Splink to learn from. A test holds the two equal."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ariane.identity.linking.columns import MEANINGS
from ariane.identity.linking.merging import shared_bits
from ariane.identity.linking.reading import Codes, Field, Records, Words

WORDS = "words"
"""The comparison of the words of the names, whichever column they stand in: by what the shared ones are worth."""

WORD_BITS = (2300, 1800, 1400, 1100, 800, 500, 200)
"""Its levels, in hundredths of bits: two rare words, one rare word …, one common word."""

_SLACK = 1e-9  # a similarity on the very bound is above it, whoever computes it


class Comparison(msgspec.Struct, frozen=True):
    """One column compared, in `n_levels` levels: 0 is 'none of these', the highest 'equal'. -1 is 'nothing said'."""

    name: str
    meaning: str

    @property
    def n_levels(self) -> int:
        """How many levels there are, the lowest included."""
        return 1 + (len(WORD_BITS) if self.meaning == WORDS else len(MEANINGS[self.meaning].levels))

    @property
    def conditions(self) -> list[tuple[int, str]]:
        """(level, SQL condition over `_l` and `_r`) from the closest level down, without the lowest."""
        if self.meaning == WORDS:
            tests = [f"shared_bits(words_l, words_r) >= {bits}" for bits in WORD_BITS]
        else:
            tests = [_condition(self.name, *test) for test in MEANINGS[self.meaning].levels]
        return [(self.n_levels - 1 - i, test) for i, test in enumerate(tests)]


def comparisons(records: Records) -> tuple[Comparison, ...]:
    """What can be compared of these records."""
    named = (Comparison(WORDS, WORDS),) if records.words is not None else ()
    return (*(Comparison(f.name, f.meaning) for f in records.fields.values()), *named)


def compare(one: Comparison, left: Records, a: Codes, right: Records, b: Codes) -> NDArray[np.int8]:
    """The level of each pair (`a` of `left`, `b` of `right`), both read with the same columns."""
    if one.meaning == WORDS:
        return _words_level(left.words, a, right.words, b)
    x, y = left.fields[one.name], right.fields[one.name]
    codes_x, codes_y = x.codes[a], y.codes[b]
    said = (codes_x >= 0) & (codes_y >= 0)
    found = np.full(len(a), -1, np.int8)
    if not said.any():
        return found
    pair = codes_x[said] * len(y.values) + codes_y[said]
    distinct, back = np.unique(pair, return_inverse=True)
    found[said] = _levels(one, x, distinct // len(y.values), y, distinct % len(y.values))[back]
    return found


def _levels(one: Comparison, x: Field, i: Codes, y: Field, j: Codes) -> NDArray[np.int8]:
    """The level of each pair of distinct values: tests from the closest down, each on what is left."""
    found, left = np.zeros(len(i), np.int8), np.arange(len(i))
    alike: dict[str, NDArray[np.float64]] = {}
    for rank, (test, bound) in enumerate(MEANINGS[one.meaning].levels):
        if not len(left):
            break
        if test == "equal":
            passed = x.values[i[left]] == y.values[j[left]]
        elif test == "part":
            part = x.parts[str(bound)][i[left]]
            passed = (part == y.parts[str(bound)][j[left]]) & (part != "")
        else:
            if test not in alike:
                alike[test] = np.zeros(len(i))
                alike[test][left] = _alike(test, list(x.values[i[left]]), list(y.values[j[left]]))
            value = alike[test][left]
            passed = value >= float(bound) - _SLACK if test == "jaro" else value <= float(bound)
        found[left[passed]] = one.n_levels - 1 - rank
        left = left[~passed]
    return found


def _alike(test: str, left: list[str], right: list[str]) -> Any:
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

    if test == "jaro":
        return process.cpdist(left, right, scorer=JaroWinkler.similarity, dtype=np.float64)
    return process.cpdist(left, right, scorer=DamerauLevenshtein.distance, score_cutoff=2, dtype=np.float64)


def _words_level(left: Words | None, a: Codes, right: Words | None, b: Codes) -> NDArray[np.int8]:
    assert left is not None and right is not None, "records with names compared with records without"
    bits = shared_bits(left.starts, left.codes, a, right.starts, right.codes, b, right.bits)
    level = np.searchsorted(np.asarray(WORD_BITS[::-1]), bits, side="right").astype(np.int8)
    return np.where(bits < 0, -1, level).astype(np.int8)


def _condition(name: str, test: str, bound: float | str) -> str:
    if test == "equal":
        return f'"{name}_l" = "{name}_r"'
    if test == "part":
        return f'"{name}__{bound}_l" = "{name}__{bound}_r"'
    if test == "jaro":
        return f'jaro_winkler_similarity("{name}_l", "{name}_r") >= {float(bound) - _SLACK!r}'
    return f'damerau_levenshtein("{name}_l", "{name}_r") <= {bound:.0f}'
